"""Windows of one clip over processes: how much faster, and by how much the audio differs (not at all, it should be).

    python -m benchmarks.windows --seconds 32 --workers 2

Super-resolution of an example sound, repeated to the length asked for. Prints a table and, last, one JSON line.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve

SOUND = Path(__file__).parents[1] / "assets" / "sounds" / "piano.flac"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=32.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--prior", default="piano-16k")
    parser.add_argument("--quality", default="draft")
    options = parser.parse_args()
    sound = read_clip(SOUND).clip
    frames = round(options.seconds * sound.sample_rate)
    clip = Clip(np.tile(sound.samples, -(-frames // sound.frames))[:, :frames], sound.sample_rate)
    made, seconds = [], []
    for workers in (1, options.workers):
        settings = Settings(options.prior, options.quality, workers=workers)
        list(
            super_resolve(clip.cut(0, sound.sample_rate), 4, degrade="plain", settings=Settings(options.prior, "draft"))
        )
        began = time.perf_counter()
        *_, result = super_resolve(clip, 4, degrade="plain", settings=settings)
        seconds.append(time.perf_counter() - began)
        made.append(result.clip.samples)
        print(f"{workers} process(es): {seconds[-1]:6.1f} s for {options.seconds:g} s of audio")
    differs = float(np.abs(made[0] - made[1]).max())
    ratio = seconds[0] / seconds[1]
    print(f"{ratio:.2f} times as fast, start of the processes counted in; largest difference {differs:.1e}")
    figures = {"seconds": seconds, "ratio": ratio, "largest_difference": differs, "workers": options.workers}
    print(json.dumps({"benchmark": "windows", **figures}))


if __name__ == "__main__":
    main()
