"""Muon: momentum with orthogonalised steps of weight matrices (Jordan et al. 2024, Muon: an optimizer for hidden layers
in neural networks).

A Newton-Schulz iteration brings the momentum's singular values to about one. Steps are scaled to the root mean square
of AdamW's (Liu et al. 2025, Muon is scalable for LLM training), so that one learning rate serves both: biases, gains
and embeddings, which are not matrices, take AdamW's steps.
"""

import math

import torch
from torch import Tensor, nn

ROUNDS, COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)  # of the iteration, as published
MOMENTUM = 0.95
ADAMW_RMS = 0.2  # of its steps, before the learning rate
EPSILON = 1e-8


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of a network, AdamW for its other weights.

    Args:
        learning_rate, betas, weight_decay: as AdamW's; matrices do not use the betas.
    """

    def __init__(self, model: nn.Module, learning_rate: float, betas: tuple[float, float], weight_decay: float):
        tables = {id(weight) for m in model.modules() if isinstance(m, nn.Embedding) for weight in m.parameters()}
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        matrices = [weight for weight in weights if weight.ndim > 1 and id(weight) not in tables]
        kept = {id(weight) for weight in matrices}
        groups = [
            {"params": matrices, "matrices": True},
            {"params": [weight for weight in weights if id(weight) not in kept], "matrices": False},
        ]
        super().__init__(groups, {"lr": learning_rate, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of every weight that has a gradient; `closure` is not used."""
        for group in self.param_groups:
            direction = self._of_matrix if group["matrices"] else self._of_adamw
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.sub_(group["lr"] * direction(weight, group["betas"]))

    def _of_matrix(self, weight: Tensor, _: tuple[float, float]) -> Tensor:
        """The orthogonalised Nesterov momentum, at AdamW's root mean square."""
        state = self.state[weight]
        momentum = state.setdefault("momentum", torch.zeros_like(weight))
        momentum.lerp_(weight.grad, 1 - MOMENTUM)
        matrix = weight.grad.lerp(momentum, MOMENTUM).flatten(1)
        return (ADAMW_RMS * math.sqrt(max(matrix.shape)) * orthogonalise(matrix)).view_as(weight)

    def _of_adamw(self, weight: Tensor, betas: tuple[float, float]) -> Tensor:
        """The mean gradient over its root mean square, both bias-corrected."""
        state = self.state[weight]
        if not state:
            state |= {"step": torch.tensor(0.0), "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
        state["step"] += 1
        state["mean"].lerp_(weight.grad, 1 - betas[0])
        state["square"].lerp_(weight.grad.square(), 1 - betas[1])
        mean, square = (
            state[name] / (1 - beta ** state["step"].item())
            for name, beta in zip(("mean", "square"), betas, strict=True)
        )
        return mean / (square.sqrt() + EPSILON)


def orthogonalise(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought to about one (0.7 to 1.2), [rows, columns]."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
