"""Non-maximum suppression: a voice detected at several angles is kept once (Jenrungrot et al. 2020, sec. 3.3)."""

import math
from collections.abc import Iterable

from core.arrays.angles import angular_distance
from core.arrays.doa.tracking import Detection
from core.signal.metrics import si_sdr_with_means_db

RADIUS = math.pi / 4
SIMILARITY_CUTOFF_DB = -7.0


def suppress(
    candidates: Iterable[Detection], radius: float = RADIUS, similarity_cutoff_db: float = SIMILARITY_CUTOFF_DB
) -> list[Detection]:
    """Keeps the loudest candidate and removes its duplicates, then the loudest of the others, and so on.

    A duplicate lies within the radius (in radians), and the SI-SDR of its channel 0, means included, is not under the
    cutoff.

    Returns:
        From loud to quiet; equally loud ones in the given order.
    """

    def duplicates(louder: Detection, candidate: Detection) -> bool:
        near = not angular_distance(louder.angle, candidate.angle) > radius
        return near and not si_sdr_with_means_db(louder.signal[0], candidate.signal[0]) < similarity_cutoff_db

    remaining, kept = sorted(candidates, key=lambda candidate: -candidate.energy), []
    while remaining:
        loudest, *others = remaining
        kept.append(loudest)
        remaining = [candidate for candidate in others if not duplicates(loudest, candidate)]
    return kept
