"""The prior inspector: its figures are the priors' own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.inspection import LEAST_DB, RUNGS, Denoising, Prediction, inspect, over_levels, rungs
from demos.tabs import inspector_plots

WAVENET = "piano-16k-wavenet"


def tone(seconds=0.3, rate=16000, level=0.2):
    return Clip(level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate), rate)


def test_a_wavenets_bits_are_its_cross_entropy():
    view = inspect(tone(), WAVENET, rung=1, start=0.1)
    assert isinstance(view, Prediction) and view.level == min(zoo.load(WAVENET).levels)
    prior = zoo.load(WAVENET)
    clean = prior.encode(torch.from_numpy(view.clean.samples.copy()))
    noisy = clean + view.level * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        nats = F.cross_entropy(prior.predict(noisy[:, :-1], view.level)[0], clean[0, 1:].long())
    assert view.figure == pytest.approx(nats.item() / np.log(2), rel=0.02), "up to classes that decoding moves"
    assert np.isnan(view.bits[0]) and len(view.bits) == view.clean.frames


def test_the_window_holds_distributions_and_the_path_through_them():
    view = inspect(tone(), WAVENET, rung=4, start=0.1)
    first, last = view.window
    assert first == 1600 and last - first == len(view.path) == len(view.probabilities) == 800
    np.testing.assert_allclose(view.probabilities.sum(axis=1), 1, rtol=1e-4)
    own = -np.log2(view.probabilities[np.arange(800), view.path])
    np.testing.assert_allclose(own, view.bits[first:last], rtol=1e-3)
    assert inspect(tone(), WAVENET, rung=4, start=0.0).window[0] == 1, "nothing predicts the first sample"


def test_a_denoisers_gain_and_error(tiny_prior):
    view = inspect(tone(0.6), tiny_prior, rung=20)
    assert isinstance(view, Denoising) and view.gain_db.min() >= LEAST_DB
    heard, clean = view.estimate.samples, view.clean.samples
    assert view.figure == pytest.approx(10 * np.log10(np.mean((heard - clean) ** 2) / np.mean(clean**2)), abs=0.01)
    assert inspect(tone(0.6), tiny_prior, rung=1).figure < view.figure < 0


@pytest.mark.parametrize("prior", [WAVENET, "tiny"])
def test_more_noise_leaves_less_to_expect(tiny_prior, prior):
    levels, figures = zip(*over_levels(tone(), prior), strict=True)
    assert len(levels) == RUNGS and list(levels) == sorted(levels)
    assert figures[-1] > figures[0]


@pytest.mark.parametrize("prior", [WAVENET, "tiny"])
def test_pictures(tiny_prior, prior):
    view = inspect(tone(), prior, rung=6)
    heat = inspector_plots.expectation(view, offset=2.0)
    assert heat.data[0].type == "heatmap" and float(heat.data[0].x[0]) >= 2.0
    assert len(inspector_plots.over_time(view).data[0].x) <= 2 * inspector_plots.HIGHEST_FRAMES
    ladder = inspector_plots.over_ladder([(0.1, 3.0), (1.0, 4.0)], view)
    assert ladder.data[1].x[0] == view.level and ladder.data[1].y[0] == view.figure


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rung": 0}, "rungs 1 to 24"),
        ({"rung": 25}, "rungs 1 to 24"),
        ({"start": 5.0}, "outside the"),
        ({"prior": "nobody"}, "no prior named"),
        ({"clip": Clip(np.zeros((1, 4000)), 16000)}, "silence"),
    ],
)
def test_refusals(change, reason):
    arguments = {"clip": tone(), "prior": WAVENET, "rung": 3} | change
    with pytest.raises(InputError, match=reason):
        inspect(**arguments)


def test_a_prior_is_told_the_clean_spectrogram(conditioned):
    views = [inspect(tone(0.3, level=level), conditioned, rung=5) for level in (0.2, 0.1)]
    assert views[0].figure == pytest.approx(views[1].figure, rel=1e-3), "all sound is brought to one level"
    assert (
        inspect(Clip(np.random.default_rng(0).normal(0, 0.1, 4800), 16000), conditioned, rung=5).figure
        != views[0].figure
    )


def test_a_prior_whose_spectrograms_nobody_knows_is_refused(tmp_path):
    from core.models.wavenet import WaveNet, WaveNetConfig
    from core.zoo.checkpoint import save_checkpoint

    sizes = {"layers": 2, "stacks": 1, "residual": 4, "gate": 8, "skip": 4, "bands": 3, "upsampling": [2]}
    path = tmp_path / "conditioned.safetensors"
    save_checkpoint(path, "wavenet", sizes | {"sample_rate": 16000}, WaveNet(WaveNetConfig(**sizes)).state_dict())
    assert zoo.register("conditioned", path, {}).task == ()
    with pytest.raises(InputError, match="Nobody knows which spectrograms"):
        inspect(tone(), "conditioned", rung=3)
    assert len(rungs(WAVENET)) == 24
