"""What a file of low rate is taken for, and what either choice gives, for all the ways that such files are made in.

    python -m benchmarks.evidence --data ../shared/data/piano --prior piano-16k

Held-out clips are brought to a half and a quarter of the prior's rate in every way of `benchmarks.resamplers` and
restored as plain and as low-passed samples. A row holds mean PSNR over the clips, how many of them "auto" calls
plain, and what it loses to the better choice of every clip. Prints a table and, last, one JSON line.
"""

import argparse
import json
from dataclasses import dataclass
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
CLOSE = 0.1  # dB of PSNR that a choice may cost


@dataclass(frozen=True)
class Row:
    """One way at one rate, over all clips.

    Args:
        psnr_db: of every clip by what it was taken for.
        auto: what "auto" takes every clip for.
    """

    way: str
    rate: int
    psnr_db: dict[Evidence, list[float]]
    auto: list[Evidence]

    @property
    def losses_db(self) -> list[float]:
        """What the automatic choice loses of every clip."""
        return [max(p[n] for p in self.psnr_db.values()) - self.psnr_db[kind][n] for n, kind in enumerate(self.auto)]

    def __str__(self) -> str:
        means = " ".join(f"{np.mean(self.psnr_db[kind]):8.2f}" for kind in KINDS)
        far = " ".join(f"{loss:.2f}" for loss in self.losses_db if loss > CLOSE)
        plain = f"{self.auto.count('plain')}/{len(self.auto)}"
        return f"{self.way:22} {self.rate:5} {means} {plain:>6} {np.mean(self.losses_db):6.2f}  {far}".rstrip()


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


def measure(name: str, way: Thin, factor: int, clips: list[Clip], settings: Settings) -> Row:
    """Restores every clip as either evidence."""
    psnr: dict[Evidence, list[float]] = {kind: [] for kind in KINDS}
    auto = []
    for truth in clips:
        samples = np.asarray(way(truth.samples[0], factor), dtype=np.float32)
        low = Clip(samples[None], RATE // factor)
        auto.append(thinned_by(low, factor, "auto", RATE).kind)
        for kind, figures in psnr.items():
            moved = aligned(truth, samples, factor)
            *_, result = super_resolve(low, factor, evidence=kind, settings=settings, reference=moved)
            figures.append(round(result.metrics["psnr_db"], 3))
    return Row(name, RATE // factor, psnr, auto)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with a test split")
    parser.add_argument("--prior", default="piano-16k")
    parser.add_argument("--quality", default="draft", choices=QUALITIES)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    clips = held_out_clips(options.data, options.split, options.clips, options.seconds)
    settings = Settings(prior=options.prior, quality=options.quality)
    print(f"{len(clips)} clips of {options.seconds:g} s from {options.data.name}; PSNR in dB as either evidence")
    if missing_ways():
        print("Left out, for want of the programs: " + ", ".join(missing_ways()))
    print(f"{'way':22} {'Hz':>5} {'plain':>8} {'lowpass':>8} {'auto':>6} {'loss':>6}  clips that lose over {CLOSE:g}")
    rows = []
    for factor in FACTORS:
        for name, way in ways_at(RATE // factor).items():
            rows.append(measure(name, way, factor, clips, settings))
            print(rows[-1], flush=True)
    found = [vars(row) | {"losses_db": np.round(row.losses_db, 3).tolist()} for row in rows]
    print(json.dumps({"benchmark": "evidence", "data": options.data.name, "prior": options.prior, "rows": found}))


if __name__ == "__main__":
    main()
