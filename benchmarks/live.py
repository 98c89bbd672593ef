"""The live localizer: its cost, and how well it tracks voices in rooms.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.live [--speech speech/ --split test --rooms 40]

Cost: two voices in a free field; updates a second and the share of one core while live, and updates a second as fast
as they can be made. Tracking, where speech is given: 4 s in rooms of T60 0.2 to 0.4 s, every other one with two voices
at once, 1 to 2 m away, at least 45 degrees apart, a faint background; after the first second. A voice is tracked while
a source is within 15 degrees of it, pauses counted. `--device pulse --minutes 5` captures a device of this machine
instead, and counts lost samples. Prints tables and, last, one JSON line.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import soundfile

from core.arrays.angles import angular_distance
from core.arrays.geometry import ARRAYS, ArrayGeometry, read_array
from core.arrays.live.capture import DeviceSource
from core.arrays.live.localizer import LiveLocalizer
from core.arrays.live.sources import Clock, RecordingSource, SimulatedSource
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import Scene, render
from core.arrays.scenes.speech import Utterance, find_speech, read_speech

SPEECH = Path(__file__).resolve().parents[1] / "assets" / "sounds" / "speech.flac"
AT_ONCE = Clock(lambda: 0.0, lambda seconds: None)
RATE, FRAMES = 16000, 64000
NEAR = np.deg2rad(15)
ROOMS = RealisticRooms(
    t60_seconds=(0.2, 0.4), distances=(1.0, 2.0), separation=np.pi / 4, background_peaks=(0.005, 0.02)
)


def free_field(array: ArrayGeometry, seconds: float) -> np.ndarray:
    """Two voices, half a sound apart, [mics, frames]."""
    speech, rate = soundfile.read(SPEECH)
    sounds = [speech, np.roll(speech, len(speech) // 2)]
    blocks = SimulatedSource(array, sounds, np.deg2rad([40.0, 200.0]), noise=1e-3, clock=AT_ONCE).blocks()
    captured, frames = [], round(seconds * rate)
    while sum(block.shape[1] for block in captured) < frames:
        captured.append(next(blocks))
    return np.concatenate(captured, axis=1)[:, :frames]


def cost(array: ArrayGeometry, samples: np.ndarray, clock: Clock | None) -> dict[str, float]:
    """Updates a second of wall time, and processor seconds a second."""
    localizer = LiveLocalizer(RecordingSource(samples, array, RATE, clock=clock))
    wall, processor = time.perf_counter(), time.process_time()
    updates = sum(1 for _ in localizer.views())
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"updates_per_second": round(updates / wall, 1), "core_share": round(processor / wall, 3)}


def device_cost(array: ArrayGeometry, device: str, seconds: float) -> dict[str, float]:
    """As `cost` for a device, PortAudio included; and its losses."""
    source = DeviceSource(device, array)
    wall, processor, updates = time.perf_counter(), time.process_time(), 0
    for view in LiveLocalizer(source).views():
        updates += 1
        if view.seconds >= seconds:
            break
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    row = {"seconds": round(wall, 1), "updates_per_second": round(updates / wall, 1)}
    row |= {"core_share": round(processor / wall, 3), "overflows": source.status.overflows, "lost": source.status.lost}
    return row


def room(seed: int, array: ArrayGeometry, speech: list[Utterance]) -> tuple[Scene, np.ndarray]:
    """A scene of one or two different speakers, and its mixture at the array, [mics, frames]."""
    rng = np.random.default_rng(seed)
    speakers = list(rng.choice(sorted({utterance.speaker for utterance in speech}), 1 + seed % 2, replace=False))
    files = [rng.choice([u.path for u in speech if u.speaker == speaker]) for speaker in speakers]
    scene = draw_scene(rng, ROOMS, array, speakers, frames=FRAMES, sample_rate=RATE, background=True)
    noises = [rng.standard_normal(FRAMES) for _ in scene.sources[len(speakers) :]]
    return scene, render(scene, [*(read_speech(file, FRAMES, RATE, rng) for file in files), *noises]).sum(axis=0)


def tracking(array: ArrayGeometry, speech: list[Utterance], rooms: int) -> dict[str, float]:
    """Share of the time that voices are tracked, share of sources that are no voice, angular errors of the others."""
    followed, distances = [], []
    for seed in range(rooms):
        scene, mixture = room(seed, array, speech)
        voices = np.array([source.angle for source in scene.sources if source.name != "bg"])
        for view in LiveLocalizer(RecordingSource(mixture, array, RATE, clock=AT_ONCE)).views():
            if view.seconds > 1:
                off = angular_distance(np.array([[s.angle] for s in view.sources]).reshape(-1, 1), voices)
                followed.extend((off < NEAR).any(axis=0))
                distances.extend(off.min(axis=1))
    distances = np.array(distances)
    median, ninetieth = np.rad2deg(np.percentile(distances[distances < NEAR], [50, 90]))
    return {
        "followed": round(float(np.mean(followed)), 2),
        "no_voice": round(float(np.mean(distances >= NEAR)), 2),
        "error_median": round(float(median), 1),
        "error_p90": round(float(ninetieth), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of sound for the cost")
    parser.add_argument("--speech", type=Path, help="recordings of voices")
    parser.add_argument("--split", help="of its metadata.csv")
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--device", help="listen to this one instead")
    parser.add_argument("--array", default="respeaker-4", help="that the device is")
    parser.add_argument("--minutes", type=float, default=5.0, help="of listening to the device")
    options = parser.parse_args()
    if options.device:
        row = device_cost(read_array(options.array), options.device, 60 * options.minutes)
        print("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items()))
        print(json.dumps({"benchmark": "live", "device": options.device, **row}))
        return
    figures = {}
    print(f"{'array':12s} {'live: updates/s':>16s} {'share of a core':>16s} {'at most: updates/s':>19s}")
    for name, array in ARRAYS.items():
        samples = free_field(array, options.seconds)
        fastest, live = cost(array, samples, AT_ONCE)["updates_per_second"], cost(array, samples, None)
        figures[name] = live | {"most_updates_per_second": fastest}
        print(f"{name:12s} {live['updates_per_second']:16.1f} {live['core_share']:16.1%} {fastest:19.1f}")
    if options.speech:
        speech = find_speech(options.speech, options.split)
        print(f"\n{'array':12s} {'followed':>9s} {'no voice':>9s} {'median error':>13s} {'90th':>6s}")
        for name, array in ARRAYS.items():
            row = tracking(array, speech, options.rooms)
            figures[name] |= row
            print(f"{name:12s} {row['followed']:9.0%} {row['no_voice']:9.0%}", end=" ")
            print(f"{row['error_median']:13.1f} {row['error_p90']:6.1f}")
    print(json.dumps({"benchmark": "live", "seconds": options.seconds, "rooms": options.rooms, "arrays": figures}))


if __name__ == "__main__":
    main()
