"""Mel spectrograms against the recordings of the original front-ends."""

from dataclasses import replace

import numpy as np
import pytest

from core.signal.mel import FRONT_ENDS, mel_spectrogram


def test_shape_and_floor():
    """Silence lies at the floor in every band; frames = 1 + n // hop."""
    for front_end in FRONT_ENDS.values():
        mel = mel_spectrogram(np.zeros(5000, dtype=np.float32), front_end)
        logarithm = np.log if front_end.log == "natural" else np.log10
        assert mel.shape == (80, 1 + 5000 // 256) and mel.dtype == np.float32
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


@pytest.mark.parametrize("name", ["plain", "with_silence"])
def test_pnf_goldens(name, parity_folder):
    """PnF trims silence and divides by the peak before its spectrogram; here the goldens say where it trimmed."""
    folder = parity_folder / "mel_frontends"
    goldens = np.load(folder / "pnf_expected.npz")
    start, stop = goldens[f"{name}_trim_index"]
    trimmed = np.load(folder / "pnf_inputs.npz")[name][start:stop]
    mel = mel_spectrogram(trimmed / np.abs(trimmed).max(), FRONT_ENDS["pnf"])
    np.testing.assert_allclose(mel.T, goldens[f"{name}_feats"], atol=1e-4)
