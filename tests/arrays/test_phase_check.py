"""The phase check: channels that are not the microphones contradict the array, and every right order is let pass."""

import numpy as np
import pytest

from core.arrays.geometry import ARRAYS, ArrayGeometry
from core.arrays.phase_check import PhaseCheck, check_phases, check_stream, is_one_plane_wave
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import render
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave, speech

LINE = ArrayGeometry("line", tuple((0.05 * k, 0.0) for k in range(4)))
TRIPLE = ArrayGeometry("triple", ((0.0, 0.0), (0.08, 0.0), (0.02, 0.05)))
KNOWN = (*ARRAYS.values(), LINE)
CIRCLE = ARRAYS["circle-6"]


def swapped(count: int, a: int, b: int) -> list[int]:
    return [b if k == a else a if k == b else k for k in range(count)]


@pytest.mark.parametrize("array", [*KNOWN, TRIPLE], ids=lambda array: array.name)
def test_plane_waves_are_explained_and_other_orders_are_not(array):
    heard = plane_wave(babble(0), array, 0.7) + plane_wave(babble(1), array, 2.0)
    check, own = PhaseCheck(heard, RATE, array), range(array.count)
    assert check.misfit(own) < 0.02 and check.misfit(swapped(array.count, 0, 1)) > 3 * check.misfit(own)


def test_a_single_plane_wave_has_full_power():
    angle = np.pi / 4
    assert PhaseCheck(plane_wave(babble(0), RESPEAKER, angle), RATE, RESPEAKER).power(range(4)) > 0.98
    assert is_one_plane_wave(plane_wave(babble(0), RESPEAKER, angle), RATE, RESPEAKER)
    assert not is_one_plane_wave(np.stack([babble(0)] * 4), RATE, RESPEAKER)


@pytest.mark.parametrize("array", KNOWN, ids=lambda array: array.name)
def test_swapped_channels_contradict_the_array(array):
    heard = voices(40, 130, array=array).sum(axis=0)
    assert check_phases(heard, RATE, array) == []
    for k in range(array.count - 1):
        order = swapped(array.count, k, k + 1)
        (fault,) = check_phases(heard[order], RATE, array)
        assert fault.kind == "swapped" and "contradict the array" in fault.sentence


def test_orders_that_are_turned_or_mirrored_sound_right():
    heard = voices(40, 130).sum(axis=0)
    for order in ([1, 2, 3, 0], [0, 3, 2, 1], [2, 1, 0, 3]):
        assert check_phases(heard[order], RATE, RESPEAKER) == []
    heard = voices(40, 130, array=LINE).sum(axis=0)
    assert check_phases(heard[::-1], RATE, LINE) == []


@pytest.mark.parametrize("other", ["silence", "mixture", "noise"])
def test_raw_channels_elsewhere_in_a_stream_are_found(other):
    """Six channels whose microphones are 2 to 5, and taken as 1 to 4."""
    heard = voices(40, 200).sum(axis=0)
    first = {
        "silence": np.zeros_like(heard[0]),
        "mixture": heard.mean(axis=0),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(heard.shape[1]),
    }[other]
    stream = np.stack([heard.mean(axis=0), first, *heard])
    (fault,) = check_stream(stream, RATE, RESPEAKER, (1, 2, 3, 4))
    assert fault.kind == "misplaced" and "2, 3, 4, 5 fit" in fault.sentence
    assert check_stream(stream, RATE, RESPEAKER, (2, 3, 4, 5)) == []
    assert check_stream(np.stack([first, *heard, heard[0]]), RATE, RESPEAKER, (1, 2, 3, 4)) == []


@pytest.mark.parametrize("array", KNOWN, ids=lambda array: array.name)
def test_what_says_nothing_of_the_array_does_not_contradict_it(array):
    rng = np.random.default_rng(0)
    noise, short = rng.standard_normal((array.count, 2 * RATE)), voices(40, array=array, seconds=0.2).sum(axis=0)
    hum = np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE) + 1e-4 * rng.standard_normal((array.count, RATE))
    for sound in (noise, short, hum, np.zeros((array.count, RATE)), np.zeros((array.count, 10))):
        assert check_phases(sound, RATE, array) == []


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
def test_voices_in_reverberant_rooms_do_not_contradict_their_array(array):
    rooms = RealisticRooms(t60_seconds=(0.4, 0.6), distances=(1.5, 2.5))
    for seed in range(4):
        rng, names = np.random.default_rng(seed), [f"voice{k:02d}" for k in range(1 + seed)]
        scene = draw_scene(rng, rooms, array, names, frames=3 * RATE, sample_rate=RATE)
        spoken = [np.roll(speech(3), 5000 * k) for k in range(len(scene.sources))]
        heard = render(scene, spoken).sum(axis=0)
        assert check_phases(heard + 1e-4 * rng.standard_normal(heard.shape), RATE, array) == []
