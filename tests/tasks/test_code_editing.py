"""Edits of codes: only what changed is said anew, the rest stays sample by sample; a code that is held."""

import numpy as np
import pytest

from core.errors import InputError
from core.tasks.code_editing import JOIN, Take, edited, first_take, held
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, hear, load_speech, understand
from core.tasks.voice import voice_of
from core.tasks.voice_conversion import Manner, speak
from tests.tasks.test_voice_conversion import RATE, talk


@pytest.fixture
def speech(tiny_converter) -> Speech:
    return load_speech(Settings(tiny_converter))


@pytest.fixture
def take(speech) -> Take:
    utterance = understand(hear(talk(1.984), speech), speech)
    voice = voice_of(talk(6.0, 200.0), speech)
    return first_take(utterance, voice, Manner(), np.concatenate(list(speak(utterance, voice, speech, Manner()))))


def test_a_first_take_is_the_conversion_in_whole_codes(take):
    each = take.utterance.code_samples
    assert take.order == tuple(range(len(take.utterance.codes)))
    assert len(take.waveform) == len(take.order) * each >= 1.98 * RATE


@pytest.mark.parametrize(
    ("order", "kept_before", "kept_after"),
    [
        ([*range(20), *range(25, 62)], 20, 37),  # dropped
        ([*range(30), *range(20, 62)], 30, 32),  # repeated
        ([*range(10), 12, 13, 10, 11, *range(14, 62)], 10, 48),  # swapped
        ([*range(5, 62)], 0, 57),  # the beginning dropped
        ([*range(50)], 50, 0),  # the end dropped
    ],
)
def test_what_an_edit_left_alone_stays_sample_by_sample(take, speech, order, kept_before, kept_after):
    order = [number for number in order if number < len(take.order)]
    each, after = take.utterance.code_samples, edited(take, order, speech)
    assert len(after.waveform) == len(order) * each and after.order == tuple(order)
    before = max(0, kept_before - JOIN) * each
    assert np.array_equal(after.waveform[:before], take.waveform[:before])
    behind = max(0, min(kept_after, len(order)) - JOIN) * each
    assert np.array_equal(after.waveform[len(after.waveform) - behind :], take.waveform[len(take.waveform) - behind :])
    assert not np.array_equal(after.waveform, take.waveform)


def test_an_edit_sounds_as_the_whole_said_anew(take, speech):
    order = [*range(20), *range(15, len(take.order))]
    after = edited(take, order, speech)
    whole = np.concatenate(list(speak(after.rearranged, take.voice, speech, take.manner)))
    levels = [np.abs(np.fft.rfft(w[18 * 512 : 28 * 512] * np.hanning(5120)))[20:600] for w in (after.waveform, whole)]
    smooth = [np.convolve(level, np.ones(20) / 20, "valid") for level in levels]
    assert np.abs(20 * np.log10(smooth[0] / smooth[1])).mean() < 2.0


def test_undoing_an_edit_gives_the_codes_back(take, speech):
    there = edited(take, [*range(20), *range(25, len(take.order))], speech)
    back = edited(there, take.order, speech)
    assert back.order == take.order and len(back.waveform) == len(take.waveform)
    assert edited(take, take.order, speech) is take


@pytest.mark.parametrize("order", [[], [0, 1], [0, 1, 2, 9999], [-1, 0, 1, 2]])
def test_codes_that_are_not_there_are_refused(take, speech, order):
    with pytest.raises(InputError, match="codes"):
        edited(take, order, speech)


def test_a_code_is_held(take, speech):
    code = int(take.utterance.codes[5, 0])
    assert 0.3 * RATE < len(held(take, code, speech)) < 0.5 * RATE
    absent = next(number for number in range(256) if number not in take.utterance.codes[:, 0])
    with pytest.raises(InputError, match="not said"):
        held(take, absent, speech)
