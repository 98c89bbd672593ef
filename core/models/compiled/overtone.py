"""How the overtone decoder hears its own past while it speaks, compiled: every fourth sample its summaries grow.

A summary of stride 4 keeps the last six of its inputs and the last four frames between its halvings, so that each frame
is computed once. Streams share every pass over the weights.
"""

from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from core.models.compiled.arithmetic import FAST, accumulate_rows, contiguous, sigmoid, tanh
from core.models.wavernn import HISTORY, HOP, KERNEL, PAST_CODES, STRIDE, Overtone, RecurrentUpsampling, Summary


class Layer(NamedTuple):
    """Weights of the summary of one stride, and of the recurrent layer that brings it back; float32, input-major."""

    first: np.ndarray  # [4 * inputs, 2 * channels]
    second: np.ndarray  # [4 * channels, 2 * channels]
    inward: np.ndarray  # [channels + width of what is brought with it, 3 * rnn]
    state: np.ndarray  # [rnn, 3 * rnn]
    state_bias: np.ndarray  # [3 * rnn]
    upward: np.ndarray  # [rnn, 4 * rnn]
    upward_bias: np.ndarray  # [4 * rnn]


class Memory(NamedTuple):
    """What a layer keeps of every stream; rows are streams. The biases hold the speaker's share."""

    first_bias: np.ndarray
    second_bias: np.ndarray
    inward_bias: np.ndarray
    fresh: np.ndarray  # four inputs since the last frame
    inputs: np.ndarray  # six
    halved: np.ndarray  # four frames between the halvings
    summary: np.ndarray
    state: np.ndarray
    upsampled: np.ndarray  # four frames of a quarter of the stride


class Stack(NamedTuple):
    """The layers of strides 4, 16 and 64, and what their last frames tell the WaveRNN."""

    layers: tuple[Layer, Layer, Layer]
    memories: tuple[Memory, Memory, Memory]
    codes: np.ndarray  # [streams, frames, code_width] from the first that is heard on
    outward: np.ndarray  # [rnn, 3 * gru]
    outward_bias: np.ndarray  # [streams, 3 * gru]
    told: np.ndarray  # of the next four samples, [streams, 4, 3 * gru]


@torch.no_grad()
def begin(model: Overtone, codes: Tensor | None, speaker: Tensor | None, streams: int) -> tuple[Stack, np.ndarray]:
    """What is known after a history of zeros, and the WaveRNN's state.

    Args:
        codes: as `Overtone.forward` takes them; None where it is told none.
    """
    silence = model.wavernn.mask.new_zeros(streams, HISTORY, 3)
    heard = model(silence, None if codes is None else codes[:, :PAST_CODES], speaker)
    summaries, (*states, last) = heard.summaries, heard.states
    pairs = [(model.conv0, model.rnn2), (model.conv1, model.rnn1), (model.conv2, model.rnn0)]
    inputs = (silence[..., :1], *summaries)
    memories = tuple(
        _memory(*pair, inputs[n], summaries[n], states[2 - n], speaker, streams) for n, pair in enumerate(pairs)
    )
    cell = model.wavernn.gru
    told = slice(0, model.config.rnn_channels)
    outward_bias = _with_speaker(cell.bias_ih_l0, cell.weight_ih_l0[:, told.stop : -3], speaker, streams)
    following = silence[..., :0] if codes is None else codes[:, PAST_CODES:]
    stack = Stack(
        layers=tuple(_layer(*pair) for pair in pairs),
        memories=memories,
        codes=contiguous(following),
        outward=contiguous(cell.weight_ih_l0[:, told].t()),
        outward_bias=outward_bias,
        told=np.empty((streams, STRIDE, len(cell.bias_ih_l0)), np.float32),
    )
    return stack, contiguous(last)


def _layer(summary: Summary, rnn: RecurrentUpsampling) -> Layer:
    first, second = summary.block0.conv_wide.weight, summary.block1.conv_wide.weight
    speakers = 0 if summary.block0.w_cond is None else summary.block0.w_cond.in_features
    gru, up = rnn.gru, rnn.tconv
    return Layer(
        *(contiguous(weight.permute(2, 1, 0).flatten(0, 1)) for weight in (first, second)),
        contiguous(gru.weight_ih_l0[:, : gru.input_size - speakers].t()),
        contiguous(gru.weight_hh_l0.t()),
        contiguous(gru.bias_hh_l0),
        contiguous(up.weight.permute(0, 2, 1).flatten(1)),
        contiguous(up.bias.repeat(STRIDE)),
    )


def _memory(
    summary: Summary,
    rnn: RecurrentUpsampling,
    inputs: Tensor,
    made: Tensor,
    state: Tensor,
    speaker: Tensor | None,
    streams: int,
) -> Memory:
    """After a history whose frames all became alike."""
    halved = summary.block0(inputs[:, :KERNEL].transpose(1, 2), speaker).transpose(1, 2)
    known = 0 if speaker is None else speaker.shape[1]
    biases = [
        _with_speaker(block.conv_wide.bias, None if block.w_cond is None else block.w_cond.weight, speaker, streams)
        for block in (summary.block0, summary.block1)
    ]
    told = rnn.gru.weight_ih_l0[:, rnn.gru.input_size - known :]
    biases.append(_with_speaker(rnn.gru.bias_ih_l0, told, speaker, streams))
    repeated = ((inputs, STRIDE), (inputs, STRIDE + 2), (halved, KERNEL))
    return Memory(
        *biases,
        *(contiguous(frames[:, -1:].expand(streams, count, -1).flatten(1)) for frames, count in repeated),
        contiguous(made[:, -1].expand(streams, -1)),
        contiguous(state),
        np.empty((streams, STRIDE * rnn.gru.hidden_size), np.float32),
    )


def _with_speaker(bias: Tensor, weight: Tensor | None, speaker: Tensor | None, streams: int) -> np.ndarray:
    """A bias with every stream's speaker in it, `[streams, outputs]`."""
    rows = bias.expand(streams, -1)
    return contiguous(rows if speaker is None else rows + speaker @ weight.t())


@numba.njit(**FAST)
def hear(stack, sample):
    """What is known before a sample, every fourth of which is asked for: of the summaries, back to `told`."""
    deepest, stride = 0, STRIDE
    for n in range(len(stack.layers)):
        if sample % stride == 0:
            deepest = n
            _summarise(stack.layers[n], stack.memories[n])
            if n + 1 < len(stack.layers):
                summary = stack.memories[n].summary
                slot = (sample // stride + STRIDE - 1) % STRIDE * summary.shape[1]
                stack.memories[n + 1].fresh[:, slot : slot + summary.shape[1]] = summary
        stride *= STRIDE
    for n in range(deepest, -1, -1):
        memory = stack.memories[n]
        if n + 1 == len(stack.layers):
            _bring_back(stack.layers[n], memory, stack.codes[:, min(sample // HOP, stack.codes.shape[1] - 1)])
        else:
            channels = memory.state.shape[1]
            slot = sample // STRIDE ** (n + 1) % STRIDE * channels
            _bring_back(stack.layers[n], memory, stack.memories[n + 1].upsampled[:, slot : slot + channels])
    frames = stack.memories[0].upsampled
    rows = frames.reshape(len(frames) * STRIDE, frames.shape[1] // STRIDE)
    told = stack.told.reshape(len(rows), stack.told.shape[2])
    for row in range(len(told)):
        told[row] = stack.outward_bias[row // STRIDE]
    accumulate_rows(told, rows, stack.outward)


@numba.njit(**FAST)
def _summarise(layer, memory):
    """A frame of four fresh inputs."""
    inputs, channels = memory.fresh.shape[1] // STRIDE, memory.summary.shape[1]
    memory.inputs[:, : 2 * inputs] = memory.inputs[:, STRIDE * inputs :]
    memory.inputs[:, 2 * inputs :] = memory.fresh
    memory.halved[:, : 2 * channels] = memory.halved[:, 2 * channels :]
    for n in range(2):
        window = memory.inputs[:, 2 * n * inputs : (2 * n + KERNEL) * inputs]
        out = memory.halved[:, (2 + n) * channels : (3 + n) * channels]
        _gated(layer.first, memory.first_bias, window, out)
    _gated(layer.second, memory.second_bias, memory.halved, memory.summary)


@numba.njit(**FAST)
def _gated(weight, bias, x, out):
    gates, channels = bias.copy(), out.shape[1]
    accumulate_rows(gates, x, weight)
    for row in range(len(out)):
        for m in range(channels):
            out[row, m] = sigmoid(gates[row, m]) * tanh(gates[row, channels + m])


@numba.njit(**FAST)
def _bring_back(layer, memory, brought):
    """A step of the recurrent layer over the summary and what is brought with it, and its four frames."""
    rows, channels = memory.state.shape
    summarised = memory.summary.shape[1]
    inward, recurrent = memory.inward_bias.copy(), np.empty((rows, 3 * channels), np.float32)
    accumulate_rows(inward, memory.summary, layer.inward[:summarised])
    accumulate_rows(inward, brought, layer.inward[summarised:])
    recurrent[:] = layer.state_bias
    accumulate_rows(recurrent, memory.state, layer.state)
    for row in range(rows):
        step_gates(memory.state[row], memory.state[row], inward[row], recurrent[row], 0, channels)
    memory.upsampled[:] = layer.upward_bias
    accumulate_rows(memory.upsampled, memory.state, layer.upward)


@numba.njit(inline="always", **FAST)
def step_gates(new, old, inward, recurrent, first, last):
    """The gated recurrent unit (Cho et al. 2014, as torch has it) of the states first to last (exclusive)."""
    width = len(old)
    for m in range(first, last):
        reset = sigmoid(inward[m] + recurrent[m])
        update = sigmoid(inward[width + m] + recurrent[width + m])
        candidate = tanh(inward[2 * width + m] + reset * recurrent[2 * width + m])
        new[m] = candidate + update * (old[m] - candidate)
