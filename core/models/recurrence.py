"""Gated recurrent units (Cho et al. 2014) that learn several times faster on a CPU than torch's own.

torch computes the gradient of the recurrent weights step by step. All gates' gradients are the state's times factors
that the forward pass knows, so that a step backwards is one product, and the weights' gradient one over all steps.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def run_gru(gru: nn.GRU, x: Tensor) -> tuple[Tensor, Tensor]:
    """The states of one layer over x `[batch, frames, inputs]`, as `gru(x)`, and the last, `[1, batch, width]`."""
    if x.device.type != "cpu" or not (torch.is_grad_enabled() and gru.weight_hh_l0.requires_grad):
        return gru(x)
    inward = nn.functional.linear(x.transpose(0, 1), gru.weight_ih_l0, gru.bias_ih_l0)
    with torch.autocast("cpu", enabled=False):  # which would round the weights anew at every step
        states = _Recurrence.apply(inward.float(), gru.weight_hh_l0, gru.bias_hh_l0)
    return states.transpose(0, 1), states[-1:]


class _Recurrence(torch.autograd.Function):
    """States `[frames, batch, width]` from what inputs add to the gates, `[frames, batch, 3 * width]`."""

    @staticmethod
    def forward(ctx, inward: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        frames, batch, gates = inward.shape
        width = gates // 3
        states = inward.new_zeros(frames + 1, batch, width)  # before the first, and after each
        opened, recurrent = inward.new_empty(frames, batch, 2 * width), inward.new_empty(frames, batch, width)
        candidates = inward.new_empty(frames, batch, width)
        across = weight.t()
        steps = zip(
            *(part.unbind() for part in (inward, states[:-1], states[1:], opened, recurrent, candidates)), strict=True
        )
        for told, before, after, gate, kept, candidate in steps:
            products = torch.addmm(bias, before, across)
            kept.copy_(products[:, 2 * width :])
            torch.add(told[:, : 2 * width], products[:, : 2 * width], out=gate).sigmoid_()
            torch.addcmul(told[:, 2 * width :], gate[:, :width], kept, out=candidate).tanh_()
            torch.lerp(candidate, before, gate[:, width:], out=after)
        ctx.save_for_backward(weight, states, opened, recurrent, candidates)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, states, opened, recurrent, candidates = ctx.saved_tensors
        frames, batch, width = candidates.shape
        reset, update = opened.split(width, dim=-1)
        through = (1 - update) * (1 - candidates.square())  # from the state to the candidate before its tanh
        factors = torch.stack(
            [
                through * recurrent * reset * (1 - reset),
                (states[:-1] - candidates) * update * (1 - update),
                through * reset,
            ],
            dim=2,
        )
        at_states = torch.empty_like(candidates)
        carried = wanted.new_zeros(batch, width)
        steps = [part.unbind() for part in (wanted, update, factors, at_states)]
        for own, kept, factor, at_state in zip(*(part[::-1] for part in steps), strict=True):
            torch.add(own, carried, out=at_state)
            factor *= at_state[:, None]
            carried = torch.addmm(at_state * kept, factor.flatten(1), weight)
        gates = factors.flatten(2)
        inward = torch.cat([gates[..., : 2 * width], through * at_states], dim=-1)
        flat = gates.flatten(0, 1)
        return inward, flat.t() @ states[:-1].flatten(0, 1), flat.sum(dim=0)
