"""The compiled WaveRNN: its logits are the networks' own, its draws follow the same rule as any model's."""

import pytest
import torch

from core.models.compiled.wavernn import WaveRNNSteps
from core.models.stepwise import StepwiseModel
from core.models.wavernn import HISTORY, HOP, PAST_CODES, MelWaveRNN, Overtone, OvertoneConfig
from core.signal.sample_halves import scaled

pytestmark = pytest.mark.slow

SIZES = {"conv_channels": 6, "rnn_channels": 5, "gru": 8, "hidden": 7}
STREAMS, SAMPLES = 5, 2 * HOP  # streams: four share a pass over the weights, one is alone
PARTS = [1, 2, 40, 85, 128]  # half samples
MEL_SAMPLES = 128


def make(kind: str) -> Overtone | MelWaveRNN:
    torch.manual_seed(0)
    told = {"codes": {"code_width": 4, "speakers": 3}, "alone": {"code_width": 0}}
    model = MelWaveRNN(5, 8, 7) if kind == "mel" else Overtone(OvertoneConfig(**SIZES, **told[kind]))
    for parameter in model.parameters():
        parameter.data *= 2
    model.wavernn.apply_mask()
    return model.eval().requires_grad_(False)


def condition_of(kind: str) -> torch.Tensor | None:
    random = torch.Generator().manual_seed(3)
    shapes = {"codes": (STREAMS, PAST_CODES + SAMPLES // HOP, 4), "mel": (STREAMS, 5, 4)}
    return torch.randn(shapes[kind], generator=random) if kind in shapes else None


SPEAKER = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 1, 0]])


def steps_of(kind: str, rows: slice = slice(None)) -> WaveRNNSteps:
    condition = condition_of(kind)
    streams = len(SPEAKER[rows])
    steps = WaveRNNSteps(make(kind), streams, SPEAKER[rows] if kind == "codes" else None)
    steps.begin(None if condition is None else condition[rows])
    return steps


@pytest.fixture(params=["codes", "alone", "mel"])
def kind(request) -> str:
    return request.param


def halves(count: int = 2 * SAMPLES) -> torch.Tensor:
    return torch.randint(0, 256, (STREAMS, count), generator=torch.Generator().manual_seed(1))


def expected_logits(kind: str, classes: torch.Tensor) -> torch.Tensor:
    """Of the parallel pass, after a history of zeros; in turn of coarse and fine halves."""
    model, (coarse, fine) = make(kind), (scaled(classes[:, ::2]), scaled(classes[:, 1::2]))
    history, samples = 0 if kind == "mel" else HISTORY, coarse.shape[1]
    x = torch.zeros(STREAMS, history + samples, 3)
    x[:, history + 1 :, :2] = torch.stack([coarse, fine], dim=-1)[:, :-1]
    x[:, history:, 2] = coarse
    if kind == "mel":
        logits = model(x, condition_of(kind))[0]
    else:
        logits = model(x, condition_of(kind), SPEAKER if kind == "codes" else None).logits
    return torch.stack(logits, dim=2).flatten(1, 2)


def test_forced_logits_equal_the_parallel_pass(kind):
    classes = halves()
    steps = steps_of(kind)
    logits = torch.cat([steps.force(part) for part in classes.split(PARTS, dim=1)], dim=1)
    torch.testing.assert_close(logits, expected_logits(kind, classes), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.6}, {"temperature": 0.0}, {"top_k": 5}], ids=str)
def test_draws_equal_those_of_any_model(settings):
    """With the same uniforms: `StepwiseModel.draw` asks for logits, picks and advances step by step."""
    uniforms = torch.rand(STREAMS, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    classes, log_probs = StepwiseModel.draw(steps_of("codes"), uniforms, **settings)
    steps = steps_of("codes")
    parts = [steps.draw(part, **settings) for part in uniforms.split([1, 30, 29], dim=1)]
    assert torch.equal(torch.cat([drawn for drawn, _ in parts], dim=1), classes)
    torch.testing.assert_close(torch.cat([own for _, own in parts], dim=1), log_probs, atol=1e-5, rtol=1e-5)


def test_a_stream_does_not_depend_on_the_others():
    uniforms = torch.rand(STREAMS, 2 * SAMPLES, generator=torch.Generator().manual_seed(2))
    together, _ = steps_of("codes").draw(uniforms)
    for row in range(STREAMS):
        alone, _ = steps_of("codes", slice(row, row + 1)).draw(uniforms[row : row + 1])
        assert torch.equal(alone[0], together[row])


def test_draws_do_not_depend_on_the_number_of_cores(kind, monkeypatch):
    uniforms, drawn = torch.rand(STREAMS, 2 * SAMPLES, generator=torch.Generator().manual_seed(2)), []
    for cores in (1, 2, 3):
        monkeypatch.setattr("numba.get_num_threads", lambda cores=cores: cores)
        steps = steps_of(kind)
        assert len(steps._rows) == cores
        drawn.append(torch.cat([steps.draw(part)[0] for part in uniforms.split(PARTS, dim=1)], dim=1))
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])


def test_asking_for_logits_changes_nothing(kind):
    asked, unasked = steps_of(kind), steps_of(kind)
    for classes in halves(33).split(11, dim=1):
        assert torch.equal(asked.logits(), asked.logits())
        assert torch.equal(asked.force(classes), unasked.force(classes))
    asked.advance(classes[:, 0])
    unasked.force(classes[:, :1])
    assert torch.equal(asked.logits(), unasked.logits())


def test_beginning_again_forgets(kind):
    steps = steps_of(kind)
    first = steps.force(halves(50))
    steps.begin(condition_of(kind))
    assert torch.equal(steps.force(halves(50)), first)


@pytest.mark.parametrize("kind", ["codes", "mel"])
def test_the_last_step_is_taken_and_none_after_it(kind):
    steps = steps_of(kind)
    steps.force(halves())
    with pytest.raises(ValueError, match="reaches 128 samples"):
        steps.logits()
