"""Windows of one clip over several processes: the same audio, faults that are heard of, settings that are refused."""

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.separation import separate
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.tasks.workers import run_blocks
from tests.samplers.gaussian import GaussianPrior

WINDOWS = Settings("tiny", "draft", steps=2, window_seconds=1.0)
SAMPLE = 1e-4  # by which audio may differ with the number of processes


def glide(seconds=2.4):
    t = np.arange(round(seconds * 16000)) / 16000
    return Clip(0.2 * np.sin(2 * np.pi * (300 * t + 200 * t**2))[None], 16000)


def test_a_restoration_does_not_depend_on_the_number_of_processes(tiny_prior):
    alone, spread = (
        list(super_resolve(glide(), 4, degrade="plain", settings=replace(WINDOWS, workers=n))) for n in (1, 2)
    )
    assert np.abs(alone[-1].clip.samples - spread[-1].clip.samples).max() <= SAMPLE
    assert alone[-1].report["score_evaluations"] == spread[-1].report["score_evaluations"]
    assert len(alone) == len(spread), "every update is told of"
    assert spread[-2].clip.frames == alone[-2].clip.frames and spread[-2].seconds_left == pytest.approx(0)


def test_a_separation_does_not_depend_on_the_number_of_processes(tiny_prior):
    alone, spread = (
        list(separate(glide(), ["tiny", "tiny"], settings=replace(WINDOWS, workers=n)))[-1] for n in (1, 2)
    )
    for name, stem in alone.sounds.items():
        assert np.abs(stem.samples - spread.sounds[name].samples).max() <= SAMPLE


def test_the_length_of_windows_is_the_users(tiny_prior):
    runs = [list(super_resolve(glide(), 4, settings=replace(WINDOWS, window_seconds=s))) for s in (None, 1.0)]
    assert len(runs[1]) > len(runs[0])


def broken(prior, first, last):
    raise InputError("no chain today")
    yield


def killed(prior, first, last):
    os.kill(os.getpid(), signal.SIGKILL)
    yield


def faulty(prior, first, last):
    raise ArithmeticError("a fault of ours")
    yield


def load(device):
    return GaussianPrior(torch.zeros(1), torch.eye(1), (1.0,))


def test_closing_a_run_ends_its_processes(tiny_prior):
    run = super_resolve(glide(), 4, settings=replace(WINDOWS, workers=2, steps=99999))
    next(update for update in run if update.iterate.step > 0)
    processes = multiprocessing.active_children()
    run.close()
    assert len(processes) == 2 and not any(process.is_alive() for process in processes)


@pytest.mark.parametrize(
    ("work", "error", "words"),
    [
        (broken, InputError, "no chain today"),
        (killed, InputError, "ended from outside"),
        (faulty, RuntimeError, "ArithmeticError: a fault of ours"),
    ],
)
def test_what_happens_in_a_process_is_heard_of(work, error, words):
    with pytest.raises(error, match=words):
        list(run_blocks(work, [(0, 10), (5, 15)], load("cpu"), load, ["cpu", "cpu"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"window_seconds": 0.6}, "overlap too much"),
        ({"window_seconds": float("nan")}, "at least 0.1 s"),
        ({"workers": 0}, "between 1 and 64"),
        ({"batch": 2}, "other samplers have none"),
    ],
)
def test_settings_that_make_no_sense(tiny_prior, change, reason):
    with pytest.raises(InputError, match=reason):
        list(super_resolve(glide(), 4, settings=replace(WINDOWS, **change)))
