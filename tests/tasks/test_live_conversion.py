"""Live conversion: as long as what goes in, behind it by a fixed delay, joined without clicks, and what a conversion of
the whole says; with the bundled networks, which are small, as clicks and likeness mean little with random ones."""

import time
from itertools import cycle

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.log_mel import log_mel
from core.signal.resampling import resample
from core.tasks.live_conversion import HEARD_CODES, MELODY_STEPS, LiveConversion
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, hear, load_speech, understand
from core.tasks.voice import Voice, speaker_voice
from core.tasks.voice_conversion import Manner, speak

RATE, CHUNK = 16000, 8192
CODE = 512
LOUD = -2.6  # decades over which frames are compared


@pytest.fixture(scope="module")
def speech() -> Speech:
    return load_speech(Settings())


@pytest.fixture(scope="module")
def voice(speech) -> Voice:
    return speaker_voice("vctk_p226", speech)


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """Speech of nine seconds."""
    clips = [read_clip(f"assets/sounds/speech-{name}.flac").clip for name in ("garden", "kettle", "train")]
    return np.concatenate([resample(clip, RATE).samples[0] for clip in clips])[: 9 * RATE]


@pytest.fixture(scope="module")
def said(spoken, voice, speech) -> np.ndarray:
    """The same, live, in the usual chunks."""
    return pushed(LiveConversion(voice, speech, Manner()), spoken)


def pushed(live: LiveConversion, samples: np.ndarray, chunk: int = CHUNK) -> np.ndarray:
    return np.concatenate([live.push(samples[at : at + chunk]) for at in range(0, len(samples), chunk)])


def sharpness(waveform: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The sharpest bend near each place, beside those of its neighbourhood."""
    bends = np.abs(np.diff(waveform, 2))
    own = np.array([bends[place - 16 : place + 16].max() for place in places])
    usual = np.array([np.sqrt(np.square(bends[place - 800 : place + 800]).mean()) for place in places])
    return own / (usual + 1e-5)


def test_what_comes_out_is_as_long_and_lies_a_fixed_delay_behind(said, spoken, voice, speech):
    live = LiveConversion(voice, speech, Manner())
    assert len(said) == len(spoken) and live.sample_rate == RATE
    assert live.delay_seconds == live.delay_samples / RATE < 0.25
    whole = offline(spoken, voice, speech)
    lags = np.arange(live.delay_samples - 1024, live.delay_samples + 1025, 128)
    loud = np.square(whole).reshape(-1, 128).mean(axis=1)
    alike = [np.corrcoef(loud[:1000], np.square(said[lag:]).reshape(-1, 128).mean(axis=1)[:1000])[0, 1] for lag in lags]
    assert abs(lags[np.argmax(alike)] - live.delay_samples) <= 128 and max(alike) > 0.8


def test_it_says_what_a_conversion_of_the_whole_says(said, spoken, voice, speech):
    whole, delay = offline(spoken, voice, speech), LiveConversion(voice, speech, Manner()).delay_samples
    live, whole = (frames(part) for part in (said[delay:], whole[:-delay]))
    heard = frames(spoken[:-delay])
    loud = whole.mean(axis=0) > LOUD
    distance, changed = (20 * np.abs(other - whole)[:, loud].mean() for other in (live, heard))
    assert distance < 3.5 < 1.5 * distance < changed, "dB; the whole with another seed is 0.9 away"


def test_chunks_join_without_clicks(said):
    borders = np.arange(1, len(said) // CHUNK) * CHUNK + CODE  # where one round of the networks takes over
    within = np.concatenate([borders[:-1] + part * CHUNK // 8 for part in range(1, 8)])
    at_borders, elsewhere = sharpness(said, borders), sharpness(said, within)
    assert np.median(at_borders) < 1.3 * np.median(elsewhere) and at_borders.max() < 1.3 * elsewhere.max()


@pytest.mark.parametrize("sizes", [(1, 511, 512, 513, 7, 20000), (4096,), (40000, 160)])
def test_chunks_may_have_any_size(sizes, said, spoken, voice, speech):
    live, at, parts = LiveConversion(voice, speech, Manner()), 0, []
    for size in cycle(sizes):
        parts.append(live.push(spoken[at : at + size]))
        assert len(parts[-1]) == len(spoken[at : at + size])
        at += size
        if at >= len(spoken):
            break
    other, same = (frames(part[4 * RATE :]) for part in (np.concatenate(parts), said))
    assert 20 * np.abs(other - same)[:, same.mean(axis=0) > LOUD].mean() < 3.5


def test_silence_stays(spoken, voice, speech):
    live = LiveConversion(voice, speech, Manner())
    assert not pushed(live, np.zeros(3 * CHUNK, dtype=np.float32)).any()
    pushed(live, spoken[: 3 * RATE])
    after = pushed(live, np.zeros(10 * RATE, dtype=np.float32))
    assert np.abs(after[RATE:]).max() < 2e-4 and not after[5 * RATE :].any()


def test_a_pause_is_not_taken_for_a_voice(spoken, voice, speech):
    """In a quiet room the level of who spoke is remembered."""
    live = LiveConversion(voice, speech, Manner())
    said = pushed(live, spoken[: 4 * RATE])
    hum = 3e-4 * np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32)
    assert pushed(live, hum)[RATE:].std() < 0.03 * said[RATE:].std()


def test_the_voice_speaks_at_its_own_height(said, spoken, voice, speech):
    higher = pushed(LiveConversion(voice, speech, Manner(semitones=6.0)), spoken)
    own, moved = (hear(Clip(part[None, 4 * RATE :], RATE), speech).melody[0] for part in (said, higher))
    assert own == pytest.approx(voice.height, abs=0.2) and moved == pytest.approx(own + 0.5, abs=0.1)


def test_neither_cost_nor_memory_grows(spoken, voice, speech):
    live, seconds = LiveConversion(voice, speech, Manner()), []
    for k in range(60):
        at = k * CHUNK % (8 * RATE)
        began = time.process_time()
        live.push(spoken[at : at + CHUNK])
        seconds.append(time.process_time() - began)
    assert np.median(seconds[-20:]) < 2 * np.median(seconds[10:30])
    assert live._heard.shape == (HEARD_CODES * CODE,) and len(live._ready) == CODE and len(live._coming) == 0
    assert len(live._melody._octaves) <= MELODY_STEPS and live._player._mel.shape[-1] < 100


def test_a_transposition_out_of_range_is_refused(voice, speech):
    with pytest.raises(InputError, match="24 semitones"):
        LiveConversion(voice, speech, Manner(semitones=25.0))


def offline(samples: np.ndarray, voice: Voice, speech: Speech) -> np.ndarray:
    return np.concatenate(
        list(speak(understand(hear(Clip(samples[None], RATE), speech), speech), voice, speech, Manner()))
    )


def frames(samples: np.ndarray) -> np.ndarray:
    """Log10 mel frames, `[bands, frames]`."""
    mel = log_mel(torch.from_numpy(np.ascontiguousarray(samples))[None], load_speech(Settings()).front_end)
    return mel[0].clamp_min(-3.5).numpy()
