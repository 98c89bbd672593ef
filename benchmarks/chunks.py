"""Long recordings in chunks of several lengths: what the cone search finds and separates, how long it takes.

    python -m benchmarks.chunks speech/ --split valid --array respeaker-4 --seconds 24 --voices 2 --scenes 6

Realistic rooms, voices 1 to 2 m away and at least 30 degrees apart, no background, 16 kHz; in every other scene the
last voice is `BRIEF`: it speaks a quarter of the time. The number of voices is not told. Gains are SI-SDR over the
mixture's, against the voice's reverberant image at microphone 0; a voice that is not found counts as no gain. Prints,
for every length, the median gain, precision and recall, the median gain of brief voices and how many of them were
found, and, from short chunks to long ones, the seconds that one core works for a second of sound and the most memory
the process took so far; last, one JSON line.
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.arrays.geometry import ArrayGeometry, read_array
from core.arrays.scenes.random_scene import RealisticRooms
from core.arrays.scenes.scene import Scene, SoundSource, render
from core.arrays.scenes.speech import Utterance, find_speech, read_speech
from core.signal.clip import Clip
from core.tasks.localization import localize
from core.tasks.localization_outcome import match_directions, measure
from core.tasks.progress import Result
from core.tasks.voices import Truth

RATE = 16000
APART = np.deg2rad(30)
ROOMS = RealisticRooms(distances=(1.0, 2.0), separation=APART)
PEAK = 0.3
BRIEF = 0.25  # of the time
LENGTHS = (3.0, 6.0, 12.0, 24.0)


@dataclass(frozen=True, eq=False)
class LongScene:
    """images: of the voices, [voices, mics, frames]. brief: whether the last one is."""

    images: np.ndarray
    angles: tuple[float, ...]
    brief: bool

    @property
    def truth(self) -> Truth:
        return Truth(tuple(Clip(image[:1], RATE) for image in self.images), tuple((angle,) for angle in self.angles))


def scene_of(seed: int, voices: int, frames: int, array: ArrayGeometry, speech: Sequence[Utterance]) -> LongScene:
    rng = np.random.default_rng((seed, voices))
    room, angles = ROOMS.room(rng), ROOMS.angles(rng, voices)
    speakers = rng.choice(sorted({utterance.speaker for utterance in speech}), voices, replace=False)
    sounds = [_talk([own for own in speech if own.speaker == speaker], frames, rng) for speaker in speakers]
    brief = seed % 2 == 1
    if brief:
        start = int(rng.uniform(0, 1 - BRIEF) * frames)
        sounds[-1][:start] = sounds[-1][start + int(BRIEF * frames) :] = 0
    sources = tuple(
        SoundSource(f"voice{k:02d}", room, (ROOMS.position(rng, room, angle),), PEAK) for k, angle in enumerate(angles)
    )
    return LongScene(render(Scene(array, sources, frames, RATE), sounds), tuple(map(float, angles)), brief)


def _talk(utterances: Sequence[Utterance], frames: int, rng: np.random.Generator) -> np.ndarray:
    """What one speaker says, in a random order and again where that is not enough, [frames]."""
    said = [read_speech(utterances[k].path, frames, RATE, rng) for k in rng.permutation(len(utterances))]
    return np.resize(np.concatenate(said), frames)


def measured(scene: LongScene, result: Result, array: ArrayGeometry, seconds: float) -> dict:
    """What one run came to: gains of voices, directions that are right, missed or wrong."""
    _, rows = measure(result.voices, scene.truth, result.observed, array.axis)
    gains = [own["si_sdr_improvement_db"] or 0.0 for own in rows]
    matching = match_directions(result.voices, scene.truth, result.observed.seconds, array.axis)
    last = len(gains) - 1
    return {
        "gains": gains,
        "right": len(matching.pairs),
        "misses": matching.misses,
        "false_alarms": matching.false_alarms,
        "brief": [(gains[last], any(true == last for true, _ in matching.pairs))] if scene.brief else [],
        "pace": seconds / result.observed.seconds,
    }


def row_of(chunk_seconds: float, runs: Sequence[dict]) -> dict:
    """The figures of all scenes in chunks of one length."""
    right, misses, false_alarms = (sum(run[key] for run in runs) for key in ("right", "misses", "false_alarms"))
    brief = [own for run in runs for own in run["brief"]]
    return {
        "chunk_seconds": chunk_seconds,
        "gain_db": round(float(np.median([gain for run in runs for gain in run["gains"]])), 1),
        "precision": round(right / max(right + false_alarms, 1), 2),
        "recall": round(right / (right + misses), 2),
        "brief_gain_db": round(float(np.median([gain for gain, _ in brief])), 1) if brief else None,
        "brief_found": f"{sum(found for _, found in brief)} of {len(brief)}",
        "seconds_per_second": round(float(np.mean([run["pace"] for run in runs])), 2),
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--split", default=None)
    parser.add_argument("--array", default="respeaker-4")
    parser.add_argument("--method", default=None)
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--voices", type=int, default=2)
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--lengths", type=float, nargs="+", default=LENGTHS)
    arguments = parser.parse_args()
    array, speech = read_array(arguments.array), find_speech(arguments.speech, arguments.split)
    frames = round(arguments.seconds * RATE)
    scenes = [scene_of(seed, arguments.voices, frames, array, speech) for seed in range(arguments.scenes)]
    table = []
    for chunk_seconds in sorted(arguments.lengths):
        runs = []
        for scene in scenes:
            mixture = Clip(scene.images.sum(axis=0), RATE)
            started = time.process_time()
            *_, result = localize(mixture, array, method=arguments.method, chunk_seconds=chunk_seconds)
            runs.append(measured(scene, result, array, time.process_time() - started))
        table.append(row_of(chunk_seconds, runs))
        print(" | ".join(map(str, table[-1].values())), flush=True)
    print(json.dumps({"array": array.name, "seconds": arguments.seconds, "voices": arguments.voices, "rows": table}))


if __name__ == "__main__":
    main()
