"""What codes add to mixtures: recovered where it is known, and the Gaussian that it says."""

import pytest
import torch

from core.models import code_parts
from core.models.code_parts import CodeParts, CodePartsFit

CLASSES, WIDTH, STEPS, BINS = 7, 3, 20000, 2

SPECTRA = torch.tensor([[1.0, 3.0], [0.0, 0.0]])  # the second source is silent


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def mixtures():
    """Codes that depend on each other, what both add, correlated errors, and what is heard."""
    first = torch.randint(CLASSES, (STEPS,), generator=generator())
    second = (first + torch.randint(3, (STEPS,), generator=generator(1))) % CLASSES
    u, v = (torch.randn(CLASSES, WIDTH, generator=generator(seed)) for seed in (2, 3))
    colour = torch.randn(WIDTH, WIDTH, generator=generator(4))
    errors = torch.randn(STEPS, WIDTH, generator=generator(5)) @ colour
    return first, second, u, v, colour.t() @ colour, u[first] + v[second] + errors


def learned(mixtures, size: int = 999) -> CodeParts:
    first, second, *_, heard = mixtures
    fit = CodePartsFit(CLASSES, WIDTH, BINS)
    for n, batch in enumerate(zip(first.split(size), second.split(size), heard.split(size), strict=True)):
        fit.add(batch[:2], batch[2], (n + 1) * SPECTRA)
    return fit.solve("bass")


def test_what_codes_add_is_recovered(mixtures):
    """Of every pair the sum, as a constant may be either source's; errors become white."""
    _, _, u, v, covariance, _ = mixtures
    parts = learned(mixtures)
    unwhitened = torch.linalg.inv(parts.whiten)
    found = (parts.first[:, None] + parts.second) @ unwhitened
    torch.testing.assert_close(found, u[:, None] + v, atol=0.3, rtol=0)
    torch.testing.assert_close(unwhitened.t() @ unwhitened, covariance, atol=0.1, rtol=0.05)


def test_batches_do_not_matter(mixtures):
    whole, pieces = learned(mixtures, STEPS), learned(mixtures, 100)
    for name in code_parts.TENSORS:
        torch.testing.assert_close(getattr(whole, name), getattr(pieces, name), atol=1e-4, rtol=1e-4)


def test_every_sound_counts_as_much_in_the_spectra(mixtures):
    parts = learned(mixtures)
    torch.testing.assert_close(parts.spectra, torch.tensor([[0.5, 1.5], [0.0, 0.0]]))
    assert torch.equal(parts.swapped().spectra, parts.spectra[[1, 0]])


def test_nothing_cannot_be_learned_from():
    with pytest.raises(ValueError, match="nothing was heard"):
        CodePartsFit(CLASSES, WIDTH, BINS).solve("bass")


def test_likelihoods_are_the_gaussian_ones(mixtures):
    parts, heard = learned(mixtures), mixtures[-1][5]
    shown = heard @ parts.whiten
    variance = code_parts.QUIET + (shown - parts.centre @ parts.whiten).square().mean()
    missing = (shown - parts.first - parts.second[:, None]).square().sum(dim=-1)  # [second, first]
    torch.testing.assert_close(parts.log_likelihoods(heard), -missing / (2 * variance), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(parts.swapped().log_likelihoods(heard), parts.log_likelihoods(heard).t())


def test_the_louder_the_less_a_difference_says(mixtures):
    parts = learned(mixtures)
    spread = [parts.log_likelihoods(parts.centre + gain * mixtures[-1][5]) for gain in (1.0, 10.0)]
    assert spread[0].std() > 2 * spread[1].std()


def test_checkpoints_say_the_same(mixtures):
    parts = learned(mixtures)
    read = code_parts.from_checkpoint("x", parts.config, parts.state, "cpu")
    heard = mixtures[-1][5]
    torch.testing.assert_close(read.log_likelihoods(heard), parts.log_likelihoods(heard), atol=0.05, rtol=0.01)
    assert read.other == "bass"
    with pytest.raises(ValueError, match="not those of 8 codes"):
        code_parts.from_checkpoint("x", parts.config | {"classes": 8}, parts.state, "cpu")
