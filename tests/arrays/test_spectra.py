"""Short-time spectra: nothing is lost, and steering vectors are what a plane wave measures."""

import numpy as np

from core.arrays.spectra import bin_frequencies, istft, steering_vectors, stft
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave


def test_spectra_give_the_signals_back():
    signals = np.stack([babble(1), babble(2)])
    assert np.abs(istft(stft(signals), signals.shape[-1]) - signals).max() < 1e-6


def test_steering_vectors_undo_a_plane_wave():
    """In every bin the microphones differ by nothing but the steering vector (up to the window's edges)."""
    spectra = stft(plane_wave(babble(3), RESPEAKER, 0.7))
    (vectors,) = steering_vectors(RESPEAKER, np.array([0.7]), bin_frequencies(RATE), reference=0)
    aligned = spectra * vectors.conj().T[:, :, None]
    assert np.linalg.norm(aligned - spectra[0]) < 0.02 * np.linalg.norm(aligned)
    assert np.abs(vectors[:, 0] - 1).max() < 1e-12
