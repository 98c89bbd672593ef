"""A one-hot WaveNet sample by sample, compiled: every layer keeps a queue of its past (Le Paine et al. 2016).

As `core.models.compiled.wavenet`, for the other variant. Its legacy version reads a zero where the sample to be drawn
will stand, and that sample itself once it is known: it takes two passes for each.
"""

from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from core.models.compiled.arithmetic import FAST, accumulate, affine, contiguous, pick, rectify, sigmoid, tanh
from core.models.onehot_wavenet import TAPS, OneHotWaveNet
from core.models.stepwise import StepwiseModel

UNKNOWN = -1


class Weights(NamedTuple):
    """float32, input-major."""

    first: np.ndarray  # [taps, inputs, width]; a single input is the class as a number from 0 to 1
    first_bias: np.ndarray
    dilations: np.ndarray  # [layers]
    gates: np.ndarray  # [layers, taps, width, 2 * width]
    outputs: np.ndarray  # [layers, width, 2 * width]
    outputs_bias: np.ndarray  # [layers, 2 * width]
    head: np.ndarray  # [width, head]
    head_bias: np.ndarray
    logits: np.ndarray  # [head, levels]
    logits_bias: np.ndarray


class Past(NamedTuple):
    """What the next step depends on, of all streams."""

    told: np.ndarray  # to the gates, by the label and the bias, [streams, layers, 2 * width]
    queues: np.ndarray  # what every layer read, [streams, slots of all layers, width]
    starts: np.ndarray  # of the layers' slots
    recent: np.ndarray  # the last classes, older first, [streams, taps]


class OneHotWaveNetSteps(StepwiseModel):
    """One network and the pasts of several streams.

    Args:
        model: its weights are copied once, here.
        streams: sequences that are worked on side by side.
    """

    def __init__(self, model: OneHotWaveNet, streams: int):
        self.streams, self._model, self._weights = streams, model, _weights(model)
        slots = [
            dilation + 1 for dilation in model.config.dilations
        ]  # one more than is looked back: can be asked again
        starts = np.cumsum([0, *slots]).astype(np.int64)
        queues = np.empty((streams, starts[-1], model.config.width), dtype=np.float32)
        recent = np.empty((streams, TAPS), dtype=np.int64)
        self._past = Past(np.empty((streams, 0, 0), np.float32), queues, starts, recent)
        self.begin()

    @torch.no_grad()
    def begin(self, condition: Tensor | None = None) -> None:
        """As `StepwiseModel.begin`; the condition is the streams' labels, for a network that is told one."""
        layers = self._model.layers
        told = torch.stack([layer.gates.bias for layer in layers])
        if self._model.config.labels:
            told = told + torch.stack([layer.label(condition) for layer in layers], dim=1)
        self._past = self._past._replace(told=contiguous(told.expand(self.streams, -1, -1)))
        self._past.queues[:], self._past.recent[:] = 0, UNKNOWN
        self._time = 0

    def logits(self) -> Tensor:
        return torch.from_numpy(self._logits(np.full((self.streams, 1), UNKNOWN))[:, 0])

    def advance(self, classes: Tensor) -> None:
        self.force(classes[:, None])

    def force(self, x: Tensor) -> Tensor:
        logits = self._logits(np.ascontiguousarray(x.cpu().numpy(), dtype=np.int64))
        self._time += x.shape[1]
        return torch.from_numpy(logits)

    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        drawn, log_probs = np.empty(uniforms.shape, dtype=np.int64), np.empty(uniforms.shape, dtype=np.float32)
        rule = (1 / temperature if temperature else np.inf, top_k or self._model.config.levels)
        uniforms = np.ascontiguousarray(uniforms.double().cpu().numpy())
        _draw(self._weights, self._past, self._time, uniforms, *rule, drawn, log_probs)
        self._time += uniforms.shape[1]
        return torch.from_numpy(drawn), torch.from_numpy(log_probs)

    def _logits(self, x: np.ndarray) -> np.ndarray:
        """Of the next steps, which are x."""
        logits = np.empty((*x.shape, self._model.config.levels), dtype=np.float32)
        _force(self._weights, self._past, self._time, x, logits)
        return logits


@torch.no_grad()
def _weights(model: OneHotWaveNet) -> Weights:
    layers = model.layers
    found = (
        model.first.weight.t().unflatten(0, (TAPS, -1)),
        model.first.bias,
        torch.tensor(model.config.dilations),
        torch.stack([layer.gates.weight.t().unflatten(0, (TAPS, -1)) for layer in layers]),
        torch.stack([layer.outputs.weight.t() for layer in layers]),
        torch.stack([layer.outputs.bias for layer in layers]),
        *(model.head.weight.t(), model.head.bias, model.logits.weight.t(), model.logits.bias),
    )
    return Weights(*map(contiguous, found))._replace(dilations=np.array(model.config.dilations, dtype=np.int64))


@numba.njit(**FAST)
def _features(w, recent, x):
    """What the first layer makes of two samples, older first."""
    x[:] = w.first_bias
    levels = len(w.logits_bias)
    for tap in range(len(recent)):
        if recent[tap] >= 0:
            one_hot = w.first.shape[1] > 1
            row, scale = (recent[tap], np.float32(1)) if one_hot else (0, np.float32(recent[tap] / (levels - 1)))
            for m in range(len(x)):
                x[m] += scale * w.first[tap, row, m]


@numba.njit(**FAST)
def _pass(w, told, queues, starts, time, recent, x, gates, outputs, skip):
    """Through all layers; leaves the last residual in x, and the sum of the skips."""
    _features(w, recent, x)
    width = len(x)
    skip[:] = 0
    for n in range(len(w.dilations)):
        gates[:] = told[n]
        slots, start = w.dilations[n] + 1, starts[n]
        accumulate(gates, queues[start + (time + 1) % slots], w.gates[n, 0])
        accumulate(gates, x, w.gates[n, 1])
        queues[start + time % slots] = x
        for m in range(width):
            gates[m] = tanh(gates[m]) * sigmoid(gates[width + m])
        outputs[:] = w.outputs_bias[n]
        accumulate(outputs, gates[:width], w.outputs[n])
        for m in range(width):
            x[m] += outputs[m]
            skip[m] += outputs[width + m]


@numba.njit(**FAST)
def _step(w, past, stream, time, recent, buffers, logits):
    """Logits of the next sample."""
    x, gates, outputs, skip, hidden = buffers
    told, queues = past.told[stream], past.queues[stream]
    _pass(w, told, queues, past.starts, time, recent, x, gates, outputs, skip)
    for m in range(len(x)):
        skip[m] = max(skip[m] + x[m], np.float32(0))
    affine(hidden, skip, w.head, w.head_bias)
    rectify(hidden)
    affine(logits, hidden, w.logits, w.logits_bias)


@numba.njit(**FAST)
def _shown(w, recent):
    """What the first layer is shown before the next sample is known."""
    if w.first.shape[1] > 1:
        return recent.copy()
    return np.array([recent[1], -1])


@numba.njit(**FAST)
def _take(w, past, stream, time, recent, taken, buffers):
    """The next sample is known."""
    recent[0], recent[1] = recent[1], taken
    if w.first.shape[1] == 1:
        x, gates, outputs, skip, _ = buffers
        _pass(w, past.told[stream], past.queues[stream], past.starts, time, recent, x, gates, outputs, skip)


@numba.njit(**FAST)
def _buffers(w):
    width = len(w.first_bias)
    sizes = (width, 2 * width, 2 * width, width, len(w.head_bias))
    return [np.empty(size, dtype=np.float32) for size in sizes]


@numba.njit(parallel=True, **FAST)
def _force(w, past, time, x, logits):
    """Logits of steps that are x; those that are unknown are not taken."""
    for stream in numba.prange(len(x)):
        buffers, recent = _buffers(w), past.recent[stream]
        for t in range(x.shape[1]):
            _step(w, past, stream, time + t, _shown(w, recent), buffers, logits[stream, t])
            if x[stream, t] >= 0:
                _take(w, past, stream, time + t, recent, x[stream, t], buffers)


@numba.njit(parallel=True, **FAST)
def _draw(w, past, time, uniforms, coldness, top_k, drawn, log_probs):
    for stream in numba.prange(len(drawn)):
        buffers, recent = _buffers(w), past.recent[stream]
        logits = np.empty(len(w.logits_bias), dtype=np.float32)
        for t in range(drawn.shape[1]):
            _step(w, past, stream, time + t, _shown(w, recent), buffers, logits)
            taken, log_prob = pick(logits, uniforms[stream, t], coldness, top_k)
            drawn[stream, t], log_probs[stream, t] = taken, log_prob
            _take(w, past, stream, time + t, recent, taken, buffers)
