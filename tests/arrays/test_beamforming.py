"""Beamformers and oracles: each is better than the next simpler one, and none breaks on silence."""

import numpy as np
import pytest

from core.arrays.beamforming import delay_and_sum, direction_masks, directional_mvdr, mvdr
from core.arrays.oracles import ideal_binary_mask, ideal_ratio_mask, multichannel_wiener_filter
from core.arrays.scenes.scene import Room, Scene, SoundSource, render
from core.arrays.spectra import stft
from core.signal.metrics import si_sdr_db
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave

FREE_FIELD = Room(size=(20.0, 20.0, 20.0), centre=(10.0, 10.0, 10.0), absorption=1.0, order=0)
ORACLES = [ideal_binary_mask, ideal_ratio_mask, multichannel_wiener_filter]


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Two voices 2 m away and 110 degrees apart, without any reverberation."""
    places = {"voice00": 0.4, "voice01": 0.4 + np.deg2rad(110)}
    voices = [
        SoundSource(name, FREE_FIELD, ((2 * np.cos(angle), 2 * np.sin(angle), 0.0),), peak=0.3)
        for name, angle in places.items()
    ]
    return Scene(RESPEAKER, tuple(voices), 2 * RATE, RATE)


@pytest.fixture(scope="module")
def images(scene) -> np.ndarray:
    return render(scene, [babble(1), babble(2)])


def scores(images: np.ndarray, estimates) -> np.ndarray:
    """SI-SDR of every estimate against its voice at the first microphone, in dB."""
    return np.array([si_sdr_db(image[0], estimate) for image, estimate in zip(images, estimates, strict=True)])


def test_mvdr_beats_delay_and_sum_beats_one_microphone(scene, images):
    mixture, angles = images.sum(axis=0), [voice.angle for voice in scene.sources]
    alone = scores(images, [mixture[0]] * 2)
    summed = scores(images, [delay_and_sum(mixture, RESPEAKER, angle, RATE) for angle in angles])
    powerless = scores(images, [mvdr(mixture, RESPEAKER, angle, RATE) for angle in angles])
    told = [mvdr(mixture, RESPEAKER, angle, RATE, interference=images[1 - k]) for k, angle in enumerate(angles)]
    assert (summed > alone + 0.3).all()
    assert (powerless > summed + 2).all()
    assert (scores(images, told) > powerless).all()
    assert (scores(images, directional_mvdr(mixture, RESPEAKER, angles, RATE)) > summed + 2).all()


@pytest.mark.parametrize("beamform", [delay_and_sum, mvdr])
def test_what_comes_from_the_direction_passes_as_it_is(beamform):
    wave = plane_wave(babble(5), RESPEAKER, 1.9)
    assert si_sdr_db(wave[0], beamform(wave, RESPEAKER, 1.9, RATE)) > 30


def test_silence_stays_silence():
    silence, angles = np.zeros((4, RATE)), [0.0, 2.0]
    for estimate in (
        delay_and_sum(silence, RESPEAKER, 0.0, RATE),
        mvdr(silence, RESPEAKER, 0.0, RATE),
        directional_mvdr(silence, RESPEAKER, angles, RATE),
        *(oracle(np.zeros((2, 4, RATE))) for oracle in ORACLES),
    ):
        assert not estimate.any()


def test_direction_masks_share_every_bin_out_once(scene, images):
    masks = direction_masks(stft(images.sum(axis=0)), RESPEAKER, [0.4, 2.3, 4.0], RATE)
    assert masks.dtype == bool and (masks.sum(axis=0) == 1).all()


@pytest.mark.parametrize("oracle", ORACLES[:2])
def test_masks_of_all_sources_add_up_to_the_mixture(oracle, images):
    assert np.abs(oracle(images).sum(axis=0) - images.sum(axis=0)[0]).max() < 1e-5


def test_oracles_bound_what_beamformers_reach_and_do_not_exceed_the_truth(scene, images):
    mixture, angles = images.sum(axis=0), [voice.angle for voice in scene.sources]
    reached = scores(images, [mvdr(mixture, RESPEAKER, angle, RATE) for angle in angles])
    binary, ratio, wiener = (scores(images, oracle(images)) for oracle in ORACLES)
    assert (wiener > reached).all()
    assert (wiener > ratio).all() and (ratio >= binary - 0.5).all()
    assert (binary > scores(images, [mixture[0]] * 2) + 3).all()
    assert np.isfinite([binary, ratio, wiener]).all()


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_source_alone_is_given_back(oracle, images):
    assert si_sdr_db(images[0, 0], oracle(images[:1])[0]) > 50
