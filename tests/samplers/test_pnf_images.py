"""PnF's dynamics of images: updates by hand, sources one after the other, and a posterior that is known."""

import math

import torch

from core.observations.masked import Masked
from core.observations.mixture import Mixture
from core.samplers.pnf_images import pnf_images
from core.signal.companding import Waveform
from core.types import Observation, Prior, Score

SHAPE = (1, 2, 2)


class Gaussian(Prior):
    """Pixels of unit variance around 0: with noise, of variance 1 + level^2."""

    def score(self, x, level, condition=None):
        return Score(-x / (1 + level**2))


def settings(steps: int, **changes) -> dict:
    return {"sigmas": (2.0, 0.5), "steps": steps, "generator": torch.Generator().manual_seed(0), **changes}


def test_an_update_is_as_it_is_written():
    noises = torch.randn(2, 3, *SHAPE)
    draws = iter(noises)
    x = torch.randn(3, *SHAPE)
    run = pnf_images(Gaussian(), Observation(), x, **settings(1, generator=lambda shape: next(draws), step_scale=0.1))
    for iterate, level, noise in zip(run, (2.0, 0.5), noises, strict=True):
        eta = 0.1 * level**2
        torch.testing.assert_close(iterate.denoised, x - x * level**2 / (1 + level**2))
        x = x - eta * x / (1 + level**2) + math.sqrt(2 * eta) * noise
        torch.testing.assert_close(iterate.x, x)
    assert iterate.step == iterate.total_steps == 2


def test_a_source_feels_where_those_before_it_have_moved():
    mixture = torch.randn(2, *SHAPE)
    observation, level = Mixture(mixture, (1.0, 1.0), Waveform(), strength=1.0), 0.5
    x = torch.randn(4, *SHAPE)  # image after image, source after source
    quiet = settings(1, sigmas=(level,), generator=torch.zeros, step_scale=0.1, sources=2)
    (iterate,) = pnf_images(Gaussian(), observation, x, **quiet)
    first, second = x[::2], x[1::2]
    eta, gamma = 0.1 * level**2, 1 / level**2
    first = first + eta * (-first / (1 + level**2) + gamma * (mixture - first - second))
    second = second + eta * (-second / (1 + level**2) + gamma * (mixture - first - second))
    torch.testing.assert_close(iterate.x[::2], first)
    torch.testing.assert_close(iterate.x[1::2], second)


def test_what_is_known_stays_and_the_rest_is_of_the_prior():
    count = 4000
    truth, known = torch.full((count, *SHAPE), 3.0), torch.tensor([[True, False], [True, True]])
    observation = Masked(truth, known.expand_as(truth), Waveform())
    run = pnf_images(Gaussian(), observation, truth, **settings(60, sigmas=(2.0, 0.1), step_scale=0.5))
    *_, last = run
    assert (last.x[:, 0][:, known] == 3).all()
    free = last.denoised[:, 0, 0, 1]
    torch.testing.assert_close(free.mean(), torch.tensor(0.0), atol=0.25, rtol=0)
    assert last.residual < 0.1, "the estimate of known pixels is near them at the lowest level"
