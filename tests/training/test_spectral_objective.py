"""Objective of the spectral denoiser: evidence, mixtures, gaps, losses."""

import pytest
import torch

from core.errors import InputError
from core.models.gap_mixer import GapMixer, mix_gaps
from core.models.spectral import build
from core.models.spectral_features import DATA_STD, MIXTURE_STD
from core.training.objectives.gap_examples import GapExamples, predict_gap
from core.training.objectives.spectral import (
    EXTRACTOR_SIGMA_RANGE,
    KINDS,
    SpectralObjective,
    bring_to_level,
    gapped,
    log_error,
)


@pytest.fixture
def clean():
    return bring_to_level(torch.randn(1, 24576, generator=torch.Generator().manual_seed(0)))


def test_level(clean):
    assert clean.square().mean().sqrt().item() == pytest.approx(DATA_STD)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_evidence_tells_the_truth_where_it_knows(clean, kind):
    condition = KINDS[kind](clean, torch.Generator().manual_seed(1))
    known = condition.mask == 1
    torch.testing.assert_close(condition.interpolation[known], clean[known])
    assert condition.interpolation.shape == condition.known.shape == clean.shape
    assert (condition.known[~known] == 0).all()
    if known.any():
        assert not known.all()


def test_gaps_have_the_lengths_asked_for(clean):
    mask = gapped(clean, torch.Generator().manual_seed(2), 0.05, 0.05001).mask[0]
    starts = ((mask[1:] == 0) & (mask[:-1] == 1)).sum().item()
    assert starts >= 2 and (mask == 0).sum().item() == 800 * starts


def test_loss_is_the_log_of_the_error_where_nothing_is_known(clean):
    where = torch.zeros_like(clean)
    where[:, :100] = 1
    estimate = clean + 0.1
    assert log_error(estimate, clean, where).item() == pytest.approx(2 * torch.log(torch.tensor(0.1)).item(), abs=1e-3)


def test_gradients_reach_every_weight_of_the_network_that_is_trained(clean):
    shares = {"estimator": (1,), "denoiser": (0, 0), "free": (0, 1), "gaps": (0, 0, 1), "extractor": (0, 0, 0, 1)}
    sizes = {"free_channels": 8, "gap_channels": 8, "extractor_channels": 8}
    for name, share in shares.items():
        model = build({"channels": 8, "blocks": 2, "patch": 4, **sizes})
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.05)
        objective = SpectralObjective(*(share + (0,) * 4)[:4])
        objective.others = [Noise()]
        objective.loss(model, clean, torch.Generator().manual_seed(3))[0].backward()
        for other in shares:
            gradients = [p.grad for p in getattr(model, other).parameters()]
            assert (
                all(g.abs().sum() > 0 for g in gradients)
                if other == name
                else not any(g is not None for g in gradients)
            )


class Noise:
    """Recordings of white noise."""

    def sample(self, length, generator):
        return 0.05 * torch.randn(length, generator=generator)


def test_mixtures_are_as_loud_as_two_sources_and_hold_the_source(clean):
    objective, generator = SpectralObjective(), torch.Generator().manual_seed(0)
    objective.others, balances, absent = [Noise()], [], 0
    for _ in range(200):
        source, mixture = objective._mix(bring_to_level(clean), generator)
        assert mixture.square().mean(dim=1).sqrt().sub(MIXTURE_STD).abs().max() < 1e-4
        if not source.any():
            absent += 1
            continue
        rest = mixture - source
        assert (rest * source).mean().abs() < 0.05 * MIXTURE_STD**2, "what is added has nothing of the source"
        balances.append(10 * (rest.square().mean() / source.square().mean()).log10().item())
    assert 2 <= absent <= 25 and 4 < torch.tensor(balances).std() < 8


class Deaf:
    """Hears silence, and keeps the chains that it was asked about."""

    def __init__(self):
        self.chains = []

    def extract(self, x, sigma, mixture):
        self.chains.append((sigma[0].item(), x))
        return torch.zeros_like(x, requires_grad=True)


def test_chains_stand_between_the_truth_and_what_was_heard_at_first(clean):
    objective, generator = SpectralObjective(), torch.Generator().manual_seed(0)
    objective._mix = lambda clean, generator, **options: (bring_to_level(clean), bring_to_level(clean))
    shares = []
    for _ in range(300):
        model = Deaf()
        objective._extractor_loss(model, torch.nn.functional.pad(clean, (0, clean.shape[1] // 4)), generator)
        *first, (sigma, chain) = model.chains
        assert [level for level, _ in first] in ([], [EXTRACTOR_SIGMA_RANGE[1]])
        if sigma < 0.05:
            power = (chain.square().mean() - sigma**2).item() / DATA_STD**2  # of the truth, as silence was heard
            shares.append(1 - max(power, 0) ** 0.5)
            assert first or abs(shares[-1]) < 0.1
    assert 0.1 < torch.tensor(shares).median() < 0.6 and max(shares) > 0.7, "a share from 0 to 1 of the way"


def test_mixtures_without_a_part_for_them_or_other_sounds_are_refused():
    objective = SpectralObjective(0.0, 0.0, extractor_share=0.5)
    with pytest.raises(InputError, match="extractor_channels"):
        objective.build({"channels": 8})
    with pytest.raises(InputError, match="--others"):
        objective.build({"channels": 8, "extractor_channels": 8})


def test_training_on_one_question_lowers_its_error(clean):
    """Sixty updates on smooth noise, of which every fourth sample is known, beat the spline."""
    torch.manual_seed(0)
    smooth = bring_to_level(torch.nn.functional.avg_pool1d(clean[:, None, :8192], 7, 1, 3)[:, 0])
    model = build({"channels": 16, "blocks": 2, "patch": 4})
    optimizer = torch.optim.Adam(model.estimator.parameters(), lr=5e-3)
    condition = KINDS[0](smooth, torch.Generator())
    spline = log_error(condition.interpolation, smooth, 1 - condition.mask).item()
    for _ in range(60):
        estimate = model.estimate(condition.interpolation, condition.known, condition.mask)
        loss = log_error(estimate, smooth, 1 - condition.mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < spline - 0.3


@pytest.mark.parametrize("shares", [{"gap_share": 0.5}, {"free_share": -0.1}])
def test_shares_are_shares(shares):
    with pytest.raises(InputError, match="sum to more than 1"):
        SpectralObjective(**shares)


def test_gaps_without_a_mixer_are_refused():
    with pytest.raises(InputError, match="gap_channels"):
        SpectralObjective(0.0, 0.0, gap_share=0.5).build({"channels": 8})


def tones(samples=24576):
    t = torch.arange(samples) / 16000
    return 0.1 * (2 * torch.pi * 440 * t).sin()[None] + 0.002 * torch.randn(1, samples, generator=torch.Generator())


def test_examples_of_gaps_are_kept_and_shown_again():
    examples, generator = GapExamples(kept=3, batch=4), torch.Generator().manual_seed(0)
    for count in (1, 2, 3, 3):
        truths, guesses, gaps = examples.draw(tones(), generator)
        assert len(examples.examples) == count
        assert truths.shape[0] == len(gaps) == 4 and guesses.shape == (4, 3, truths.shape[1])
    for truth, guess, (start, stop) in zip(truths, guesses, gaps, strict=True):
        assert 0.02 * 16000 - 1 <= stop - start <= 0.4 * 16000
        assert torch.equal(guess[:, :start], truth[:start].expand(3, -1)), "outside the gap they are the truth"
        assert (guess[0, start:stop] - truth[start:stop]).std() < 0.2 * truth.std(), "a tone is easy to predict"


def test_a_gap_that_cannot_be_predicted_gives_no_example():
    assert predict_gap(torch.zeros(20000), 800, 10000) is None


def test_a_fresh_mixer_answers_with_the_first_guess_and_fills_every_gap():
    guesses = 0.1 * torch.randn(3, 2, 9000, generator=torch.Generator().manual_seed(1))
    guesses = torch.nn.functional.avg_pool1d(guesses, 7, 1, 3)  # the transform has no bin for the highest frequency
    mask = torch.ones(2, 9000)
    mask[:, 2000:2400] = mask[:, 6000:6100] = 0
    mixer = GapMixer(8, 2).eval()
    with torch.no_grad():
        mixed = mix_gaps(mixer, guesses, mask)
        torch.testing.assert_close(mixed, guesses[0], rtol=0, atol=2e-3)
        torch.nn.init.normal_(mixer.head.weight, std=0.1)
        mixed = mix_gaps(mixer, guesses, mask)
    assert torch.equal(mixed[mask == 1], guesses[0][mask == 1])
    assert (mixed - guesses[0])[mask == 0].abs().max() > 1e-3
