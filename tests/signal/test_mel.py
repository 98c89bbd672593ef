"""Mel spectrograms against the recordings of the original front-ends."""

from dataclasses import replace

import numpy as np
import pytest

from core.evaluation.parity import run_parity
from core.signal.mel import FRONT_ENDS, MelScaler, mel_spectrogram
from core.signal.preparation import low_cut, prepare


def test_shape_and_floor():
    """Silence lies at the floor in every band; frames = 1 + n // hop, those that are not centred n // hop."""
    for front_end in FRONT_ENDS.values():
        mel = mel_spectrogram(np.zeros(5000, dtype=np.float32), front_end)
        logarithm = np.log if front_end.log == "natural" else np.log10
        assert mel.shape == (80, front_end.centred + 5000 // front_end.hop_length) and mel.dtype == np.float32
        np.testing.assert_allclose(mel, logarithm(front_end.floor), rtol=1e-6)


def test_a_level_is_an_offset():
    """Twice as loud is log 2 more in every band over the floor."""
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    for front_end in FRONT_ENDS.values():
        step = mel_spectrogram(2 * noise, front_end) - mel_spectrogram(noise, front_end)
        np.testing.assert_allclose(step, np.log(2) if front_end.log == "natural" else np.log10(2), atol=1e-4)


@pytest.mark.parametrize(("name", "hop_length"), [("vocoder_hop256", 256), ("harder_hop2048", 2048)])
@pytest.mark.parametrize(("end", "key"), [(None, "mel"), (1000, "mel_first1000")])
def test_tacotron_goldens(name, hop_length, end, key, parity_folder):
    folder = parity_folder / "mel_frontends"
    audio = np.load(folder / "tacotron_inputs.npz")["audio_int16"][:end] / np.float32(32768)
    expected = np.load(folder / "tacotron_expected.npz")[f"{name}_{key}"]
    mel = mel_spectrogram(audio, replace(FRONT_ENDS["tacotron"], hop_length=hop_length))
    np.testing.assert_allclose(mel, expected, atol=2e-4)


def test_pnf_goldens(parity_folder):
    checks = list(run_parity(parity_folder, system="mel_frontends", only="pnf"))
    assert len(checks) == 17 and not [check for check in checks if not check.ok]


def test_a_scaler_brings_every_band_to_mean_0_and_deviation_1_and_back():
    rng = np.random.default_rng(0)
    parts = [rng.normal(3, 2, (5, frames)) * np.arange(5)[:, None] for frames in (7, 100, 1)]
    scaler, whole = MelScaler.fit(parts), np.concatenate(parts, axis=1)
    np.testing.assert_allclose(scaler.mean, whole.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(scaler.scale[1:], whole.std(axis=1)[1:], atol=1e-12)
    assert scaler.scale[0] == 1, "a band that never changes keeps its scale"
    np.testing.assert_allclose(scaler.restore(scaler.normalise(parts[1])), parts[1], atol=1e-5)


def test_preparing_trims_silence_and_sets_the_peak():
    sound = np.concatenate([np.zeros(8000), 0.1 * np.sin(np.arange(16000) / 5), np.zeros(8000)])
    prepared = prepare(sound, 16000)
    assert np.abs(prepared).max() == 1 and 16000 <= len(prepared) < 19000
    assert not prepare(np.zeros(4000), 16000).any()


def test_the_low_cut_takes_the_lows_and_leaves_the_rest():
    t = np.arange(22050) / 22050
    for frequency, least, most in ((20, 0.0, 0.35), (500, 0.98, 1.02)):
        tone = np.sin(2 * np.pi * frequency * t)
        assert least <= low_cut(tone, 100, 22050)[2000:].std() / tone.std() <= most
