"""What a file of low rate is taken for, and what either choice gives, for all the ways that such files are made in.

    python -m benchmarks.evidence --data ../shared/data/piano --prior piano-16k

Held-out clips are brought to a half and a quarter of the prior's rate in every way of `benchmarks.resamplers`. A row
holds how many of them "auto" calls plain, and for the first few, which are restored as plain and as low-passed samples:
mean PSNR, by reverse diffusion for either, as only that compares like with like; the log-spectral distance of what a
user gets, which is the band extender's for low-passed ones; and what "auto", which mixes both where it is in doubt,
loses of both to the better choice of every clip. Prints a table and, last, one JSON line.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.resamplers import RATE, Thin, missing_ways, ways_at
from benchmarks.restoration import held_out_clips
from core.choices import QUALITIES
from core.signal.clip import Clip
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.tasks.thinned import KINDS, Evidence, thinned_by

FACTORS = (2, 4)
CHOICES = (*KINDS, "auto")
CLOSE = 0.1  # dB of PSNR that a choice may cost


@dataclass(frozen=True)
class Row:
    """One way at one rate, over all clips.

    Args:
        auto: what "auto" takes every clip for.
        psnr_db, lsd_db: of the restored ones, the first clips, by what they were taken for, "auto" too.
    """

    way: str
    rate: int
    auto: list[Evidence]
    psnr_db: dict[str, list[float]]
    lsd_db: dict[str, list[float]]

    @property
    def psnr_losses_db(self) -> list[float]:
        """What the automatic choice loses of every restored clip."""
        return [max(plain, lowpass) - auto for plain, lowpass, auto in self._clips(self.psnr_db)]

    @property
    def lsd_losses_db(self) -> list[float]:
        """The same of what a user gets."""
        return [auto - min(plain, lowpass) for plain, lowpass, auto in self._clips(self.lsd_db)]

    def _clips(self, figures: dict[str, list[float]]) -> Iterable[tuple[float, float, float]]:
        return zip(*(figures[name] for name in CHOICES), strict=True)

    def __str__(self) -> str:
        def means(figures: dict[str, list[float]]) -> str:
            return " ".join(f"{np.mean(figures[kind]):8.2f}" for kind in KINDS)

        plain = f"{self.auto.count('plain')}/{len(self.auto)}"
        psnr = f"{means(self.psnr_db)} {np.mean(self.psnr_losses_db):6.2f}"
        lsd = f"{means(self.lsd_db)} {np.mean(self.lsd_losses_db):6.2f}"
        far = " ".join(f"{loss:.2f}" for loss in self.psnr_losses_db if loss > CLOSE)
        return f"{self.way:22} {self.rate:5} {plain:>6}  {psnr}  {lsd}  {far}".rstrip()


def aligned(truth: Clip, low: np.ndarray, factor: int) -> Clip:
    """The truth, moved by what the way delays it, to half a sample: filters and codecs differ in what they call 0."""
    frames = truth.frames
    held = np.fft.rfft(low[: -(-frames // factor)], 2 * -(-frames // factor))
    spectrum = np.fft.rfft(truth.samples[0], 2 * frames)
    crossed = np.zeros(2 * frames + 1, dtype=complex)  # up to twice the rate
    crossed[: len(held) // 2] = (held * spectrum[: len(held)].conj())[: len(held) // 2]
    delay = np.argmax(np.fft.irfft(crossed)) / 2
    delay -= 2 * frames * (delay > frames)
    turned = spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(2 * frames) * delay)
    return Clip(np.fft.irfft(turned)[None, :frames].astype(np.float32), truth.sample_rate)


def measure(name: str, way: Thin, factor: int, clips: list[Clip], restored: int, settings: Settings) -> Row:
    """Judges every clip, and restores the first `restored` as either evidence."""
    auto, psnr, lsd = [], {name: [] for name in CHOICES}, {name: [] for name in CHOICES}
    for number, truth in enumerate(clips):
        samples = np.asarray(way(truth.samples[0], factor), dtype=np.float32)
        low = Clip(samples[None], RATE // factor)
        found = thinned_by(low, factor, "auto", RATE)
        auto.append(found.kind)
        for choice in CHOICES if number < restored else ():
            if choice == "auto" and not found.doubt:
                psnr[choice].append(psnr[found.kind][-1])
                lsd[choice].append(lsd[found.kind][-1])
                continue
            moved = aligned(truth, samples, factor)
            run = partial(super_resolve, low, factor, evidence=choice, reference=moved)
            *_, alike = run(settings=replace(settings, sampler="diffusion"))
            *_, given = (alike,) if choice == "plain" else run(settings=settings)
            psnr[choice].append(round(alike.metrics["psnr_db"], 3))
            lsd[choice].append(round(given.metrics["lsd_db"], 3))
    return Row(name, RATE // factor, auto, psnr, lsd)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with a test split")
    parser.add_argument("--prior", default="piano-16k")
    parser.add_argument("--quality", default="draft", choices=QUALITIES)
    parser.add_argument("--clips", type=int, default=20, help="that are judged")
    parser.add_argument("--restored", type=int, default=3, help="of these")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    clips = held_out_clips(options.data, options.split, options.clips, options.seconds)
    settings = Settings(prior=options.prior, quality=options.quality)
    print(f"{len(clips)} clips of {options.seconds:g} s from {options.data.name}, {options.restored} of them restored")
    if missing_ways():
        print("Left out, for want of the programs: " + ", ".join(missing_ways()))
    titles = "    plain  lowpass   loss"
    print(f"{'':37}{'PSNR, dB':>24} {'LSD, dB':>25}")
    print(f"{'way':22} {'Hz':>5} {'plain':>6} {titles} {titles}   clips that lose over {CLOSE} dB of PSNR")
    rows = []
    for factor in FACTORS:
        for name, way in ways_at(RATE // factor).items():
            rows.append(measure(name, way, factor, clips, options.restored, settings))
            print(rows[-1], flush=True)
    found = [
        vars(row) | {name: np.round(getattr(row, name), 3).tolist() for name in ("psnr_losses_db", "lsd_losses_db")}
        for row in rows
    ]
    print(json.dumps({"benchmark": "evidence", "data": options.data.name, "prior": options.prior, "rows": found}))


if __name__ == "__main__":
    main()
