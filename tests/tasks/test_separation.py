"""Separation: what must hold whatever the priors make up."""

import numpy as np
import pytest
import torch

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks import separation
from core.tasks.mixing import mix
from core.tasks.progress import Result
from core.tasks.separation import separate
from core.tasks.settings import Settings
from core.tasks.stems import stem_names
from tests.runs import finish

QUICK = Settings(steps=2, quality="draft")


def tone(frequency, seconds=1.0, rate=16000, channels=1, level=0.1):
    t = np.arange(round(seconds * rate)) / rate
    return Clip(np.stack([level * np.sin(2 * np.pi * frequency * (c + 1) * t) for c in range(channels)]), rate)


@pytest.fixture
def pair(tiny_prior):
    return (tiny_prior, tiny_prior)


def missed(result: Result) -> float:
    """The largest sample by which the stems miss the mixture."""
    return result.report["misses_mixture_by"]


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["shared", "exact", "soft"])
def test_stems_add_up_to_the_mixture(pair, rate, channels, form):
    mixture = Clip(tone(300, 0.7, rate, channels).samples + tone(7000, 0.7, rate, channels).samples, rate)
    result = finish(separate(mixture, pair, settings=QUICK, form=form))
    assert list(result.sounds) == ["tiny", "tiny-2"]
    assert all(s.samples.shape == mixture.samples.shape and s.sample_rate == rate for s in result.sounds.values())
    total = sum(stem.samples for stem in result.sounds.values())
    assert np.abs(total - mixture.samples).max() == missed(result) <= 3e-7
    assert result.report["form"] == form


def test_every_update_is_reported_and_playable(pair):
    *moments, result = separate(tone(300), pair, settings=QUICK)
    assert [m.iterate.step for m in moments] == [1, 2]
    assert all(list(m.sounds) == list(m.chains) == ["tiny", "tiny-2"] for m in moments)
    assert all(clip.frames == 16000 for m in moments for clip in m.sounds.values())
    assert moments[-1].seconds_left == pytest.approx(0)
    for name, stem in result.sounds.items():
        assert np.array_equal(moments[-1].sounds[name].samples, stem.samples), "the result is the last estimate"
    assert result.report["score_evaluations"] == 2 and result.report["prior"] == ["tiny", "tiny"]


def test_three_sources_and_their_levels(tiny_prior):
    result = finish(separate(tone(300), [tiny_prior] * 3, settings=QUICK, levels_db=[0, -6, 3]))
    assert list(result.sounds) == ["tiny", "tiny-2", "tiny-3"] and missed(result) <= 3e-7


def test_same_seed_same_stems(pair):
    runs = [finish(separate(tone(300), pair, settings=Settings(steps=12, seed=seed))) for seed in (1, 1, 2)]
    a, b, c = (run.sounds["tiny"].samples for run in runs)
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_and_constants_come_back_in_equal_shares(pair, level):
    mixture = Clip(np.full((1, 4000), level), 16000)
    result = finish(separate(mixture, pair, settings=QUICK))
    assert all(np.allclose(stem.samples, level / 2) for stem in result.sounds.values())
    assert "silent or a constant" in result.notes[0] and result.report["score_evaluations"] == 0


def test_figures_of_stems_baselines_and_oracles(pair):
    times = np.arange(16000)  # each is heard alone for a while, or NMF could not know them apart
    sources = [Clip(tone(300).samples * (times < 10000), 16000), Clip(tone(3000).samples * (times > 6000), 16000)]
    mixture, truths, _ = mix(sources, [0.0])
    result = finish(separate(mixture, pair, settings=QUICK, references=truths))
    assert set(result.baselines) == {"mixture", "binary mask (oracle)", "ratio mask (oracle)", "NMF (oracle order)"}
    assert result.baseline_figures["mixture"]["tiny"]["si_sdr_improvement_db"] == 0
    for oracle in ("binary mask (oracle)", "ratio mask (oracle)", "NMF (oracle order)"):
        for stem in result.baseline_figures[oracle].values():
            assert stem["si_sdr_db"] > 8, f"two tones far apart are easy for the {oracle}"
    assert result.report["metrics"]["si_sdr_db"] == pytest.approx(
        np.mean([figures["si_sdr_db"] for figures in result.figures.values()]), abs=1e-3
    )


def test_a_short_mixture_has_all_baselines(pair):
    sources = [tone(300, 0.2), tone(3000, 0.2)]
    result = finish(separate(mix(sources, [0.0])[0], pair, settings=QUICK, references=sources))
    assert "NMF (oracle order)" in result.baselines


def test_a_silent_source_has_no_figure_but_the_others_do(pair):
    silence = Clip(np.zeros((1, 16000)), 16000)
    result = finish(separate(tone(300), pair, settings=Settings(steps=12), references=[tone(300), silence]))
    assert result.figures["tiny-2"]["si_sdr_db"] is None and result.figures["tiny"]["si_sdr_db"] is not None


def test_references_that_do_not_fit_are_refused_before_the_work(pair):
    run = separate(tone(300), pair, settings=QUICK, references=[tone(300), tone(300, 2.0)])
    with pytest.raises(InputError, match="lasts 2.000 s"):
        next(run)


def test_blocks_of_one_prior_keep_their_places():
    """Where a block's sources come out in another order they are put back by their overlap."""
    before = np.stack([tone(300).samples, tone(500).samples])
    assert separation._matching_order(["a", "a"], before, before[::-1]) == [1, 0]
    assert separation._matching_order(["a", "b"], before, before[::-1]) == [0, 1], "priors tell sources apart"


def test_a_long_mixture_is_worked_on_in_blocks(pair):
    mixture = tone(300, 9.5)
    result = finish(separate(mixture, pair, settings=Settings(steps=1, quality="draft")))
    assert result.sounds["tiny"].frames == mixture.frames and missed(result) <= 3e-7


def test_the_originals_sampler_with_linear_wavenets(tmp_path):
    from core.models.wavenet import WaveNet, WaveNetConfig
    from core.zoo.checkpoint import save_checkpoint

    sizes = {"layers": 2, "stacks": 1, "residual": 4, "gate": 8, "skip": 4, "kernel_size": 2}
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    config = sizes | {"sample_rate": 16000, "domain": "linear"}
    save_checkpoint(path, "wavenet", config, WaveNet(WaveNetConfig(**sizes)).state_dict())
    zoo.register("linear", path, {})
    mixture = tone(300, 0.1)
    result = finish(separate(mixture, ["linear", "linear"], settings=Settings(sampler="original", steps=1), form=None))
    assert result.report["form"] == "soft" and missed(result) <= 3e-7
    result = finish(separate(mixture, ["linear", "linear"], settings=Settings(sampler="langevin", steps=3)))
    assert result.report["form"] == "exact" and missed(result) <= 3e-7


def test_mixing_sets_the_level_and_fits_rates_lengths_and_channels():
    mixture, placed, notes = mix([tone(300, 1.0, 16000), tone(500, 0.5, 44100, channels=2)], [-6.0])
    assert mixture.sample_rate == 16000 and mixture.channels == 2 and mixture.frames == 16000
    rms = [np.sqrt(np.mean(np.square(clip.samples[:, :8000]))) for clip in placed]
    assert 20 * np.log10(rms[1] / rms[0]) == pytest.approx(-6.0, abs=0.1)
    np.testing.assert_allclose(mixture.samples, placed[0].samples + placed[1].samples, atol=1e-7)
    assert "shorter ones end in silence" in notes[0] and not placed[1].samples[:, 8100:].any()


def test_a_mixture_that_would_clip_is_turned_down():
    mixture, placed, notes = mix([tone(300, level=0.9), tone(300, level=0.9)], [0.0])
    assert np.abs(mixture.samples).max() == pytest.approx(1.0) and "turned down by 5.1 dB" in notes[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"priors": ["tiny"]}, "at least two sources"),
        ({"priors": ["tiny"] * 9}, "at most 8 sources"),
        ({"priors": ["tiny", "nobody"]}, "no prior named 'nobody'"),
        ({"priors": ["tiny", "piano-16k-wavenet"]}, "spaced as a logarithm"),
        ({"form": "loose"}, "no form loose"),
        ({"levels_db": [0.0]}, "as many expected levels"),
        ({"levels_db": [0.0, 1e9]}, "within 60 dB"),
        ({"levels_db": [0.0, float("nan")]}, "within 60 dB"),
        ({"settings": Settings(sampler="original")}, "linear classes"),
        ({"settings": Settings(sampler="guess")}, "no sampler guess"),
        ({"references": [tone(300)]}, "2 stems, but 1 references"),
        ({"references": [tone(300), tone(300, 2.0)]}, "lasts 2.000 s"),
        ({"mixture": Clip(np.zeros((1, 5)), 16000)}, "samples"),
    ],
)
def test_refusals(pair, change, reason):
    arguments = {"mixture": tone(300), "priors": pair, "settings": QUICK} | change
    with pytest.raises(InputError, match=reason):
        list(separate(arguments.pop("mixture"), arguments.pop("priors"), **arguments))


@pytest.mark.parametrize(
    ("sources", "levels", "reason"),
    [
        ([tone(300)], [], "at least two"),
        ([tone(300), Clip(np.zeros((1, 1000)), 16000)], [0.0], "silent"),
        ([tone(300), tone(400)], [], "1 levels"),
        ([tone(300), tone(400)], [99.0], "within 60 dB"),
    ],
)
def test_mixing_refusals(sources, levels, reason):
    with pytest.raises(InputError, match=reason):
        mix(sources, levels)


def test_names_of_stems():
    assert stem_names(["a", "b", "a", "a"]) == ("a", "b", "a-2", "a-3")
