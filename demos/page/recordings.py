"""The recordings that whoever runs the server has put at hand, for generated sounds to be compared with."""

import os
from functools import lru_cache
from pathlib import Path

from core.tasks.generation import spoken
from core.tasks.nearest_clip import Nearest, TrainingClips

FOLDER = "RESOUND_TRAINING_CLIPS"  # the environment variable that names it
HOW_TO = (
    "Is a sound new, or a copy of what the model learned from? Its nearest recording can be heard beside it once this "
    f"server has the recordings: start it with {FOLDER} naming their folder."
)
WHAT_IT_SAYS = (
    "Nearest recording: the one most like a sound of all that the model learned from. How far they are apart is the "
    "root mean square difference of their spectrograms, in decades; 0 is a copy."
)


def recordings_folder() -> Path | None:
    """Where the recordings are, if they are."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


@lru_cache(maxsize=2)
def training_clips(folder: Path, sample_rate: int) -> TrainingClips:
    """The recordings, whose spectrograms are made once, when they are first asked for; raises as `TrainingClips`."""
    return TrainingClips(folder, sample_rate)


def said_of(nearest: Nearest) -> str:
    """A recording in a few words: how far it is, what it says, who speaks."""
    known = [spoken(nearest.known.label), nearest.known.speaker]
    return f"{nearest.distance:.2f} away: {', '.join(filter(None, known)) or nearest.known.name}"


def said_of_usual(clips: TrainingClips) -> str:
    """How far recordings are from each other, in a sentence."""
    if clips.usual_distance is None:
        return ""
    pair = "by two people who say the same" if clips.speakers_known else "of this collection that are most alike"
    return f"Recordings {pair} are usually {clips.usual_distance:.2f} apart."
