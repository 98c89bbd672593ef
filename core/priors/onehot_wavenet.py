"""A one-hot WaveNet as a prior that sound is drawn from sample by sample.

Its score takes a sample between two classes as so much of either. The network was not trained on noise: the score is
there to be looked at, and restores nothing.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.errors import InputError
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.stepwise import StepwiseModel
from core.models.wavenet import RMS
from core.models.wavenet_score import smoothed_log_prob
from core.priors.wavenet import LEVELS
from core.signal.companding import MuLawBins
from core.types import AnyCondition, AutoregressivePrior, LabelCondition, Score


class OneHotWaveNetPrior(AutoregressivePrior):
    """What one network knows about sound; x is in its classes.

    Args:
        labels: that it can be told, by name, in the order of its table.
    """

    rms = RMS

    def __init__(self, name: str, sample_rate: int, network: OneHotWaveNet, labels: Sequence[str] = ()):
        config = network.config
        self.name, self.sample_rate, self.domain, self.labels = name, sample_rate, MuLawBins(config.levels), labels
        self.network, self.device = network.eval().requires_grad_(False), network.first.weight.device
        self.levels = tuple(level * config.levels / 256 for level in LEVELS)
        self.start_level, self.receptive_field = self.levels[0], config.receptive_field
        self.conditions = frozenset({LabelCondition} if labels else ())

    def decode(self, x: Tensor) -> Tensor:
        return self.domain.decode(x).clamp(-1, 1)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of the smoothed log-likelihood of x `[batch, frames]`, and its value `[batch]` in nats.

        Raises:
            InputError: an early network, which sees the samples that it predicts.
        """
        self._check_shifted()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self.network(self._between_classes(x), self._label(condition))
            log_prob = smoothed_log_prob(logits, x, level)[0].sum(dim=1)
            (gradient,) = torch.autograd.grad(log_prob.sum(), x)
        return Score(gradient, log_prob.detach())

    @torch.no_grad()
    def predict(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        """As `AutoregressivePrior.predict`; the level is not told to the network."""
        self._check_shifted()
        x = torch.cat([x, x[:, -1:]], dim=1)  # what the last logits are of is not looked at
        return self.network(self._between_classes(x), self._label(condition))[:, 1:]

    def stepwise(self, streams: int = 1) -> StepwiseModel:
        """The network sample by sample; begins with the streams' labels, counted from 0, -1 for none."""
        from core.models.compiled.onehot_wavenet import OneHotWaveNetSteps

        return OneHotWaveNetSteps(self.network, streams)

    def _between_classes(self, x: Tensor) -> Tensor:
        classes = torch.arange(self.domain.levels, device=x.device)
        return (1 - (x.clamp(0, self.domain.levels - 1)[..., None] - classes).abs()).clamp(min=0)

    def _label(self, condition: AnyCondition | None) -> Tensor | None:
        return condition.label - 1 if self.labels and isinstance(condition, LabelCondition) else None

    def _check_shifted(self) -> None:
        if self.network.config.legacy:
            raise InputError(f"{self.name} sees the samples that it predicts; it can be drawn from, and no more.")


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> OneHotWaveNetPrior:
    """A prior from a checkpoint's configuration (the network's sizes, `sample_rate`, and `names` of its labels) and
    weights."""
    sizes = {key: value for key, value in config.items() if key in OneHotWaveNetConfig.__dataclass_fields__}
    network = OneHotWaveNet(OneHotWaveNetConfig(**sizes))
    network.load_state_dict(state)
    names = tuple(config.get("names") or map(str, range(network.config.labels)))
    return OneHotWaveNetPrior(name, config["sample_rate"], network.to(device), names)
