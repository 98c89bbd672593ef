"""The compiled WaveNet: its logits are the network's, its draws follow the same rule as any model's."""

import pytest
import torch

from core.models.compiled.wavenet import WaveNetSteps
from core.models.stepwise import StepwiseModel
from core.models.wavenet import WaveNet, WaveNetConfig

pytestmark = pytest.mark.slow

SIZES = {"layers": 6, "stacks": 2, "residual": 10, "gate": 16, "skip": 7}
KINDS = {
    "plain": {},
    "noise": {"noise_conditional": True},
    "mel": {"bands": 5, "frame_padding": 1, "upsampling": (2, 4)},
}
START, SIGMA = 127.0, 2.5
PARTS = [20, 1, 27]
STEPS = sum(PARTS)  # longer than the receptive field


@pytest.fixture(params=KINDS)
def kind(request) -> dict:
    return KINDS[request.param]


def make(kernel_size: int = 2, **kind) -> WaveNet:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**SIZES, **kind, kernel_size=kernel_size)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(0, 0.3)
    if not model.config.noise_conditional:
        model.first.weight /= 100  # raw class indices
    return model


def steps_of(model: WaveNet) -> WaveNetSteps:
    steps = WaveNetSteps(model, streams=3, start=START, sigma=SIGMA)
    steps.begin(mel_of(model))
    return steps


def mel_of(model: WaveNet) -> torch.Tensor | None:
    if model.upsample is None:
        return None
    return torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(3))


def random_classes(steps: int = STEPS) -> torch.Tensor:
    return torch.randint(0, 256, (3, steps), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_forced_logits_equal_the_parallel_pass(kernel_size, kind):
    model, x = make(kernel_size, **kind), random_classes()
    inputs = torch.cat([torch.full((3, 1), START), x[:, :-1]], dim=1)
    condition = None if model.upsample is None else model.upsample(mel_of(model))
    expected = model(inputs, torch.full((3,), SIGMA), condition=condition)
    steps = steps_of(model)
    logits = torch.cat([steps.force(part) for part in x.split(PARTS, dim=1)], dim=1)
    assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.6}, {"temperature": 0.0}, {"top_k": 5}], ids=str)
def test_compiled_draws_equal_those_of_any_model(kind, settings):
    """With the same uniforms: `StepwiseModel.draw` asks for logits, picks and advances step by step."""
    uniforms = torch.rand(3, STEPS, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model = make(**kind)
    classes, log_probs = StepwiseModel.draw(steps_of(model), uniforms, **settings)
    steps = steps_of(model)
    parts = [steps.draw(part, **settings) for part in uniforms.split(PARTS, dim=1)]
    assert torch.equal(torch.cat([drawn for drawn, _ in parts], dim=1), classes)
    torch.testing.assert_close(torch.cat([own for _, own in parts], dim=1), log_probs, atol=1e-5, rtol=1e-5)


def test_compiled_forcing_equals_that_of_any_model(kind):
    model, x = make(**kind), random_classes()
    torch.testing.assert_close(StepwiseModel.force(steps_of(model), x), steps_of(model).force(x))


def test_asking_for_logits_changes_nothing(kind):
    model, x = make(**kind), random_classes(30)
    asked, unasked = steps_of(model), steps_of(model)
    for classes in x.split(10, dim=1):
        assert torch.equal(asked.logits(), asked.logits())
        assert torch.equal(asked.force(classes), unasked.force(classes))
    asked.advance(x[:, 0])
    unasked.force(x[:, :1])
    assert torch.equal(asked.logits(), unasked.logits())


def test_beginning_again_forgets():
    steps = steps_of(make())
    first = steps.force(random_classes(50))
    steps.begin()
    assert torch.equal(steps.force(random_classes(50)), first)


def test_a_spectrogram_that_ends_too_soon_is_refused():
    steps = steps_of(make(**KINDS["mel"]))
    steps.force(random_classes())
    with pytest.raises(ValueError, match="3 streams are told"):
        steps.logits()
