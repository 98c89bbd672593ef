"""A VQ-VAE's encoder is taught cepstra: of what moment, where codes are placed, and that both stay."""

import math

import pytest
import torch

from core.errors import InputError
from core.models.vqvae import ENCODER_REACH
from core.models.wavernn import HOP
from core.training.objectives import cepstral_teaching
from core.training.objectives.cepstral_teaching import CEPSTRA, cepstra_of, means_on_sphere
from tests.training.test_vqvae_objective import SMALL, TRAINING, generator, objective, pack  # noqa: F401 (fixtures)


def test_cepstra_stand_where_codes_listen():
    """There are as many as codes, and each is of the middle of the samples that its code depends on."""
    waveform = 1e-4 * torch.randn(1, ENCODER_REACH + 40 * HOP, generator=generator())
    middle = 20 * HOP + (ENCODER_REACH + HOP) // 2
    waveform[0, middle] = 1.0
    cepstra = cepstra_of(waveform)
    assert cepstra.shape == (1, 40, CEPSTRA)
    assert abs(cepstra[0, :, 0].argmax().item() - 20) <= 2, "the first one is how loud it is"


def test_means_on_a_sphere_are_directions_of_groups():
    angles = torch.cat([torch.full((20,), a) + 0.1 * torch.rand(20, generator=generator()) for a in (0.0, 2.0, 4.0)])
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    means = means_on_sphere(vectors, 6, generator())
    torch.testing.assert_close(means.norm(dim=1), torch.ones(6))
    near = (vectors @ means.T).amax(dim=1)
    assert near.min() > math.cos(0.11), "every vector has a mean in its group"


def test_a_taught_encoder_knows_cepstra_and_stays(objective, monkeypatch):  # noqa: F811
    for name, value in {"LESSONS": 150, "SCALED_BY": 4, "PLACED_BY": 4}.items():
        monkeypatch.setattr(cepstral_teaching, name, value)
    losses, squared = [], torch.nn.functional.mse_loss
    kept = lambda a, b: losses.append(squared(a, b)) or losses[-1]  # noqa: E731
    monkeypatch.setattr(cepstral_teaching.F, "mse_loss", kept)
    objective.taught = True
    model = objective.build(dict(SMALL | {"width": CEPSTRA}))
    before = [p.clone() for p in model.encoder.parameters()]
    objective.prepare(model, objective.opened, 4 * HOP, generator())
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    assert any(not torch.equal(old, new) for old, new in zip(before, model.encoder.parameters(), strict=True))
    torch.testing.assert_close(model.vq.embedding0.norm(dim=-1), torch.full((1, 5), model.vq.radius))
    loss, _ = objective.loss(model, objective.opened.batch(TRAINING, generator()), generator())
    loss.backward()
    assert all(p.grad is None for part in (model.encoder, model.vq) for p in part.parameters())
    assert any(p.grad is not None for p in model.overtone.parameters())


def test_an_encoder_that_is_too_narrow_to_be_taught_is_refused(objective):  # noqa: F811
    objective.taught = True
    with pytest.raises(InputError, match="model.width of 20, not 4"):
        objective.prepare(objective.build(dict(SMALL)), objective.opened, HOP, generator())
