"""The voices on offer to a visitor: the bundled ones, and one of the visitor's own, which is kept in memory alone."""

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.models.voice_table import Speaker
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, hear, load_speech, understand
from core.tasks.voice import MOST_SECONDS, Voice, speaker_voice, speakers, voice_of
from core.tasks.voice_conversion import Manner, speak
from demos.page.examples import SOUNDS
from demos.voice import cards

SAMPLE, SAMPLE_SECONDS = "speech", 2.6  # the sentence that voices are heard with
MOST_SAMPLES = 64
MOST_OWN = 256  # visitors whose own voices are kept


class OwnVoices:
    """Of every visitor the own voice, until they leave; of too many those that were asked for longest ago go first."""

    def __init__(self):
        self._lock, self._voices = threading.Lock(), OrderedDict()

    def put(self, visitor: str, voice: Voice) -> None:
        with self._lock:
            self._voices[visitor] = voice
            self._voices.move_to_end(visitor)
            while len(self._voices) > MOST_OWN:
                self._voices.popitem(last=False)

    def get(self, visitor: str) -> Voice | None:
        with self._lock:
            if visitor in self._voices:
                self._voices.move_to_end(visitor)
            return self._voices.get(visitor)

    def forget(self, visitor: str) -> None:
        with self._lock:
            self._voices.pop(visitor, None)


def known_speakers() -> list[Speaker]:
    """The bundled voices; none where their table is missing."""
    try:
        return list(speakers().values())
    except InputError:
        return []


def names_in(text: str | None) -> list[str]:
    """Of voices, as they stand in a text with commas between them, each once."""
    return list(dict.fromkeys(name for part in (text or "").split(",") if (name := part.strip())))


def offer(text: str | None, own: Voice | None) -> dict:
    """All cards, of which those that the text names are chosen; see `cards.offered`."""
    listed = [] if own is None else [cards.own_card(own)]
    return cards.offered(listed + [cards.speaker_card(speaker) for speaker in known_speakers()], names_in(text))


def voices_in(text: str | None, own: Voice | None, speech: Speech) -> list[Voice]:
    """Those that the text names.

    Raises:
        InputError: there is none of a name.
    """
    return [own if own and name == own.name else speaker_voice(name, speech) for name in names_in(text)]


def take_voice(path: str, prior: str | None) -> Voice:
    """The voice of a recording, whose file is deleted.

    Raises:
        InputError: no voice can be taken from it.
    """
    return voice_of(take_recording(path), load_speech(Settings(prior)))


def take_recording(path: str) -> Clip:
    """A recording of a voice, whose file is deleted: it is kept in memory alone.

    Raises:
        InputError: it is no sound.
    """
    try:
        return read_clip(path, length=MOST_SECONDS, mono=True).clip
    finally:
        Path(path).unlink(missing_ok=True)


def sample_of(name: str, own: Voice | None, prior: str | None) -> Clip:
    """The sentence of the cards said with a voice.

    Raises:
        InputError: there is none of that name.
    """
    if own is not None and name == own.name:
        return _said_with(own, load_speech(Settings(prior)))
    return _sample(name, prior)


@lru_cache(MOST_SAMPLES)
def _sample(name: str, prior: str | None) -> Clip:
    speech = load_speech(Settings(prior))
    return _said_with(speaker_voice(name, speech), speech)


def _said_with(voice: Voice, speech: Speech) -> Clip:
    clip = read_clip(SOUNDS / f"{SAMPLE}.flac", length=SAMPLE_SECONDS).clip
    utterance = understand(hear(clip, speech), speech)
    waveform = np.concatenate(list(speak(utterance, voice, speech, Manner())))
    return Clip(waveform[None], speech.front_end.sample_rate)
