"""Speed of voice conversion: when its first sound can be heard, and how long the whole takes.

    python -m benchmarks.conversion --seconds 10 --speaker ls1998

The source is the example voice, repeated to that length. Every row is a run; the first loads the networks and hears
the target's recording. The last row fits a voice of one's own, the example itself. Prints a table and, last, one JSON
line.
"""

import argparse
import json
import time

import numpy as np
import torch

from core.arrays.scenes.speech import bundled_speech
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.progress import Result
from core.tasks.voice_conversion import convert_voice

RUNS = 3
WHOLE_SECONDS, FIRST_SECONDS = "whole_s", "first_sound_s"


def measure(clip: Clip, **whose) -> dict[str, float]:
    """Seconds until the first sound, and until the result."""
    began, first = time.monotonic(), None
    for item in convert_voice(clip, **whose):
        if not isinstance(item, Result) and item.clip.frames:
            first = first or time.monotonic() - began
    return {FIRST_SECONDS: round(first, 3), WHOLE_SECONDS: round(time.monotonic() - began, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--speaker", default="ls1998")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    example = read_clip(bundled_speech(1)[0].path, mono=True).clip
    frames = round(options.seconds * example.sample_rate)
    clip = Clip(np.tile(example.samples, -(-frames // example.frames))[:, :frames], example.sample_rate)
    rows = {f"run {number + 1}": measure(clip, speaker=options.speaker) for number in range(RUNS)}
    rows["own voice"] = measure(clip, voice=clip)
    print(f"{options.seconds:g} s of speech said by {options.speaker}")
    print(f"{'':10} {'first sound, s':>15} {'whole, s':>10}")
    for name, row in rows.items():
        print(f"{name:10} {row[FIRST_SECONDS]:15.2f} {row[WHOLE_SECONDS]:10.2f}")
    print(json.dumps({"seconds": options.seconds, "speaker": options.speaker, "rows": rows}))


if __name__ == "__main__":
    main()
