"""Separation among codes of held-out pairs of stems: what the stems gain, and what of it priors, codes and masks do.

Excerpts are as long as the original's, mixed at 0 dB. Beside the stems stand what codes say without the mixture's
help, the same with uniform priors, masks that know the truth, and what is known without networks.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.evaluation.excerpts import QUIETEST
from core.evaluation.learned_filters import LearnedSpectra, filtered, ideal_masks, learn_spectra
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.folders import audio_under
from core.signal.metrics import median_sdr_db, si_sdr_db
from core.signal.resampling import resample
from core.tasks.latent_separation import COMPRESSED, DECODED, separate_latent
from core.tasks.mixing import mix
from core.tasks.progress import Result
from core.tasks.settings import Settings

EXCERPT = 65536  # samples, as the original's chunks
CONSISTENT, ORACLE = "stems", "decoded codes, best chain (oracle)"
UNIFORM = ", uniform priors"
PUBLISHED = (
    "Published: 5.83 dB SDR for the drums of drums and basses of Slakh2100, by decoded codes (Mancusi et al. 2021)."
)
Figures = dict[str, float]


@dataclass(frozen=True)
class Excerpt:
    """A moment of a pair of stems.

    Args:
        paths: of both stems.
        start: in samples at the evaluation's rate.
    """

    paths: tuple[Path, Path]
    start: int

    def __str__(self) -> str:
        return f"{self.paths[0].stem}-{self.start}"


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        priors: of both sources.
        sample_rate: of the LQ-VAE.
        samples: chains.
        known: spectra of other recordings; None where there are none.
        device: of the models.
    """

    priors: tuple[str, str]
    sample_rate: int
    samples: int
    known: LearnedSpectra | None = None
    device: str = "auto"


def find_pairs(folder: Path, parts: Sequence[str], split: str) -> list[tuple[Path, Path]]:
    """Aligned stems: NAME_drums.wav and NAME_bass.wav, or drums/NAME.wav and bass/NAME.wav, say.

    Args:
        parts: what the two are called.
        split: of `metadata.csv`, where there is one (columns path, split); else all count as of the test split.
    """
    splits = _splits(folder)
    if splits is None and split != "test":
        return []
    found: tuple[dict[str, Path], ...] = ({}, {})
    for path in audio_under(folder):
        relative = path.relative_to(folder)
        if splits is None or splits.get(relative.as_posix()) == split:
            for own, part in zip(found, parts, strict=True):
                pieces = [piece for piece in relative.with_suffix("").parts if piece != part]
                name = "/".join(pieces).removesuffix(f"_{part}")
                if name != relative.with_suffix("").as_posix():
                    own[name] = path
    return [(found[0][name], found[1][name]) for name in sorted(found[0].keys() & found[1].keys())]


def find_excerpts(pairs: Sequence[tuple[Path, Path]], count: int, sample_rate: int) -> list[Excerpt]:
    """So many excerpts in which both stems are heard, of as many pairs as there are, evenly spread over each.

    Raises:
        InputError: none.
    """
    each, found = math.ceil(count / max(1, len(pairs))), []
    for paths in pairs:
        stems = [_read(path, sample_rate) for path in paths]
        starts = range(0, min(map(len, stems)) - EXCERPT + 1, EXCERPT)
        loud = [n for n in starts if all(stem[n : n + EXCERPT].std() >= QUIETEST for stem in stems)]
        chosen = loud[:: max(1, len(loud) // each)][:each]
        found += [(turn, Excerpt(paths, start)) for turn, start in enumerate(chosen)]
    if not found:
        raise InputError(f"No pair of stems sounds together for {EXCERPT / sample_rate:.2g} s; choose another folder.")
    return [excerpt for _, excerpt in sorted(found, key=lambda own: own[0])][:count]


def learn_from(pairs: Sequence[tuple[Path, Path]], sample_rate: int) -> LearnedSpectra | None:
    """What the spectra of both parts are like; None of nothing that sounds."""
    kinds = [[_read(path, sample_rate) for path in part] for part in zip(*pairs, strict=True)]
    kinds = [[own for own in part if own.any()] for part in kinds]
    return learn_spectra(kinds) if kinds and all(kinds) else None


def evaluate_excerpt(excerpt: Excerpt, evaluation: Evaluation) -> dict[str, Figures]:
    """Figures of every method."""
    rate, span = evaluation.sample_rate, slice(excerpt.start, excerpt.start + EXCERPT)
    mixture, truths, _ = mix([Clip(_read(path, rate)[None, span], rate) for path in excerpt.paths], [0.0])
    targets = np.concatenate([truth.samples for truth in truths])  # [2, frames]
    settings = {"samples": evaluation.samples, "settings": Settings(device=evaluation.device), "references": truths}
    *_, result = separate_latent(mixture, evaluation.priors, **settings)
    *_, uninformed = separate_latent(mixture, evaluation.priors, temperature=math.inf, **settings)
    made = _rows(result, targets) | {f"{row}{UNIFORM}": own for row, own in _rows(uninformed, targets).items()}
    made[COMPRESSED] = _together(result.baselines[COMPRESSED])
    made |= ideal_masks(mixture.samples[0], targets)
    made |= filtered(mixture.samples[0], evaluation.known) if evaluation.known else {}
    figures = {method: _figures(own, targets, mixture.samples[0]) for method, own in made.items()}
    figures[CONSISTENT]["seconds"] = result.report["seconds"]
    return figures


def _rows(result: Result, targets: np.ndarray) -> dict[str, np.ndarray]:
    """What one run makes, by method, `[2, frames]` each."""
    draws = np.stack([_together(draw) for draw in result.draws])  # [chains, 2, frames]
    best = [max(draws[:, n], key=partial(si_sdr_db, target)) for n, target in enumerate(targets)]
    said = _together(result.baselines[DECODED])
    return {CONSISTENT: _together(result.sounds), DECODED: said, ORACLE: np.stack(best)}


def _together(sounds: Mapping[str, Clip]) -> np.ndarray:
    return np.concatenate([clip.samples for clip in sounds.values()])


def _figures(made: np.ndarray, targets: np.ndarray, mixture: np.ndarray) -> Figures:
    """Of the first and of the second source; what is not finite is left out."""
    figures = {}
    for n, (own, target) in enumerate(zip(made, targets, strict=True)):
        figures[f"improvement_{n}"] = si_sdr_db(target, own) - si_sdr_db(target, mixture)
        figures[f"sdr_{n}"] = median_sdr_db(target, own)
    return {name: round(float(value), 3) for name, value in figures.items() if np.isfinite(value)}


def summarise(records: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Medians over excerpts by method; `improvement` is over both sources."""
    summary: dict[str, Figures] = {}
    for method in dict.fromkeys(method for record in records for method in record):
        rows = [record[method] for record in records if method in record]
        names = dict.fromkeys(name for row in rows for name in row)
        values = {name: [row[name] for row in rows if name in row] for name in names}
        both = [value for name, own in values.items() if name.startswith("improvement_") for value in own]
        summary[method] = {"improvement": _median(both)} | {name: _median(own) for name, own in values.items()}
    return summary


def titles(parts: Sequence[str]) -> dict[str, str]:
    """What figures are called, in the order of the table."""
    improvements = {f"improvement_{n}": f"{part}" for n, part in enumerate(parts)}
    sdr = {f"sdr_{n}": f"SDR of {part}, dB" for n, part in enumerate(parts)}
    return {"improvement": "SI-SDR improvement, dB", **improvements, **sdr, "seconds": "seconds"}


def format_table(summary: Mapping[str, Figures], parts: Sequence[str], notes: Iterable[str]) -> str:
    """Markdown: a row for every method."""
    shown = titles(parts)
    lines = [f"| | {' | '.join(shown.values())} |", "| --- " * (len(shown) + 1) + "|"]
    for method, own in summary.items():
        cells = (f"{own[figure]:g}" if figure in own else "-" for figure in shown)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n\n".join(["# Separation among codes", "\n".join(lines), *notes, PUBLISHED]) + "\n"


def _median(values: Sequence[float]) -> float:
    return round(float(np.median(values)), 3)


def _splits(folder: Path) -> dict[str, str] | None:
    """Path -> split, of the folder's table; None without one."""
    table = folder / "metadata.csv"
    if not table.is_file():
        return None
    with table.open(newline="", encoding="utf-8") as lines:
        return {row["path"]: row.get("split", "") for row in csv.DictReader(lines)}


def _read(path: Path, sample_rate: int) -> np.ndarray:
    return resample(read_clip(path, mono=True).clip, sample_rate).samples[0].clip(-1, 1)
