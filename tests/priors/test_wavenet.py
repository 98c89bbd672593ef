"""WaveNets as priors: windows that add up, ladders that pick the right network."""

import pytest
import torch

from core import zoo
from core.errors import InputError
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.wavenet import LEVELS, WaveNetPrior, from_checkpoint
from core.signal.companding import Linear, MuLaw
from core.zoo.checkpoint import save_checkpoint

SIZES = {"layers": 4, "stacks": 2, "residual": 8, "gate": 16, "skip": 8, "kernel_size": 2}


def make_prior(window: int = 16384, at_once: int = 1) -> WaveNetPrior:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**SIZES, noise_conditional=True))
    prior = WaveNetPrior("test", 16000, model, MuLaw(), "float32", window)
    prior.windows_at_once = at_once
    return prior


def random_weights(seed: int) -> dict:
    torch.manual_seed(seed)
    return WaveNet(WaveNetConfig(**SIZES)).state_dict()


@pytest.fixture
def x() -> torch.Tensor:
    return 127 + 40 * torch.randn(2, 300, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("window", "at_once"), [(299, 1), (150, 1), (40, 1), (40, 3), (5, 16), (1, 50)])
def test_windows_add_up_to_the_whole(x, window, at_once):
    whole, windowed = make_prior().score(x, 3.0), make_prior(window, at_once).score(x, 3.0)
    torch.testing.assert_close(windowed.gradient, whole.gradient, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(windowed.log_prob, whole.log_prob, atol=1e-2, rtol=1e-6)


def test_first_sample_has_no_likelihood():
    score = make_prior().score(torch.tensor([[100.0]]), 3.0)
    assert score.log_prob.item() == 0 and score.gradient.item() == 0


def test_tweedie_and_domain(x):
    prior = make_prior()
    torch.testing.assert_close(prior.denoise(x, 3.0), x + 9 * prior.score(x, 3.0).gradient)
    waveform = torch.linspace(-1, 1, 101)[None]
    assert (prior.decode(prior.encode(waveform)) - waveform).abs().max() < 0.045  # the widest class
    assert prior.decode(torch.tensor([[-50.0, 400.0]])).tolist() == [[-1.0, 1.0]]
    assert prior.levels == LEVELS and len(LEVELS) == 24


def test_windows_shrink_when_a_device_runs_out_of_memory(x, monkeypatch):
    prior, network = make_prior(window=4096), make_prior().network
    sizes = []

    def limited(windows, level, context, *told):
        sizes.append(prior.window)
        if prior.window > 1024:
            raise torch.OutOfMemoryError("too much")
        return network(windows, level, context)

    monkeypatch.setattr(prior, "network", limited)
    torch.testing.assert_close(prior.score(x, 3.0).gradient, make_prior().score(x, 3.0).gradient)
    assert sizes == [4096, 2048, 1024]


def test_ladder_answers_with_the_nearest_network(x):
    states = {level: random_weights(seed) for seed, level in enumerate((100.0, 10.0, 1.0))}
    state = {f"{level}/{key}": weight for level, weights in states.items() for key, weight in weights.items()}
    config = {**SIZES, "sample_rate": 22050, "domain": "linear"}
    ladder = from_checkpoint("ladder", config, state, "cpu", "float32")
    assert (ladder.levels, ladder.sample_rate) == ((100.0, 10.0, 1.0), 22050)
    assert isinstance(ladder.domain, Linear)
    for asked, answering in ((500.0, 100.0), (40.0, 100.0), (30.0, 10.0), (3.0, 1.0), (0.1, 1.0)):
        alone = from_checkpoint("alone", config, states[answering], "cpu", "float32")
        torch.testing.assert_close(ladder.score(x, asked).gradient, alone.score(x, asked).gradient)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "bad.safetensors"
    save_checkpoint(path, "wavenet", SIZES | {"residual": 16, "sample_rate": 16000}, random_weights(0))
    zoo.register("bad", path, {})
    with pytest.raises(InputError, match="do not fit"):
        zoo.load("bad")
