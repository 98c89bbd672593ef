"""A WaveRNN half sample by half sample, compiled: what a sample's halves have in common is computed once.

The original runs its recurrent layer twice a sample, for the coarse and for the fine half. The half of the state that
predicts the coarse one is not told it (the mask), so that the other half alone has to wait for it. Streams share every
pass over the weights; with several cores, some streams are on each.
"""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from core.models.compiled.arithmetic import FAST, accumulate_rows, contiguous, pick
from core.models.compiled.overtone import Stack, begin, hear, step_gates
from core.models.stepwise import StepwiseModel
from core.models.wavernn import HOP, PAST_CODES, STRIDE, MelWaveRNN, Overtone, WaveRNN
from core.signal.sample_halves import CLASSES


class Weights(NamedTuple):
    """float32, input-major."""

    state: np.ndarray  # [gru, 3 * gru]
    state_bias: np.ndarray  # [3 * gru]
    heard: np.ndarray  # of a sample's halves and of the next coarse one, [3, 3 * gru]
    coarse: np.ndarray  # [gru / 2, hidden]
    coarse_bias: np.ndarray
    coarse_logits: np.ndarray  # [hidden, 256]
    coarse_logits_bias: np.ndarray
    fine: np.ndarray
    fine_bias: np.ndarray
    fine_logits: np.ndarray
    fine_logits_bias: np.ndarray


class Voices(NamedTuple):
    """Where every stream stands; rows are streams."""

    state: np.ndarray  # [streams, gru]
    following: np.ndarray  # the state after the sample at hand, as far as it is known
    recurrent: np.ndarray  # what the state adds to the gates, [streams, 3 * gru]
    halves: np.ndarray  # of the last sample, and the coarse one of the next; scaled, [streams, 3]
    logits: np.ndarray  # [streams, 256]


class _Group(NamedTuple):
    """Streams that are worked on together, by one core."""

    rows: slice
    stack: Stack | None  # of an overtone decoder
    voices: Voices


class WaveRNNSteps(StepwiseModel):
    """A WaveRNN and the pasts of several streams; a step is half a sample, first the coarse half.

    Args:
        model: its weights are copied once, here.
        streams: sequences that are worked on side by side.
        speaker: weights that add up to 1, `[streams, speakers]`, of an `Overtone` that has some.
    """

    def __init__(self, model: Overtone | MelWaveRNN, streams: int, speaker: Tensor | None = None):
        self.streams, self._model, self._speaker = streams, model, speaker
        self._weights, self._is_overtone = _weights(model.wavernn), isinstance(model, Overtone)
        groups = min(streams, numba.get_num_threads())
        ends = [n * streams // groups for n in range(groups + 1)]
        self._rows = [slice(*pair) for pair in itertools.pairwise(ends)]
        if not self._is_overtone:
            cell = model.wavernn.gru
            self._told = contiguous(cell.weight_ih_l0[:, :-3].t()), contiguous(cell.bias_ih_l0)

    @torch.no_grad()
    def begin(self, condition: Tensor | None = None) -> None:
        """As `StepwiseModel.begin`; the condition is codes or a spectrogram as the model takes them. An `Overtone`
        begins after a history of zeros."""
        self._time, self._length = 0, math.inf
        if not self._is_overtone:
            self._condition = contiguous(self._model.upsample(condition).transpose(1, 2))
            self._length = self._condition.shape[1]
        elif condition is not None:
            self._length = (condition.shape[1] - PAST_CODES) * HOP
        self._groups = [self._begin(rows, condition) for rows in self._rows]

    def logits(self) -> Tensor:
        return self._run(np.zeros((self.streams, 1), np.int64), taken=False)[2][:, 0]

    def advance(self, classes: Tensor) -> None:
        self._run(classes.cpu().numpy()[:, None])

    def force(self, x: Tensor) -> Tensor:
        return self._run(x.cpu().numpy())[2]

    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        rule = (1 / temperature if temperature else np.inf, top_k or CLASSES)
        return self._run(np.full(uniforms.shape, -1), uniforms.double().numpy(), rule)[:2]

    def _begin(self, rows: slice, condition: Tensor | None) -> _Group:
        streams, gru = rows.stop - rows.start, len(self._weights.state)
        stack, last = None, np.zeros((streams, gru), np.float32)
        if self._is_overtone:
            own = (None if told is None else told[rows] for told in (condition, self._speaker))
            stack, last = begin(self._model, *own, streams)
            hear(stack, 0)
        sizes = (gru, 3 * gru, 3, CLASSES)
        return _Group(rows, stack, Voices(last, *(np.zeros((streams, size), np.float32) for size in sizes)))

    def _run(
        self,
        classes: np.ndarray,
        uniforms: np.ndarray | None = None,
        rule: tuple[float, int] = (np.inf, CLASSES),
        taken: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Classes, log-probabilities and, where they are given and not drawn, logits of the next steps."""
        steps, given = classes.shape[1], uniforms is None
        first, last = self._time // 2, (self._time + steps + 1) // 2  # samples
        if last > self._length:
            raise ValueError(f"The condition reaches {self._length} samples, not {last}.")
        classes = np.ascontiguousarray(classes, dtype=np.int64)
        log_probs = np.empty(classes.shape, np.float32)
        logits = np.empty((self.streams, steps if given else 0, CLASSES), np.float32)
        uniforms = np.empty(classes.shape) if given else uniforms

        def run(group: _Group) -> None:
            told, origin = self._told_of(group, first, last)
            parts = (array[group.rows] for array in (classes, uniforms, log_probs, logits))
            _run_group(self._weights, group.stack, told, origin, group.voices, self._time, *parts, *rule, taken)

        if len(self._groups) == 1:
            run(self._groups[0])
        else:
            with ThreadPoolExecutor(len(self._groups)) as threads:
                list(threads.map(run, self._groups))
        self._time += steps if taken else 0
        return torch.from_numpy(classes), torch.from_numpy(log_probs), torch.from_numpy(logits)

    def _told_of(self, group: _Group, first: int, last: int) -> tuple[np.ndarray, int]:
        """What conditions add to the gates, and at which sample that begins; as far as it is known beforehand."""
        if self._is_overtone:
            return group.stack.told, 0
        weight, bias = self._told
        return self._condition[group.rows, first:last] @ weight + bias, first


def _weights(model: WaveRNN) -> Weights:
    layers = (model.fc1, model.fc2, model.fc3, model.fc4)
    return Weights(
        contiguous(model.gru.weight_hh_l0.t()),
        contiguous(model.gru.bias_hh_l0),
        contiguous((model.gru.weight_ih_l0 * model.mask)[:, -3:].t()),
        *(contiguous(part) for layer in layers for part in (layer.weight.t(), layer.bias)),
    )


@numba.njit(**FAST)
def _run_group(w, stack, told, origin, voices, time, classes, uniforms, log_probs, logits, coldness, top_k, taken):
    """The next halves of some streams.

    Args:
        told: what conditions add to the gates, [streams, samples, 3 * gru]: from the sample `origin` on, of an overtone
            decoder always of four.
        classes: [streams, steps]; those under 0 are drawn, and written here.
        logits: written, where it has room for the steps, [streams, steps or 0, 256].
        coldness, top_k: the rule of draws.
        taken: whether the steps are taken; else asking again changes nothing.
    """
    for step in range(classes.shape[1]):
        sample, fine = divmod(time + step, 2)
        if fine:
            _predict_fine(w, voices, told[:, (sample - origin) % told.shape[1]])
        else:
            _predict_coarse(w, voices, told[:, (sample - origin) % told.shape[1]])
        if logits.shape[1]:
            logits[:, step] = voices.logits
        if taken:
            for row in range(len(classes)):
                if classes[row, step] < 0:
                    picked = pick(voices.logits[row], uniforms[row, step], coldness, top_k)
                    classes[row, step], log_probs[row, step] = picked
                _take(voices, row, fine, classes[row, step])
            if fine and stack is not None:
                _remember(stack, voices, sample)


@numba.njit(**FAST)
def _predict_coarse(w, voices, told):
    gru = voices.state.shape[1]
    voices.recurrent[:] = w.state_bias
    accumulate_rows(voices.recurrent, voices.state, w.state)
    voices.halves[:, 2] = 0
    _step_states(w, voices, told, 0, gru // 2)
    _predict(w.coarse, w.coarse_bias, w.coarse_logits, w.coarse_logits_bias, voices.following[:, : gru // 2], voices)


@numba.njit(**FAST)
def _predict_fine(w, voices, told):
    gru = voices.state.shape[1]
    _step_states(w, voices, told, gru // 2, gru)
    _predict(w.fine, w.fine_bias, w.fine_logits, w.fine_logits_bias, voices.following[:, gru // 2 :], voices)


@numba.njit(**FAST)
def _step_states(w, voices, told, first, last):
    """What follows the states first to last (exclusive), given what was heard."""
    inward = np.empty(told.shape[1], np.float32)
    for row in range(len(told)):
        coarse, fine, following = voices.halves[row]
        for m in range(len(inward)):
            inward[m] = told[row, m] + coarse * w.heard[0, m] + fine * w.heard[1, m] + following * w.heard[2, m]
        step_gates(voices.following[row], voices.state[row], inward, voices.recurrent[row], first, last)


@numba.njit(**FAST)
def _predict(weight, bias, out, out_bias, states, voices):
    """Logits of half a sample: two layers over half of the state."""
    hidden = np.empty((len(states), len(bias)), np.float32)
    hidden[:] = bias
    accumulate_rows(hidden, states, weight)
    for row in range(len(hidden)):
        for m in range(len(bias)):
            hidden[row, m] = max(hidden[row, m], np.float32(0))
    voices.logits[:] = out_bias
    accumulate_rows(voices.logits, hidden, out)


@numba.njit(**FAST)
def _take(voices, row, fine, picked):
    """Half a sample has been said."""
    scaled = np.float32(picked / 127.5 - 1)
    if fine:
        voices.halves[row, 0], voices.halves[row, 1] = voices.halves[row, 2], scaled
        voices.state[row] = voices.following[row]
    else:
        voices.halves[row, 2] = scaled


@numba.njit(**FAST)
def _remember(stack, voices, sample):
    """A whole sample has been said; before every fourth the decoder hears what it said."""
    for row in range(len(voices.halves)):
        stack.memories[0].fresh[row, sample % STRIDE] = voices.halves[row, 0]
    if (sample + 1) % STRIDE == 0:
        hear(stack, sample + 1)
