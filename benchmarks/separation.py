"""Separation of held-out piano and voice: SI-SDR improvement against evaluations, with baselines and oracles.

    python -m benchmarks.separation --piano ../shared/data/piano --voice ../shared/data/speech --clips 8

Two recordings of a held-out split are mixed at 0 dB and taken apart, for every pair of priors, form of the mixture and
quality. Every row is the median over all stems. Prints a table and, last, one JSON line.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.restoration import held_out_clips
from core.choices import FORMS, QUALITIES, SAMPLERS
from core.signal.clip import Clip
from core.tasks.mixing import mix
from core.tasks.separation import DEFAULT_PRIORS, separate
from core.tasks.settings import Settings

AUTOMATIC = "auto"  # the form that priors and sampler ask for
FIGURE = "si_sdr_improvement_db"


def pairs(piano: Path, voice: Path, split: str, count: int, seconds: float, level: float) -> list[tuple]:
    """(mixture, sources) of as many places in both folders."""
    sources = zip(*(held_out_clips(folder, split, count, seconds) for folder in (piano, voice)), strict=False)
    mixtures = []
    for first, second in sources:
        frames = min(first.frames, second.frames)
        cut = [Clip(clip.samples[:, :frames], clip.sample_rate) for clip in (first, second)]
        mixture, truths, _ = mix(cut, [level])
        mixtures.append((mixture, truths))
    return mixtures


def measure(mixtures: list[tuple], priors: list[str], settings: Settings, form: str | None) -> tuple[dict, dict]:
    """One row, and the baselines' median figures."""
    gains, baselines, seconds, evaluations = [], {}, [], 0
    for mixture, truths in mixtures:
        *_, result = separate(mixture, priors, settings=settings, form=form, references=truths)
        gains.append([stem[FIGURE] for stem in result.figures.values()])
        for method, stems in result.baseline_figures.items():
            baselines.setdefault(method, []).extend(stem[FIGURE] for stem in stems.values())
        seconds.append(result.report["seconds"])
        evaluations, form = result.report["score_evaluations"], result.report["form"]
    row = {
        "priors": " + ".join(priors),
        "sampler": settings.sampler or "diffusion",
        "form": form,
        "quality": settings.quality,
        "evaluations": evaluations,
        "seconds": round(float(np.median(seconds)), 1),
        "si_sdr_improvement_db": round(float(np.median(gains)), 2),
        "by_stem": np.median(gains, axis=0).round(2).tolist(),
        "percentiles_10_90": np.percentile(gains, [10, 90]).round(2).tolist(),
    }
    return row, {method: round(float(np.median(values)), 2) for method, values in baselines.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--piano", type=Path, required=True, help="folder of recordings with a held-out split")
    parser.add_argument("--voice", type=Path, required=True, help="another one")
    parser.add_argument("--priors", nargs="+", default=[",".join(DEFAULT_PRIORS)], help="pairs: A,B C,D ...")
    parser.add_argument("--forms", nargs="+", default=[AUTOMATIC], choices=(AUTOMATIC, *FORMS))
    parser.add_argument("--samplers", nargs="+", default=["diffusion"], choices=SAMPLERS)
    parser.add_argument("--qualities", nargs="+", default=["standard"], choices=QUALITIES)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--level", type=float, default=0.0, help="of the voice relative to the piano, dB")
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="valid is for choosing settings")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    mixtures = pairs(options.piano, options.voice, options.split, options.clips, options.seconds, options.level)
    print(f"{len(mixtures)} mixtures of {options.seconds:g} s; medians over stems; SI-SDR improvement, dB")
    print(f"{'priors':36} {'sampler':10} {'form':6} {'quality':9} {'eval':>5} {'s':>6} {'gain':>6} {'10-90 %':>14}")
    rows, baselines = [], {}
    for pair in options.priors:
        for sampler in options.samplers:
            for form in options.forms:
                for quality in options.qualities:
                    settings = Settings(sampler=sampler, quality=quality, steps=options.steps)
                    row, baselines = measure(mixtures, pair.split(","), settings, None if form == AUTOMATIC else form)
                    rows.append(row)
                    print(
                        f"{row['priors']:36} {sampler:10} {row['form']:6} {quality:9} {row['evaluations']:5.0f} "
                        f"{row['seconds']:6.1f} {row['si_sdr_improvement_db']:6.2f} "
                        f"{'{:+6.2f} {:+6.2f}'.format(*row['percentiles_10_90']):>14}",
                        flush=True,
                    )
    for method, gain in baselines.items():
        print(f"{method:36} {'':48} {gain:6.2f}")
    print(json.dumps({"benchmark": "separation", "mixtures": len(mixtures), "rows": rows, "baselines": baselines}))


if __name__ == "__main__":
    main()
