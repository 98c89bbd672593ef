"""Rough guesses of sources become good ones where they reach the microphones in different ways."""

import numpy as np
import pytest

from core.arrays.refinement import _inverse, _Model, _riccati, _spectra, refine
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


def test_no_round_lowers_the_likelihood():
    images = sources(1)
    model = _Model(_spectra(images.sum(axis=0), 1024), [_spectra(guess, 1024) for guess in guesses(images)])

    def likelihood() -> float:
        total = sum(p[..., None, None] * c[:, None] for p, c in zip(model.powers, model.covariances, strict=True))
        explained = np.einsum("ftm,ftmn,ftn->ft", model.mixture.conj(), np.linalg.inv(total), model.mixture)
        return float(-(explained.real + np.linalg.slogdet(total)[1]).mean())

    values = [likelihood()]
    for _ in range(6):
        model.improve()
        values.append(likelihood())
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


def test_inverses_and_riccati_s_equation():
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((2, 50, MICS, MICS)) + 1j * rng.standard_normal((2, 50, MICS, MICS))
    a, b = roots @ np.swapaxes(roots.conj(), -1, -2) + 0.1 * np.eye(MICS)
    np.testing.assert_allclose(_inverse(a) @ a, np.broadcast_to(np.eye(MICS), a.shape), atol=1e-8)
    r = _riccati(a, b)
    np.testing.assert_allclose(r @ a @ r, b, rtol=1e-6, atol=1e-6)
