"""The LQ-VAE: lengths, codes that follow frames, and what becomes of pairs of sounds."""

import pytest
import torch

from core.errors import InputError
from core.models import lqvae
from core.models.lqvae import Codebook
from core.models.lqvae_losses import LossWeights, linearise, losses_of, magnitudes

SIZES = {"width": 4, "depth": 2, "code_width": 3, "classes": 6}
SAMPLES = 1536  # the longest window's half, and more


@pytest.fixture
def model() -> lqvae.LQVAE:
    return make()


def make(**changes) -> lqvae.LQVAE:
    torch.manual_seed(0)
    made = lqvae.build({**SIZES, **changes})
    for level in made.config.levels:
        made.codebook(level).k.normal_(std=0.1)
    return made.eval()


def sounds(count: int = 4, samples: int = SAMPLES) -> torch.Tensor:
    return 0.3 * torch.randn(count, samples, generator=torch.Generator().manual_seed(1))


def test_a_code_is_as_long_as_its_levels_strides_say(model):
    assert model.config.hops == (4, 16, 64) and model.hop() == 64
    for level, hop in enumerate(model.config.hops):
        codes = model.encode(sounds(samples=5 * 64 + 7), level)
        assert codes.shape == (4, (5 * 64 + 7) // hop)
        assert model.decode(codes, level).shape == (4, codes.shape[1] * hop)


def test_stages_shorten_by_their_own_strides():
    model = make(downs=[1, 3], strides=[4, 2], multipliers=[1, 2], levels=[0, 1])
    assert model.config.hops == (4, 32)
    codes = model.encode(sounds(samples=64))
    assert codes.shape == (4, 2) and model.decode(codes).shape == (4, 64)


def test_the_top_level_alone_is_that_of_the_whole(model):
    alone = make(levels=[2])
    state = model.state_dict()
    alone.load_state_dict({key: state[key] for key in alone.state_dict()})
    assert torch.equal(alone.encode(sounds()), model.encode(sounds()))


def test_dilations_grow_in_encoders_shrink_in_decoders_and_begin_anew():
    model = make(depth=4, dilation_cycle=2)
    encoder, decoder = model.encoders["2"].level_blocks[0].model[0][1], model.decoders["2"].level_blocks[0].model[1][0]
    dilations = [[block.model[1].dilation[0] for block in stack.model] for stack in (encoder, decoder)]
    assert dilations == [[1, 3, 1, 3], [3, 1, 3, 1]]


@pytest.mark.parametrize("wrong", [{"levels": [3]}, {"levels": []}, {"strides": [2]}, {"levels": [1, 0]}], ids=str)
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="stages"):
        lqvae.build({**SIZES, **wrong})


# ---- codes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def book() -> Codebook:
    torch.manual_seed(0)
    book = Codebook(5, 2, decay=0.9)
    book.k.normal_()
    book.restore(50)
    return book


def frames(count: int = 12) -> torch.Tensor:
    return torch.randn(1, 2, count, generator=torch.Generator().manual_seed(2))


def test_codes_are_the_nearest(book):
    made = book.eval()(frames())
    distances = torch.cdist(frames()[0].t(), book.k)
    assert torch.equal(made.codes[0], distances.argmin(dim=1))
    assert made.fit.item() == pytest.approx(distances.amin(dim=1).square().mean().item(), rel=1e-5)
    assert made.commitment.item() == pytest.approx(made.fit.item() / 2, rel=1e-5)
    torch.testing.assert_close(made.vectors, book.look_up(made.codes))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_pass_the_codes_in_training_alone(book, training):
    x = frames().requires_grad_()
    made = book.train(training)(x)
    assert made.vectors.requires_grad == training
    if training:
        made.vectors.sum().backward()
        assert torch.equal(x.grad, torch.ones_like(x))


def test_codes_are_running_means_of_their_frames(book):
    before, rows = book.k.clone(), frames()[0].t()
    codes = book.nearest(rows)[0]
    usage = book.train()(frames()).usage
    for code in range(5):
        own = rows[codes == code]
        mean = (0.9 * 10 * before[code] + 0.1 * own.sum(dim=0)) / (0.9 * 10 + 0.1 * len(own))
        torch.testing.assert_close(book.k[code], mean)
    assert usage.alive == 5 and usage.present == len(codes.unique())


def test_a_code_that_nothing_is_near_to_begins_anew(book):
    book.k[0] = 1e3
    book.restore(5)  # one for each: under the threshold after an update without any
    book.train()(frames())
    rows = frames()[0].t()
    assert (book.k[0] - rows).norm(dim=1).min() < 1e-6
    assert book.counts[0] == 1 and torch.equal(book.sums[0], book.k[0])


def test_a_code_that_began_anew_stays_while_it_is_used(book):
    book.k[0] = 1e3
    book.restore(5)
    x = frames()
    book.train()(x)
    used = book.k[0].view(1, 2, 1).expand(-1, -1, 3).clone()
    before = book.k.clone()
    book(used)
    torch.testing.assert_close(book.k[0], before[0])
    assert book.counts[0] > 1


@pytest.mark.parametrize("count", [3, 12])
def test_the_first_batch_makes_the_codes(count):
    """Of fewer frames than codes some are repeated, nearly."""
    torch.manual_seed(0)
    book = Codebook(5, 2, decay=0.9).train()
    book._begin(frames(count)[0].t())
    nearest = torch.cdist(book.k, frames(count)[0].t()).amin(dim=1)
    assert nearest.max() < 0.05
    fresh = Codebook(5, 2, decay=0.9).train()
    assert fresh(frames()).usage is not None and fresh.counts.any()


# ---- pairs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_an_odd_batch_is_refused(model, count):
    with pytest.raises(InputError, match="must be even"):
        linearise(model, sounds(count))


def test_a_sound_and_itself_have_no_latent_loss(model):
    made = linearise(model, sounds(2).repeat(2, 1))
    assert list(made) == [2, 1, 0]
    for one in made.values():
        assert torch.equal(one.mixtures.codes, one.sources.codes[:2])
        assert torch.equal(one.sums.codes, one.sources.codes[:2])
        assert one.latent_loss() < 1e-12  # rounding of the vectors


def test_mixtures_are_means_of_the_halves(model):
    made = linearise(model, sounds())
    halves = sounds().view(2, 2, -1)
    for level, one in made.items():
        assert torch.equal(one.mixtures.codes, model.encode(halves.mean(dim=0), level))
        mean = one.sources.vectors.view(2, 2, *one.sources.vectors.shape[1:]).mean(dim=0)
        assert torch.equal(one.sums.codes, model.codebook(level)(mean).codes)


def test_each_of_three_choices_moves_the_codes(model):
    book = model.train().codebook(2)
    counts = []
    book.restore(600)
    book.register_forward_hook(lambda *_: counts.append(book.counts.sum().item()))
    linearise(model, sounds())
    n = SAMPLES // 64  # codes of a sound
    expected, total = [], 600
    for sounds_of_choice in (4, 2, 2):
        total = 0.99 * total + 0.01 * sounds_of_choice * n
        expected.append(total)
    assert counts == pytest.approx(expected)


def test_losses_in_closed_form():
    target, made = torch.zeros(2, SAMPLES), torch.full((2, SAMPLES), 0.5)
    made[:, :10] = 1.0
    squared = (10 + 0.25 * (SAMPLES - 10)) / SAMPLES
    weights = {"l1": LossWeights(l1=1, l2=0, worst=0, scale_l1=0.5), "l2": LossWeights(l2=1, worst=0, scale_l2=0.1)}
    assert weights["l2"].reconstruction(target, made).item() == pytest.approx(10 * squared)
    assert weights["l1"].reconstruction(target, made).item() == pytest.approx(2 * (10 + (SAMPLES - 10) / 2) / SAMPLES)
    worst = LossWeights(l2=0, worst=1, worst_count=20)
    assert worst.reconstruction(target, made).item() == pytest.approx((10 + 10 * 0.25) / 20)


def test_the_total_weighs_the_parts_of_all_levels(model):
    made, weights = linearise(model, sounds()), LossWeights(spectral=0.5, multispectral=2, commit=3, latent=4)
    losses = losses_of(sounds(), made, weights)
    parts = [(1, losses.reconstruction), (0.5, losses.spectral), (2, losses.multispectral), (4, losses.latent)]
    total = sum(weight * loss for weight, by_level in parts for loss in by_level.values())
    assert losses.total(weights).item() == pytest.approx((total + 3 * (losses.commit + losses.commit_sums)).item())
    perfect = {level: one._replace(waveform=sounds()) for level, one in made.items()}
    right = losses_of(sounds(), perfect, weights)
    assert all(loss == 0 for part in right[:3] for loss in part.values())


def test_magnitudes_can_be_learnt_from_silence():
    silence = torch.zeros(1, SAMPLES, requires_grad=True)
    magnitudes(silence, (512, 50, 240)).sum().backward()
    assert silence.grad.isfinite().all()


def test_both_ways_learn_at_every_level(model):
    model.train()
    for level in model.config.levels:
        model.codebook(level).restore(1e4)
    losses_of(sounds(), linearise(model, sounds()), LossWeights()).total(LossWeights()).backward()
    for level in "012":
        first, last = model.encoders[level].level_blocks[0].model[0][0], model.decoders[level].out
        assert first.weight.grad.any() and last.weight.grad.any()
