"""The spectral denoiser and its transform."""

import pytest
import torch

from core.models.spectral import SpectralConfig, SpectralDenoiser
from core.models.spectral_features import DATA_STD, MIXTURE_STD
from core.signal.stft import istft, stft


def smooth_noise(rows, samples, seed):
    """White noise with nothing at the Nyquist frequency, whose bin the transform leaves out."""
    noise = torch.randn(rows, 1, samples, generator=torch.Generator().manual_seed(seed))
    kernel = torch.tensor([[[1.0, 4.0, 6.0, 4.0, 1.0]]]) / 16
    return torch.nn.functional.conv1d(noise, kernel, padding=2)[:, 0]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SpectralDenoiser(SpectralConfig(channels=8, blocks=2, free_channels=8, extractor_channels=8)).eval()


@pytest.mark.parametrize("samples", [32, 255, 256, 4096, 5001])
def test_transform_round_trip(samples):
    smooth = smooth_noise(2, samples, seed=samples)
    torch.testing.assert_close(istft(stft(smooth), samples), smooth, rtol=0, atol=5e-3)


def test_white_noise_has_bins_of_its_own_variance():
    noise = 0.3 * torch.randn(1, 160_000, generator=torch.Generator().manual_seed(0))
    assert stft(noise).abs().square().mean().item() == pytest.approx(0.09, rel=0.02)


def test_a_steady_tone_stands_still():
    tone = torch.cos(2 * torch.pi * 100 / 1024 * torch.arange(16000))[None]  # the centre of bin 100
    phase = stft(tone)[0, 100, 4:-4].angle()
    assert (phase - phase[0]).abs().max() < 1e-3


def test_fresh_networks_answer_with_the_wiener_gain_and_the_interpolation(model):
    """Before training: x times data variance over total variance, and the interpolation as it is."""
    x = smooth_noise(1, 4096, seed=1)
    sigma = torch.tensor([DATA_STD])
    torch.testing.assert_close(model(x, sigma), x / 2, rtol=0, atol=5e-3)
    mask = torch.zeros_like(x)
    torch.testing.assert_close(model.estimate(x, torch.zeros_like(x), mask), x, rtol=0, atol=5e-3)


def test_rows_of_a_batch_do_not_see_each_other(model):
    torch.nn.init.normal_(model.free.head.weight, std=0.1)
    x = 0.1 * torch.randn(3, 4096, generator=torch.Generator().manual_seed(2))
    sigma = torch.full((3,), 0.05)
    model.free.fast = False
    together = model(x, sigma)
    torch.testing.assert_close(together[1:2], model(x[1:2], sigma[1:2]), rtol=1e-4, atol=1e-6)


def test_a_fresh_extractor_goes_from_half_of_the_mixture_to_what_it_hears(model):
    x, mixture = smooth_noise(1, 4096, seed=1), smooth_noise(1, 4096, seed=2) * MIXTURE_STD
    torch.testing.assert_close(model.extract(x, torch.tensor([1e3]), mixture), mixture / 2, rtol=0, atol=5e-3)
    torch.testing.assert_close(model.extract(x, torch.tensor([1e-4]), mixture), x, rtol=0, atol=5e-3)
