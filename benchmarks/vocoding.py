"""Vocoding of held-out voices from their mel spectrograms, against Griffin-Lim.

    python -m benchmarks.vocoding ../shared/data/speech --priors voice-16k voice-16k-mel --clips 8

Every row is the median over the clips: log-spectral distance to the truth, mel error, seconds. Neither figure hears
phases. Prints a table and, last, one JSON line.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.restoration import held_out_clips
from core.choices import QUALITIES, SAMPLERS
from core.signal.clip import Clip
from core.tasks.settings import Settings
from core.tasks.vocoding import BASELINE, vocode

FIGURES = ("lsd_db", "mel_error")


def measure(clips: list[Clip], settings: Settings) -> dict[str, dict[str, float]]:
    """One row, and the baseline's."""
    rows: dict[str, list] = {"result": [], "baseline": []}
    for clip in clips:
        *_, result = vocode(clip, settings=settings)
        rows["result"].append([*(result.metrics[name] for name in FIGURES), result.report["seconds"]])
        rows["baseline"].append([*(result.baseline_metrics[BASELINE][name] for name in FIGURES), np.nan])
    names = (*FIGURES, "seconds")
    return {
        who: dict(zip(names, np.median(values, axis=0).round(3).tolist(), strict=True)) for who, values in rows.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path, help="folder with a held-out split")
    parser.add_argument("--priors", nargs="+", default=["voice-16k"], help="that are sampled")
    parser.add_argument("--samplers", nargs="+", default=["diffusion"], choices=(*SAMPLERS, "ancestral"))
    parser.add_argument("--qualities", nargs="+", default=["standard"], choices=QUALITIES)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="valid is for choosing settings")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    clips = held_out_clips(options.recordings, options.split, options.clips, options.seconds)
    print(f"{len(clips)} clips of {options.seconds:g} s; medians")
    print(f"{'prior':24} {'sampler':10} {'quality':9} {'LSD, dB':>8} {'mel error':>10} {'s':>6}")
    rows, baseline = [], {}
    for prior in options.priors:
        for sampler in options.samplers:
            for quality in options.qualities:
                measured = measure(clips, Settings(prior, quality, sampler))
                row, baseline = measured["result"], measured["baseline"]
                rows.append({"prior": prior, "sampler": sampler, "quality": quality, **row})
                figures = f"{row['lsd_db']:8.2f} {row['mel_error']:10.3f} {row['seconds']:6.1f}"
                print(f"{prior:24} {sampler:10} {quality:9} {figures}", flush=True)
    print(f"{BASELINE:45} {baseline['lsd_db']:8.2f} {baseline['mel_error']:10.3f}")
    del baseline["seconds"]
    print(json.dumps({"benchmark": "vocoding", "clips": len(clips), "rows": rows, "baseline": baseline}))


if __name__ == "__main__":
    main()
