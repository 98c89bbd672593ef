"""Quality of restoration against score evaluations and seconds, for priors, samplers and qualities, with the baselines.

    python -m benchmarks.restoration --data ../shared/data/piano --priors piano-16k --clips 10

Clips come from a held-out split of a folder of recordings (`metadata.csv`), at fixed places of each. Every row is a
median over clips; gains are over the better of the baselines in that figure, and for gaps also over linear
predictions of the same order that are fitted otherwise ("over ac": autocorrelation method, "over ls": least squares).
Prints a table and, last, one JSON line.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.linear_prediction import FITS
from core.choices import QUALITIES, SAMPLERS
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.linear_prediction import Fit, fill_gap
from core.signal.metrics import psnr_db
from core.signal.resampling import resample
from core.tasks.declipping import declip
from core.tasks.inpainting import inpaint
from core.tasks.progress import Result
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.training.data import find_audio

RATE = 16000
QUIETEST = 0.01  # root mean square of clips worth restoring
GAPS = (0.35, 0.75)  # where gaps begin, as shares of the clip

COLUMNS = {  # figure -> its title in the table
    "psnr_gain_db": "PSNR dB",
    "lsd_ratio": "LSD x",
    "gap_lsd_ratio": "gap x",
    "over_autocorrelation_db": "over ac",
    "over_least_squares_db": "over ls",
}


def clipped_to(clip: Clip, sdr_db: float) -> Clip:
    """The clip hard-clipped so that its signal-to-distortion ratio is sdr_db (bisection)."""
    low, high = 0.0, float(np.abs(clip.samples).max())
    energy = np.square(clip.samples, dtype=np.float64).sum()
    for _ in range(40):
        threshold = (low + high) / 2
        error = np.square(clip.samples - np.clip(clip.samples, -threshold, threshold), dtype=np.float64).sum()
        low, high = (threshold, high) if 10 * np.log10(energy / max(error, 1e-20)) < sdr_db else (low, threshold)
    return Clip(np.clip(clip.samples, -threshold, threshold), clip.sample_rate)


def gaps_of(clip: Clip, seconds: float) -> list[tuple[float, float]]:
    """Two gaps of this length."""
    return [(share * clip.seconds, share * clip.seconds + seconds) for share in GAPS]


JOBS = {
    "4x": lambda clip, settings: super_resolve(clip, 4, degrade="plain", settings=settings),
    "8x": lambda clip, settings: super_resolve(clip, 8, degrade="plain", settings=settings),
    "4x low-passed": lambda clip, settings: super_resolve(clip, 4, degrade="lowpass", settings=settings),
    "gaps 50 ms": lambda clip, settings: inpaint(clip, gaps_of(clip, 0.05), settings=settings, reference=clip),
    "gaps 200 ms": lambda clip, settings: inpaint(clip, gaps_of(clip, 0.2), settings=settings, reference=clip),
    "declip 7 dB": lambda clip, settings: declip(clipped_to(clip, 7), settings=settings, reference=clip),
}


@dataclass(frozen=True)
class Outcome:
    """One clip restored: figures of the result and the best of each baseline's."""

    psnr_gain_db: float
    lsd_ratio: float
    gap_lsd_ratio: float
    over_autocorrelation_db: float
    over_least_squares_db: float
    evaluations: int
    seconds: float

    @staticmethod
    def of(result: Result, truth: Clip) -> "Outcome":
        """Gains over the better of the baselines, figure by figure."""
        figures, baselines = result.metrics, result.baseline_metrics.values()
        gap = "gap_lsd_db" in figures
        return Outcome(
            figures["psnr_db"] - max(b["psnr_db"] for b in baselines),
            figures["lsd_db"] / min(b["lsd_db"] for b in baselines),
            figures["gap_lsd_db"] / min(b["gap_lsd_db"] for b in baselines) if gap else float("nan"),
            *(
                figures["psnr_db"] - predicted_psnr_db(result, truth, fit) if gap else float("nan")
                for fit in FITS.values()
            ),
            result.report["score_evaluations"],
            result.report["seconds"],
        )


def predicted_psnr_db(result: Result, truth: Clip, fit: Fit) -> float:
    """PSNR of the clip with its gaps filled by another linear prediction."""
    filled = truth.samples[0].copy()
    for gap in result.report["gaps"]:
        start, stop = (round(edge * truth.sample_rate) for edge in gap)
        filled[start:stop] = fill_gap(truth.samples[0], start, stop, fit=fit).clip(-1, 1)
    return psnr_db(truth.samples[0], filled)


def held_out_clips(folder: Path, split: str, count: int, seconds: float) -> list[Clip]:
    """Clips at fixed places of a split's recordings, spread over them evenly; none of them quiet."""
    paths = [folder / source.path for source in find_audio(folder) if source.split == split]
    places = np.random.default_rng(0).permutation(
        [(n, share) for n in range(len(paths)) for share in (0.1, 0.3, 0.5, 0.7)]
    )
    clips = []
    for number, share in places:
        whole = read_clip(paths[int(number)]).clip.mono()
        start = int(share * max(whole.frames - seconds * whole.sample_rate, 0))
        clip = resample(whole.cut(start, start + round(seconds * whole.sample_rate)), RATE)
        if clip.seconds >= 0.9 * seconds and clip.samples.std() > QUIETEST:
            clips.append(Clip(np.clip(clip.samples, -1, 1), RATE))
        if len(clips) == count:
            break
    return clips


def measure(job: str, clips: list[Clip], settings: Settings) -> dict:
    """One row: medians over the clips, and the spread of the gain in PSNR."""
    outcomes = []
    for clip in clips:
        *_, result = JOBS[job](clip, settings)
        outcomes.append(Outcome.of(result, clip))
    median = {name: float(np.median([getattr(o, name) for o in outcomes])) for name in Outcome.__dataclass_fields__}
    spread = np.percentile([o.psnr_gain_db for o in outcomes], [10, 90]).round(2).tolist()
    row = {"job": job, "prior": settings.prior, "sampler": settings.sampler or "diffusion", "quality": settings.quality}
    return (
        row
        | {name: round(value, 3) for name, value in median.items() if np.isfinite(value)}
        | {"psnr_gain_10_90": spread}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with a test split")
    parser.add_argument("--priors", nargs="+", default=["piano-16k"])
    parser.add_argument("--samplers", nargs="+", default=["diffusion"], choices=SAMPLERS)
    parser.add_argument("--qualities", nargs="+", default=["standard"], choices=QUALITIES)
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="valid is for choosing settings")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    clips = held_out_clips(options.data, options.split, options.clips, options.seconds)
    rows = []
    print(
        f"{len(clips)} clips of {options.seconds:g} s from {options.data.name}; medians; gains over the better baseline"
    )
    print(
        f"{'job':14} {'prior':20} {'sampler':10} {'quality':9} {'eval':>5} {'s':>6} {'s / s':>6} {'10-90 %':>14} "
        + " ".join(f"{title:>8}" for title in COLUMNS.values())
    )
    for job in options.jobs:
        for prior in options.priors:
            for sampler in options.samplers:
                for quality in options.qualities:
                    row = measure(job, clips, Settings(prior=prior, sampler=sampler, quality=quality))
                    rows.append(row)
                    print(
                        f"{job:14} {prior:20} {sampler:10} {quality:9} {row['evaluations']:5.0f} {row['seconds']:6.1f} "
                        f"{row['seconds'] / options.seconds:6.2f} "
                        f"{'{:+6.2f} {:+6.2f}'.format(*row['psnr_gain_10_90']):>14} "
                        + " ".join(f"{row[name]:8.2f}" if name in row else f"{'-':>8}" for name in COLUMNS),
                        flush=True,
                    )
    print(json.dumps({"benchmark": "restoration", "data": options.data.name, "clips": len(clips), "rows": rows}))


if __name__ == "__main__":
    main()
