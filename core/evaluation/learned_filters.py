"""Separation by what the spectra of two kinds of sources are like, learned of other recordings: no network, no truth.

Static Wiener filters know each kind's mean power spectrum, with harmonic-percussive separation (Fitzgerald 2010) when a
sound is a note or a stroke as well; non-negative factors (Lee & Seung 1999) know more than one spectrum of a kind.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.signal.masks import spectrum, waveform_of, wiener_masks
from core.tasks.separation_baselines import BINARY, RATIO

WINDOW = 2048  # samples; the next one begins a quarter of it later
FACTORS = 24  # of a kind
MOST_WINDOWS = 4000  # of a kind's recordings, that factors are learned of
ITERATIONS = 200
STATIC, STATIC_HPSS = "static Wiener filters", "static Wiener filters with HPSS"
BLIND, TRAINED = "NMF, blind", "NMF, trained"


@dataclass(frozen=True)
class LearnedSpectra:
    """Two kinds of sources, the first of which is percussive.

    Args:
        powers: mean power spectra, each of mean one, `[2, bins]`.
        factors: spectra of each kind, magnitudes `[2, FACTORS, bins]`.
    """

    powers: np.ndarray
    factors: np.ndarray


def learn_spectra(kinds: Sequence[Iterable[np.ndarray]]) -> LearnedSpectra:
    """Of recordings `[frames]` of each kind, all at one rate, brought to one level each."""
    powers, factors = [], []
    for recordings in kinds:
        magnitudes = [np.abs(spectrum(own / np.sqrt(np.mean(np.square(own))), WINDOW)) for own in recordings]
        whole = np.concatenate(magnitudes, axis=1)
        power = np.square(whole).mean(axis=1)
        powers.append(power / power.mean())
        factors.append(_factors(whole[:, :: -(-whole.shape[1] // MOST_WINDOWS)]))
    return LearnedSpectra(np.stack(powers), np.stack(factors))


def filtered(mixture: np.ndarray, known: LearnedSpectra) -> dict[str, np.ndarray]:
    """Sources that each method finds in a mixture `[frames]`: `[2, frames]`."""
    from librosa.decompose import hpss

    whole = spectrum(mixture, WINDOW)
    static = known.powers[:, :, None] * np.ones(whole.shape[1])
    harmonic, percussive = hpss(np.abs(whole))
    powers = {STATIC: static, STATIC_HPSS: static * np.square(np.stack([percussive, harmonic]))}
    powers[BLIND] = np.square(_by_blind_factors(np.abs(whole), known.powers))
    powers[TRAINED] = np.square(_by_factors(np.abs(whole), known.factors))
    return {method: waveform_of(whole * wiener_masks(own), len(mixture)) for method, own in powers.items()}


def ideal_masks(mixture: np.ndarray, truths: np.ndarray) -> dict[str, np.ndarray]:
    """Sources `[2, frames]` by the binary and the ratio mask of the truth."""
    whole, powers = spectrum(mixture, WINDOW), np.square(np.abs(spectrum(truths, WINDOW)))
    masks = {BINARY: powers == powers.max(axis=0), RATIO: wiener_masks(powers)}
    return {method: waveform_of(whole * mask, len(mixture)) for method, mask in masks.items()}


def _factors(magnitudes: np.ndarray) -> np.ndarray:
    """`[bins, windows]` -> `[FACTORS, bins]`."""
    return _factorised(magnitudes, FACTORS)[0].T


def _by_blind_factors(magnitudes: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Factors of the mixture alone, each of which goes to the kind whose mean spectrum it is more alike."""
    bases, activations = _factorised(magnitudes, 2 * FACTORS)
    likeness = np.sqrt(powers / powers.sum(axis=1, keepdims=True)) @ bases  # [2, factors]
    owner = likeness.argmax(axis=0)
    return np.stack([bases[:, owner == kind] @ activations[owner == kind] for kind in (0, 1)])


def _by_factors(magnitudes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """What known factors of each kind make of a mixture `[bins, windows]`: magnitudes `[2, bins, windows]`."""
    from sklearn.decomposition import non_negative_factorization

    known = np.concatenate(factors).astype(magnitudes.dtype)
    with warnings.catch_warnings(action="ignore"):  # a bounded effort need not converge
        settings = {"n_components": len(known), "update_H": False, "max_iter": ITERATIONS, "tol": 1e-3}
        activations = non_negative_factorization(magnitudes.T, H=known, **settings)[0]  # [windows, factors]
    parts = zip(np.split(activations, 2, axis=1), factors, strict=True)
    return np.stack([(own @ bases).T for own, bases in parts])


def _factorised(magnitudes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`[bins, factors]` and `[factors, windows]`."""
    from librosa.decompose import decompose

    with warnings.catch_warnings(action="ignore"):  # a bounded effort need not converge
        settings = {"init": "nndsvd", "max_iter": ITERATIONS, "tol": 1e-3}
        return decompose(magnitudes, n_components=min(count, *magnitudes.shape), **settings)
