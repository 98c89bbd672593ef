"""Rough guesses of sources become good ones where they reach the microphones in different ways."""

import numpy as np
import pytest

from core.arrays.refinement import (
    _inverse,
    _matrices,
    _Model,
    _outer,
    _planes,
    _riccati,
    _spectra,
    _times,
    refine,
    refining,
)
from core.signal.metrics import si_sdr_db

RATE, FRAMES, MICS = 16000, 32000, 4


def sources(seed: int = 0) -> np.ndarray:
    """Two noises that come and go, each through filters of its own to every microphone, [2, MICS, FRAMES]."""
    rng = np.random.default_rng(seed)
    loud = np.abs(np.repeat(rng.standard_normal((2, FRAMES // 800)), 800, axis=1))
    sounds = loud * rng.standard_normal((2, FRAMES))
    filters = rng.standard_normal((2, MICS, 40)) * np.exp(-np.arange(40) / 8)
    return np.array([[np.convolve(s, h)[:FRAMES] for h in own] for s, own in zip(sounds, filters, strict=True)])


def guesses(images: np.ndarray) -> np.ndarray:
    """Each with half as much of the other left in it."""
    return (2 * images + images[::-1]) / 3


def score(images: np.ndarray, estimates: np.ndarray) -> float:
    """Mean SI-SDR at the first microphone, in dB."""
    return np.mean([si_sdr_db(image[0], e[0]) for image, e in zip(images, estimates, strict=True)])


def test_guesses_become_sources_and_add_up_to_the_mixture():
    images = sources()
    mixture = images.sum(axis=0)
    refined = refine(mixture, guesses(images), RATE)
    assert refined.shape == images.shape and refined.dtype == np.float32
    np.testing.assert_allclose(refined.sum(axis=0), mixture, atol=2e-3 * np.abs(mixture).max())
    assert score(images, refined) > score(images, guesses(images)) + 3


def test_of_several_starts_the_likelier_one_is_taken():
    images = sources()
    mixture, poor = images.sum(axis=0), np.stack([images[0] + images[1], images[0] + images[1]]) / 2
    good = refine(mixture, guesses(images), RATE)
    for first, second in ((poor, guesses(images)), (guesses(images), poor)):
        np.testing.assert_allclose(refine(mixture, first, RATE, others=[second]), good, atol=1e-4)


def test_of_two_sources_a_first_start_must_be_clearly_ahead():
    """In few times it may be the likelier one and still the worse."""
    images = sources()
    mixture, first = images.sum(axis=0), guesses(images)
    safer = (1.9 * images + 1.1 * images[::-1]) / 3
    np.testing.assert_array_equal(refine(mixture, first, RATE, others=[safer]), refine(mixture, safer, RATE))
    silent = np.zeros((1, *mixture.shape))  # a third source
    three, safer = np.concatenate([first, silent]), np.concatenate([safer, silent])
    np.testing.assert_array_equal(refine(mixture, three, RATE, others=[safer]), refine(mixture, three, RATE))


def test_no_round_lowers_the_likelihood():
    images = sources(1)
    model = _Model(_spectra(images.sum(axis=0), 1024), [_spectra(guess, 1024) for guess in guesses(images)])

    total = np.einsum("fjt,jfmn->ftmn", model.powers, model.covariances)
    explained = np.einsum("fmt,ftmn,fnt->ft", model.mixture.conj(), np.linalg.inv(total), model.mixture)
    values = [model.log_likelihood()]
    assert values[0] == pytest.approx(float(-(explained.real + np.linalg.slogdet(total)[1]).mean()), rel=1e-3)
    for _ in range(6):
        model.improve()
        values.append(model.log_likelihood())
    assert np.all(np.diff(values) > -1e-3), "but for the loading"
    assert values[-1] > values[0] + 0.5


def test_the_level_does_not_matter():
    images = sources(2)
    quiet = refine(1e-4 * images.sum(axis=0), 1e-4 * guesses(images), RATE)
    loud = refine(images.sum(axis=0), guesses(images), RATE)
    np.testing.assert_allclose(1e4 * quiet, loud, atol=1e-2 * np.abs(loud).max())


@pytest.mark.parametrize("frames", [4000, 7000])
def test_short_and_silent_signals(frames):
    images = sources()[..., :frames]
    assert np.isfinite(refine(images.sum(axis=0), guesses(images), RATE)).all()
    silent_guess = np.stack([images.sum(axis=0), np.zeros_like(images[0])])
    assert np.isfinite(refine(images.sum(axis=0), silent_guess, RATE)).all()
    assert not refine(np.zeros((MICS, frames)), np.zeros((2, MICS, frames)), RATE).any()
    np.testing.assert_allclose(refine(images.sum(axis=0), images[:1], RATE), images[:1], rtol=1e-6)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Random positive matrices [*shape, MICS, MICS], and not nearly singular ones."""
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((*shape, MICS, MICS, 2)) @ [1, 1j]
    return roots @ np.swapaxes(roots.conj(), -1, -2) + 0.1 * np.eye(MICS)


def test_planes_are_the_matrices_and_their_inner_products_the_traces():
    a, b = positive(2, 50)
    np.testing.assert_allclose(_matrices(_planes(a)), a, rtol=1e-5)
    traces = np.trace(a @ b, axis1=1, axis2=2).real
    np.testing.assert_allclose(np.sum(_planes(a) * _planes(b), axis=-1), traces, rtol=1e-5)


def test_inverses_products_and_outer_products_of_planes():
    a = positive(3, 5)  # [bins, times]
    planes = np.moveaxis(_planes(a), 2, 1)
    inverse, log_determinant = _inverse(planes)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(a)[1], rtol=1e-4)
    inverse = _matrices(np.moveaxis(inverse, 1, 2))
    np.testing.assert_allclose(inverse @ a, np.broadcast_to(np.eye(MICS), a.shape), atol=1e-4)
    x = np.random.default_rng(1).standard_normal((3, MICS, 5, 2)) @ [1, 1j]
    np.testing.assert_allclose(_times(planes, x), np.einsum("ftmn,fnt->fmt", a, x), rtol=1e-5, atol=1e-5)
    outer = np.einsum("fmt,fnt->ftmn", x, x.conj())
    np.testing.assert_allclose(_matrices(np.moveaxis(_outer(x), 1, 2)), outer, rtol=1e-5, atol=1e-5)


def test_riccati_s_equation():
    a, b = positive(2, 50)
    r = _riccati(a, b)
    np.testing.assert_allclose(r @ a @ r, b, rtol=1e-6, atol=1e-6)


def test_every_round_is_told_of_and_the_trials_of_all_starts():
    images = sources()
    starts = guesses(images), guesses(images)[::-1]
    assert list(refining(images.sum(axis=0), starts[0], RATE, 4)) == [0.25, 0.5, 0.75, 1.0]
    shares = list(refining(images.sum(axis=0), starts[0], RATE, 8, [starts[1]]))
    assert len(shares) == 2 * 6 + 2 and shares == sorted(shares) and shares[-1] == 1
