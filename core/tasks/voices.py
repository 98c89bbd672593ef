"""What localization yields: progress while the cone narrows, and one result with every voice; what may be known of it.

Angles are in radians, counter-clockwise from +x, in [0, 2 pi) where a voice has them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.arrays.finding import Stage
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


@dataclass(frozen=True)
class Voice:
    """One voice.

    Args:
        angle: where it comes from; the mean direction of one that moves.
        energy: its level, the mean over frames of their root mean square.
        clip: what microphone 0 hears of it, mono, at the recording's rate.
        track: (seconds, angle) of every chunk in which it was heard; empty where voices stay.
    """

    angle: float
    energy: float
    clip: Clip
    track: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class LocalizationProgress:
    """A moment of a run.

    Args:
        chunk: number of the chunk that was looked into, from 0.
        chunks: how many there are.
        span: where it begins and ends, in seconds.
        stage: windows of the cone search, with their levels; None for the other methods.
        power: for the other methods how much comes from where, one value for each of equally spaced angles from 0 on;
            None for the cone search.
        seconds: since the run began.
        seconds_left: an honest estimate of what remains.
    """

    chunk: int
    chunks: int
    span: tuple[float, float]
    stage: Stage | None
    power: np.ndarray | None
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class Localization:
    """The end of a run.

    Args:
        voices: from loud to quiet.
        mixture: what microphone 0 heard.
        metrics: figures against the truth; values are None where there is none.
        voice_metrics: figures of every true voice, in the truth's order.
        baseline_metrics: method or oracle -> figures.
        baseline_voice_metrics: method or oracle -> figures of every true voice.
        report: what `--report` writes, without the file names.
        notes: plain sentences a user should read.
    """

    voices: tuple[Voice, ...]
    mixture: Clip
    metrics: Mapping[str, float | None]
    voice_metrics: tuple[Mapping[str, float | None], ...]
    baseline_metrics: Mapping[str, Mapping[str, float | None]]
    baseline_voice_metrics: Mapping[str, tuple[Mapping[str, float | None], ...]]
    report: Mapping
    notes: tuple[str, ...] = field(default=())


LocalizationRun = Iterator[LocalizationProgress | Localization]
