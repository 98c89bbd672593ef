"""Kernels of linear state spaces x' = A x + B u, y = C x: their responses in time, without a length x state matrix.

`S4Kernel` is S4's (Gu et al. 2022), A diagonal plus a matrix of rank one; `OlderS4Kernel` the form that came before it;
`DiagonalKernel` S4D's (Gu et al. 2022b), which is the one to train. Of every pair of conjugate poles one is stored, and
the sums are over both. Complex parameters have their real and imaginary part as a last axis.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LARGEST_CHUNK = 2**20  # terms of a sum over poles that are held at a time
SLOWEST, FASTEST = 1e-3, 1e-1  # steps of a fresh kernel's state spaces


class S4Kernel(nn.Module):
    """A = diag(w) - P P*, discretised bilinearly; the response is found from its values on the unit circle.

    C is stored as C (I - dA^length), which cuts the response off at the training length; see `cut_off`.

    Args:
        channels: state spaces.
        state: of each; even.
        length: of the response.
    """

    outputs, gated = 1, True  # filters of a layer; whether a gate follows what mixes its channels

    def __init__(self, channels: int, state: int, length: int):
        super().__init__()
        self.length = length
        poles, low_rank, inputs = _hippo(state)
        self.log_step = nn.Parameter(_fresh_steps(channels))
        self.log_decay = nn.Parameter((-poles.real).log().repeat(channels, 1))
        self.frequency = nn.Parameter(poles.imag.repeat(channels, 1))
        self.B = nn.Parameter(torch.view_as_real(inputs.repeat(channels, 1)))
        self.P = nn.Parameter(torch.view_as_real(low_rank.repeat(channels, 1)))
        self.C = nn.Parameter(torch.randn(2, channels, state // 2, 2) * 0.5**0.5)

    def forward(self) -> Tensor:
        """Responses `[2, channels, length]`: to the past and the present, and to the future."""
        nodes, z = circle(self.length, self.C.device)
        low_rank = torch.view_as_complex(self.P)
        left = torch.stack([torch.view_as_complex(self.B), low_rank])
        right = torch.cat([torch.view_as_complex(self.C), low_rank.conj()[None]])
        poles = torch.complex(-self.log_decay.exp(), self.frequency)
        return _response(left[:, None] * right, poles, self.log_step.exp()[:, None], nodes, z, self.length)

    def filters(self, taps: int, size: int) -> Tensor:
        """One filter `[1, channels, size]` of so many taps each way, the future's at the end."""
        past, future = self()[..., :taps]
        return (F.pad(past, (0, size - taps)) + F.pad(future.flip(-1), (size - taps, 0)))[None]


class OlderS4Kernel(nn.Module):
    """S4 of the branch `checkpoints`: one A and B for all channels; C is used as it is stored, with no
    cut-off, and the steps are not trained.

    Args:
        channels, state, length: as of `S4Kernel`.
    """

    outputs, gated = 2, False

    def __init__(self, channels: int, state: int, length: int):
        super().__init__()
        self.length = 2 * (length // 2)
        poles, low_rank, inputs = _hippo(state)
        nodes, z = circle(length)
        both_ways = {"nodes": nodes, "z": z, "poles": poles, "B": torch.stack([inputs, low_rank])}
        for name, value in both_ways.items():
            self.register_buffer(name, torch.view_as_real(torch.stack([value, value])))
        self.register_buffer("log_step", torch.stack([_fresh_steps(channels), _fresh_steps(channels)]))
        self.C = nn.Parameter(torch.randn(2, channels, 2, state // 2, 2) * 0.5**0.5)

    def forward(self) -> Tensor:
        """Responses `[2, channels, length]`: to the past, and to the future, both with the present."""
        stored = map(torch.view_as_complex, (self.B, self.C, self.poles, self.nodes, self.z))
        ways = zip(*stored, self.log_step.exp()[..., None], strict=True)
        return torch.cat(
            [
                _response(left[:, None, None] * right.conj().transpose(0, 1), poles, step, nodes, z, self.length)
                for left, right, poles, nodes, z, step in ways
            ]
        )

    def filters(self, taps: int, size: int) -> Tensor:
        """Two filters `[2, channels, size]`, one each way, the future's at the end."""
        past, future = self()[..., :taps]
        future = F.pad(future.flip(-1), (size - taps, 0)).roll(1, -1)
        return torch.stack([F.pad(past, (0, size - taps)), future])


class DiagonalKernel(nn.Module):
    """A = diag(w), held over every step: k[n] = 2 Re sum C (exp(dt w) - 1) / w exp(dt w)^n (S4D-Lin).

    Args:
        channels, state, length: as of `S4Kernel`.
    """

    outputs, gated = 1, True
    filters = S4Kernel.filters

    def __init__(self, channels: int, state: int, length: int):
        super().__init__()
        self.length = length
        self.log_step = nn.Parameter(_fresh_steps(channels))
        self.log_decay = nn.Parameter(torch.full((channels, state // 2), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(state // 2).float().repeat(channels, 1))
        self.C = nn.Parameter(torch.randn(2, channels, state // 2, 2) * 0.5**0.5)

    def forward(self) -> Tensor:
        """Responses `[2, channels, length]`: to the past and the present, and to the future.

        exp(dt w (a m + b)) = exp(dt w a m) exp(dt w b): a product of matrices that have about sqrt(length) columns.
        """
        poles = torch.complex(-self.log_decay.exp(), self.frequency)
        exponents = self.log_step.exp()[:, None] * poles
        outputs = torch.view_as_complex(self.C) * (exponents.exp() - 1) / poles
        fine = math.isqrt(self.length - 1) + 1
        coarse = -(-self.length // fine)
        starts = (exponents[..., None] * (fine * torch.arange(coarse, device=poles.device))).exp()
        offsets = (exponents[..., None] * torch.arange(fine, device=poles.device)).exp()
        terms = (outputs[..., None] * starts).permute(1, 0, 3, 2).flatten(1, 2)  # [channel, way x start, state]
        sums = 2 * (terms @ offsets).real.unflatten(1, (2, coarse)).flatten(2)
        return sums.transpose(0, 1)[..., : self.length]


KERNELS = {"s4": S4Kernel, "s4-older": OlderS4Kernel, "s4d": DiagonalKernel}


def circle(length: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Points exp(-2 pi i k / length) of the upper half of the unit circle, and 2 (1 - point) / (1 + point).

    Powers in single precision of a rounded first point, as the original has them; networks are trained on these.
    """
    angle = torch.tensor(-2j * math.pi / length, dtype=torch.complex128, device=device)
    nodes = angle.exp().to(torch.complex64) ** torch.arange(length // 2 + 1, device=device)
    nodes = torch.where(nodes == -1, nodes + 1e-6, nodes)  # its factor cancels what would be infinite there
    return nodes, 2 * (1 - nodes) / (1 + nodes)


def cut_off(C: Tensor, P: Tensor, poles: Tensor, step: Tensor, length: int) -> Tensor:
    """C (I - dA^length) of a fresh C: with it the values on a circle of `length` points give the true response.

    Args:
        C: complex `[ways, channels, state / 2]`, as are P and the poles without ways.
        step: `[channels]`.
    """
    poles, low_rank, outputs = (torch.cat([t, t.conj()], dim=-1).to(torch.complex128) for t in (poles, P, C))
    A = torch.diag_embed(poles) - low_rank[..., :, None] * low_rank[..., None, :].conj()
    eye, half = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device), A * (step.double() / 2)[:, None, None]
    power = torch.linalg.matrix_power(torch.linalg.solve(eye - half, eye + half), length)
    left = outputs - torch.einsum("wcm,cmn->wcn", outputs, power)
    return left[..., : C.shape[-1]].to(C.dtype)


def _response(numerators: Tensor, poles: Tensor, step: Tensor, nodes: Tensor, z: Tensor, length: int) -> Tensor:
    """The response in time from its values at the nodes, chunk by chunk (Gu et al. 2022, eq. 7 and alg. 1).

    Args:
        numerators: b * c for b of B and P (rows), c of the Cs and Q (columns), `[2, ways + 1, channels, state / 2]`.
        poles: `[channels, state / 2]`, or those of all channels `[state / 2]`.
        step: `[channels, 1]`.

    Returns:
        `[ways, channels, length]`.
    """
    v, w = numerators.flatten(0, 1).transpose(0, 1), poles * step  # [channels, terms, state / 2], [channels, state / 2]
    r = _sums_over_pairs(v, w, z).transpose(0, 1).unflatten(0, (2, -1)) * step  # [B or P, C or Q, channels, nodes]
    direct, by_low_rank = r
    values = direct[:-1] - direct[-1:] * by_low_rank[:-1] / (1 + by_low_rank[-1:])
    return torch.fft.irfft(values * 2 / (1 + nodes), n=length)


def _sums_over_pairs(v: Tensor, w: Tensor, z: Tensor) -> Tensor:
    """sum v / (z - w) + conj(v) / (z - conj(w)) over the poles, `[channels, terms, nodes]`.

    Without gradients as products of matrices, ten times as fast. With them term by term, as the formula has it: of the
    orders of summation that were tried it alone meets every recorded gradient. The terms are made anew for the
    gradient, not kept.
    """
    if torch.is_grad_enabled() and (v.requires_grad or w.requires_grad):
        chunks = z.split(max(1, LARGEST_CHUNK // v.numel()))
        sums = [checkpoint(_term_by_term, v, w, chunk, use_reentrant=False) for chunk in chunks]
    else:
        chunks = z.split(max(1, LARGEST_CHUNK // w.numel()))
        sums = [_by_matrices(v, w, chunk) for chunk in chunks]
    return torch.cat(sums, dim=-1)


def _by_matrices(v: Tensor, w: Tensor, z: Tensor) -> Tensor:
    weights = torch.cat([v.real, v.real * w.real[:, None] + v.imag * w.imag[:, None]], dim=1).to(w.dtype)
    quotients = 1 / ((z - w[..., None]) * (z - w[..., None].conj()))
    real, rest = (weights @ quotients).chunk(2, dim=1)
    return 2 * (z * real - rest)


def _term_by_term(v: Tensor, w: Tensor, z: Tensor) -> Tensor:
    v, w, z = v[:, :, None], w[:, None, None], z[:, None]  # [channels, terms, nodes, state / 2]
    return 2 * ((z * v.real - v.real * w.real - v.imag * w.imag) / ((z - w) * (z - w.conj()))).sum(dim=-1)


def _fresh_steps(channels: int) -> Tensor:
    """Logarithms of steps, evenly likely between the slowest and the fastest."""
    return math.log(SLOWEST) + torch.rand(channels) * math.log(FASTEST / SLOWEST)


def _hippo(state: int) -> tuple[Tensor, Tensor, Tensor]:
    """Poles, P and B of the state space that remembers all of the past (HiPPO-LegS), of each conjugate pair one."""
    n = torch.arange(state, dtype=torch.float64)
    root = (2 * n + 1).sqrt()
    A = -(root[:, None] * root).tril(-1) - torch.diag(n + 1)
    low_rank = (n + 0.5).sqrt()
    normal = A + low_rank[:, None] * low_rank  # -1/2 I and a skew matrix
    frequencies, axes = torch.linalg.eigh(-1j * (normal + 0.5 * torch.eye(state)))
    half, onto = slice(state // 2, None), axes.mH
    poles = torch.complex(torch.full_like(n, -0.5), frequencies)
    low_rank, inputs = onto @ low_rank.to(onto.dtype), onto @ root.to(onto.dtype)
    return tuple(t[half].to(torch.complex64) for t in (poles, low_rank, inputs))
