"""The small network for separation by direction: lengths, levels, what it is shown, and that it can learn."""

import pytest
import torch

from core.arrays.geometry import ARRAYS
from core.arrays.steering import Steering
from core.models.cone_mask import ConeMask, ConeMaskConfig, planes, root_mean_square, steered_features
from core.signal.stft import BINS, stft

SMALL = {"channels": 8, "blocks": 2}
ARRAY = Steering(ARRAYS["circle-6"], 16000, "exact")


def network(microphones: int = 4, **sizes) -> ConeMask:
    """With weights that do something, unlike fresh ones."""
    torch.manual_seed(0)
    model = ConeMask(ConeMaskConfig(microphones, **(SMALL | sizes)))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("microphones", [4, 6])
@pytest.mark.parametrize("frames", [32, 1000, 5001])
@torch.no_grad()
def test_voices_have_the_shape_of_the_mixture(microphones, frames):
    x = noise(2, microphones, frames)
    voices = network(microphones)(x, torch.tensor([0, 4]))
    assert voices.shape == x.shape and voices.isfinite().all() and voices.any()


@torch.no_grad()
def test_silence_stays_silence():
    assert not network()(torch.zeros(1, 4, 3000), torch.tensor([2])).any()


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e4])
@torch.no_grad()
def test_the_level_does_not_matter(scale):
    model, x, window = network(), noise(1, 4, 3000), torch.tensor([1])
    torch.testing.assert_close(model(scale * x, window) / scale, model(x, window), rtol=0, atol=2e-3)


@torch.no_grad()
def test_answers_are_repeated_and_a_batch_is_its_items():
    model, x, windows = network().eval(), noise(3, 4, 3000), torch.tensor([0, 2, 4])
    together = model(x, windows)
    assert torch.equal(together, model(x, windows))
    for n in range(3):
        torch.testing.assert_close(together[n : n + 1], model(x[n : n + 1], windows[n : n + 1]))
    assert not torch.allclose(together[:1], model(x[:1], windows[1:2]), rtol=1e-2), "the window matters"


def test_a_fresh_network_gives_half_of_the_mixture():
    x = torch.nn.functional.avg_pool1d(noise(1, 4, 3000), 7, 1, 3)  # the transform lacks the highest frequency
    voices = ConeMask(ConeMaskConfig(**SMALL))(x, torch.tensor([0])).detach()
    torch.testing.assert_close(voices, x / 2, rtol=0, atol=1e-3)


def test_gradients_reach_every_weight():
    model = network(microphones=6)
    model(noise(5, 6, 3000), torch.arange(5)).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_a_plane_wave_looks_aligned_where_it_comes_from():
    heard = ARRAY.back(noise(1, 8192).expand(6, -1), 0.5)
    features = {angle: steered_features(stft(ARRAY.towards(heard, angle))[None]) for angle in (0.5, 2.0)}
    assert features[0.5].shape == (1, planes(6), BINS, 33)
    ratio = {angle: f[:, 1, 20:400, 4:-4].mean() for angle, f in features.items()}
    cosines = {angle: f[:, 2:7, 20:400, 4:-4].mean() for angle, f in features.items()}
    assert ratio[0.5].abs() < 0.05 and cosines[0.5] > 0.95
    assert ratio[2.0] < -0.5 and cosines[2.0] < 0.5


def test_the_level_of_silence_is_one():
    levels = root_mean_square(torch.stack([torch.zeros(2, 9), torch.full((2, 9), 1e-25), torch.full((2, 9), -3.0)]))
    torch.testing.assert_close(levels.flatten(), torch.tensor([1.0, 1e-25, 3.0]), rtol=1e-5, atol=0)


def test_two_sources_are_learnt_apart():
    """Sixty updates on one mixture of two noises, asked for the one and for the other."""
    torch.manual_seed(0)
    sources = [ARRAY.back(noise(1, 8192, seed=seed).expand(6, -1), angle) for seed, angle in ((1, 0.0), (2, 2.0))]
    mixtures, targets = (
        torch.stack([ARRAY.towards(x, angle) for x, angle in zip(sounds, (0.0, 2.0), strict=True)])
        for sounds in ([sum(sources)] * 2, sources)
    )
    model = ConeMask(ConeMaskConfig(6, channels=16, blocks=2))
    optimizer, errors = torch.optim.Adam(model.parameters(), 1e-2), []
    for _ in range(60):
        error = (model(mixtures, torch.tensor([3, 3])) - targets).square().mean() / targets.square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(10 * error.detach().log10().item())
    assert errors[0] > -4 and errors[-1] < errors[0] - 3
