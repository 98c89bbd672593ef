"""What may be known of the voices around a microphone array: the truth of a localization.

Angles are in radians, counter-clockwise from +x.
"""

import math
from dataclasses import dataclass

from core.arrays.scenes.files import RecordedScene
from core.signal.clip import Clip


@dataclass(frozen=True)
class Truth:
    """What is known of a recording's voices, in one order.

    Args:
        references: each voice as microphone 0 hears it alone, or with a channel for every one of the recording's; empty
            where they are not known.
        paths: the angles of each voice in equal parts of the recording, one alone where it stays; empty where they are
            not known.
    """

    references: tuple[Clip, ...] = ()
    paths: tuple[tuple[float, ...], ...] = ()

    @property
    def count(self) -> int:
        """Voices."""
        return max(len(self.references), len(self.paths))


def truth_of(scene: RecordedScene) -> Truth:
    """What a scene knows of its voices."""
    references = tuple(Clip(voice.samples, scene.sample_rate) for voice in scene.voices)
    paths = (tuple(math.atan2(y, x) for x, y, *_ in voice.positions) for voice in scene.voices)
    return Truth(references, tuple(paths))
