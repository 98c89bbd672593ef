"""The microphone array at work: the search for voices, a level's windows at once or one by one, and live listening.

    python -m benchmarks.array [--prior cone-respeaker-4] [--original] [--seconds 3]

Search: two voices in a free field. All 124 windows there are, and those that hold sound; without a checkpoint the small
network is a fresh one, which costs the same, and only the first row means something. Windows of a width are
separated together, and the small network encodes once; one by one, a network is run for one window at a time, as in the
Cone of Silence. `--original` adds its network in its published size (266 million fresh weights) at 44.1 kHz, of which
the first two widths are searched. Live: as `benchmarks.live` has it. Prints two tables and, last, one JSON line.
"""

import argparse
import json
import time

import numpy as np
import torch

from benchmarks.live import AT_ONCE, cost, free_field
from core import zoo
from core.arrays.cone.finder import CUTOFFS, SCENE_LEVEL
from core.arrays.cone.search import Extractor, SearchSettings, search
from core.arrays.cone.separator import ConeSeparator, build
from core.arrays.energy import rms
from core.arrays.geometry import read_array
from core.arrays.steering import Steering
from core.signal.clip import Clip
from core.signal.resampling import resample

CONE_OF_SILENCE_RATE, CONE_OF_SILENCE_LEVELS = 44100, 2
EVERYTHING, WITH_SOUND = 0.0, CUTOFFS[0]  # of the energy


class OneByOne:
    """A separator that is run for one window at a time."""

    def __init__(self, separator: ConeSeparator):
        self.levels, self._separator = separator.levels, separator

    def encode(self, mixture: torch.Tensor, steering: Steering):
        """As `ConeSeparator.encode`."""
        return lambda angles, level: torch.cat([self._separator.encode(mixture, steering)([a], level) for a in angles])


def searched(samples: np.ndarray, array, sample_rate: int, extractor: Extractor, settings: SearchSettings, levels: int):
    """Seconds that the search of the first `levels` widths takes, and its number of windows."""
    started, windows = time.perf_counter(), 0
    for stage in search(samples, array, sample_rate, extractor, settings):
        windows += len(stage.candidates)
        if stage.level == levels - 1 and not stage.remaining:
            break
    return time.perf_counter() - started, windows


def compare(name: str, samples: np.ndarray, array, separator: ConeSeparator, cutoff: float, levels: int = 5) -> dict:
    """One row: together and one by one in turns, the quicker of two rounds."""
    seconds = samples.shape[1] / separator.sample_rate
    settings, ways = SearchSettings(cutoff, pre_shift=separator.pre_shift), (separator, OneByOne(separator))
    rounds = [[searched(samples, array, separator.sample_rate, w, settings, levels) for w in ways] for _ in range(2)]
    together, alone = (min(r[k][0] for r in rounds) for k in range(2))
    row = {"windows": rounds[0][0][1], "seconds_a_second": together / seconds, "ratio": alone / together}
    print(
        f"{name:34s} {row['windows']:8d} {together:10.2f} {row['seconds_a_second']:12.2f} {row['ratio']:14.2f}",
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--array", default="respeaker-4")
    parser.add_argument("--prior", help="a separator for the array")
    parser.add_argument(
        "--original", action="store_true", help="Cone of Silence's network, too; takes 3 GB and minutes"
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    array = read_array(options.array)
    samples = free_field(array, options.seconds)
    samples *= SCENE_LEVEL / rms(samples)
    small = zoo.load_separator(options.prior) if options.prior else _fresh("cone-mask", array, 16000, "exact")
    print(f"{'search':34s} {'windows':>8s} {'seconds':>10s} {'s a second':>12s} {'x one by one':>14s}")
    rows = {
        "all": compare(f"{small.name}, all windows", samples, array, small, EVERYTHING),
        "heard": compare(f"{small.name}, those with sound", samples, array, small, WITH_SOUND),
    }
    if options.original:
        network = _fresh("cone", array, CONE_OF_SILENCE_RATE, "original")
        clip = resample(Clip(samples.astype(np.float32), small.sample_rate), CONE_OF_SILENCE_RATE)
        rows["original"] = compare(
            "original, wide windows", clip.samples, array, network, EVERYTHING, CONE_OF_SILENCE_LEVELS
        )
    print(f"\n{'live':34s} {'updates/s':>16s} {'share of a core':>16s} {'at most: updates/s':>19s}")
    live = cost(array, samples, None) | {"most": cost(array, samples, AT_ONCE)["updates_per_second"]}
    print(f"{array.name:34s} {live['updates_per_second']:16.1f} {live['core_share']:16.1%} {live['most']:19.1f}")
    print(json.dumps({"benchmark": "array", "array": array.name, "search": rows, "live": live}))


def _fresh(architecture: str, array, sample_rate: int, pre_shift: str) -> ConeSeparator:
    network = build(architecture, {"microphones": array.count})
    return ConeSeparator(f"fresh {architecture}", network, array.name, sample_rate, pre_shift)


if __name__ == "__main__":
    main()
