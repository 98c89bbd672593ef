"""Two code streams from one: against the enumerated truth of small codebooks, and what is seldom looked at."""

import itertools
import math

import pytest
import torch

from core.errors import InputError
from core.models import transformer
from core.models.categorical import pick
from core.models.code_sums import CodeSums, sum_codes
from core.samplers import latent
from core.samplers.ancestral import ancestral
from core.samplers.latent import (
    JointPosterior,
    NearPairs,
    latent_posterior,
    noise_variance,
    pair_posterior,
    squared_misfits,
)

SIGMA = 0.6


def codebook(classes: int) -> torch.Tensor:
    return torch.randn(classes, 2, generator=torch.Generator().manual_seed(0))


def prior(seed: int, classes: int, context: int = 6) -> transformer.Transformer:
    torch.manual_seed(seed)
    sizes = {"classes": classes, "code_width": 2, "context": context, "width": 8, "depth": 3, "blocks": 3}
    model = transformer.build(sizes | {"initial": 30.0})
    model.codebook.copy_(codebook(classes))
    return model.eval().requires_grad_(False)


def joint(streams: int, classes: int = 3, *, shares=(0.5, 0.5), kind=JointPosterior, context: int = 6, **settings):
    sums = CodeSums(torch.stack(list(sum_codes(codebook(classes), shares))), shares)
    priors = tuple(prior(seed, classes, context).stepwise(streams) for seed in (1, 2))
    return kind(priors, codebook(classes), sums, **({"sigma": SIGMA} | settings))


def mixture(steps: int, classes: int = 3) -> torch.Tensor:
    return codebook(classes)[torch.randint(classes, (steps,), generator=torch.Generator().manual_seed(3))]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def last(run):
    *_, iterate = run
    return iterate


def log_joint(first, second, heard: torch.Tensor, classes: int = 3, shares=(0.5, 0.5)) -> float:
    """log p(both streams, mixture), up to a constant."""
    total, k = 0.0, codebook(classes)
    for seed, codes in ((1, first), (2, second)):
        log_probs = prior(seed, classes)(torch.tensor([codes])).log_softmax(-1)[0]
        total += log_probs.gather(1, torch.tensor(codes)[:, None]).sum().item()
    for a, b, m in zip(first, second, heard, strict=True):
        near = k[(shares[0] * k[a] + shares[1] * k[b] - k).norm(dim=1).argmin()]
        total -= (near - m).square().sum().item() / (2 * SIGMA**2)
    return total


def test_every_step_is_the_enumerated_posterior():
    """With shares that tell the sources apart: the first one's is the first."""
    shares, heard, past = (0.2, 0.8), mixture(4), torch.tensor([[2, 0, 1], [0, 1, 1]])
    model = joint(1, shares=shares)
    model.begin(heard)
    model.force((past[1] * 3 + past[0])[None])
    found = model.logits().softmax(-1)[0]
    truth = torch.empty(9)
    for b, a in itertools.product(range(3), repeat=2):
        truth[b * 3 + a] = log_joint([*past[0].tolist(), a], [*past[1].tolist(), b], heard, shares=shares)
    torch.testing.assert_close(found, truth.softmax(-1), atol=1e-5, rtol=1e-4)


def test_resampled_chains_are_draws_of_whole_sequences():
    """Against the probabilities of all pairs of sequences; chains that go their own ways differ from them."""
    heard, streams, steps = mixture(3), 4000, 3
    sequences = list(itertools.product(range(3), repeat=steps))
    logs = [log_joint(first, second, heard) for first, second in itertools.product(sequences, repeat=2)]
    truth = torch.tensor(logs).softmax(0).view(27, 27)
    drawn = last(latent_posterior(joint(streams), heard, generator=generator(), resample=True)).x
    numbers = (drawn * 3 ** torch.arange(steps - 1, -1, -1)).sum(dim=2)  # as `product` counts them
    found = torch.zeros(27, 27).index_put_(tuple(numbers.t()), torch.ones(streams) / streams, accumulate=True)
    for side in (0, 1):
        assert (found.sum(dim=side) - truth.sum(dim=side)).abs().max() < 0.04
    alone = last(latent_posterior(joint(streams), heard, generator=generator())).x
    numbers = (alone * 3 ** torch.arange(steps - 1, -1, -1)).sum(dim=2)
    others = torch.zeros(27, 27).index_put_(tuple(numbers.t()), torch.ones(streams) / streams, accumulate=True)
    assert (others - truth).abs().sum() > 1.5 * (found - truth).abs().sum()


def test_totals_are_the_priors_own():
    heard = mixture(5)
    iterate = last(latent_posterior(joint(4), heard, generator=generator()))
    for source, seed in enumerate((1, 2)):
        codes = iterate.x[:, source]
        log_probs = prior(seed, 3)(codes).log_softmax(-1).gather(2, codes[..., None])[..., 0]
        torch.testing.assert_close(iterate.log_probs[:, source], log_probs.sum(dim=1), atol=1e-4, rtol=1e-4)
    assert iterate.log_prob == pytest.approx(iterate.log_probs.sum().item() / 20)
    assert iterate.log_likelihoods.shape == (4, 5)
    rms = math.sqrt((-2 * SIGMA**2 * iterate.log_likelihoods).mean().item() / 2)
    assert iterate.residual == pytest.approx(rms)


def test_the_protocols_own_sampler_draws_pairs_too():
    model, heard = joint(2), mixture(5)
    *_, iterate = ancestral(model, steps=5, generator=generator(), condition=heard)
    pairs = torch.stack([iterate.x % 3, iterate.x // 3], dim=1).long()
    assert torch.equal(pairs, model.codes)
    assert torch.equal(pairs, last(latent_posterior(joint(2), heard, generator=generator())).x)


def test_other_codebooks_are_refused():
    right = joint(2)
    arguments = right.priors, codebook(3), right.sums
    with pytest.raises(InputError, match="knows other codes than the LQ-VAE"):
        JointPosterior(arguments[0], codebook(3).flip(0), arguments[2], sigma=1.0)
    with pytest.raises(InputError, match="knows other codes than the LQ-VAE"):
        JointPosterior((right.priors[0], prior(1, 4).stepwise(2)), *arguments[1:], sigma=1.0)
    with pytest.raises(InputError, match="sums of 4 codes, not of 3"):
        JointPosterior(*arguments[:2], joint(2, 4).sums, sigma=1.0)
    JointPosterior(arguments[0], codebook(3).half().float(), arguments[2], sigma=1.0)


# ---- near pairs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.05, 0.3, 5.0])
@pytest.mark.parametrize("bound", [1e-6, 0.05])
def test_near_pairs_miss_no_more_than_their_bound(sigma, bound):
    classes, steps, streams = 40, 6, 64
    full, near = (joint(streams, classes, sigma=sigma, kind=kind) for kind in (JointPosterior, NearPairs))
    near.bound = bound
    heard, uniforms = mixture(steps, classes), torch.rand(steps, streams, generator=generator()).double()
    full.begin(heard)
    near.begin(heard)
    for uniform in uniforms:
        pairs, evidence = full.draw_pairs(uniform)
        found, approximate = near.draw_pairs(uniform)
        missing = 1 - (approximate - evidence).exp()
        assert missing.min() > -1e-4 and missing.max() < bound + 1e-4
        assert (found != pairs).float().mean() <= (0 if bound < 1e-3 else 4 * bound)
        full.advance(pairs)
        near.advance(pairs)


def test_near_pairs_look_at_few_where_the_mixture_says_much(monkeypatch):
    looked = []
    monkeypatch.setattr(latent, "pick", lambda logits, *given: looked.append(logits.shape[-1]) or pick(logits, *given))
    list(latent_posterior(joint(2, 200, sigma=0.02, kind=NearPairs), mixture(4, 200), generator=generator()))
    assert max(looked) < 200**2 / 8


@pytest.mark.parametrize("sigma", [0.3, 5.0])
def test_near_pairs_are_all_pairs_where_most_matter(monkeypatch, sigma):
    monkeypatch.setattr(latent, "FEW_PAIRS", 0)
    runs = [joint(16, 12, kind=kind, sigma=sigma) for kind in (JointPosterior, NearPairs)]
    for model in runs:
        last(latent_posterior(model, mixture(5, 12), generator=generator(), resample=True))
    assert torch.equal(*(model.codes for model in runs))


def test_near_pairs_do_with_little_memory(monkeypatch):
    runs = []
    for at_once in (latent.AT_ONCE, 7):
        monkeypatch.setattr(latent, "AT_ONCE", at_once)
        model = joint(5, 12, kind=NearPairs, sigma=2.0)
        runs.append(last(latent_posterior(model, mixture(4, 12), generator=generator())).x)
    assert torch.equal(*runs)


def test_near_pairs_cannot_be_counted():
    with pytest.raises(InputError, match="leave their number out"):
        list(latent_posterior(joint(2, kind=NearPairs), mixture(2), generator=generator(), top_k=3))


# ---- long runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [JointPosterior, NearPairs])
@pytest.mark.parametrize("resample", [True, False])
def test_clips_are_longer_than_the_context(kind, resample):
    """The mixture is that of the whole clip throughout: where it says all, its pairs are found everywhere."""
    heard = mixture(20, 12)
    model = joint(6, 12, kind=kind, sigma=1e-3, context=6)
    iterate = last(latent_posterior(model, heard, generator=generator(), resample=resample))
    first, second = iterate.x.unbind(dim=1)
    k, table = codebook(12), model.sums.table
    assert torch.equal(k[table[first, second]], heard.expand(6, -1, -1)) and iterate.residual < 1e-6


def test_chunks_do_not_change_the_draw():
    parts = list(latent_posterior(joint(3), mixture(10), generator=generator(), chunk=4))
    assert [part.step for part in parts] == [4, 8, 10] and parts[0].total_steps == 10
    whole = last(latent_posterior(joint(3), mixture(10), generator=generator()))
    assert torch.equal(parts[-1].x, whole.x)
    assert all(torch.equal(part.x, whole.x[..., : part.step]) for part in parts)
    other = last(latent_posterior(joint(3), mixture(10), generator=generator(1)))
    assert not torch.equal(other.x, whole.x)


def test_pairs_of_chains_are_weighed_by_priors_and_misfits():
    log_probs, steps = torch.tensor([[-8.0, -4.0], [-2.0, -6.0]]), 2
    first, second, heard = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]), torch.ones(2)
    misfits = squared_misfits(first, second, heard, (0.5, 1.0))
    expected = [[(0.5 * a + b - heard).square().sum().item() for b in second] for a in first]
    assert misfits.tolist() == expected
    priors = [[(-8 - 4) / 2, (-8 - 6) / 2], [(-2 - 4) / 2, (-2 - 6) / 2]]
    variance = -sum(map(sum, expected)) / 4 / (2 * sum(map(sum, priors)) / 4)
    assert noise_variance(torch.tensor(priors), misfits).item() == pytest.approx(variance)
    logs = torch.tensor(
        [[p - d / (2 * variance) for p, d in zip(*rows, strict=True)] for rows in zip(priors, expected, strict=True)]
    )
    torch.testing.assert_close(pair_posterior(log_probs, misfits, steps), logs.flatten().softmax(0).view(2, 2))
