"""The VQ-VAE: what a code hears, where codes lie, how gradients pass them, and what windows of training hold."""

import math

import pytest
import torch

from core.models import vqvae
from core.models.vqvae import (
    ENCODER_REACH,
    PAD_LEFT,
    PAD_RIGHT,
    RADIUS,
    Encoder,
    Quantiser,
    encoder_weight,
    padded,
    training_window,
)
from core.models.wavernn import HISTORY, HOP, PAST_CODES
from core.signal.sample_halves import as_waveform, joined, scaled

WIDTH = 6


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(WIDTH).requires_grad_(False)


def test_a_code_hears_its_samples_and_486_before_them(encoder):
    waveform = torch.randn(1, ENCODER_REACH + 3 * HOP)
    codes = encoder(waveform)
    assert codes.shape == (1, 3, WIDTH)
    for place, heard_by in ((HOP - 1, [0]), (HOP, [0, 1]), (ENCODER_REACH + HOP, [1, 2]), (waveform.shape[1] - 1, [2])):
        louder = waveform.clone()
        louder[:, place] += 10
        assert (encoder(louder) != codes).any(dim=-1)[0].nonzero()[:, 0].tolist() == heard_by


def test_a_conversion_has_codes_for_the_decoders_history_too(encoder):
    assert (PAD_LEFT, PAD_RIGHT) == (4966, 960)
    assert encoder(padded(torch.randn(1, 5 * HOP + 1))).shape[1] == PAST_CODES + 5


@pytest.fixture(params=[True, False])
def quantiser(request) -> Quantiser:
    torch.manual_seed(0)
    return Quantiser(channels=2, classes=7, width=3, normalised=request.param)


def test_codes_are_the_nearest_rows(quantiser):
    x = torch.randn(4, 5, 2, 3)
    made = quantiser(x)
    table = quantiser.table
    for channel in range(2):
        distances = (made.inputs[:, :, channel, None] - table[channel]).norm(dim=-1)
        assert torch.equal(made.indices[:, :, channel], distances.argmin(dim=-1))
        torch.testing.assert_close(made.code_penalty[:, :, channel], distances.amin(dim=-1) ** 2)
    torch.testing.assert_close(made.codes, quantiser.look_up(made.indices))


def test_rows_and_inputs_lie_on_the_sphere():
    quantiser, radius = Quantiser(1, 7, 3), RADIUS * math.sqrt(3)
    quantiser.embedding0.data *= 5
    made = quantiser(torch.randn(2, 3, 1, 3))
    for points in (made.codes, made.inputs, quantiser.table):
        torch.testing.assert_close(points.norm(dim=-1), torch.full(points.shape[:-1], radius))
    table = quantiser.table.detach()
    quantiser.renormalise()
    torch.testing.assert_close(quantiser.embedding0.data, table)


def test_gradients_pass_codes_and_each_penalty_moves_one_side(quantiser):
    x = torch.randn(2, 3, 2, 3, requires_grad=True)
    made, weights = quantiser(x), torch.randn(2, 3, 2, 3)
    through, table = torch.autograd.grad(
        (made.codes * weights).sum(), [x, quantiser.embedding0], retain_graph=True, allow_unused=True
    )
    straight = torch.autograd.grad((made.inputs * weights).sum(), x, retain_graph=True)[0]
    assert table is None
    torch.testing.assert_close(through, straight)
    sides = [x, quantiser.embedding0]
    moved = torch.autograd.grad(made.code_penalty.sum(), sides, retain_graph=True, allow_unused=True)
    assert moved[0] is None and moved[1].any()
    moved = torch.autograd.grad(made.encoder_penalty.sum(), sides, allow_unused=True)
    assert moved[0].any() and moved[1] is None


def test_the_encoder_is_pulled_to_the_sphere_as_well():
    quantiser, x = Quantiser(1, 7, 3), torch.tensor([[[[3.0, 0, 0]]]])
    made = quantiser(x)
    off = (3 - RADIUS * math.sqrt(3)) ** 2
    torch.testing.assert_close(made.encoder_penalty, made.code_penalty + off)


def test_entropy_of_even_use_is_that_of_as_many_codes():
    quantiser = Quantiser(1, 4, 3, normalised=False)
    quantiser.embedding0.data = torch.randn(1, 4, 3)
    made = quantiser(quantiser.embedding0.detach().repeat(2, 1, 1)[:, :, None])
    assert made.entropy.item() == pytest.approx(math.log(4))


def test_a_window_predicts_the_sample_after_each_that_it_hears():
    samples = torch.randint(-(2**15), 2**15, (2, HISTORY + 2 * HOP + PAD_RIGHT))
    window = training_window(samples)
    coarse, fine = window.targets
    assert torch.equal(joined(coarse, fine), samples[:, HISTORY + 1 : HISTORY + 1 + 2 * HOP])
    assert window.x.shape[1] == HISTORY + 2 * HOP
    assert torch.equal(window.x[:, HISTORY:, 2], scaled(coarse))
    assert torch.equal(window.x[:, HISTORY + 1 :, 1], scaled(fine[:, :-1]))
    assert torch.equal(window.waveform, as_waveform(samples[:, HISTORY - PAD_LEFT :]))
    assert (window.waveform.shape[1] - ENCODER_REACH) // HOP == PAST_CODES + 2


def test_the_encoders_penalty_grows_tenfold_in_two_thousand_updates():
    assert [encoder_weight(step) for step in (0, 1100, 1500, 2000, 9000)] == pytest.approx(
        [0.001, 0.001, 0.005, 0.01, 0.01]
    )


def test_widths_that_do_not_divide_are_refused():
    sizes = {"width": 5, "channels": 2, "gru": 4, "speakers": ["a"]}
    with pytest.raises(ValueError, match="cannot share 5"):
        vqvae.build(sizes)
