"""Conversion of spectrograms: that of a sound, converted, is near to that which the other front-end makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.mel import FRONT_ENDS, MelFrontEnd, mel_edges, mel_spectrogram
from core.signal.mel_conversion import convert
from core.signal.resampling import resample
from core.signal.spectrogram_files import MelSpectrogram

RESOUND, PNF_16K, TACOTRON = FRONT_ENDS["resound-16k"], FRONT_ENDS["pnf-16k"], FRONT_ENDS["tacotron"]
HIFI_GAN = FRONT_ENDS["hifi-gan"]
PARALLEL = MelFrontEnd(24000, 1200, 300, 80, 80.0, 7600.0, "log10", 1e-10)  # as of Parallel WaveGAN
WIDE = MelFrontEnd(44100, 2048, 512, 128, 0.0, 22050.0, "natural", 1e-5)
SPEECH = read_clip("assets/sounds/speech.flac").clip
HEARD = 3.0  # decades under the loudest


def spectrogram(clip: Clip, front_end: MelFrontEnd) -> MelSpectrogram:
    return MelSpectrogram(mel_spectrogram(resample(clip, front_end.sample_rate).samples[0], front_end), front_end)


def differences(clip: Clip, own: MelFrontEnd, wanted: MelFrontEnd) -> np.ndarray:
    """In decades, of what is heard, converted less made; `[values]`."""
    made, truth = convert(spectrogram(clip, own), wanted).decades, spectrogram(clip, wanted).decades
    assert abs(made.shape[1] - truth.shape[1]) <= 1
    frames = min(made.shape[1], truth.shape[1])
    heard = truth[:, :frames] > truth.max() - HEARD
    return (made[:, :frames] - truth[:, :frames])[heard]


@pytest.mark.parametrize(
    ("own", "wanted", "tolerance"),
    [  # mean difference in decades as measured, and a fifth more; other bands hear other harmonics
        (TACOTRON, RESOUND, 0.085),
        (FRONT_ENDS["pnf"], PNF_16K, 0.082),
        (TACOTRON, PNF_16K, 0.12),
        (WIDE, RESOUND, 0.103),
        (PARALLEL, RESOUND, 0.126),
        (PNF_16K, RESOUND, 0.156),
        (HIFI_GAN, RESOUND, 0.085),
        (HIFI_GAN, TACOTRON, 0.06),
    ],
)
def test_speech(own, wanted, tolerance):
    found = differences(SPEECH, own, wanted)
    assert abs(found).mean() < tolerance and abs(np.median(found)) < 0.04


@pytest.mark.parametrize("own", [HIFI_GAN, TACOTRON])
@pytest.mark.parametrize("wanted", [HIFI_GAN, TACOTRON])
def test_a_rise_stays_at_its_time(own, wanted):
    """Frames that are not centred stand half a hop later, and the sound lasts as long."""
    rise = 5.0  # of the natural logarithm, in a second
    loudness = 1e-3 * np.exp(rise * np.arange(22050) / 22050)
    given = MelSpectrogram(mel_spectrogram(loudness * np.random.default_rng(0).standard_normal(22050), own), own)
    made = convert(given, wanted)
    assert made.seconds == pytest.approx(given.seconds, abs=1e-6)
    times = (np.arange(made.mel.shape[1]) + wanted.delay) * wanted.hop_length / wanted.sample_rate
    late = made.mel.mean(axis=0) - given.mel.mean() - rise * (times - given.seconds / 2)
    assert abs(late[5:-5].mean()) / rise < 2e-3, "seconds; half a hop is 6e-3"


@pytest.mark.parametrize("own", [TACOTRON, WIDE, PARALLEL, PNF_16K])
def test_a_tone_stays_in_its_band(own):
    """Its level is that of noise in a window of another length: sqrt of the lengths' ratio off, not more."""
    tone = Clip(0.3 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000), 16000)
    made, truth = convert(spectrogram(tone, own), RESOUND).decades[:, 100], spectrogram(tone, RESOUND).decades[:, 100]
    assert abs(made.argmax() - truth.argmax()) <= 1
    assert made.max() == pytest.approx(truth.max(), abs=0.25)


@pytest.mark.parametrize("own", [TACOTRON, WIDE, PARALLEL, FRONT_ENDS["pnf"]])
def test_noise_is_as_loud(own):
    noise = Clip(0.1 * np.random.default_rng(0).standard_normal((1, 64000)), 16000)
    found = differences(noise, own, RESOUND)
    assert abs(np.median(found)) < 0.04


@pytest.mark.parametrize("front_end", FRONT_ENDS.values())
def test_its_own_comes_back_as_it_was(front_end):
    own = spectrogram(SPEECH, front_end)
    np.testing.assert_allclose(convert(own, front_end).mel, own.mel, atol=1e-5)


@pytest.mark.parametrize("log", ["natural", "log10"])
def test_a_constant_stays_one(log):
    """Whatever bands and frames there are, with windows alike in samples and seconds."""
    own = replace(RESOUND, hop_length=100, bands=50, log=log)
    made = convert(MelSpectrogram(np.full((50, 30), -1.0, np.float32), own), RESOUND)
    unit = 1 / np.log(10) if log == "natural" else 1
    np.testing.assert_allclose(made.mel, -unit, atol=1e-5)
    assert made.mel.shape == (80, 1 + 29 * 100 // 128)


def test_coarser_frames_are_means_and_finer_ones_lie_between():
    own = replace(RESOUND, hop_length=64)
    flicker = np.tile(np.array([-2.0, -1.0], np.float32), (80, 32))
    np.testing.assert_allclose(convert(MelSpectrogram(flicker, own), RESOUND).mel[:, 1:-1], -1.5, atol=1e-5)
    slope = np.tile(np.linspace(-3, -1, 33, dtype=np.float32), (80, 1))
    made = convert(MelSpectrogram(slope, replace(RESOUND, hop_length=256)), RESOUND).mel
    np.testing.assert_allclose(made, np.tile(np.linspace(-3, -1, 65), (80, 1)), atol=1e-5)


def test_nothing_is_made_up_over_the_range():
    own = MelFrontEnd(8000, 512, 128, 40, 0.0, 4000.0, "log10", 1e-5)
    made = convert(MelSpectrogram(np.zeros((40, 10), np.float32), own), RESOUND).mel
    over = mel_edges(RESOUND)[:-2] >= 4000
    assert (made[over] == -5).all() and (made[~over] > -1).all() and 10 < over.sum() < 40


def test_two_frames_are_enough():
    assert convert(
        MelSpectrogram(np.zeros((80, 2), np.float32), replace(RESOUND, hop_length=8)), RESOUND
    ).mel.shape == (80, 2)
