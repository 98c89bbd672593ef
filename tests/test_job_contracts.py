"""What every job must do: progress, a result, a report, the same sounds for the same seed, and an end at any time.

They are found in the registry: what is added there fails here until it has an example, and is covered from then on.
"""

import importlib
import inspect
import itertools
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from core import zoo
from core.arrays.geometry import read_array
from core.cli import batch
from core.errors import InputError
from core.jobs import JOBS
from core.signal.clip import Clip
from core.tasks.generation import Wish
from core.tasks.latent_separation import separate_latent
from core.tasks.progress import Progress, Result
from core.tasks.settings import Settings
from demos.page import zero_gpu
from tests.lent_gpu import pickled

RATE = 16000


def glide(seconds: float = 0.5) -> Clip:
    t = np.arange(round(seconds * RATE)) / RATE
    return Clip(0.2 * np.sin(2 * np.pi * (300 * t + 100 * t**2))[None], RATE)


def spoken() -> Clip:
    """Six seconds of a buzz that pauses, from which a voice can be taken."""
    t = np.arange(6 * RATE) / RATE
    buzz = sum(np.cos(2 * np.pi * 150 * h * t) / h for h in range(1, 12)) * 0.05 * (np.sin(2 * np.pi * 2 * t) > -0.5)
    return Clip((buzz + 0.001 * np.random.default_rng(0).standard_normal(len(t)))[None], RATE)


def around() -> Clip:
    """The same at four microphones, with a noise of each."""
    sound, random = glide(0.6).samples, np.random.default_rng(0)
    return Clip(np.repeat(sound, 4, axis=0) + 0.01 * random.standard_normal((4, sound.shape[1])), RATE)


EXAMPLES = {  # by the job's name, and which way where there are several: (function, settings) -> a run
    "super-resolve": lambda do, settings: do(glide(), 4, degrade="plain", settings=settings),
    "inpaint": lambda do, settings: do(glide(), [(0.2, 0.22)], settings=settings, reference=glide()),
    "declip": lambda do, settings: do(glide(), 0.1, settings=settings, reference=glide()),
    "separate": lambda do, settings: do(
        glide(), ["tiny", "tiny"], settings=settings, references=[Clip(glide().samples / 2, RATE)] * 2
    ),
    "separate by codes": lambda do, settings: do(
        glide(), ["tiny-drums", "tiny-bass"], samples=2, settings=settings, references=[glide()] * 2
    ),
    "vocode": lambda do, settings: do(glide(), settings=settings),
    "convert-voice": lambda do, settings: do(
        glide(), voice=spoken(), settings=replace(settings, prior="tiny-converter")
    ),
    "convert-voice by codes": lambda do, settings: do(
        glide(), speaker="Ada", settings=replace(settings, prior="tiny-vqvae")
    ),
    "localize": lambda do, settings: do(around(), read_array("respeaker-4"), method="srp-phat", voices=1),
    "generate": lambda do, settings: do(Wish(2, 0.06), settings=replace(settings, prior="tiny-mel")),
    "generate sample by sample": lambda do, settings: do(
        Wish(2, 0.06, prime=glide()), settings=replace(settings, prior="tiny-wavenet", steps=None)
    ),
    "generate code by code": lambda do, settings: do(
        Wish(2, 0.06), settings=replace(settings, prior="tiny-drums", steps=None)
    ),
}
FUNCTIONS = {
    "super-resolve": "super_resolve",
    "inpaint": "inpaint",
    "declip": "declip",
    "separate": "separate",
    "vocode": "vocode",
    "convert-voice": "convert_voice",
    "localize": "localize",
    "generate": "generate",
}
WAYS = {"separate by codes": separate_latent}  # with a function of their own
IN_EVERY_REPORT = {
    *("task", "prior", "seed", "device", "seconds", "duration_seconds", "sample_rate", "metrics", "baselines", "notes")
}


def job_of(example: str) -> str:
    return example.partition(" ")[0]


def job_function(example: str):
    """What does an example's job."""
    if example in WAYS:
        return WAYS[example]
    name = job_of(example)
    module = importlib.import_module(f"core.tasks.{JOBS[name].module}")
    assert name == module.TASK
    return getattr(module, FUNCTIONS[name])


@pytest.fixture
def settings(tiny_prior, tiny_mel_prior, tiny_wavenet, tiny_converter, tiny_vqvae, tiny_code_priors) -> Settings:
    return Settings(tiny_prior, "draft", steps=2, seed=3)


def test_every_job_has_an_example_a_command_and_a_place_in_lists():
    assert set(map(job_of, EXAMPLES)) == set(FUNCTIONS) == set(JOBS) <= set(batch.TASKS)
    for name, job in JOBS.items():
        signature = inspect.signature(job_function(name))
        assert signature.parameters["settings"].kind is inspect.Parameter.KEYWORD_ONLY
        assert all(prior in {entry.name for entry in zoo.catalogue(name)} for prior in job.priors)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_job_yields_progress_and_last_its_result(example, settings):
    *progress, result = EXAMPLES[example](job_function(example), settings)
    assert progress and all(isinstance(item, Progress) for item in progress) and isinstance(result, Result)
    for item in progress:
        assert item.seconds >= 0 and item.seconds_left >= 0 and (item.iterate is None) != (item.look is None)
        assert item.sounds.keys() == item.chains.keys()
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(progress))
    assert progress[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert (len(result.sounds) == 1 and not JOBS[job_of(example)].several) or JOBS[job_of(example)].several
    for clip in (*result.sounds.values(), result.observed, *result.truths.values()):
        assert np.isfinite(clip.samples).all() and clip.sample_rate == result.report["sample_rate"]
    assert result.truths.keys() in (set(), result.sounds.keys())


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_report_has_what_all_reports_have(example, settings):
    *_, result = EXAMPLES[example](job_function(example), settings)
    report = result.report
    assert report["task"] == job_of(example) and report.keys() >= IN_EVERY_REPORT
    assert json.loads(json.dumps(report)) is not None
    assert result.metrics is report["metrics"] and result.baseline_metrics is report["baselines"]
    assert report["duration_seconds"] == pytest.approx(next(iter(result.sounds.values())).seconds)
    assert set(result.baseline_figures) == set(report["baselines"]) and report["notes"] == list(result.notes)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_same_seed_gives_the_same_sounds(example, settings):
    (*_, first), (*_, second) = (EXAMPLES[example](job_function(example), settings) for _ in range(2))
    assert first.sounds.keys() == second.sounds.keys()
    for sound in first.sounds:
        assert np.array_equal(first.sounds[sound].samples, second.sounds[sound].samples)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_run_can_be_closed_at_any_time(example, settings):
    run = EXAMPLES[example](job_function(example), settings)
    next(run)
    run.close()
    with pytest.raises(StopIteration):
        next(run)


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if job.priors])
def test_an_unknown_prior_is_refused_in_a_sentence(name, settings, monkeypatch):
    arguments = {"settings": Settings("nobody", "draft")}
    run = {
        "separate": lambda do: do(glide(), ["nobody", "tiny"], settings=settings),
        "super-resolve": lambda do: do(glide(), 4, **arguments),
        "inpaint": lambda do: do(glide(), [(0.2, 0.22)], **arguments),
        "generate": lambda do: do(**arguments),
        "convert-voice": lambda do: do(glide(), speaker="ls1688", **arguments),
    }.get(name, lambda do: do(glide(), **arguments))
    with pytest.raises(InputError, match="no prior named 'nobody'"):
        next(run(job_function(name)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_job_on_a_lent_gpu_shows_and_makes_the_same(example, settings, monkeypatch):
    """What it is given and what it yields are pickled, as where the GPU is another process's."""
    at_home = EXAMPLES[example](job_function(example), settings)
    *progress, result = at_home
    monkeypatch.setattr(zero_gpu, "_lent", pickled(zero_gpu.worked))
    *shown, lent = EXAMPLES[example](partial(zero_gpu.run, job_function(example)), settings)
    assert shown and type(shown[-1]) is Progress and type(lent) is Result
    assert {name: clip.samples.tolist() for name, clip in lent.sounds.items()} == {
        name: clip.samples.tolist() for name, clip in result.sounds.items()
    }
    for made in ("sounds", "chains", "mels", "chain_mels"):
        assert getattr(shown[-1], made).keys() == getattr(progress[-1], made).keys()
    assert type(shown[-1].iterate) is type(progress[-1].iterate)
    if result.streams is not None:
        last = len(result.streams.codes) - 1
        assert lent.streams.say(last).keys() == result.streams.say(last).keys()
