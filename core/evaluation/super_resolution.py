"""Super-resolution over many recordings: how near it comes to them, and what judges say of it.

Recordings are thinned out as programs do it, and restored. Beside that stand what a resampler makes of the thinned
ones, what replicating their band makes, and the recordings themselves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import signal

from core.choices import EXTENDER, QUALITIES, SAMPLERS
from core.evaluation.excerpts import read_excerpt
from core.evaluation.judges import RATE as JUDGED_RATE
from core.evaluation.judges import TITLES as JUDGE_TITLES
from core.evaluation.judges import installed_judges
from core.signal.clip import Clip
from core.signal.companding import MuLaw
from core.signal.metrics import band_lsd, lsd_db, psnr_db
from core.signal.resampling import resample
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve

SOURCE, RESAMPLED, REPLICATED = "source", "resampled", "band replicated"
TITLES = {
    "lsd": "LSD",
    "lsd_over": "LSD over the cut-off",
    "lsd_db": "LSD of the reports, dB",
    "psnr_db": "PSNR, dB",
    **JUDGE_TITLES,
    "seconds": "seconds",
}
PUBLISHED = (
    "Published, on other recordings: PnF (Jayaram & Thickstun 2021) from plain samples, PSNR of spline / PnF in dB: "
    "piano 4x 23.07 / 29.78, 8x 13.58 / 23.49, voice 4x 15.80 / 15.47. AP-BWE (Lu et al. 2024) extends speech at 48 "
    "kHz 18 times faster than real time on one CPU."
)


def _soxr(truth: Clip, factor: int) -> np.ndarray:
    return resample(truth, truth.sample_rate // factor).samples


def _companded(truth: Clip, factor: int) -> np.ndarray:
    low, domain = torch.from_numpy(_soxr(truth, factor).copy()), MuLaw()
    gain = 0.9 / low.abs().max()
    return (domain.decode(domain.encode(low * gain)) / gain).numpy()


THINNERS: Mapping[str, Mapping[str, Callable[[Clip, int], np.ndarray]]] = {  # evidence -> name -> what does it
    "plain": {"every k-th sample": lambda truth, factor: truth.samples[:, ::factor]},
    "lowpass": {
        "soxr": _soxr,
        "scipy, Fourier": lambda truth, factor: signal.resample(truth.samples, truth.frames // factor, axis=1),
        "scipy, polyphase": lambda truth, factor: signal.resample_poly(truth.samples, 1, factor, axis=1),
        "mu-law": _companded,
    },
}


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        evidence: a key of `THINNERS`.
        settings: of `super_resolve`: the prior and the device; and the sampler, None for each that serves.
        sample_rate: of the prior, in Hz.
        extends: whether the prior has an extender for this evidence.
    """

    factor: int
    evidence: str
    settings: Settings
    sample_rate: int
    extends: bool = False

    @property
    def methods(self) -> dict[str, Settings]:
        """Every way of restoring that is compared."""
        samplers = (self.settings.sampler,) if self.settings.sampler else (*SAMPLERS[:1], *[EXTENDER] * self.extends)
        asked = [(sampler, quality) for sampler in samplers for quality in QUALITIES]
        asked = [pair for pair in asked if pair[0] != EXTENDER or pair[1] == "standard"]  # its qualities are one
        names = [sampler if sampler == EXTENDER else f"{sampler}, {quality}" for sampler, quality in asked]
        chosen = (replace(self.settings, sampler=sampler, quality=quality) for sampler, quality in asked)
        return dict(zip(names, chosen, strict=True))


def evaluate_recording(path: Path, evaluation: Evaluation) -> dict[str, dict[str, Mapping[str, float]]]:
    """Figures of every method by way of thinning: {way: {method: {figure: value}}}.

    Raises:
        InputError: as `read_excerpt`.
    """
    truth, figures = read_excerpt(path, evaluation.sample_rate), {}
    for way, thin in THINNERS[evaluation.evidence].items():
        low = Clip(
            np.ascontiguousarray(thin(truth, evaluation.factor), np.float32), truth.sample_rate // evaluation.factor
        )
        resampled = resample(low, truth.sample_rate, frames=truth.frames)
        made = {SOURCE: (truth, 0.0), RESAMPLED: (resampled, 0.0)}
        made[REPLICATED] = (replicate_band(resampled, evaluation.factor), 0.0)
        for name, settings in evaluation.methods.items():
            run = super_resolve(low, evaluation.factor, evidence=evaluation.evidence, settings=settings)
            *_, result = run
            made[name] = (result.clip, result.report["seconds"])
        figures[way] = {
            name: _figures(truth, clip, evaluation.factor) | {"seconds": seconds}
            for name, (clip, seconds) in made.items()
        }
    return figures


def replicate_band(clip: Clip, factor: int) -> Clip:
    """The plainest extension: what lies under the cut-off again over it, 6 dB quieter an octave."""
    _, _, spectrum = signal.stft(clip.samples, nperseg=1024, noverlap=768)
    cutoff = (spectrum.shape[1] - 1) // factor
    for bin_ in range(cutoff, spectrum.shape[1]):
        spectrum[:, bin_] = spectrum[:, bin_ % cutoff] * cutoff / bin_
    _, samples = signal.istft(spectrum, nperseg=1024, noverlap=768)
    return Clip(samples[:, : clip.frames].astype(np.float32), clip.sample_rate)


def summarise(records: Iterable[Mapping]) -> dict[str, dict[str, dict[str, float]]]:
    """Means over recordings by way and method, and over all ways under "all"."""
    records, found = list(records), {}
    for record in records:
        for way, methods in record.items():
            for method, figures in methods.items():
                for name in (way, "all"):
                    own = found.setdefault(name, {}).setdefault(method, {})
                    for figure, value in figures.items():
                        own.setdefault(figure, []).append(value)
    return {
        way: {method: {figure: _mean(values) for figure, values in own.items()} for method, own in methods.items()}
        for way, methods in sorted(found.items(), key=lambda item: item[0] != "all")
    }


def format_tables(summary: Mapping, title: str, notes: Sequence[str]) -> str:
    """A table for each way of thinning."""
    parts = [f"# {title}"]
    for way, methods in summary.items():
        figures = [figure for figure in TITLES if any(figure in own for own in methods.values())]
        lines = [f"| {way} | {' | '.join(TITLES[figure] for figure in figures)} |", "| --- " * (len(figures) + 1) + "|"]
        for method, own in methods.items():
            cells = ("-" if own.get(figure) is None else f"{own[figure]:g}" for figure in figures)
            lines.append(f"| {method} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *notes, PUBLISHED]) + "\n"


def _figures(truth: Clip, estimate: Clip, factor: int) -> dict[str, float]:
    reference, made = truth.samples[0], estimate.samples[0]
    figures = {"lsd": band_lsd(reference, made), "lsd_over": band_lsd(reference, made, 1 / factor)}
    figures |= {"lsd_db": lsd_db(reference, made), "psnr_db": psnr_db(reference, made)}
    if truth.sample_rate == JUDGED_RATE:
        figures |= {name: judge(reference, made) for name, judge in installed_judges().items()}
    return {name: round(value, 4) for name, value in figures.items() if np.isfinite(value)}


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)
