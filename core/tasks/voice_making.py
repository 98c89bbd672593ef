"""Making a table of voices of recordings: what `--speaker` offers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from core.errors import InputError
from core.models.voice_features import concatenated
from core.models.voice_table import Speaker, VoiceTable, table_of
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.utterance import Heard, Speech, hear, melody_of
from core.tasks.voice import pitch_of
from core.zoo.checkpoint import save_checkpoint

ARCHITECTURE = "voice-table"
STEPS = 360  # of every voice
MOST_RECORDINGS = 40  # of a speaker
HEIGHTS = ((130, "low voice"), (180, "middle voice"), (10_000, "high voice"))  # Hz under which a median is called so


def make_table(
    known: Sequence[Mapping[str, str]], recordings: Mapping[str, Sequence[Path]], speech: Speech
) -> VoiceTable:
    """A table of the speakers that are known.

    Args:
        known: name, description and licence of each.
        recordings: by the name of the speaker.

    Raises:
        InputError: a speaker without recordings, or too little of one.
    """
    speakers, voices = [], []
    for row in known:
        heard = [hear(clip, speech) for clip in _some(recordings.get(row["name"], ()))]
        if sum(part.reference.steps for part in heard) < STEPS:
            raise InputError(f"There is too little of {row['name']}; ten seconds are enough.")
        speakers.append(_speaker(row, heard))
        voices.append(concatenated([part.reference for part in heard], dim=1))
    return table_of(speech.encoder.name, speakers, voices, STEPS)


def save_table(table: VoiceTable, path: Path) -> None:
    """Writes a table as a checkpoint."""
    save_checkpoint(path, ARCHITECTURE, table.config(), table.state())


def _some(paths: Sequence[Path]) -> list[Clip]:
    """Recordings of a speaker, evenly chosen where there are more than enough."""
    found = sorted(paths)
    return [read_clip(path, mono=True).clip for path in found[:: -(-len(found) // MOST_RECORDINGS) or 1]]


def _speaker(row: Mapping[str, str], heard: Sequence[Heard]) -> Speaker:
    """What is known of a speaker, and what is heard in the recordings."""
    octaves = torch.cat([part.octaves for part in heard])
    pitch = tuple(round(hertz, 1) for hertz in pitch_of(octaves))
    height = next(word for most, word in HEIGHTS if pitch[1] < most)
    return Speaker(row["name"], f"{height}, {row['description']}", row["licence"], pitch, *melody_of(octaves))
