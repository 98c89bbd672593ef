"""Editing what is said, code by code: an edit has only those codes said anew that it changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from core.errors import InputError
from core.tasks.utterance import Speech, Utterance
from core.tasks.voice import Voice
from core.tasks.voice_conversion import Manner, speak, speak_part

JOIN = 1  # codes on both sides of what is said anew, over which one sound fades into the other
HELD_SECONDS = 0.4  # that a single code is held, to be heard by itself


@dataclass(frozen=True)
class Take:
    """An utterance, its codes in some order, said with a voice.

    Args:
        utterance: as it was heard.
        order: numbers of its codes.
        waveform: what is said, float32 `[len(order) * code_samples]`.
    """

    utterance: Utterance
    voice: Voice
    manner: Manner
    order: tuple[int, ...]
    waveform: np.ndarray

    @property
    def rearranged(self) -> Utterance:
        return self.utterance.rearranged(self.order)


def first_take(utterance: Utterance, voice: Voice, manner: Manner, waveform: np.ndarray) -> Take:
    """Of a conversion, before any edit.

    Args:
        waveform: what `speak` made of the utterance, `[samples]`; silence fills its last code.
    """
    codes = len(utterance.codes)
    filled = np.pad(waveform, (0, codes * utterance.code_samples - len(waveform)))
    return Take(utterance, voice, manner, tuple(range(codes)), filled)


def edited(take: Take, order: Sequence[int], speech: Speech, seed: int = 0) -> Take:
    """The same codes in another order, some left out, some more than once; what stays as it was is kept.

    Raises:
        InputError: see `Utterance.rearranged`.
    """
    wanted = take.utterance.rearranged(order)
    before, after = _alike(take.order, order), 0
    rest = min(len(take.order), len(order)) - before
    after = min(_alike(take.order[::-1], order[::-1]), rest)
    if before + after == len(order) == len(take.order):
        return take
    first, stop = max(0, before - JOIN), min(len(order), len(order) - after + JOIN)
    made = speak_part(wanted, (first, stop), take.voice, speech, take.manner, seed)
    each, moved = take.utterance.code_samples, len(order) - len(take.order)
    waveform = np.concatenate([take.waveform[: first * each], made, take.waveform[(stop - moved) * each :]])
    if before:
        _fade(waveform, take.waveform, first * each, first * each, (before - first) * each, rising=True)
    if after:
        end = len(order) - after
        _fade(waveform, take.waveform, end * each, (end - moved) * each, (stop - end) * each, rising=False)
    return replace(take, order=tuple(order), waveform=waveform)


def held(take: Take, code: int, speech: Speech, seed: int = 0) -> np.ndarray:
    """How a coarse code sounds by itself: as it is first said, held for HELD_SECONDS; float32 `[frames]`.

    Raises:
        InputError: it is not said.
    """
    said = np.flatnonzero(take.utterance.codes[:, 0] == code)
    if not len(said):
        raise InputError(f"The code {code} is not said in this sound; choose one that is.")
    times = round(HELD_SECONDS * speech.front_end.sample_rate / take.utterance.code_samples)
    alone = take.utterance.rearranged([said[0]] * times)
    return np.concatenate(list(speak(alone, take.voice, speech, take.manner, seed)))


def _alike(a: Sequence[int], b: Sequence[int]) -> int:
    """How many of the first numbers are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _fade(waveform: np.ndarray, old: np.ndarray, start: int, at: int, length: int, *, rising: bool) -> None:
    """Fades from the old sound, which stands there at `at`, to the new one, or back; in place."""
    share = (np.arange(length, dtype=np.float32) + 0.5) / length
    share = share if rising else 1 - share
    part = slice(start, start + length)
    waveform[part] = share * waveform[part] + (1 - share) * old[at : at + length]
