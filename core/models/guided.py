"""What is drawn step by step and keeps to what it is told more plainly than it learnt to (Ho & Salimans 2022)."""

import torch
from torch import Tensor

from core.models.categorical import pick
from core.models.stepwise import StepwiseModel


class Guided(StepwiseModel):
    """Draws from logits that go from those of a network that is told nothing towards, or beyond, those that are told.

    Args:
        told, untold: the same network, each with a past of its own; both take the same steps.
        guidance: 1 draws what the network learnt, over 1 plainer, 0 anything.
    """

    def __init__(self, told: StepwiseModel, untold: StepwiseModel, guidance: float):
        self.streams, self._told, self._untold, self._guidance = told.streams, told, untold, guidance

    def begin(self, condition: Tensor | None = None) -> None:
        self._told.begin(condition)
        self._untold.begin()

    def logits(self) -> Tensor:
        return torch.lerp(self._untold.logits(), self._told.logits(), self._guidance)

    def advance(self, classes: Tensor) -> None:
        self._told.advance(classes)
        self._untold.advance(classes)

    @torch.no_grad()
    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        """As `StepwiseModel.draw`; log-probabilities are those of the network that is told, as it learnt them."""
        drawn, log_probs = [], []
        for uniform in uniforms.unbind(dim=1):
            drawn.append(pick(self.logits(), uniform, temperature, top_k)[0])
            log_probs.append(self._told.logits().log_softmax(-1).gather(-1, drawn[-1][:, None])[:, 0])
            self.advance(drawn[-1])
        return torch.stack(drawn, dim=1), torch.stack(log_probs, dim=1)

    def force(self, x: Tensor) -> Tensor:
        """As `StepwiseModel.force`, of the network that is told."""
        self._untold.force(x)
        return self._told.force(x)
