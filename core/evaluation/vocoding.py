"""Vocoding of many recordings: how near what is played comes to them, and what judges say of it.

The spectrograms of recordings are played by vocoders and priors. Beside that stand what Griffin-Lim makes of the same
spectrograms, and the recordings themselves.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.evaluation.excerpts import SECONDS, read_excerpt
from core.evaluation.judges import RATE as JUDGED_RATE
from core.evaluation.judges import TITLES as JUDGE_TITLES
from core.evaluation.judges import installed_judges
from core.signal.clip import Clip
from core.signal.griffin_lim import griffin_lim
from core.signal.mel import MelFrontEnd, name_of
from core.signal.metrics import lsd_db
from core.signal.resampling import resample
from core.tasks.settings import Settings
from core.tasks.vocoding import BASELINE, mel_error, spectrogram_of, vocode

SOURCE = "source"
TITLES = {
    "lsd_db": "LSD, dB",
    "mel_error": "mel error",
    **JUDGE_TITLES,
    "seconds": "seconds for one of sound",
}
Figures = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        players: vocoders and priors, with the front-end of the spectrograms that each plays.
        seconds: of every recording.
        device: of the players.
    """

    players: Mapping[str, MelFrontEnd]
    seconds: float = SECONDS
    device: str = "auto"


def evaluate_recording(path: Path, evaluation: Evaluation) -> dict[str, Figures]:
    """Figures of every method.

    Raises:
        InputError: as `read_excerpt`.
    """
    players, device = evaluation.players, evaluation.device
    front_ends = list(dict.fromkeys(players.values()))
    truth = read_excerpt(path, max(front_end.sample_rate for front_end in front_ends), evaluation.seconds)
    figures = {SOURCE: _figures(truth, truth, front_ends[0], math.nan)}
    for front_end in front_ends:
        spectrogram, began = spectrogram_of(truth, front_end), time.monotonic()
        made = Clip(griffin_lim(spectrogram), front_end.sample_rate)
        name = f"{BASELINE}, {name_of(front_end)}"
        figures[name] = _figures(truth, made, front_end, time.monotonic() - began)
    for name, front_end in players.items():
        *_, result = vocode(truth, settings=Settings(prior=name, device=device))
        figures[name] = _figures(truth, result.clip, front_end, result.report["seconds"])
    return figures


def summarise(records: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Means over recordings by method, and the median of the times: the first run of a method warms up."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for method, figures in record.items():
            for figure, value in figures.items():
                gathered.setdefault(method, {}).setdefault(figure, []).append(value)
    return {
        method: {figure: _typical(figure, values) for figure, values in own.items()} for method, own in gathered.items()
    }


def titled(summary: Mapping[str, Figures]) -> dict[str, str]:
    """The figures that any method has, and what they are called."""
    return {figure: title for figure, title in TITLES.items() if any(figure in own for own in summary.values())}


def format_table(summary: Mapping[str, Figures], title: str, notes: Iterable[str]) -> str:
    """Markdown: a row for every method."""
    figures = titled(summary)
    lines = [f"| | {' | '.join(figures.values())} |", "| --- " * (len(figures) + 1) + "|"]
    for method, own in summary.items():
        cells = (f"{own[figure]:g}" if figure in own else "-" for figure in figures)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n\n".join([f"# {title}", "\n".join(lines), *notes]) + "\n"


def _figures(truth: Clip, made: Clip, front_end: MelFrontEnd, seconds: float) -> Figures:
    """Of what took so many seconds to make, NaN where nothing was made; what is not finite is left out."""
    truth = resample(truth, made.sample_rate).cut(0, made.frames)
    figures = {"lsd_db": lsd_db(truth.samples[0], made.samples[0])}
    figures["mel_error"] = mel_error(*(spectrogram_of(clip, front_end).decades for clip in (truth, made)))
    heard = [resample(clip, JUDGED_RATE).samples[0] for clip in (truth, made)]
    figures |= {name: judge(*heard) for name, judge in installed_judges().items()}
    figures["seconds"] = seconds / made.seconds
    return {name: round(float(value), 4) for name, value in figures.items() if np.isfinite(value)}


def _typical(figure: str, values: Sequence[float]) -> float:
    return round(float(np.median(values) if figure == "seconds" else np.mean(values)), 3)
