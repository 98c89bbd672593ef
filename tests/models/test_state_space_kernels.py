"""Kernels of state spaces, against recurrences that are run step by step in double precision."""

import math

import pytest
import torch
from torch import Tensor

from core.models.s4 import S4
from core.models.state_space_kernels import DiagonalKernel, OlderS4Kernel, S4Kernel, circle, cut_off

CHANNELS, STATE, LENGTH = 3, 8, 24


def both(t: Tensor) -> Tensor:
    """Of every pair of conjugates both."""
    return torch.cat([t, t.conj()], dim=-1).to(torch.complex128)


def run(A: Tensor, B: Tensor, C: Tensor, steps: int) -> Tensor:
    """C A^n B, `[ways, channels, steps]`."""
    state, out = B, []
    for _ in range(steps):
        out.append(torch.einsum("wcn,cn->wc", C, state).real)
        state = torch.einsum("cmn,cn->cm", A, state)
    return torch.stack(out, dim=-1)


@pytest.fixture
def kernel() -> S4Kernel:
    torch.manual_seed(0)
    return S4Kernel(CHANNELS, STATE, LENGTH).requires_grad_(False)


def discretised(kernel: S4Kernel) -> tuple[Tensor, Tensor]:
    """A and B of the bilinear rule."""
    P, B = both(torch.view_as_complex(kernel.P)), both(torch.view_as_complex(kernel.B))
    poles = both(torch.complex(-kernel.log_decay.exp(), kernel.frequency))
    A = torch.diag_embed(poles) - P[..., None] * P[:, None].conj()
    half = kernel.log_step.exp().double()[:, None, None] / 2
    eye = torch.eye(STATE, dtype=A.dtype)
    inverse = torch.linalg.inv(eye - half * A)
    return inverse @ (eye + half * A), 2 * half[..., 0] * (inverse @ B[..., None])[..., 0]


def test_s4_is_its_recurrence_once_its_output_is_cut_off(kernel):
    A, B = discretised(kernel)
    C = torch.view_as_complex(kernel.C).clone()
    parts = (torch.view_as_complex(kernel.P), torch.complex(-kernel.log_decay.exp(), kernel.frequency))
    kernel.C.copy_(torch.view_as_real(cut_off(C, *parts, kernel.log_step.exp(), LENGTH)))
    expected = run(A, B, both(C), LENGTH)
    torch.testing.assert_close(kernel().double(), expected, atol=2e-5, rtol=1e-4)


def test_s4_starts_with_the_memory_of_all_of_the_past(kernel):
    """Poles of HiPPO-LegS: A = V (diag(w) - P P*) V* has the eigenvalues -1, -2, ..."""
    P = both(torch.view_as_complex(kernel.P))
    poles = both(torch.complex(-kernel.log_decay.exp(), kernel.frequency))
    A = torch.diag_embed(poles) - P[..., None] * P[:, None].conj()
    found = torch.linalg.eigvals(A)[0]
    expected = -torch.arange(1.0, STATE + 1, dtype=torch.float64)
    torch.testing.assert_close(found.real.sort(descending=True).values, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 23, 24, 50])
def test_the_diagonal_kernel_is_its_recurrence(length):
    torch.manual_seed(0)
    kernel = DiagonalKernel(CHANNELS, STATE, length).requires_grad_(False)
    poles = both(torch.complex(-kernel.log_decay.exp(), kernel.frequency))
    stepped = (kernel.log_step.exp()[:, None].double() * poles).exp()
    expected = run(torch.diag_embed(stepped), (stepped - 1) / poles, both(torch.view_as_complex(kernel.C)), length)
    torch.testing.assert_close(kernel().double(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("made", [S4Kernel, OlderS4Kernel])
def test_sums_are_the_same_with_gradients_and_in_any_chunks(made, monkeypatch):
    torch.manual_seed(0)
    kernel = made(CHANNELS, STATE, LENGTH)
    with torch.no_grad():
        whole = kernel()
        monkeypatch.setattr("core.models.state_space_kernels.LARGEST_CHUNK", 40)
        torch.testing.assert_close(kernel(), whole, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(kernel(), whole, atol=1e-5, rtol=1e-4)
    kernel().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.any() for p in kernel.parameters())


def test_points_of_the_circle_are_never_where_the_sums_are_infinite():
    for length in range(1, 40):
        nodes, z = circle(length)
        assert torch.isfinite(torch.view_as_real(z)).all()
        exact = torch.exp(-2j * math.pi * torch.arange(length // 2 + 1) / length)
        torch.testing.assert_close(nodes, exact.to(torch.complex64), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["s4", "s4-older", "s4d"])
@pytest.mark.parametrize("time", [LENGTH, 10, 40])
def test_a_layer_convolves_with_its_kernels_both_ways(kind, time):
    torch.manual_seed(0)
    layer = S4(CHANNELS, kind, STATE, LENGTH).requires_grad_(False)
    past, future = layer.kernel()
    shift = int(layer.kernel.gated)  # the newer kernels' future begins with the next sample
    matrix = torch.zeros(CHANNELS, 2, time, time)
    for t in range(time):
        for s in range(min(time, LENGTH)):
            if t - s >= 0:
                matrix[:, 0, t, t - s] += past[:, s]
            if t + s + shift < time:
                matrix[:, 1, t, t + s + shift] += future[:, s]
    u = torch.randn(2, time, CHANNELS)
    ways = torch.einsum("cwts,bsc->btwc", matrix, u)
    if layer.kernel.gated:
        ways = ways.sum(dim=2, keepdim=True)
    mixed = layer.mix(torch.nn.functional.gelu((ways + layer.D * u[:, :, None]).flatten(2)))
    expected = torch.nn.functional.glu(mixed, dim=-1) if layer.kernel.gated else mixed
    torch.testing.assert_close(layer(u), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["s4", "s4d"])
def test_a_spectrum_is_kept_until_its_parameters_change(kind, monkeypatch):
    layer, calls = S4(CHANNELS, kind, STATE, LENGTH).requires_grad_(False), []
    own = layer.kernel.forward
    monkeypatch.setattr(layer.kernel, "forward", lambda: calls.append(1) or own())
    u = torch.randn(1, 16, CHANNELS)
    first = layer(u)
    assert torch.equal(layer(u), first) and len(calls) == 1
    layer(u[:, :9])
    layer(u)
    assert len(calls) == 3, "of another length"
    layer.kernel.C.mul_(2)
    assert not torch.allclose(layer(u), first) and len(calls) == 4
    layer.requires_grad_(True)
    layer(u).sum().backward()
    assert layer.kernel.C.grad.any() and len(calls) == 5, "with gradients it is made anew"
