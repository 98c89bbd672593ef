"""Non-maximum suppression: one voice seen under several angles is kept once (Jenrungrot et al. 2020, sec. 3.3)."""

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
    """The loudest candidate, without those it explains, then the loudest of the others, and so on.

    A candidate is explained that is not farther away than the radius and sounds the same: the SI-SDR of channel 0,
    means and all, is not under the cutoff.

    Returns:
        From loud to quiet; equally loud ones in their own order.
    """

    def explained(by: Detection, candidate: Detection) -> bool:
        near = not angular_distance(by.angle, candidate.angle) > radius
        return near and not si_sdr_with_means_db(by.signal[0], candidate.signal[0]) < similarity_cutoff_db

    remaining, kept = sorted(candidates, key=lambda candidate: -candidate.energy), []
    while remaining:
        loudest, *others = remaining
        kept.append(loudest)
        remaining = [candidate for candidate in others if not explained(loudest, candidate)]
    return kept
