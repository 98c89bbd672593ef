"""Cone of Silence's network: lengths, levels, what it cannot fail at, and the goldens."""

import pytest
import torch

from core.evaluation.parity import run_parity
from core.models.cone import ConeConfig, ConeNetwork, normalise, unnormalise

SIZES = ConeConfig(microphones=3, depth=3, channels=4, growth=1.5, lstm_layers=1)


@pytest.fixture
def network() -> ConeNetwork:
    torch.manual_seed(0)
    return ConeNetwork(SIZES).requires_grad_(False)


def mixtures(batch: int, frames: int, scale: float = 0.1) -> torch.Tensor:
    return scale * torch.randn(batch, 3, frames, generator=torch.Generator().manual_seed(1))


def windows(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers)


def test_widths_grow_rounded_down():
    assert SIZES.widths == [4, 6, 9]
    assert ConeConfig().widths == [64, 128, 256, 512, 1024, 2048]


@pytest.mark.parametrize("config", [SIZES, ConeConfig()], ids=["small", "published"])
def test_valid_length_is_long_enough_and_used_to_the_last_sample(config):
    for frames in (1, 7, 100, 5000):
        length = shrunk = config.valid_length(frames)
        for _ in range(config.depth):
            assert (shrunk - config.kernel_size) % config.stride == 0
            shrunk = (shrunk - config.kernel_size) // config.stride + 1
        for _ in range(config.depth):
            shrunk = (shrunk - config.context) * config.stride + config.kernel_size
        assert frames <= shrunk <= length


@pytest.mark.parametrize("frames", [1, 2, 100, 1001])
def test_voices_have_the_shape_of_the_mixture(network, frames):
    x = mixtures(2, frames)
    assert network(x, windows(0, 4)).shape == x.shape
    assert network.heads(x, windows(0, 4)).shape == (2, 2, 3, frames)


def test_a_batch_is_its_items(network):
    x = mixtures(3, 500)
    together = network(x, windows(0, 2, 4))
    for n, number in enumerate((0, 2, 4)):
        torch.testing.assert_close(together[n : n + 1], network(x[n : n + 1], windows(number)))


def test_the_window_changes_the_answer(network):
    x = mixtures(1, 500).expand(2, -1, -1)
    wide, narrow = network(x, windows(0, 4))
    assert not torch.allclose(wide, narrow, rtol=1e-2)


def test_level_and_offset_of_a_mixture_are_those_of_its_voices(network):
    """A factor of a power of two keeps the steps of 16 bits."""
    x = (mixtures(1, 500) * 2**15).round() / 2**15
    torch.testing.assert_close(network(2 * x + 0.25, windows(1)), 2 * network(x, windows(1)) + 0.25)


def test_normalised_channels_have_unit_deviation_together():
    x, mean, std = normalise(mixtures(2, 500) + 0.3)
    reference = x.mean(dim=1)
    torch.testing.assert_close(reference.mean(dim=1), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(reference.std(dim=1), torch.ones(2))
    assert mean.shape == std.shape == (2, 1, 1)


def test_normalisation_has_an_inverse():
    rounded = (mixtures(2, 500) * 2**15).round() / 2**15
    x, mean, std = normalise(rounded)
    torch.testing.assert_close(unnormalise(x, mean, std), rounded)


@pytest.mark.parametrize("silence", [torch.zeros(1, 3, 300), torch.full((1, 3, 300), 1e-6)], ids=["digital", "faint"])
def test_silence_stays_silent(network, silence):
    """The original gives NaN."""
    assert not network(silence, windows(0)).any()


def test_what_cannot_be_normalised_does_no_harm(network):
    x = mixtures(1, 300)
    x[:, 2] = -x[:, 0] - x[:, 1]  # channels that cancel
    for hard in (x, torch.full((1, 3, 300), 0.5), mixtures(1, 1)):
        assert network(hard, windows(0)).isfinite().all()


def test_gradients_reach_every_weight(network):
    network.requires_grad_(True)
    network(mixtures(2, 400), windows(0, 1)).abs().mean().backward()
    assert not [name for name, weight in network.named_parameters() if weight.grad is None]


def test_fresh_weights_are_brought_closer_to_one_deviation():
    """To the geometric mean of both, so that four times the one is twice the other."""
    deviations = {}
    for rescale in (0.1, 0.4):
        torch.manual_seed(0)
        network = ConeNetwork(ConeConfig(microphones=3, depth=2, channels=8, rescale=rescale))
        deviations[rescale] = network.encoder[0].conv.weight.std().item()
    assert deviations[0.4] == pytest.approx(2 * deviations[0.1])


@pytest.mark.parametrize("folder", ["net_4ch", "net_6ch"])
def test_goldens(parity_folder, folder):
    checks = list(run_parity(parity_folder, system="cone_of_silence", only=folder))
    assert len(checks) > 10 and all(check.ok for check in checks)
