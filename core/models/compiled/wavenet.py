"""A WaveNet sample by sample, compiled: every layer keeps a queue of its past (Fast WaveNet, Le Paine et al. 2016).

A sample costs one pass over the weights, so speed stands at the bandwidth of the cache that holds them. Weights are
stored input-major: an input of a layer is multiplied with one contiguous row. Streams are worked on side by side, one
core each.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from core.models.compiled.arithmetic import FAST, accumulate, affine, contiguous, pick, rectify, tanh
from core.models.stepwise import StepwiseModel
from core.models.wavenet import WaveNet

SQRT_HALF = math.sqrt(0.5)


class Weights(NamedTuple):
    """float32, input-major; fixed factors folded in. The gates' second half is halved: sigmoid(b) needs tanh(b / 2)."""

    first: np.ndarray  # [inputs, residual]
    first_bias: np.ndarray  # [residual]
    frequencies: np.ndarray  # of the sinusoids that a noise-conditional network sees beside the sample; may be empty
    offset: float  # of classes, and their scale
    scale: float
    dilations: np.ndarray  # [layers]
    gates: np.ndarray  # [layers, kernel_size * residual, gate]
    outputs: np.ndarray  # [layers, gate / 2, residual + skip]
    outputs_bias: np.ndarray  # [layers, residual + skip]
    head: np.ndarray  # [skip, skip]
    head_bias: np.ndarray
    logits: np.ndarray  # [skip, classes]
    logits_bias: np.ndarray


class WaveNetSteps(StepwiseModel):
    """One WaveNet and the pasts of several streams.

    Args:
        model: its weights are copied once, here.
        streams: sequences that are worked on side by side.
        start: class that comes before the first step.
        sigma: noise level in classes that a noise-conditional network is told.
    """

    def __init__(self, model: WaveNet, streams: int, start: float, sigma: float = 0.0):
        self.streams, self.start, self._model = streams, start, model
        self._weights, self._gates_bias = _weights(model, sigma)
        slots = [layer.reach + 1 for layer in model.layers]  # one more than is looked back: a step can be asked again
        self._starts = np.cumsum([0, *slots]).astype(np.int64)
        self._queues = np.empty((streams, self._starts[-1], model.config.residual), dtype=np.float32)
        self.begin()

    @torch.no_grad()
    def begin(self, condition: Tensor | None = None) -> None:
        """As `StepwiseModel.begin`; the condition is a spectrogram as `Upsampling` takes it."""
        self._condition = None if condition is None else self._model.upsample(condition)
        self._queues[:] = 0
        self._take(np.full(self.streams, self.start), time=0)

    def logits(self) -> Tensor:
        if self._logits is None:
            self._logits = self._forced(self._last[:, None])[:, 0]
        return torch.from_numpy(self._logits)

    def advance(self, classes: Tensor) -> None:
        self.logits()  # so that what came before is in the queues
        self._take(classes.cpu().numpy(), self._time + 1)

    def force(self, x: Tensor) -> Tensor:
        x = x.cpu().numpy()
        logits = self._forced(np.concatenate([self._last[:, None], x[:, :-1]], axis=1, dtype=np.float32))
        self._take(x[:, -1], self._time + x.shape[1])
        return torch.from_numpy(logits)

    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        steps = uniforms.shape[1]
        drawn, log_probs = np.empty(uniforms.shape, dtype=np.int64), np.empty(uniforms.shape, dtype=np.float32)
        rule = (1 / temperature if temperature else np.inf, top_k or self._model.config.classes)
        past = (self._queues, self._starts, self._time, self._last)
        _draw(self._weights, self._gates(steps), *past, uniforms.double().numpy(), *rule, drawn, log_probs)
        self._take(drawn[:, -1], self._time + steps)
        return torch.from_numpy(drawn), torch.from_numpy(log_probs)

    def _take(self, classes: np.ndarray, time: int) -> None:
        """What the next step's logits are computed from."""
        self._last, self._time, self._logits = classes.astype(np.float32), time, None

    def _forced(self, x: np.ndarray) -> np.ndarray:
        """Logits of the next steps, each computed from one of x `[streams, steps]`."""
        logits = np.empty((*x.shape, self._model.config.classes), dtype=np.float32)
        _force(self._weights, self._gates(x.shape[1]), self._queues, self._starts, self._time, x, logits)
        return logits

    @torch.no_grad()
    def _gates(self, steps: int) -> np.ndarray:
        """What bias and condition add to the gates at the next steps, `[streams, layers, steps or 1, gate]`."""
        bias = self._gates_bias[None, :, None]
        if self._condition is None:
            return np.ascontiguousarray(np.broadcast_to(bias, (self.streams, *bias.shape[1:])))
        condition = self._condition[:, self._time : self._time + steps]
        if condition.shape[:2] != (self.streams, steps):
            raise ValueError(f"{self.streams} streams are told {tuple(condition.shape[:2])} of the next {steps} steps.")
        told = torch.stack([layer.local(condition) for layer in self._model.layers], dim=1).cpu().numpy()
        half = told.shape[-1] // 2
        return np.concatenate([told[..., :half], told[..., half:] / 2], axis=-1) + bias


@torch.no_grad()
def _weights(model: WaveNet, sigma: float) -> tuple[Weights, np.ndarray]:
    """The weights, and the gates' bias `[layers, gate]` with the noise level's share in it."""
    config = model.config
    level = model.logits.weight.new_full((1,), sigma)
    embedding = None if model.embed is None else model.embed(level)[0]
    first = model.first if embedding is None else model.first.linear
    scale = torch.full((config.residual + config.skip,), math.sqrt(1 / config.layers))
    scale[: config.residual] = SQRT_HALF
    halves = torch.ones(config.gate)
    halves[config.gate // 2 :] = 0.5
    bias = [layer.gates.bias + (0 if embedding is None else layer.noise.weight @ embedding) for layer in model.layers]
    packed = Weights(
        contiguous(first.weight.t()),
        contiguous(first.bias),
        np.empty(0, np.float32) if embedding is None else contiguous(model.first.frequencies),
        0.0 if embedding is None else model.centre,
        1.0 if embedding is None else 1 / math.sqrt(model.spread**2 + sigma**2),
        np.array(config.dilations, dtype=np.int64),
        np.stack([contiguous((layer.gates.weight.cpu() * halves[:, None]).t()) for layer in model.layers]),
        np.stack([contiguous((layer.outputs.weight.cpu() * scale[:, None]).t()) for layer in model.layers]),
        np.stack([contiguous(layer.outputs.bias.cpu() * scale) for layer in model.layers]),
        *(contiguous(t) for t in (model.head.weight.t(), model.head.bias, model.logits.weight.t(), model.logits.bias)),
    )
    return packed, np.stack([contiguous(b.cpu() * halves) for b in bias])


@numba.njit(**FAST)
def _features(w, sample, x):
    """What the first gated layer sees of a sample."""
    scaled = np.float32((sample - w.offset) * w.scale)
    count = len(w.frequencies)
    for m in range(len(x)):
        total = w.first_bias[m] + scaled * w.first[0, m]
        for n in range(count):
            phase = scaled * w.frequencies[n]
            total += math.sin(phase) * w.first[1 + n, m] + math.cos(phase) * w.first[1 + count + n, m]
        x[m] = total


@numba.njit(**FAST)
def _step(w, added, queues, starts, time, at, sample, x, gates, outputs, skip, hidden, logits):
    """Logits of the sample after this one; `at` is its place in the condition."""
    residual, layers = len(x), len(w.dilations)
    taps, half = w.gates.shape[1] // residual, len(gates) // 2
    _features(w, sample, x)
    skip[:] = 0
    for n in range(layers):
        gates[:] = added[n, at if added.shape[1] > 1 else 0]
        slots, start = (taps - 1) * w.dilations[n] + 1, starts[n]
        for tap in range(taps - 1):
            past = start + (time + 1 + tap * w.dilations[n]) % slots
            accumulate(gates, queues[past], w.gates[n, tap * residual : (tap + 1) * residual])
        accumulate(gates, x, w.gates[n, (taps - 1) * residual :])
        queues[start + time % slots] = x
        for m in range(half):
            gates[m] = tanh(gates[m]) * (np.float32(0.5) + np.float32(0.5) * tanh(gates[half + m]))
        outputs[:] = w.outputs_bias[n]
        accumulate(outputs, gates[:half], w.outputs[n])
        for m in range(residual):
            x[m] = outputs[m] + np.float32(SQRT_HALF) * x[m]
        for m in range(len(skip)):
            skip[m] += outputs[residual + m]
    rectify(skip)
    affine(hidden, skip, w.head, w.head_bias)
    rectify(hidden)
    affine(logits, hidden, w.logits, w.logits_bias)


@numba.njit(**FAST)
def _buffers(w):
    residual, skip = w.first.shape[1], len(w.head_bias)
    sizes = (residual, w.gates.shape[2], residual + skip, skip, skip)
    return [np.empty(size, dtype=np.float32) for size in sizes]


@numba.njit(parallel=True, **FAST)
def _force(w, added, queues, starts, time, x, logits):
    for stream in numba.prange(len(x)):
        a, b, c, d, e = _buffers(w)
        for t in range(x.shape[1]):
            out = logits[stream, t]
            _step(w, added[stream], queues[stream], starts, time + t, t, x[stream, t], a, b, c, d, e, out)


@numba.njit(parallel=True, **FAST)
def _draw(w, added, queues, starts, time, last, uniforms, coldness, top_k, drawn, log_probs):
    for stream in numba.prange(len(last)):
        a, b, c, d, e = _buffers(w)
        logits = np.empty(len(w.logits_bias), dtype=np.float32)
        sample = last[stream]
        for t in range(uniforms.shape[1]):
            _step(w, added[stream], queues[stream], starts, time + t, t, sample, a, b, c, d, e, logits)
            drawn[stream, t], log_probs[stream, t] = pick(logits, uniforms[stream, t], coldness, top_k)
            sample = np.float32(drawn[stream, t])
