"""The gradient of a WaveNet's smoothed log-likelihood with respect to its input, by a hand-written backward pass.

PnF (Jayaram & Thickstun 2021, sec. 3.2) smooths the discretised likelihood of the next sample by a level's noise:

    log p(y) = log N(0; 0, sigma^2) + logsumexp_k(logits_k - ((y - k) / sigma)^2 / 2) - logsumexp_k(logits_k)

Its gradient flows through the target y and through the network. Weights need no gradient, so every layer keeps only the
two slopes of its gates for the backward pass. Time is cut into chunks that fit the processor's cache: forward, each
chunk passes the layers' last samples (`past`) to the next; backward, each passes to the chunk before it the gradient of
those samples (`debt`).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.products import linear
from core.models.wavenet import GatedLayer, WaveNet, dilated_taps

SQRT_HALF = math.sqrt(0.5)


def smoothed_log_prob(logits: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    """log p(y) of the smoothed discretised likelihood, and its gradients.

    Args:
        logits: `[batch, time, classes]`.
        y: real-valued classes, `[batch, time]`; may lie outside of the classes.
        sigma: noise level in classes.

    Returns:
        log p `[batch, time]` in nats, its gradient with respect to logits and to y.
    """
    classes = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    distance = (y[..., None] - classes) / sigma
    joint = logits - distance.square() / 2
    log_prob = joint.logsumexp(-1) - logits.logsumexp(-1) - math.log(sigma * math.sqrt(2 * math.pi))
    posterior = joint.softmax(-1)
    return log_prob, posterior - logits.softmax(-1), -(posterior * distance).sum(-1) / sigma


@dataclass(frozen=True)
class _Layer:
    """A gated layer's weights with sqrt(1/2), sqrt(1/layers) and the 2 of tanh(x) = 2 sigmoid(2 x) - 1 folded in."""

    kernel_size: int
    dilation: int
    gates: Tensor  # [gate, kernel_size * residual]
    bias: Tensor
    outputs: Tensor  # [residual + skip, gate / 2]
    outputs_bias: Tensor
    local: Tensor | None  # [gate, bands]

    @cached_property
    def taps(self) -> list[Tensor]:
        """The gates' weights of each tap, transposed for the backward pass, [residual, gate]."""
        return [tap.t().contiguous() for tap in self.gates.chunk(self.kernel_size, dim=1)]

    def forward(self, x: Tensor, past: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The next x, a skip, the next chunk's past, the gates' slopes dz/da, dz/db `[batch, time, 2, gate / 2]`."""
        padded = torch.cat([past, x.to(past.dtype)], dim=1)
        gates = linear(dilated_taps(padded, self.kernel_size, self.dilation), self.gates, self.bias)
        if self.local is not None:
            gates = gates + linear(condition, self.local)
        a, b = gates.float().sigmoid_().chunk(2, dim=-1)  # tanh(x) = 2 sigmoid(2 x) - 1, and tanh is slow
        ab = a * b
        z = torch.sub(2 * ab, b)
        slopes = gates.new_empty(*z.shape[:-1], 2, z.shape[-1])
        torch.addcmul(ab, ab, a, value=-1, out=slopes[..., 0, :]).mul_(2)
        torch.addcmul(z, z, b, value=-1, out=slopes[..., 1, :])
        outputs = linear(z.to(gates.dtype), self.outputs, self.outputs_bias)
        residual, skip = outputs.split([x.shape[-1], outputs.shape[-1] - x.shape[-1]], dim=-1)
        return torch.add(residual, x, alpha=SQRT_HALF), skip, padded[:, x.shape[1] :], slopes

    def backward(self, dx: Tensor, dskip: Tensor, slopes: Tensor, debt: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of this layer's x, given those of its outputs and, in `debt`, that of the next chunk's past.

        Returns:
            The gradient `[batch, time, residual]`, and that of this chunk's past.
        """
        dz = linear(torch.cat([dx, dskip], dim=-1), self.outputs.t())
        dgates = (slopes * dz[..., None, :]).flatten(-2)
        time, reach = dx.shape[1], debt.shape[1]
        padded = F.pad(debt, (0, 0, time, 0))
        padded[:, reach:].add_(dx, alpha=SQRT_HALF)
        for n, tap in enumerate(self.taps):
            start = n * self.dilation
            padded[:, start : start + time] += linear(dgates, tap)
        return padded[:, reach:], padded[:, :reach]


class WaveNetScore:
    """Smoothed log-likelihood and score of whole sequences under one WaveNet.

    Args:
        model: its weights are read once, here.
        precision: of the matrix products, torch.bfloat16 or torch.float32.
        chunk: samples per chunk; changes the speed, not the result.
    """

    def __init__(self, model: WaveNet, precision: torch.dtype = torch.float32, chunk: int = 4096):
        self.model, self.precision, self.chunk = model, precision, chunk
        self.head = [t.to(precision) for t in (model.head.weight, model.head.bias)]
        self.logits = [t.to(precision) for t in (model.logits.weight, model.logits.bias)]

    @torch.no_grad()
    def __call__(
        self, x: Tensor, sigma: float, context: int = 1, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """log p of x[:, context:] given what came before, `[batch, time - context]` in nats; its sum's gradient.

        Args:
            x: real-valued classes `[batch, time]`; nothing comes before the first.
            sigma: noise level of x in classes.
            context: leading samples that have no likelihood, at least 1 and less than time.
            condition: of `WaveNet.upsample`, one row for each sample but the last, `[batch, time - 1, bands]`.
        """
        past, target = x[:, :-1], x[:, 1:]
        with torch.enable_grad():
            past = past.detach().requires_grad_()
            features = self.model.features(past, x.new_full((len(x),), sigma))
        layers = self._layers(sigma)
        counted = (torch.arange(1, x.shape[1], device=x.device) >= context).expand_as(target)
        condition = features.new_zeros(*features.shape[:2], 0) if condition is None else condition
        log_prob, dtarget, tape = self._forward(layers, features.detach(), target, counted, sigma, condition)
        dfeatures = self._backward(layers, tape)
        (dpast,) = torch.autograd.grad(features, past, dfeatures.to(features.dtype))
        return log_prob[:, context - 1 :], F.pad(dpast, (0, 1)) + F.pad(dtarget, (1, 0))

    def _layers(self, sigma: float) -> list[_Layer]:
        embedding = None
        if self.model.embed is not None:
            embedding = self.model.embed(self.model.first.linear.weight.new_full((1,), sigma))[0]
        return [self._fold(layer, embedding) for layer in self.model.layers]

    def _fold(self, layer: GatedLayer, embedding: Tensor | None) -> _Layer:
        bias = layer.gates.bias if embedding is None else layer.gates.bias + layer.noise.weight @ embedding
        scale = layer.outputs.bias.new_full(layer.outputs.bias.shape, math.sqrt(1 / self.model.config.layers))
        scale[: layer.residual] = SQRT_HALF
        twice = torch.ones_like(bias)
        twice[: len(bias) // 2] = 2
        weights = (layer.gates.weight * twice[:, None], bias * twice)
        weights += (layer.outputs.weight * scale[:, None], layer.outputs.bias * scale)
        local = None if layer.local is None else (layer.local.weight * twice[:, None]).to(self.precision)
        return _Layer(layer.kernel_size, layer.dilation, *(w.to(self.precision) for w in weights), local)

    def _forward(
        self,
        layers: list[_Layer],
        features: Tensor,
        target: Tensor,
        counted: Tensor,
        sigma: float,
        condition: Tensor,
    ):
        """log p, its gradient with respect to the target, and for every chunk the gates' slopes and skips' gradient."""
        pasts = [past.to(self.precision) for past in self.model.no_past(target)]
        log_probs, dtargets, tape = [], [], []
        condition = condition.to(self.precision)
        chunks = (t.split(self.chunk, dim=1) for t in (features, target, counted, condition))
        for x, y, c, local in zip(*chunks, strict=True):
            slopes, skips = [], x.new_zeros(*x.shape[:-1], self.model.config.skip)
            for n, layer in enumerate(layers):
                x, skip, pasts[n], slope = layer.forward(x, pasts[n], local)
                slopes.append(slope)
                skips += skip
            log_prob, dskip, dtarget = self._likelihood(skips, y, sigma)
            log_probs.append(log_prob)
            dtargets.append(dtarget * c)
            tape.append((slopes, dskip * c[..., None]))
        return torch.cat(log_probs, dim=1), torch.cat(dtargets, dim=1), tape

    def _likelihood(self, skips: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
        """log p of y given the skips, and its gradients with respect to the skips and to y."""
        hidden = F.relu(skips.to(self.precision))
        last = F.relu(linear(hidden, *self.head))
        log_prob, dlogits, dy = smoothed_log_prob(linear(last, *self.logits).float(), y, sigma)
        dlast = linear(dlogits.to(last.dtype), self.logits[0].t()) * (last > 0)
        return log_prob, linear(dlast, self.head[0].t()) * (hidden > 0), dy

    def _backward(self, layers: list[_Layer], tape: list) -> Tensor:
        """Gradient of the features `[batch, time, residual]`; consumes the tape."""
        debts = [past.to(self.precision) for past in self.model.no_past(tape[0][1])]
        gradients = []
        while tape:
            slopes, dskip = tape.pop()
            dx = dskip.new_zeros(*dskip.shape[:-1], self.model.config.residual)
            for n in reversed(range(len(layers))):
                dx, debts[n] = layers[n].backward(dx, dskip, slopes[n], debts[n])
            gradients.append(dx)
        return torch.cat(gradients[::-1], dim=1)
