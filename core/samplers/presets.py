"""What a quality means, and plans: a sampler with its settings. Each task's own plan stands beside the task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from core.samplers.stability import windows_at_once
from core.types import AnyCondition, Iterate, Observation, Prior, Sampler

BUDGETS = {"draft": 20, "standard": 40, "fine": 160}  # score evaluations of a restoration, at most
# draws of a reverse diffusion and their steps; averaged: what they share is evidence, what differs is guesswork
MEANS = {"draft": (2, 3), "standard": (2, 6), "fine": (8, 19)}
PNF_STEP = 0.05  # eta / level^2
PNF_STEPS = 256  # per level; harder questions take more


@dataclass(frozen=True)
class Plan:
    """A sampler with its settings.

    Args:
        name: of the sampler, as users choose it.
        steps: updates of a chain; of PnF's samplers per level.
        settings: of the sampler, by name.
        pull: of PnF's samplers, the share of the way that an update of one window goes; how many windows an update may
            move depends on it.
    """

    name: str
    sampler: Sampler
    steps: int
    settings: Mapping
    pull: float | None = None

    def start(
        self,
        prior: Prior,
        observation: Observation,
        x: Tensor,
        generator: Generator,
        condition: AnyCondition | None = None,
    ) -> Iterator[Iterate]:
        """The chain from x."""
        settings = dict(self.settings)
        if self.pull is not None:
            settings["batch"] = windows_at_once(settings["batch"], settings["window"], x.shape[-1], self.pull)
        return self.sampler(prior, observation, x, generator=generator, condition=condition, **settings)
