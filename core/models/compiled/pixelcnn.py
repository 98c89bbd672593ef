"""A PixelCNN pixel by pixel, compiled: what rows above say is worked out once a row, what is to the left is kept.

A row of the vertical stack depends on the rows above alone: PyTorch computes all blocks' rows before the first pixel is
drawn. Of the horizontal stack, a pixel's colour is one pass over the channels of its own group; those of other colours
and of pixels to the left are there already (caching after Ramachandran et al. 2017). Channels are ordered by groups,
which are filled up with zeros to one size, so that each is one piece of memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.compiled.arithmetic import FAST, accumulate, affine, contiguous, pick, rectify, sigmoid, tanh
from core.models.pixelcnn import Block, PixelCNN
from core.models.stepwise import StepwiseModel


class Weights(NamedTuple):
    """float32, by colours, input-major. Taps go from the pixel itself to the left."""

    first: np.ndarray  # [colours, taps, colours, gates of a colour]
    taps: np.ndarray  # [blocks, colours, taps, width, gates of a colour]
    outputs: np.ndarray  # [1 + blocks, colours, width, width / colours]
    outputs_bias: np.ndarray  # [1 + blocks, colours, width / colours]
    head: np.ndarray  # [colours, width, head / colours]
    head_bias: np.ndarray  # [colours, head / colours]
    logits: np.ndarray  # [colours, head, levels]
    logits_bias: np.ndarray  # [colours, levels]


class Row(NamedTuple):
    """The row that is being drawn, of all images."""

    image: np.ndarray  # as the network sees it, [streams, columns, colours]
    told: np.ndarray  # to the gates, by the rows above and the label, [streams, 1 + blocks, columns, colours, gates]
    seen: np.ndarray  # the horizontal stack after each block, [streams, 1 + blocks, columns, width]
    gated: np.ndarray  # of the current pixel, [streams, 1 + blocks, width]
    hidden: np.ndarray  # the head's, [streams, head]


class PixelCNNSteps(StepwiseModel):
    """One PixelCNN and several images of one size: row after row, pixel after pixel, colour after colour.

    Args:
        model: its weights are copied once, here.
        streams: images.
        height, width: in pixels.
    """

    def __init__(self, model: PixelCNN, streams: int, height: int, width: int):
        self.streams, self.columns, self._model, self._weights = streams, width, model, _weights(model)
        self._levels, self._colours = model.config.levels, model.config.colours
        self.steps, self._per_row = height * width * self._colours, width * self._colours
        blocks, channels, hidden = len(model.blocks), self._weights.taps.shape[3], self._weights.logits.shape[1]
        shapes = ((width, self._colours), (blocks, width, channels), (blocks, channels), (hidden,))
        image, seen, gated, hidden = (np.zeros((streams, *shape), dtype=np.float32) for shape in shapes)
        self._row = Row(image, np.empty(0, np.float32), seen, gated, hidden)
        self.begin()

    def begin(self, condition: Tensor | None = None) -> None:
        """As `StepwiseModel.begin`; the condition is the images' labels, for a network that is told one."""
        self._label, self._step, self._logits = condition, 0, None
        empty = self._model.logits.weight.new_zeros(self.streams, 1, 1, self.columns)
        self._above = [empty.expand(-1, b.vertical.in_channels, b.reach, -1) for b in self._model.blocks]
        self._begin_row()

    def logits(self) -> Tensor:
        if self._logits is None:
            self._logits = np.empty((self.streams, 1, self._levels), dtype=np.float32)
            unknown = np.zeros((self.streams, 1), dtype=np.float32)
            _force(self._weights, self._row, self._step % self._per_row, 0, 1, unknown, self._logits)
        return torch.from_numpy(self._logits[:, 0])

    def advance(self, classes: Tensor) -> None:
        self.logits()  # so that what it was computed from is there for the pixels to come
        column, colour = divmod(self._step % self._per_row, self._colours)
        self._row.image[:, column, colour] = self._scaled(classes)
        self._advance((0, 1))

    def force(self, x: Tensor) -> Tensor:
        x = self._scaled(x)
        logits = np.empty((*x.shape, self._levels), dtype=np.float32)
        for part in self._parts(x.shape[1]):
            _force(self._weights, self._row, self._step % self._per_row, *part, x, logits)
            self._advance(part)
        return torch.from_numpy(logits)

    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        drawn, log_probs = np.empty(uniforms.shape, dtype=np.int64), np.empty(uniforms.shape, dtype=np.float32)
        rule = (1 / temperature if temperature else np.inf, top_k or self._levels)
        made = (np.ascontiguousarray(uniforms.double().cpu().numpy()), *rule, drawn, log_probs)
        for part in self._parts(uniforms.shape[1]):
            _draw(self._weights, self._row, self._step % self._per_row, *part, *made)
            self._advance(part)
        return torch.from_numpy(drawn), torch.from_numpy(log_probs)

    def take(self, rows: Tensor) -> None:
        """Goes on with these streams, `[streams]`, some of them perhaps several times."""
        self._above, self._v = ([own[rows] for own in kept] for kept in (self._above, self._v))
        self._row = Row(*(own[rows.numpy()] for own in self._row))
        self._label = None if self._label is None else self._label[rows]
        self._logits = None if self._logits is None else self._logits[rows.numpy()]

    def _scaled(self, classes: Tensor) -> np.ndarray:
        return np.ascontiguousarray(classes.cpu().numpy(), dtype=np.float32) / np.float32(self._levels - 1)

    def _parts(self, steps: int) -> Iterator[tuple[int, int]]:
        """The next steps, cut where rows end: first and last (exclusive) of each part.

        Raises:
            ValueError: the images end before.
        """
        if self._step + steps > self.steps:
            raise ValueError(f"Of the images' {self.steps} steps {self.steps - self._step} are left, not {steps}.")
        start = 0
        while start < steps:
            stop = min(steps, start + self._per_row - self._step % self._per_row)
            yield start, stop
            start = stop

    def _advance(self, part: tuple[int, int]) -> None:
        """These steps are taken; a row that is complete stands above the next one."""
        self._step, self._logits = self._step + part[1] - part[0], None
        if self._step % self._per_row == 0 and self._step < self.steps:
            image = torch.from_numpy(self._row.image.copy()).to(self._above[0])
            complete = [image.transpose(1, 2)[:, :, None], *self._v[:-1]]
            self._above = [
                torch.cat([rows[:, :, 1:], row], dim=2) for rows, row in zip(self._above, complete, strict=True)
            ]
            self._begin_row()

    @torch.no_grad()
    def _begin_row(self) -> None:
        """The vertical stack's next row, and what it, the label and the biases add to the horizontal gates."""
        self._v, told, clean = [], [], self._model.noise_of(None, self.streams)
        for block, above in zip(self._model.blocks, self._above, strict=True):
            above = torch.cat([above, self._v[-1]], dim=2) if block.vertical_residual else above
            v, added = block.look_up(above, self._label, clean, self._step // self._per_row)
            self._v.append(v)
            told.append((added + block.horizontal.bias[:, None, None])[:, :, 0].transpose(1, 2))
        self._row = self._row._replace(told=contiguous(_of_gates(torch.stack(told, dim=1), self._colours)))
        self._row.image[:] = 0


def _ordered(t: Tensor, dim: int, colours: int) -> Tensor:
    """Channels of one dimension by colours, each filled up to as many as the others."""
    t = F.pad(t.movedim(dim, -1), (0, -t.shape[dim] % colours))
    return t.unflatten(-1, (-1, colours)).transpose(-1, -2).flatten(-2).movedim(-1, dim)


def _by_colour(t: Tensor, colours: int) -> Tensor:
    """`[..., channels]` -> `[..., colours, channels of a colour]`."""
    return _ordered(t, -1, colours).unflatten(-1, (colours, -1))


def _of_gates(t: Tensor, colours: int) -> Tensor:
    """`[..., 2 * width]` -> `[..., colours, gates of a colour]`: those of tanh, then those of sigmoid."""
    return _by_colour(t.unflatten(-1, (2, -1)), colours).transpose(-3, -2).flatten(-2)


def _taps(block: Block, colours: int) -> Tensor:
    """`[colours, taps, inputs, gates of a colour]`."""
    weight = block.horizontal.masked[:, :, 0]
    weight = weight[..., : weight.shape[-1] // 2 + 1].flip(-1).permute(2, 1, 0)
    return _of_gates(_ordered(weight, 1, colours), colours).movedim(-2, 0)


def _dense(weight: Tensor, colours: int) -> Tensor:
    """Of a 1x1 convolution, `[colours, inputs, outputs of a colour]`."""
    return _by_colour(_ordered(weight[..., 0, 0].t(), 0, colours), colours).movedim(-2, 0)


@torch.no_grad()
def _weights(model: PixelCNN) -> Weights:
    first, *blocks = model.blocks
    colours, levels = model.config.colours, model.config.levels
    logits = _ordered(model.logits.masked[..., 0, 0], 1, colours).unflatten(0, (levels, colours))
    found = (
        _taps(first, colours),
        torch.stack([_taps(block, colours) for block in blocks]),
        torch.stack([_dense(block.output.masked, colours) for block in model.blocks]),
        torch.stack([_by_colour(block.output.bias, colours) for block in model.blocks]),
        _dense(model.head.masked, colours),
        _by_colour(model.head.bias, colours),
        logits.permute(1, 2, 0),
        model.logits.bias.unflatten(0, (levels, colours)).t(),
    )
    return Weights(*map(contiguous, found))


@numba.njit(**FAST)
def _step(w, row, stream, column, colour, gates, relu, logits):
    """Logits of one colour of one pixel; leaves what those after it look at."""
    image, seen, gated = row.image[stream], row.seen[stream], row.gated[stream]
    size = w.outputs.shape[3]
    first, last = colour * size, (colour + 1) * size
    for n in range(len(seen)):
        gates[:] = row.told[stream, n, column, colour]
        taps = w.first.shape[1] if n == 0 else w.taps.shape[2]
        for tap in range(min(taps, column + 1)):
            if n == 0:
                accumulate(gates, image[column - tap], w.first[colour, tap])
            else:
                accumulate(gates, seen[n - 1, column - tap], w.taps[n - 1, colour, tap])
        for m in range(size):
            gated[n, first + m] = tanh(gates[m]) * sigmoid(gates[size + m])
        out = seen[n, column, first:last]
        out[:] = w.outputs_bias[n, colour]
        if n > 0:
            out += seen[n - 1, column, first:last]
        accumulate(out, gated[n, :last], w.outputs[n, colour])
    for m in range(last):
        relu[m] = max(seen[-1, column, m], np.float32(0))
    wide = w.head.shape[2]
    hidden = row.hidden[stream, colour * wide : (colour + 1) * wide]
    affine(hidden, relu[:last], w.head[colour], w.head_bias[colour])
    rectify(hidden)
    affine(logits, row.hidden[stream, : (colour + 1) * wide], w.logits[colour], w.logits_bias[colour])


@numba.njit(**FAST)
def _buffers(w):
    return np.empty(w.first.shape[3], np.float32), np.empty(w.taps.shape[3], np.float32)


@numba.njit(parallel=True, **FAST)
def _force(w, row, place, first, last, x, logits):
    """Logits of the steps first to last, which are x; the first stands at this place of the row."""
    colours = row.image.shape[2]
    for stream in numba.prange(len(logits)):
        image, (gates, relu) = row.image[stream], _buffers(w)
        made = np.empty(logits.shape[2], np.float32)
        for t in range(first, last):
            column, colour = divmod(place + t - first, colours)
            _step(w, row, stream, column, colour, gates, relu, made)
            logits[stream, t] = made
            image[column, colour] = x[stream, t]


@numba.njit(parallel=True, **FAST)
def _draw(w, row, place, first, last, uniforms, coldness, top_k, drawn, log_probs):
    """Draws the steps first to last; the first stands at this place of the row."""
    colours, levels = row.image.shape[2], w.logits.shape[2]
    for stream in numba.prange(len(drawn)):
        image, (gates, relu) = row.image[stream], _buffers(w)
        logits = np.empty(levels, np.float32)
        for t in range(first, last):
            column, colour = divmod(place + t - first, colours)
            _step(w, row, stream, column, colour, gates, relu, logits)
            drawn[stream, t], log_probs[stream, t] = pick(logits, uniforms[stream, t], coldness, top_k)
            image[column, colour] = np.float32(drawn[stream, t]) / np.float32(levels - 1)
