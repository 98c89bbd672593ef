"""Chains that run away: whatever the task, what is written is finite and in keeping, and a note says so."""

import numpy as np
import pytest

from core.priors.denoiser import DenoiserPrior
from core.signal.clip import Clip
from core.tasks.declipping import declip
from core.tasks.inpainting import inpaint
from core.tasks.runaway import keep_to_start
from core.tasks.separation import separate
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.tasks.vocoding import vocode
from tests.runs import finish

RATE = 16000


def sound(seconds=1.0):
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.1 * np.sin(2 * np.pi * (300 * t + 100 * t**2))[None].astype(np.float32)


def test_what_is_in_keeping_is_kept_bit_for_bit():
    made = sound() * 3.9
    kept, astray = keep_to_start(made, sound(), RATE, 4.0)
    assert kept is made and not astray.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30, 0.9])
def test_a_runaway_is_given_up_with_a_little_around_it(value):
    made, start = sound() + np.float32(1e-3), sound()
    made[0, 8000:8100] = value
    kept, astray = keep_to_start(made, start, RATE, 4.0)
    assert np.array_equal(kept[0, 7900:8200], start[0, 7900:8200])
    assert np.array_equal(kept[0, :7000], made[0, :7000]) and np.array_equal(kept[0, 9000:], made[0, 9000:])
    assert not astray[:7000].any() and astray[7900:8200].all() and not astray[9000:].any()
    assert np.abs(np.diff(kept[0] - start[0])).max() < 1e-4, "cross-faded"


def test_surroundings_are_near():
    """As loud as a sound elsewhere is not in keeping with a quiet moment."""
    start = np.concatenate([sound(), 0.01 * sound(2.0)], axis=1)
    made = start.copy()
    made[0, 40_000] = 0.09
    assert keep_to_start(made, start, RATE, 4.0)[1][40_000]


def test_sources_are_given_up_together_and_still_add_up():
    mixture = sound()
    start = np.stack([mixture / 2, mixture / 2])
    made = np.stack([mixture * 0.7, mixture * 0.3])
    made[0, 0, 5000] = np.nan
    kept, _ = keep_to_start(made, start, RATE, 4.0)
    np.testing.assert_allclose(kept.sum(axis=0), mixture, atol=1e-6)
    assert np.array_equal(keep_to_start(np.stack([mixture * 3, mixture * -2]), start, RATE, 4.0)[0][1], mixture * -2)


RUNS = {  # (settings) -> (run, its baseline)
    "super-resolve": lambda s: (super_resolve(Clip(sound(), RATE), 4, degrade="plain", settings=s), "spline"),
    "inpaint": lambda s: (inpaint(Clip(sound(), RATE), [(0.5, 0.52)], settings=s), "linear prediction"),
    "declip": lambda s: (declip(Clip(sound().clip(-0.05, 0.05), RATE), settings=s), None),
    "vocode": lambda s: (vocode(Clip(sound(), RATE), settings=s), "Griffin-Lim"),
    "separate": lambda s: (separate(Clip(sound(), RATE), [s.prior, s.prior], settings=s), None),
}


@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
@pytest.mark.parametrize("fault", [float("nan"), 1e6], ids=["nan", "explosion"])
@pytest.mark.parametrize("task", RUNS)
def test_a_chain_that_runs_away_leaves_what_it_started_from(task, fault, sampler, tiny_prior, monkeypatch):
    honest = DenoiserPrior.denoise
    monkeypatch.setattr(DenoiserPrior, "denoise", lambda self, x, *rest: honest(self, x, *rest) * fault)
    monkeypatch.setattr(DenoiserPrior, "estimate", lambda self, condition: condition.interpolation * fault)
    run, baseline = RUNS[task](Settings(prior=tiny_prior, sampler=sampler, steps=2))
    *moments, result = run
    for clip in (*result.sounds.values(), *(clip for moment in moments for clip in moment.sounds.values())):
        assert np.isfinite(clip.samples).all() and np.abs(clip.samples).max() < 1
    assert "ran away" in result.notes[0] and result.report["notes"] == list(result.notes)
    if baseline is not None:
        (expected,) = result.baselines[baseline].values()
        np.testing.assert_allclose(result.clip.samples, expected.samples, atol=1e-6)
    if task == "separate":
        np.testing.assert_allclose(sum(clip.samples for clip in result.sounds.values()), sound(), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
def test_a_voice_is_vocoded_by_every_chain(sampler):
    """Known magnitudes are of the sound, not of the noise in a chain: this once ended as NaN."""
    clip = Clip(3 * sound(0.5) + 0.05 * np.random.default_rng(0).standard_normal((1, 8000)), RATE)
    result = finish(vocode(clip, settings=Settings(prior="voice-16k", quality="draft", sampler=sampler)))
    assert not result.notes and np.abs(result.clip.samples).max() < 3 * np.abs(clip.samples).max()
    assert result.metrics["mel_error"] < 0.2
