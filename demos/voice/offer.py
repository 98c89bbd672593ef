"""The voices on offer to a visitor: the bundled ones, and one of the visitor's own, which is kept in memory alone."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from core.errors import InputError
from core.models.voice_table import Speaker
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.settings import Settings
from core.tasks.utterance import load_speech
from core.tasks.voice import MOST_SECONDS, Voice, speakers_of, voice_of
from core.tasks.voice_conversion import convert_to_each, convert_voice
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


def names_in(text: str | None) -> list[str]:
    """Of voices, as they stand in a text with commas between them, each once."""
    return list(dict.fromkeys(name for part in (text or "").split(",") if (name := part.strip())))


def offer(text: str | None, own: Voice | None, prior: str | None = None) -> dict:
    """All cards, of which those that the text names are chosen; see `cards.offered`.

    Args:
        own: the visitor's; models that speak with their own speakers alone leave it out.
    """
    known = _known(prior)
    told = all(known.values())  # a VQ-VAE says nothing of its speakers
    listed = [cards.own_card(own)] if own is not None and told else []
    listed += [cards.speaker_card(name, speaker) for name, speaker in known.items()]
    names = [card.name for card in listed]
    return cards.offered(listed, [name for name in names_in(text) if name in names])


def _known(prior: str | None) -> Mapping[str, Speaker | None]:
    """The speakers of a model; none where there is none such."""
    try:
        return speakers_of(prior)
    except InputError:
        return {}


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
        *_, result = convert_to_each(_sentence(), [name], own=own, settings=Settings(prior))
        return result.sounds[name]
    return _sample(name, prior)


@lru_cache(MOST_SAMPLES)
def _sample(name: str, prior: str | None) -> Clip:
    *_, result = convert_voice(_sentence(), speaker=name, settings=Settings(prior))
    return result.clip


def _sentence() -> Clip:
    return read_clip(SOUNDS / f"{SAMPLE}.flac", length=SAMPLE_SECONDS).clip
