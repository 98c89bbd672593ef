"""Several sources at once: each has a prior of its own, and neither knows of the others (PnF, sec. 3.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import InputError
from core.types import AnyCondition, MixtureCondition, Prior, Score


class Independent(Prior):
    """A prior over several sources: row r of x is answered by prior r modulo their number.

    Args:
        priors: one for each source, in one rate and one domain, in which sources add up.

    Raises:
        InputError: priors whose sources cannot be added: other rates, other domains, or mu-law classes.
    """

    def __init__(self, priors: Sequence[Prior]):
        _check_addable(priors)
        self.priors, self.name = tuple(priors), " + ".join(prior.name for prior in priors)
        first = priors[0]
        self.sample_rate, self.domain, self.device = first.sample_rate, first.domain, first.device
        self.levels, self.start_level, self.rms = first.levels, first.levels[0], first.rms
        self.receptive_field = max(prior.receptive_field for prior in priors)
        self.autoregressive = all(prior.autoregressive for prior in priors)
        of_all = frozenset.intersection(*(prior.conditions for prior in priors))
        self.conditions = of_all & {MixtureCondition}  # evidence and spectrograms are about a single source

    def encode(self, waveform: Tensor) -> Tensor:
        return self.priors[0].encode(waveform)

    def decode(self, x: Tensor) -> Tensor:
        return self.priors[0].decode(x)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """The priors' own scores, row by row; a density where all of them have one.

        Args:
            condition: a mixture of the sources, `[channels, frames]`; others are ignored.
        """
        count, mixed = len(self.priors), type(condition) in self.conditions
        scores = [
            prior.score(x[n::count], level, condition.of_source(n) if mixed else None)
            for n, prior in enumerate(self.priors)
        ]
        gradient = torch.stack([score.gradient for score in scores], dim=1).flatten(0, 1)
        log_probs = [score.log_prob for score in scores if score.log_prob is not None]
        return Score(gradient, torch.stack(log_probs, dim=1).flatten() if len(log_probs) == count else None)


def _check_addable(priors: Sequence[Prior]) -> None:
    if len(priors) < 2:
        raise InputError("A mixture has at least two sources; name a prior for each.")
    for prior in priors:
        if not prior.domain.additive:
            raise InputError(
                f"The prior {prior.name} works in mu-law classes, which are spaced as a logarithm: classes of sources "
                "do not add up to the mixture's. Choose spectral priors, or WaveNets with linear classes."
            )
    first = priors[0]
    for other in priors[1:]:
        if other.sample_rate != first.sample_rate:
            raise InputError(
                f"The prior {first.name} works at {first.sample_rate} Hz and {other.name} at {other.sample_rate} Hz; "
                "choose priors of one rate."
            )
        if type(other.domain) is not type(first.domain):
            raise InputError(
                f"The priors {first.name} and {other.name} count samples differently (waveform and classes); "
                "choose priors of one kind."
            )
