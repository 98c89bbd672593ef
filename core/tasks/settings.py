"""The choices that tasks share, and where they run."""

import math
import os
from dataclasses import dataclass
from typing import Literal

import torch

from core.choices import QUALITIES, SAMPLERS
from core.errors import InputError

PNF_WINDOW = 20000  # samples
LARGEST_STEPS = 100_000
SHORTEST_WINDOW_SECONDS = 0.1
MOST_WORKERS = 64
DEVICE_VARIABLE = "RESOUND_DEVICE"  # of the environment: what "auto" stands for

Quality = Literal["draft", "standard", "fine"]


@dataclass(frozen=True)
class Settings:
    """The choices that all tasks share.

    Args:
        prior: a name that the zoo knows; None takes the task's default.
        quality: a preset of sampler and score evaluations: draft at most 20, standard 40, fine 160.
        sampler: "diffusion", "langevin" or "original" (PnF's); None takes the diffusion.
        steps: updates of the chain in total (`original`: per level); None takes the preset's.
        seed: of every random draw.
        device: "auto", "cpu", "cuda", "cuda:K" or "all": every GPU there is.
        workers: processes that blocks are spread over on a CPU.
        window_seconds: length of a block; None takes the sampler's own. `original` moves random windows of a block.
        batch: windows that an update of `original` moves at once; None takes PnF's.
    """

    prior: str | None = None
    quality: Quality = "standard"
    sampler: str | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    workers: int = 1
    window_seconds: float | None = None
    batch: int | None = None

    @property
    def block_seconds(self) -> float | None:
        """Length of the blocks that are chains of their own; the original sampler's windows lie within them."""
        return None if self.sampler == "original" else self.window_seconds

    def check_chain(self) -> str:
        """The name of the sampler of a chain, once everything about it is checked.

        Raises:
            InputError: unknown quality or sampler, a number out of range, a batch for another sampler than PnF's.
        """
        name = self.sampler or SAMPLERS[0]
        if name not in SAMPLERS:
            raise InputError(f"There is no sampler {name:.40}; choose one of {', '.join(SAMPLERS)}.")
        if self.quality not in QUALITIES:
            raise InputError(f"There is no quality {self.quality:.40}; choose one of {', '.join(QUALITIES)}.")
        if self.steps is not None and not 1 <= self.steps <= LARGEST_STEPS:
            raise InputError(f"The number of steps must lie between 1 and {LARGEST_STEPS}, not {self.steps}.")
        if self.batch is not None and name != "original":
            raise InputError("A batch is of windows that the original sampler moves at once; other samplers have none.")
        seconds = self.window_seconds
        if seconds is not None and not SHORTEST_WINDOW_SECONDS <= seconds < math.inf:
            raise InputError(f"A window must last at least {SHORTEST_WINDOW_SECONDS:g} s, not {seconds:g}.")
        return name

    def pnf_windows(self, sample_rate: int) -> dict:
        """Length in samples and number at once of the original sampler's windows."""
        window = PNF_WINDOW if self.window_seconds is None else round(self.window_seconds * sample_rate)
        return {"window": window, "batch": self.batch}


def resolve_devices(settings: Settings) -> list[str]:
    """Where blocks are worked on, one entry for each process.

    Raises:
        InputError: a device that this machine does not have, or a number of processes that makes no sense.
    """
    if not 1 <= settings.workers <= MOST_WORKERS:
        raise InputError(f"The number of workers must lie between 1 and {MOST_WORKERS}, not {settings.workers}.")
    if settings.device == "all":
        devices = [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]
    else:
        devices = [resolve_device(settings.device)]
    if settings.workers > 1 and devices != ["cpu"]:
        raise InputError("Workers are processes on a CPU; for GPUs choose the device all, or leave workers out.")
    return devices * settings.workers


def resolve_device(name: str) -> str:
    """The device that "auto" stands for is the one that RESOUND_DEVICE names, else the first GPU where there is one.

    Raises:
        InputError: a device that this machine does not have.
    """
    if name == "auto":
        name = os.environ.get(DEVICE_VARIABLE) or name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count()
    if name in ["cpu", *(["cuda"] if count else []), *(f"cuda:{k}" for k in range(count))]:
        return name
    have = f"cpu or cuda:0 to cuda:{count - 1}" if count else "only cpu"
    raise InputError(f"There is no device {name:.40} here; this machine has {have}.")
