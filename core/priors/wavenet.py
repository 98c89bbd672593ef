"""A WaveNet as a prior (PnF, Jayaram & Thickstun 2021): score = gradient of its smoothed discretised log-likelihood.

x is in classes of 256 levels. PnF has one network for each of 24 noise levels (`WaveNetLadder`); a noise-conditional
network serves them all (`WaveNetPrior`).
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from core.models.stepwise import StepwiseModel
from core.models.wavenet import RMS, WaveNet, WaveNetConfig
from core.models.wavenet_score import WaveNetScore
from core.signal.companding import DOMAINS, Domain
from core.signal.mel import FRONT_ENDS, MelFrontEnd
from core.types import AnyCondition, AutoregressivePrior, MelCondition, Prior, Score

LEVELS = (
    *(175.9, 110.0, 68.7, 54.3, 42.9, 34.0, 26.8, 21.2, 16.8, 13.3, 10.5, 8.29),
    *(6.55, 5.18, 4.1, 3.24, 2.56, 1.6, 1.0, 0.625, 0.39, 0.244, 0.15, 0.1),
)
START_LEVEL = 16.8  # classes: what the plain start of a chain (a spline, a linear prediction) is off by
SMALLEST_WINDOW = 1024

Precision = Literal["bfloat16", "float32"]


class WaveNetPrior(AutoregressivePrior):
    """What one WaveNet knows about audio.

    Args:
        model: on the device where it is to work.
        domain: of its classes.
        precision: of its matrix products; None takes bfloat16 where the processor knows it.
        window: samples whose likelihood is taken at a time, which bounds the memory; the windows overlap by the
            receptive field and their scores add up to the whole sequence's.
        front_end: of the spectrogram that it is conditioned on, where it is and that is known.
    """

    levels = LEVELS
    rms = RMS
    start_level = START_LEVEL

    def __init__(
        self,
        name: str,
        sample_rate: int,
        model: WaveNet,
        domain: Domain,
        precision: Precision | None = None,
        window: int = 16384,
        front_end: MelFrontEnd | None = None,
    ):
        self.name, self.sample_rate, self.domain, self.window = name, sample_rate, domain, window
        self.front_end, self.frame_context = front_end, model.config.frame_padding
        self.conditions = frozenset({MelCondition} if model.upsample is not None else ())
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        dtype = getattr(torch, precision) if precision else _fastest(self.device)
        self.network = WaveNetScore(self.model, dtype)
        self.receptive_field = model.config.receptive_field
        self.windows_at_once = 1 if self.device.type == "cpu" else 8

    def decode(self, x: Tensor) -> Tensor:
        """The waveform of real-valued classes, in [-1, 1]."""
        return self.domain.decode(x).clamp(-1, 1)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of the smoothed log-likelihood of x `[batch, frames]`, and its value `[batch]` in nats.

        The first sample has no likelihood; it feels those that follow it. Where a GPU runs out of memory, the windows
        shrink for good.

        Args:
            condition: the spectrogram of all samples but the last, for a network that is conditioned on one.
        """
        upsampled = self.model.upsample(condition.mel) if self.model.upsample is not None else None
        while True:
            try:
                return self._score(x, level, upsampled)
            except torch.OutOfMemoryError:
                if self.window <= SMALLEST_WINDOW:
                    raise
                self.window //= 2
                torch.cuda.empty_cache()

    @torch.no_grad()
    def predict(self, x: Tensor, level: float, condition: MelCondition | None = None) -> Tensor:
        upsampled = None if condition is None else self.model.upsample(condition.mel)[:, : x.shape[1]]
        return self.model(x, x.new_full((len(x),), level), condition=upsampled)

    def stepwise(self, streams: int = 1) -> StepwiseModel:
        """The network as it draws clean sound sample by sample, after silence; begins with a `MelCondition`'s mel."""
        from core.models.compiled.wavenet import WaveNetSteps

        return WaveNetSteps(self.model, streams, start=self.encode(torch.zeros(1)).item())

    def _score(self, x: Tensor, level: float, upsampled: Tensor | None) -> Score:
        gradient, log_prob = torch.zeros_like(x), x.new_zeros(len(x))
        for starts, length, context in self._windows(x.shape[1]):
            windows = torch.cat([x[:, start : start + length] for start in starts])
            mel = None if upsampled is None else torch.cat([upsampled[:, s : s + length - 1] for s in starts])
            terms, gradients = self.network(windows, level, context, mel)
            log_prob += terms.sum(dim=1).view(len(starts), -1).sum(dim=0)
            for start, part in zip(starts, gradients.split(len(x)), strict=True):
                gradient[:, start : start + length] += part
        return Score(gradient, log_prob)

    def _windows(self, frames: int) -> Iterator[tuple[list[int], int, int]]:
        """Windows of one length that are worked on together: their starts, the length, how much of it is context."""
        field = self.receptive_field
        inner = []
        for first in range(1, frames, self.window):
            start, stop = max(first - field, 0), min(first + self.window, frames)
            if start == 0 or stop == frames:
                yield [start], stop - start, first - start
            else:
                inner.append(start)
        for n in range(0, len(inner), self.windows_at_once):
            yield inner[n : n + self.windows_at_once], field + self.window, field


class WaveNetLadder(AutoregressivePrior):
    """PnF's networks, one for each noise level, as one prior: the network of the nearest level answers."""

    def __init__(self, networks: dict[float, WaveNetPrior]):
        self.levels = tuple(sorted(networks, reverse=True))
        self.networks = networks
        for name in set(Prior.__annotations__) - {"levels"}:  # alike in all of them
            setattr(self, name, getattr(networks[self.levels[0]], name))

    def decode(self, x: Tensor) -> Tensor:
        """The waveform of real-valued classes, in [-1, 1]."""
        return self.networks[self.levels[0]].decode(x)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """As `WaveNetPrior.score`, smoothed by `level` itself."""
        return self._nearest(level).score(x, level, condition)

    def predict(self, x: Tensor, level: float, condition: MelCondition | None = None) -> Tensor:
        """As `WaveNetPrior.predict`."""
        return self._nearest(level).predict(x, level, condition)

    @property
    def finest(self) -> WaveNetPrior:
        """The lowest level's network."""
        return self.networks[self.levels[-1]]

    def stepwise(self, streams: int = 1) -> StepwiseModel:
        """As `WaveNetPrior.stepwise`, of the finest network."""
        return self.finest.stepwise(streams)

    def _nearest(self, level: float) -> WaveNetPrior:
        """The network whose level is nearest in ratio."""
        return self.networks[min(self.levels, key=lambda own: max(own, level) / min(own, level))]


def from_checkpoint(
    name: str,
    config: dict,
    state: dict[str, Tensor],
    device: torch.device | str,
    precision: Precision | None = None,
) -> WaveNetPrior | WaveNetLadder:
    """A prior from a checkpoint's configuration and weights; keys that start with "<level>/" make a ladder.

    Args:
        config: fields of `WaveNetConfig`, and where they differ from 16000, "mu-law" and none `sample_rate`, `domain`
            and `front_end`.
    """
    sizes = dict(config)
    sample_rate, domain = sizes.pop("sample_rate", 16000), DOMAINS[sizes.pop("domain", "mu-law")]()
    front_end = FRONT_ENDS.get(sizes.pop("front_end", ""))

    def build(weights: dict[str, Tensor]) -> WaveNetPrior:
        model = WaveNet(WaveNetConfig(**sizes))
        model.load_state_dict(weights)
        return WaveNetPrior(name, sample_rate, model.to(device), domain, precision, front_end=front_end)

    if not any("/" in key for key in state):
        return build(state)
    levels: dict[float, dict[str, Tensor]] = {}
    for key, weight in state.items():
        level, _, own = key.partition("/")
        levels.setdefault(float(level), {})[own] = weight
    return WaveNetLadder({level: build(weights) for level, weights in levels.items()})


def _fastest(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs and on processors that multiply it natively."""
    native = device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if native else torch.float32
