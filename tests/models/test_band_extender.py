"""The band extender: what is known stays, what is made has a source, and nothing comes of nothing."""

import pytest
import torch

from core.models.band_extender import BandExtender, ExtenderConfig, fold_band, rectified, whitened
from core.models.spectral_features import DATA_STD
from core.signal.stft import BINS, stft

RATE, SAMPLES = 16000, 16384


@pytest.fixture
def extender():
    torch.manual_seed(0)
    model = BandExtender(ExtenderConfig(channels=8, blocks=2))
    torch.nn.init.normal_(model.head.weight, std=0.3)
    return model.requires_grad_(False)


def tone(hertz, phase=0.0):
    return torch.cos(2 * torch.pi * hertz * torch.arange(SAMPLES) / RATE + phase)[None]


def noise(rows=1, seed=0):
    return torch.randn(rows, SAMPLES, generator=torch.Generator().manual_seed(seed))


def loudest_hertz(spectrum):
    return (spectrum.abs()[0, :, 8:-8].mean(dim=1).argmax() * RATE / 2 / BINS).item()


@pytest.mark.parametrize("share", [0.2, 0.46, 0.9])
def test_the_band_under_the_cutoff_stays_and_one_over_it_is_made(extender, share):
    waveform = DATA_STD * noise()
    made = extender(waveform, torch.tensor([share]), noise(seed=1))
    difference = torch.fft.rfft((made - waveform)[:, 2048:-2048] * torch.hann_window(SAMPLES - 4096))
    bins = difference.shape[1]
    under, over = difference[:, : int(share * bins) - 40], difference[:, int((share + 0.02) * bins) :]
    assert under.abs().max() < 1e-3 * over.abs().max()


def test_every_draw_has_its_own_noise(extender):
    waveform, cutoff = DATA_STD * noise(2), torch.tensor([0.5, 0.25])
    noises = noise(4, seed=1)
    one, other = extender(waveform, cutoff, noises).chunk(2)
    torch.testing.assert_close(other, extender(waveform, cutoff, noises[2:]))
    assert (one - other).abs().max() > 1e-4


def test_nothing_is_made_over_silence(extender):
    waveform = DATA_STD * noise()
    waveform[:, 6000:12000] = 0
    made = extender(waveform, torch.tensor([0.5]), noise(seed=1))
    assert made[:, 7200:10800].abs().max() < 1e-7


def test_a_folded_band_is_the_mirror_image_of_the_band(extender):
    cutoff = torch.tensor([0.25])  # 2 kHz
    assert loudest_hertz(fold_band(stft(tone(1500)), cutoff)[:, 130:]) + 130 * RATE / 2 / BINS == 2500
    folded = stft(tone(2500, phase=-0.7))[0, 160, 8:-8]
    torch.testing.assert_close(fold_band(stft(tone(1500, phase=0.7)), cutoff)[0, 160, 8:-8], folded, atol=0, rtol=1e-3)


def test_rectification_goes_on_with_the_harmonics():
    voiced = sum(tone(250 * n) for n in range(1, 8))  # under 2 kHz
    spectrum = stft(rectified(voiced))[0, :, 8:-8].abs().mean(dim=1)
    harmonics, between = spectrum[[16 * n for n in range(9, 24)]], spectrum[[16 * n + 8 for n in range(9, 24)]]
    assert (harmonics > 5 * between).all()


def test_whitened_spectra_have_unit_magnitude_on_average():
    spectrum = stft(noise()) * torch.linspace(1, 1e-3, BINS)[:, None]
    assert whitened(spectrum).abs().mean().item() == pytest.approx(1, abs=0.05)
