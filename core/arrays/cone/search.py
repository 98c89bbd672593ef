"""Separation by localization: the circle is searched for voices, window by window (Jenrungrot et al. 2020, sec. 3.3).

Four windows of 90 degrees cover the circle. A network separates the voices inside each; windows over an energy cutoff
are halved, and the detections of the narrowest windows, without duplicates, are the sources. All windows of a width
are separated together.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.arrays.angles import fold, halves, tiling, width
from core.arrays.cone.suppression import RADIUS, SIMILARITY_CUTOFF_DB, suppress
from core.arrays.doa.tracking import Detection
from core.arrays.energy import Rms, mean_rms
from core.arrays.finding import Candidate, Stage
from core.arrays.geometry import ArrayGeometry
from core.arrays.steering import PreShift, Steering
from core.errors import InputError

MOVING_LEVELS = 3  # widths of the search for moving sources
FRAMES_AT_ONCE = 2**21  # of all candidates in a batch: bounds the memory


class Extractor(Protocol):
    """Separates the voices inside windows of angles, such as `ConeSeparator`; `levels`: widths of windows it knows."""

    levels: int

    def encode(self, mixture: Tensor, steering: Steering) -> Callable[[Sequence[float], int], Tensor]:
        """Encodes a mixture `[mics, frames]`.

        Returns:
            A function of windows' centres, in radians, and the level of their width: the voices inside each window,
            aligned to its centre, `[angles, mics, frames]`.
        """
        ...


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search; the defaults are those of the Cone of Silence.

    Args:
        energy_cutoff: level over which a window is kept.
        similarity_cutoff_db, suppression_radius: of `suppress`; the radius in radians.
        rms: how levels are measured, see `mean_rms`.
        moving: sources may move, so the search ends with windows of 22.5 degrees.
        pre_shift: channels are aligned to whole samples ("original") or to fractions ("exact").
    """

    energy_cutoff: float = 0.002
    similarity_cutoff_db: float = SIMILARITY_CUTOFF_DB
    suppression_radius: float = RADIUS
    rms: Rms = "mono"
    moving: bool = False
    pre_shift: PreShift = "original"


def search(
    mixture: np.ndarray,
    geometry: ArrayGeometry,
    sample_rate: int,
    extractor: Extractor,
    settings: SearchSettings = SearchSettings(),
) -> Generator[Stage, None, list[Detection]]:
    """Searches the circle around an array for voices.

    Args:
        mixture: `[mics, frames]`.
        sample_rate: of the mixture, in Hz.

    Yields:
        Stage: after every batch of windows; close the generator to stop.

    Returns:
        The sources, from loud to quiet.

    Raises:
        InputError: the mixture has other channels than the array, or no frames.
    """
    mics, frames = mixture.shape
    if mics != geometry.count or not frames:
        raise InputError(
            f"The array {geometry.name} needs {geometry.count} channels with samples; the mixture is {mics} x {frames}."
        )
    mixture = torch.as_tensor(mixture, dtype=torch.float32)
    steering = Steering(geometry, sample_rate, settings.pre_shift)
    levels = min(extractor.levels, MOVING_LEVELS) if settings.moving else extractor.levels
    separate = extractor.encode(mixture, steering)
    at_once = max(1, FRAMES_AT_ONCE // frames)
    angles, found = tiling(width(0)).tolist(), []
    for level, window in enumerate(map(width, range(levels))):
        kept = []
        for start in range(0, len(angles), at_once):
            batch = angles[start : start + at_once]
            voices = separate(batch, level)
            candidates = _candidates(batch, voices, settings)
            kept += [candidate.angle for candidate in candidates if candidate.kept]
            if level == levels - 1:
                found += _detections(candidates, voices, steering)
            yield Stage(level, levels, window, candidates, len(angles) - start - len(batch))
        angles = [half for angle in kept for half in halves(angle, window)]
    return suppress(found, settings.suppression_radius, settings.similarity_cutoff_db)


def _candidates(angles: list[float], voices: Tensor, settings: SearchSettings) -> tuple[Candidate, ...]:
    """The windows around the angles, with the level of the voices inside them, `[angles, mics, frames]`."""
    energies = mean_rms(voices.numpy(), settings.rms).tolist()
    return tuple(Candidate(a, e, e > settings.energy_cutoff) for a, e in zip(angles, energies, strict=True))


def _detections(candidates: tuple[Candidate, ...], voices: Tensor, steering: Steering) -> list[Detection]:
    """The candidates that are kept, with their voices `[candidates, mics, frames]`; mirror images share an angle."""
    axis = steering.geometry.axis
    return [
        Detection(fold(candidate.angle, axis), candidate.energy, steering.back(voice, candidate.angle).numpy())
        for candidate, voice in zip(candidates, voices, strict=True)
        if candidate.kept
    ]
