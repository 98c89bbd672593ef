"""Two code streams by what both add to a mixture: the same draw as over a table of all pairs, and its means."""

import pytest
import torch

from core.errors import InputError
from core.models.code_parts import CodeParts
from core.samplers.code_pairs import CodePairs
from core.samplers.latent import latent_posterior
from core.samplers.summed_parts import SummedParts
from tests.samplers.test_latent import codebook, generator, prior

CLASSES, STEPS = 5, 6


def parts(classes: int = CLASSES, spread: float = 1.0) -> CodeParts:
    first, second = (spread * torch.randn(classes, 2, generator=generator(seed)) for seed in (1, 2))
    return CodeParts(first, second, torch.tensor([[1.0, 0.3], [0.0, 0.7]]), torch.zeros(2), torch.ones(2, 1))


def joint(streams: int, **settings) -> SummedParts:
    priors = tuple(prior(seed, CLASSES).stepwise(streams) for seed in (1, 2))
    return SummedParts(priors, codebook(CLASSES), settings.pop("parts", parts()), **settings)


def mixture(steps: int = STEPS) -> torch.Tensor:
    return 2 * torch.randn(steps, 2, generator=generator(3))


@pytest.mark.parametrize("settings", [{}, {"temperature": 3.0}, {"top_k": 2}, {"parts": parts(spread=30.0)}])
def test_pairs_are_drawn_as_of_a_table_of_all(settings):
    streams = 64
    model, uniforms = joint(streams, **settings), torch.rand(STEPS, streams, generator=generator()).double()
    model.begin(mixture())
    for uniform in uniforms:
        pairs, evidence = model.draw_pairs(uniform)
        expected, total = CodePairs.draw_pairs(model, uniform)
        assert torch.equal(pairs, expected)
        torch.testing.assert_close(evidence.float(), total, atol=1e-4, rtol=1e-4)
        model.advance(pairs)


def test_means_are_those_of_all_pairs():
    """Given the past of every chain, as the enumerated posterior of its next pair has them."""
    model, book = joint(3), codebook(CLASSES)
    model.begin(mixture())
    for step in range(STEPS):
        posterior = model.logits().softmax(-1).view(3, CLASSES, CLASSES)  # [streams, second, first]
        first, second = (posterior.sum(dim=side).mean(dim=0) @ book for side in (1, 2))
        model.advance(model.draw_pairs(torch.rand(3, generator=generator(step)).double())[0])
        torch.testing.assert_close(model.expected()[:, -1], torch.stack([first, second]), atol=1e-5, rtol=1e-4)
    assert model.expected().shape == (2, STEPS, 2)


def test_streams_that_are_taken_are_gone_on_with():
    model, uniforms = joint(3), torch.rand(3, generator=generator()).double()
    model.begin(mixture())
    model.advance(model.draw_pairs(uniforms)[0])
    model.draw_pairs(uniforms)
    model.take(torch.tensor([1, 1, 0]))
    assert torch.equal(model.draw_pairs(uniforms)[0], CodePairs.draw_pairs(model, uniforms)[0])


def test_what_it_cannot_do_is_refused():
    with pytest.raises(InputError, match="parts of 6 codes, not of 5"):
        joint(1, parts=parts(6))
    with pytest.raises(InputError, match="leave their number out"):
        list(latent_posterior(joint(1), mixture(), generator=generator(), top_k=3))
