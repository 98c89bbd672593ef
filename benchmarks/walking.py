"""Voices that walk 90 degrees in 6 s beside voices that stand: gains, and errors along the track.

    python -m benchmarks.walking speech/ --split test --array respeaker-4 --rooms 4

Realistic rooms, voices 1 to 2 m away and at least 30 degrees apart all the time, no background, 16 kHz. Gains and
errors are those of a run that is told how many voices there are, precision and recall (within 10 degrees, mean over the
track) those of one that is not. Gains are SI-SDR over the mixture's, against the voice's reverberant image at
microphone 0; a voice that is not found counts as no gain, and has no error. Prints a table, medians of gains and means
of all else, and, last, one JSON line.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.arrays.angles import angular_distance
from core.arrays.geometry import ArrayGeometry, read_array
from core.arrays.scenes.random_scene import RealisticRooms
from core.arrays.scenes.scene import Scene, SoundSource, render
from core.arrays.scenes.speech import Utterance, find_speech, read_speech
from core.signal.clip import Clip
from core.tasks.localization import localize
from core.tasks.localization_outcome import BASELINE
from core.tasks.progress import Result
from core.tasks.voices import Truth

RATE, SECONDS = 16000, 6
STEPS = 24  # positions of a walk
TURN, APART = np.pi / 2, np.deg2rad(30)
ROOMS = RealisticRooms(distances=(1.0, 2.0))
SETTINGS = ((1, 1), (2, 0), (2, 1))  # voices that walk, and that stand
PEAK = 0.3
OURS = "Cone search"


def paths_of(rng: np.random.Generator, walking: int, standing: int) -> list[np.ndarray]:
    """Angles of every voice in equal parts of the scene, in radians."""
    while True:
        turns = [*(TURN * rng.choice([-1, 1], walking)), *np.zeros(standing)]
        starts = rng.uniform(0, 2 * np.pi, walking + standing)
        paths = [start + turn * np.linspace(0, 1, STEPS) for start, turn in zip(starts, turns, strict=True)]
        pairs = [angular_distance(one, other).min() for k, one in enumerate(paths) for other in paths[:k]]
        if min(pairs, default=np.pi) > APART:
            return [path if turn else path[:1] for path, turn in zip(paths, turns, strict=True)]


def scene_of(
    seed: int, walking: int, standing: int, array: ArrayGeometry, speech: Sequence[Utterance]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The voices' images [voices, mics, frames], and their paths."""
    rng = np.random.default_rng((seed, walking, standing))
    room, paths = ROOMS.room(rng), paths_of(rng, walking, standing)
    speakers = rng.choice(sorted({utterance.speaker for utterance in speech}), len(paths), replace=False)
    sources, sounds = [], []
    for k, (path, speaker) in enumerate(zip(paths, speakers, strict=True)):
        file = rng.choice([utterance.path for utterance in speech if utterance.speaker == speaker])
        sounds.append(read_speech(file, SECONDS * RATE, RATE, rng))
        distance = rng.uniform(*ROOMS.distances)
        at_one_distance = RealisticRooms(distances=(distance, distance), lifts=(0.2, 0.2))
        places = tuple(at_one_distance.position(rng, room, angle) for angle in path)
        sources.append(SoundSource(f"voice{k:02d}", room, places, PEAK, speaker))
    return render(Scene(array, tuple(sources), SECONDS * RATE, RATE), sounds), paths


def localized(images: np.ndarray, paths: Sequence[np.ndarray], array: ArrayGeometry, voices: int | None) -> Result:
    truth = Truth(tuple(Clip(image, RATE) for image in images), tuple(tuple(map(float, path)) for path in paths))
    mixture = Clip(images.sum(axis=0), RATE)
    *_, result = localize(mixture, array, voices=voices, moving=True, truth=truth)
    return result


def figures_of(result: Result, paths: Sequence[np.ndarray]) -> list[tuple[str, str, float, float | None]]:
    """(method, walks or stands, gain, error) of every voice."""
    rows = {OURS: result.figures, BASELINE: result.baseline_figures[BASELINE]}
    return [
        (
            method,
            "walks" if len(path) > 1 else "stands",
            own["si_sdr_improvement_db"] or 0.0,
            own["angular_error_degrees"],
        )
        for method, figures in rows.items()
        for path, own in zip(paths, figures.values(), strict=True)
    ]


def counts_of(result: Result) -> list[tuple[str, float | None, float | None]]:
    """(method, precision, recall) of a scene; no precision where nothing was found."""
    rows = {OURS: result.report["metrics"], BASELINE: result.report["baselines"][BASELINE]}
    return [(method, own["precision"], own["recall"]) for method, own in rows.items()]


def table_of(measured: Sequence[tuple], counted: Sequence[tuple]) -> list[dict]:
    """A row for each method and kind of voices, from `figures_of` and `counts_of` of scenes of one setting."""
    rows = []
    for method, kind in sorted({row[:2] for row in measured}):
        own = [row for row in measured if row[:2] == (method, kind)]
        rows.append(
            {
                "method": method,
                "voices": kind,
                "gain_db": round(float(np.median([gain for *_, gain, _ in own])), 1),
                "error_degrees": _mean([error for *_, error in own], 1),
                "precision": _mean([precision for name, precision, _ in counted if name == method], 2),
                "recall": _mean([recall for name, _, recall in counted if name == method], 2),
            }
        )
    return rows


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), digits) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--split", default=None)
    parser.add_argument("--array", default="respeaker-4")
    parser.add_argument("--rooms", type=int, default=4)
    arguments = parser.parse_args()
    array, speech, table = read_array(arguments.array), find_speech(arguments.speech, arguments.split), []
    for walking, standing in SETTINGS:
        measured, counted = [], []
        for seed in range(arguments.rooms):
            images, paths = scene_of(seed, walking, standing, array, speech)
            measured += figures_of(localized(images, paths, array, len(paths)), paths)
            counted += counts_of(localized(images, paths, array, None))
        for row in table_of(measured, counted):
            table.append({"walking": walking, "standing": standing} | row)
            print(" | ".join(map(str, table[-1].values())), flush=True)
    print(json.dumps({"array": array.name, "rooms": arguments.rooms, "rows": table}))


if __name__ == "__main__":
    main()
