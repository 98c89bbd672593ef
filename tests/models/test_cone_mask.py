"""The small network for separation by direction: lengths, levels, what it is shown, and that it can learn."""

import pytest
import torch

from core.arrays.geometry import ARRAYS
from core.arrays.steering import Steering
from core.models import cone_mask
from core.models.cone_mask import BandAttention, ConeMask, ConeMaskConfig, root_mean_square

SMALL = {"channels": 8, "blocks": 2, "answer_channels": 8, "answer_blocks": 2}
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


def delays(batch: int, windows: int, microphones: int) -> torch.Tensor:
    """Of random directions, in samples."""
    samples = 20 * noise(batch, windows, microphones, seed=2)
    samples[..., 0] = 0
    return samples


@pytest.mark.parametrize("microphones", [4, 6])
@pytest.mark.parametrize("frames", [32, 1000, 5001])
@torch.no_grad()
def test_voices_have_the_shape_of_the_mixture(microphones, frames):
    x = noise(2, microphones, frames)
    voices = network(microphones)(x, delays(2, 3, microphones), torch.tensor([[0, 4, 1], [2, 2, 2]]))
    assert voices.shape == (2, 3, microphones, frames) and voices.isfinite().all() and voices.any()


@torch.no_grad()
def test_silence_stays_silence():
    assert not network()(torch.zeros(1, 4, 3000), delays(1, 1, 4), torch.tensor([[2]])).any()


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e4])
@torch.no_grad()
def test_the_level_does_not_matter(scale):
    model, x, asked = network(), noise(1, 4, 3000), (delays(1, 1, 4), torch.tensor([[1]]))
    torch.testing.assert_close(model(scale * x, *asked) / scale, model(x, *asked), rtol=0, atol=2e-3)


@torch.no_grad()
def test_answers_are_repeated_and_windows_are_asked_about_one_by_one_or_together():
    model, x, towards, windows = network().eval(), noise(2, 4, 3000), delays(2, 3, 4), torch.tensor([[0, 2, 4]] * 2)
    together = model(x, towards, windows)
    assert torch.equal(together, model(x, towards, windows))
    for row in range(2):
        encoded = model.encode(x[row : row + 1])
        for k in range(3):
            alone = model.separate(encoded, towards[row, k][None, None], windows[row, k][None, None])
            torch.testing.assert_close(together[row, k], alone[0, 0])
    other = model(x, towards, windows.flip(1))
    assert not torch.allclose(together[:, 0], other[:, 0], rtol=1e-2), "the window matters"
    assert not torch.allclose(together[:, 0], model(x, -towards, windows)[:, 0], rtol=1e-2), "the direction matters"


def test_a_fresh_network_gives_half_of_the_mixture_aligned_to_each_window():
    x = torch.nn.functional.avg_pool1d(noise(6, 8192), 7, 1, 3)  # the transform lacks the highest frequency
    angles = [0.5, 2.0]
    towards = torch.from_numpy(ARRAY.delays(angles)).float()[None]
    voices = ConeMask(ConeMaskConfig(6, **SMALL))(x[None], towards, torch.tensor([[0, 4]])).detach()
    inside = slice(100, -100)  # of the signal: exact alignment rolls its ends around
    torch.testing.assert_close(voices[0][..., inside], ARRAY.towards(x, angles)[..., inside] / 2, rtol=0, atol=1e-3)


def test_gradients_reach_every_weight():
    model = network(microphones=6)
    model(noise(1, 6, 3000), delays(1, 5, 6), torch.arange(5)[None]).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_a_plane_wave_looks_aligned_where_it_comes_from():
    """Steered to its direction its phase differences vanish, and nothing is lost when channels are summed."""
    model = network(microphones=6)
    encoded = model.encode(ARRAY.back(noise(1, 8192).expand(6, -1), 0.5)[None])
    ratio, cosines = {}, {}
    for angle in (0.5, 2.0):
        turns = 2 * torch.pi * torch.from_numpy(ARRAY.delays(angle))[None, 1:, None, None] * torch.arange(512)[:, None]
        shown = model._steered(*encoded.phases, cone_mask.fold(turns.float() / 1024, 4))
        inside = shown[:, :, 5:100, 4:-4]  # bins that have phases, away from the signal's ends
        ratio[angle], cosines[angle] = inside[:, :4].mean(), inside[:, 4 : 4 + 5 * 4].mean()
    assert ratio[0.5].abs() < 0.05 and cosines[0.5] > 0.95
    assert ratio[2.0] < -0.5 and cosines[2.0] < 0.5


def test_attention_looks_along_time_alone_however_many_moments_fit_at_once(monkeypatch):
    attention, h = BandAttention(8), noise(2, 8, 5, 30)
    whole = attention(h)
    changed = h.clone()
    changed[:, :, 3] += 1
    same = (attention(changed) == whole).all(dim=(0, 1, 3))
    assert same.tolist() == [True, True, True, False, True]
    shuffled = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(attention(h[..., shuffled]), whole[..., shuffled], rtol=0, atol=1e-5)
    monkeypatch.setattr(cone_mask, "PAIRS_AT_ONCE", 1)
    torch.testing.assert_close(attention(h), whole)


def test_the_level_of_silence_is_one():
    levels = root_mean_square(torch.stack([torch.zeros(2, 9), torch.full((2, 9), 1e-25), torch.full((2, 9), -3.0)]))
    torch.testing.assert_close(levels.flatten(), torch.tensor([1.0, 1e-25, 3.0]), rtol=1e-5, atol=0)


@pytest.mark.slow
def test_two_sources_are_learnt_apart():
    """Sixty updates on one mixture of two noises, asked for the one and for the other."""
    torch.manual_seed(0)
    angles = (0.0, 2.0)
    sources = [
        ARRAY.back(noise(1, 8192, seed=seed).expand(6, -1), angle) for seed, angle in zip((1, 2), angles, strict=True)
    ]
    targets = torch.stack([ARRAY.towards(source, angle) for source, angle in zip(sources, angles, strict=True)])
    asked = torch.from_numpy(ARRAY.delays(angles)).float()[None], torch.tensor([[3, 3]])
    model = ConeMask(ConeMaskConfig(6, channels=16, blocks=2, answer_channels=16, answer_blocks=1))
    optimizer, errors = torch.optim.Adam(model.parameters(), 1e-2), []
    for _ in range(60):
        error = (model(sum(sources)[None], *asked)[0] - targets).square().mean() / targets.square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(10 * error.detach().log10().item())
    assert errors[0] > -4 and errors[-1] < errors[0] - 3
