"""LQ-VAE: a VQ-VAE of several levels whose codes add up as the sounds do (Mancusi et al. 2021, arXiv:2110.05313).

The networks are those of Jukebox (Dhariwal et al. 2020, app. B), a separate one for each level: the lowest has most
codes a second, the top one fewest. Encoders and decoders are named as the original's. What makes codes add up is a
part of the loss, `core.models.lqvae_losses`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SPREAD = 0.01  # of the noise that makes more inputs of too few, over the root of the codes' width
USED = 1.0  # running count under which a code begins anew
TINY = 1e-8  # share of codes that are not used, in the entropy


@dataclass(frozen=True)
class LQVAEConfig:
    """Sizes of an `LQVAE`.

    Args:
        downs: convolutions that shorten, of each stage; level l has the stages 0 to l.
        strides: by how much each of them shortens.
        multipliers: of each level's width and depth.
        levels: those that have networks, in ascending order.
        width: channels of the convolutions.
        depth: residual blocks after each convolution that shortens.
        residual_factor: channels inside a residual block, over the width.
        dilation_base: dilations are its powers.
        dilation_cycle: after so many blocks they begin anew; None: never.
        reversed_dilation: whether decoders begin with the widest.
        code_width: numbers of a code.
        classes: codes of a level.
        decay: of the running means that codes are, an update.
    """

    downs: tuple[int, ...] = (2, 2, 2)
    strides: tuple[int, ...] = (2, 2, 2)
    multipliers: tuple[int, ...] = (2, 1, 1)
    levels: tuple[int, ...] = (0, 1, 2)
    width: int = 32
    depth: int = 4
    residual_factor: float = 1.0
    dilation_base: int = 3
    dilation_cycle: int | None = None
    reversed_dilation: bool = True
    code_width: int = 64
    classes: int = 2048
    decay: float = 0.99

    @property
    def hops(self) -> tuple[int, ...]:
        """Samples of a code, of each level."""
        return tuple(accumulate((s**d for s, d in zip(self.strides, self.downs, strict=True)), mul))


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))) over `[batch, channels, frames]`: three taps apart, then one."""

    def __init__(self, width: int, inner: int, dilation: int):
        super().__init__()
        spread = nn.Conv1d(width, inner, 3, padding=dilation, dilation=dilation)
        self.model = nn.Sequential(nn.ReLU(), spread, nn.ReLU(), nn.Conv1d(inner, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.model(x)


class ResidualStack(nn.Module):
    """Residual blocks with growing dilations, or with shrinking ones."""

    def __init__(self, config: LQVAEConfig, width: int, depth: int, reverse: bool):
        super().__init__()
        dilations = [config.dilation_base ** (n % (config.dilation_cycle or depth)) for n in range(depth)]
        inner = int(config.residual_factor * width)
        blocks = [ResidualBlock(width, inner, d) for d in (reversed(dilations) if reverse else dilations)]
        self.model = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Stage(nn.Module):
    """Convolutions of one stage, in either direction; the last of its outputs has the codes' width."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Encoder(nn.Module):
    """Waveforms `[batch, 1, samples]` as what a level's codes are chosen by, `[batch, code width, frames]`."""

    def __init__(self, config: LQVAEConfig, level: int):
        super().__init__()
        inputs = (1,) + (config.code_width,) * level
        self.level_blocks = nn.ModuleList(self._stage(config, level, n, i) for n, i in enumerate(inputs))

    @staticmethod
    def _stage(config: LQVAEConfig, level: int, number: int, inputs: int) -> Stage:
        width, depth = (size * config.multipliers[level] for size in (config.width, config.depth))
        stride, layers = config.strides[number], []
        for n in range(config.downs[number]):
            shorten = nn.Conv1d(width if n else inputs, width, 2 * stride, stride, stride // 2)
            layers.append(nn.Sequential(shorten, ResidualStack(config, width, depth, reverse=False)))
        return Stage(*layers, nn.Conv1d(width, config.code_width, 3, padding=1))

    def forward(self, waveform: Tensor) -> Tensor:
        for stage in self.level_blocks:
            waveform = stage(waveform)
        return waveform


class Decoder(nn.Module):
    """A level's codes `[batch, code width, frames]` as waveforms `[batch, 1, samples]`."""

    def __init__(self, config: LQVAEConfig, level: int):
        super().__init__()
        self.level_blocks = nn.ModuleList(self._stage(config, level, n) for n in range(level + 1))
        self.out = nn.Conv1d(config.code_width, 1, 3, padding=1)

    @staticmethod
    def _stage(config: LQVAEConfig, level: int, number: int) -> Stage:
        width, depth = (size * config.multipliers[level] for size in (config.width, config.depth))
        stride, last, layers = config.strides[number], config.downs[number] - 1, []
        for n in range(config.downs[number]):
            outputs = config.code_width if n == last else width
            lengthen = nn.ConvTranspose1d(width, outputs, 2 * stride, stride, stride // 2)
            stack = ResidualStack(config, width, depth, config.reversed_dilation)
            layers.append(nn.Sequential(stack, lengthen))
        return Stage(nn.Conv1d(config.code_width, width, 3, padding=1), *layers)

    def forward(self, x: Tensor) -> Tensor:
        for stage in reversed(self.level_blocks):
            x = stage(x)
        return self.out(x)


class Usage(NamedTuple):
    """How an update used a level's codes: the entropy of this batch's in nats, how many were in it, how many have been
    used of late, and how far codes moved, root mean square."""

    entropy: Tensor
    present: Tensor
    alive: Tensor
    moved: Tensor


class Quantised(NamedTuple):
    """Codes of some frames.

    Args:
        codes: numbers, int64 `[batch, frames]`.
        vectors: the codes themselves, `[batch, code width, frames]`; in training, gradients pass straight to the input.
        commitment: mean squared distance of the input to them, through which only the input learns.
        fit: mean squared distance of a frame.
        spread: standard deviation of the input around its mean.
        usage: of an update, in training.
    """

    codes: Tensor
    vectors: Tensor
    commitment: Tensor
    fit: Tensor
    spread: Tensor
    usage: Usage | None


class Codebook(nn.Module):
    """Codes that are running means of the frames nearest to them (van den Oord et al. 2017, app. A.1).

    The running sums and counts do not belong to a checkpoint; `restore` sets them for further training.
    """

    def __init__(self, classes: int, width: int, decay: float):
        super().__init__()
        self.decay = decay
        self.register_buffer("k", torch.zeros(classes, width))
        self.register_buffer("sums", torch.zeros(classes, width), persistent=False)
        self.register_buffer("counts", torch.zeros(classes), persistent=False)

    @torch.no_grad()
    def restore(self, frames: float) -> None:
        """Running sums and counts of known codes as if a batch of so many frames had used them evenly."""
        self.counts.fill_(frames / len(self.k))
        self.sums.copy_(self.k * self.counts[:, None])

    def look_up(self, codes: Tensor) -> Tensor:
        """Numbers `[batch, frames]` -> codes `[batch, code width, frames]`."""
        return F.embedding(codes, self.k).transpose(1, 2)

    @torch.no_grad()
    def nearest(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of the codes nearest to `[rows, code width]`, and their squared distances."""
        distances = rows.square().sum(-1, keepdim=True) - 2 * rows @ self.k.t() + self.k.square().sum(-1)
        least, codes = distances.min(dim=-1)
        return codes, least

    def forward(self, x: Tensor) -> Quantised:
        """Codes of x, `[batch, code width, frames]`; in training they then move towards it."""
        rows = x.transpose(1, 2).flatten(0, 1)
        if self.training and not self.counts.any():
            self._begin(rows.detach())
        codes, distances = self.nearest(rows)
        chosen = F.embedding(codes, self.k)
        usage = self._update(rows.detach(), codes) if self.training else None
        commitment = (chosen.detach() - rows).square().mean()
        passed = rows + (chosen - rows).detach()
        vectors = (passed if self.training else passed.detach()).unflatten(0, (len(x), -1)).transpose(1, 2)
        spread = (rows - rows.mean()).square().mean().sqrt()
        return Quantised(codes.unflatten(0, (len(x), -1)), vectors, commitment, distances.mean(), spread, usage)

    def _begin(self, rows: Tensor) -> None:
        """Before the first update: known codes go on as if these frames had used them, fresh ones are some of them."""
        if self.k.any():
            self.restore(len(rows))
            return
        self.k.copy_(self._drawn_from(rows))
        self.sums.copy_(self.k)
        self.counts.fill_(1.0)

    @torch.no_grad()
    def _update(self, rows: Tensor, codes: Tensor) -> Usage:
        """Running means move on; codes that have hardly been used begin anew where frames are.

        They then count as used once, and stay for as long as they are. In the original they keep their old counts, and
        jump with every update until one makes up for all that they missed.
        """
        now = codes.bincount(minlength=len(self.k)).to(rows)
        self.sums.mul_(self.decay).add_(torch.zeros_like(self.sums).index_add_(0, codes, rows), alpha=1 - self.decay)
        self.counts.mul_(self.decay).add_(now, alpha=1 - self.decay)
        alive, before = self.counts >= USED, self.k.clone()
        self.sums.copy_(torch.where(alive[:, None], self.sums, self._drawn_from(rows)))
        self.counts.copy_(torch.where(alive, self.counts, USED))
        self.k.copy_(self.sums / self.counts[:, None])
        shares = now / now.sum()
        entropy = -(shares * (shares + TINY).log()).sum()
        return Usage(entropy, (now >= USED).sum(), alive.sum(), (self.k - before).square().mean().sqrt())

    def _drawn_from(self, rows: Tensor) -> Tensor:
        """As many of the rows as there are codes, in random order; too few are repeated with noise."""
        classes, width = self.k.shape
        if len(rows) < classes:
            rows = rows.repeat(math.ceil(classes / len(rows)), 1)
            rows = rows + SPREAD / math.sqrt(width) * torch.randn_like(rows)
        return rows[torch.randperm(len(rows), device=rows.device)[:classes]]


class LQVAE(nn.Module):
    """Encoders, codebooks and decoders of all levels, by their numbers.

    Args:
        name: what reports and menus call it.
        sample_rate: of what it hears and says, in Hz.
    """

    def __init__(self, config: LQVAEConfig, name: str = "", sample_rate: int = 22050):
        super().__init__()
        self.config, self.name, self.sample_rate = config, name, sample_rate
        levels = config.levels
        self.encoders = nn.ModuleDict({str(level): Encoder(config, level) for level in levels})
        self.decoders = nn.ModuleDict({str(level): Decoder(config, level) for level in levels})
        sizes = (config.classes, config.code_width, config.decay)
        self.codebooks = nn.ModuleDict({str(level): Codebook(*sizes) for level in levels})

    @property
    def top(self) -> int:
        """The level with the fewest codes."""
        return self.config.levels[-1]

    @property
    def device(self) -> torch.device:
        return self.codebook().k.device

    def hop(self, level: int | None = None) -> int:
        """Samples of a code; here as below, the top level's where none is said."""
        return self.config.hops[self.top if level is None else level]

    def reach(self, level: int | None = None) -> int:
        """Codes on either side that what is said of one, and which code a sound has, depend on; at most."""
        level, samples, length = self.top if level is None else level, 0, 1
        size = self.config.depth * self.config.multipliers[level]
        dilations = sum(self.config.dilation_base ** (n % (self.config.dilation_cycle or size)) for n in range(size))
        for stride, downs in list(zip(self.config.strides, self.config.downs, strict=True))[: level + 1]:
            for _ in range(downs):
                samples, length = samples + 2 * stride * length, stride * length
                samples += dilations * length
            samples += length
        return math.ceil((samples + 1) / self.hop(level))

    def codebook(self, level: int | None = None) -> Codebook:
        return self.codebooks[str(self.top if level is None else level)]

    def latents(self, waveform: Tensor, level: int | None = None) -> Tensor:
        """What codes are chosen by: `[batch, samples]` -> `[batch, code width, samples // hop]`."""
        return self.encoders[str(self.top if level is None else level)](waveform[:, None])

    def encode(self, waveform: Tensor, level: int | None = None) -> Tensor:
        """Numbers of the codes of waveforms: `[batch, samples]` -> int64 `[batch, samples // hop]`."""
        rows = self.latents(waveform, level).transpose(1, 2)
        return self.codebook(level).nearest(rows.flatten(0, 1))[0].unflatten(0, rows.shape[:2])

    def decode_vectors(self, vectors: Tensor, level: int | None = None) -> Tensor:
        """The waveforms `[batch, frames * hop]` of codes `[batch, code width, frames]`."""
        return self.decoders[str(self.top if level is None else level)](vectors)[:, 0]

    def decode(self, codes: Tensor, level: int | None = None) -> Tensor:
        """The waveforms of codes by their numbers, `[batch, frames]` -> `[batch, frames * hop]`."""
        return self.decode_vectors(self.codebook(level).look_up(codes), level)


def build(config: Mapping, name: str = "", sample_rate: int = 22050) -> LQVAE:
    """A fresh network from a checkpoint's or a recipe's configuration, in which tuples are lists.

    Raises:
        ValueError: lists that do not fit each other, or levels that there are not.
    """
    sizes = LQVAEConfig(**{key: tuple(value) if isinstance(value, list) else value for key, value in config.items()})
    stages = len(sizes.downs)
    if not stages or {len(sizes.strides), len(sizes.multipliers)} != {stages} or min(sizes.downs) < 1:
        raise ValueError("downs, strides and multipliers do not say the same number of stages")
    if not sizes.levels or list(sizes.levels) != sorted(set(sizes.levels) & set(range(stages))):
        raise ValueError(f"{stages} stages have no levels {sizes.levels}")
    return LQVAE(sizes, name, sample_rate)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> LQVAE:
    """A network from a checkpoint's configuration (its sizes, `sample_rate`) and weights."""
    sizes = {key: value for key, value in config.items() if key in LQVAEConfig.__dataclass_fields__}
    model = build(sizes, name, config["sample_rate"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)
