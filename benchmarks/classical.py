"""Classical array methods in simulated rooms: angular errors, and SI-SDR gains of beamformers at the angles found.

    python -m benchmarks.classical speech/ --split test --rooms 30

One voice: 0.8 to 1.5 m away, T60 0.2 to 0.5 s. Two: 1 to 2 m away, at least 45 degrees apart, T60 0.2 to 0.4 s.
Scenes of 3 s at 16 kHz, no background. A voice that is not found counts as 180 degrees off. Gains are SI-SDR over the
mixture's, both against the voice's reverberant image at microphone 0. Prints two tables and, last, one JSON line.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.arrays.angles import angular_distance
from core.arrays.beamforming import delay_and_sum, directional_mvdr, mvdr
from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks, music
from core.arrays.geometry import ArrayGeometry, read_array
from core.arrays.oracles import ideal_binary_mask, ideal_ratio_mask, multichannel_wiener_filter
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import Scene, render
from core.arrays.scenes.speech import Utterance, find_speech, read_speech
from core.arrays.spectra import stft
from core.signal.metrics import si_sdr_db

RATE, FRAMES = 16000, 48000
ONE_VOICE = RealisticRooms(t60_seconds=(0.2, 0.5), distances=(0.8, 1.5))
TWO_VOICES = RealisticRooms(t60_seconds=(0.2, 0.4), distances=(1.0, 2.0), separation=np.pi / 4)
FOUND_BY = "SRP-PHAT by turns"  # the method whose angles the beamformers use

Locate = Callable[[np.ndarray, int], np.ndarray]  # (signals [mics, frames], voices) -> angles
Rendered = tuple[Scene, np.ndarray]


def scenes(rooms: RealisticRooms, voices: int, count: int, array: ArrayGeometry, speech: list[Utterance]):
    """Scenes of different speakers, rendered."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        speakers = rng.choice(sorted({utterance.speaker for utterance in speech}), voices, replace=False)
        files = [rng.choice([u.path for u in speech if u.speaker == speaker]) for speaker in speakers]
        sounds = [read_speech(file, FRAMES, RATE, rng) for file in files]
        scene = draw_scene(rng, rooms, array, list(speakers), frames=FRAMES, sample_rate=RATE)
        yield scene, render(scene, sounds)


def locators(array: ArrayGeometry) -> dict[str, Locate]:
    """The methods by their names in the table."""
    response = SteeredResponse(array, RATE)
    return {
        "SRP-PHAT": lambda x, n: find_peaks(response.power(stft(x)), n),
        FOUND_BY: lambda x, n: find_peaks(response.power_of_turns(stft(x)), n),
        "MUSIC": lambda x, n: find_peaks(music(stft(x), array, RATE, count=n), n),
        "NormMUSIC": lambda x, n: find_peaks(music(stft(x), array, RATE, count=n, normalised=True), n),
    }


def matched(found: np.ndarray, scene: Scene) -> np.ndarray:
    """The angles found, in the order of their nearest voices; for a voice without one, the opposite of its own."""
    truth = np.array([voice.angle for voice in scene.sources])
    missing = len(truth) - len(found)
    best = min(
        itertools.permutations([*found, *[None] * missing]),
        key=lambda angles: sum(
            np.pi if a is None else angular_distance(a, b) for a, b in zip(angles, truth, strict=True)
        ),
    )
    return np.array([b + np.pi if a is None else a for a, b in zip(best, truth, strict=True)])


def angular_errors(locate: Locate, rendered: Sequence[Rendered]) -> tuple[np.ndarray, float]:
    """Angular errors of all voices in degrees; and seconds a scene."""
    errors, started = [], time.perf_counter()
    for scene, images in rendered:
        angles = matched(locate(images.sum(axis=0), len(scene.sources)), scene)
        errors.extend(angular_distance(angles, [voice.angle for voice in scene.sources]))
    return np.rad2deg(errors), (time.perf_counter() - started) / len(rendered)


def gains(array: ArrayGeometry, rendered: Sequence[Rendered]) -> dict[str, list[float]]:
    """SI-SDR improvement of every method and voice, in dB."""
    locate, found = locators(array)[FOUND_BY], {}
    for scene, images in rendered:
        x, truth = images.sum(axis=0), [voice.angle for voice in scene.sources]
        angles = matched(locate(x, len(truth)), scene)
        estimates = {
            "delay and sum": [delay_and_sum(x, array, angle, RATE) for angle in angles],
            "MVDR, mixture": [mvdr(x, array, angle, RATE) for angle in angles],
            "MVDR, direction masks": directional_mvdr(x, array, angles, RATE),
            "the same, true angles": directional_mvdr(x, array, truth, RATE),
            "ideal binary mask": ideal_binary_mask(images),
            "ideal ratio mask": ideal_ratio_mask(images),
            "multichannel Wiener": multichannel_wiener_filter(images),
        }
        for name, signals in estimates.items():
            found.setdefault(name, []).extend(
                si_sdr_db(image[0], signal) - si_sdr_db(image[0], x[0])
                for image, signal in zip(images, signals, strict=True)
            )
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 10th and 90th percentile."""
    low, median, high = np.percentile(values, [10, 50, 90])
    return {"median": round(median, 2), "p10": round(low, 2), "p90": round(high, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--rooms", type=int, default=30)
    parser.add_argument("--array", default="respeaker-4")
    options = parser.parse_args()
    array, speech = read_array(options.array), find_speech(options.speech, options.split)
    started = time.perf_counter()
    one, two = (
        list(scenes(rooms, voices, options.rooms, array, speech))
        for voices, rooms in enumerate((ONE_VOICE, TWO_VOICES), start=1)
    )
    rate = 2 * options.rooms / (time.perf_counter() - started)
    report = {
        "benchmark": "classical",
        "array": array.name,
        "rooms": options.rooms,
        "scenes_per_second": round(rate, 1),
    }
    print(f"{'angular error, degrees':24} {'one voice (p90)':>17} {'two voices (p90)':>17} {'s a scene':>10}")
    for name, locate in locators(array).items():
        (single, seconds), (double, _) = (angular_errors(locate, rendered) for rendered in (one, two))
        report[name] = {"one": spread(single), "two": spread(double), "seconds": round(seconds, 3)}
        cells = [f"{row['median']:.1f} ({row['p90']:.1f})" for row in (report[name]["one"], report[name]["two"])]
        print(f"{name:24} {cells[0]:>17} {cells[1]:>17} {seconds:10.3f}", flush=True)
    print(f"\n{'SI-SDR improvement, dB':24} {'median':>8} {'p10':>8} {'p90':>8}")
    for name, values in gains(array, two).items():
        report[name] = row = spread(values)
        print(f"{name:24} {row['median']:8.1f} {row['p10']:8.1f} {row['p90']:8.1f}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
