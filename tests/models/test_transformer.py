"""The transformer over codes: who attends to whom, and steps that say what the whole does."""

import pytest
import torch

from core.models import transformer
from core.models.transformer import BLOCK, COLUMN, KINDS, PREVIOUS, Attention, Dense, TransformerConfig

CONTEXT, BLOCKS = 12, 3
SIZES = {"classes": 7, "code_width": 3, "context": CONTEXT, "width": 8, "depth": 4, "blocks": BLOCKS, "initial": 20.0}


def make(**changes) -> transformer.Transformer:
    torch.manual_seed(0)
    model = transformer.build({**SIZES, **changes})
    model.codebook.normal_()
    return model.eval().requires_grad_(False)


def drawn(streams: int, steps: int) -> torch.Tensor:
    return torch.randint(7, (streams, steps), generator=torch.Generator().manual_seed(1))


def attended(kind: str, place: int, block: int = 4) -> set[int]:
    first = place // block * block
    return {
        BLOCK: set(range(first, place + 1)),
        COLUMN: set(range(place % block, place + 1, block)),
        PREVIOUS: set(range(first - block, first)) if first else set(),
    }[kind]


@pytest.mark.parametrize("kind", [BLOCK, COLUMN, PREVIOUS])
def test_a_place_attends_to_those_of_its_kind(kind):
    torch.manual_seed(0)
    config = TransformerConfig(**SIZES)
    attention = Attention(config, kind).eval()
    x = torch.randn(1, CONTEXT - 1, 8, requires_grad=True)  # the last block is not whole
    heard = attention(x)
    for place in range(CONTEXT - 1):
        (gradient,) = torch.autograd.grad(heard[0, place].sum(), x, retain_graph=True)
        touched = set(gradient[0].any(dim=1).nonzero()[:, 0].tolist())
        asks = {place} if attended(kind, place) else set()
        assert touched == attended(kind, place) | asks
    if kind == PREVIOUS:
        assert torch.equal(heard[0, :4], attention.c_proj.b.expand(4, -1))


@pytest.mark.parametrize("order", KINDS)
def test_logits_depend_on_what_was_before(order):
    model, codes = make(order=order), drawn(1, CONTEXT)
    logits = model(codes)
    for place in range(CONTEXT):
        other = codes.clone()
        other[0, place] = (other[0, place] + 1) % 7
        changed = (model(other) - logits).abs().amax(dim=2)[0] > 1e-6
        assert not changed[: place + 1].any() and (place == CONTEXT - 1 or changed[place + 1])


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("order", KINDS)
def test_steps_say_what_the_whole_says(order, heads):
    model, codes = make(order=order, heads=heads), drawn(2, CONTEXT)
    steps, logits = model.stepwise(2), []
    for code in codes.unbind(dim=1):
        logits.append(steps.logits())
        torch.testing.assert_close(steps.logits(), logits[-1])  # asking again changes nothing
        steps.advance(code)
    torch.testing.assert_close(torch.stack(logits, dim=1), model(codes), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("first", [0, 1, 4, 6, 11])
@pytest.mark.parametrize("order", KINDS)
def test_what_is_given_can_be_taken_in_parts(order, first):
    model, codes = make(order=order), drawn(2, CONTEXT)
    steps = model.stepwise(2)
    parts = [steps.force(part) for part in codes.split([first, CONTEXT - first], dim=1) if part.shape[1]]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(codes), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("order", KINDS)
def test_streams_go_on_past_the_context(order):
    """With the later half of it as their past."""
    model, codes = make(order=order), drawn(2, 2 * CONTEXT + 3)
    logits, half = model.stepwise(2).force(codes), CONTEXT // 2
    torch.testing.assert_close(logits[:, :CONTEXT], model(codes[:, :CONTEXT]), atol=1e-5, rtol=1e-4)
    for start in (half, 2 * half, 3 * half):
        window = codes[:, start : start + CONTEXT]
        new = slice(half, window.shape[1])
        found = logits[:, start + half : start + CONTEXT]
        torch.testing.assert_close(found, model(window)[:, new], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("asked", [True, False])
def test_streams_can_be_taken_several_times(asked):
    model, codes, rows = make(), drawn(3, 8), torch.tensor([2, 0, 2])
    steps = model.stepwise(3)
    steps.force(codes[:, :6])
    if asked:
        steps.logits()
    steps.take(rows)
    after = codes[rows, 6:]
    torch.testing.assert_close(steps.force(after), model(torch.cat([codes[rows, :6], after], dim=1))[:, 6:])


def test_a_draw_begins_anew():
    model, uniforms = make(), torch.rand(2, 5, generator=torch.Generator().manual_seed(3))
    steps = model.stepwise(2)
    first = steps.draw(uniforms)[0]
    steps.begin()
    assert torch.equal(steps.draw(uniforms)[0], first)


def test_layers_compute_in_the_precision_of_their_weights():
    model, codes = make(), drawn(2, CONTEXT)
    whole = model(codes)
    for part in model.modules():
        if isinstance(part, Dense):
            part.w.data = part.w.half()
    assert model(codes).dtype == torch.float32
    torch.testing.assert_close(model(codes), whole, atol=3e-2, rtol=1e-2)
    torch.testing.assert_close(model.stepwise(2).force(codes), model(codes), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("wrong", [{"order": 5}, {"blocks": 5}, {"heads": 3}], ids=str)
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        transformer.build({**SIZES, **wrong})
