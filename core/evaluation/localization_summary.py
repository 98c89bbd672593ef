"""The figures of localization over many scenes, each with an interval, beside those that were published.

Jenrungrot et al. 2020 (Cone of Silence), tables 1 to 3. Separation and angular errors are those of a run that knows
how many voices there are, precision and recall those of one that does not. A voice that was not found counts as no
improvement, and has no angular error.
"""

import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from core.evaluation.bootstrap import bootstrap_interval
from core.evaluation.localization import COUNTS

PAPER = "Cone of Silence as published (6 microphones, other scenes)"
PAPER_VOICES = range(2, 9)
GAIN, MEAN_GAIN = "si_sdr_improvement_db", "mean_si_sdr_improvement_db"
ERROR, MEAN_ERROR = "angular_error_degrees", "mean_angular_error_degrees"
PRECISION, RECALL = "precision", "recall"
PUBLISHED = {
    GAIN: (13.9, 13.2, 12.2, 10.8, 9.1, 7.2, 6.3),
    ERROR: (2.0, 2.3, 2.7, 3.5, 4.4, 5.2, 6.3),
    PRECISION: (0.947, 0.936, 0.897, 0.912, 0.932, 0.936, 0.966),
    RECALL: (0.979, 0.972, 0.915, 0.898, 0.859, 0.825, 0.785),
}
TITLES = {
    GAIN: "Median SI-SDR improvement in dB",
    MEAN_GAIN: "Mean SI-SDR improvement in dB",
    ERROR: "Median angular error in degrees",
    MEAN_ERROR: "Mean angular error in degrees",
    PRECISION: "Precision within 10 degrees",
    RECALL: "Recall within 10 degrees",
}
DIGITS = {GAIN: 2, MEAN_GAIN: 2, ERROR: 2, MEAN_ERROR: 2, PRECISION: 3, RECALL: 3}
COLUMNS = ("method", "voices", "scenes", "figure", "value", "low", "high")

Figures = Mapping[str, Any]  # figure -> value or None; "scenes": how many; "intervals": figure -> [low, high] or None
Summary = Mapping[str, Mapping[int, Figures]]  # method -> voices -> figures


def summarise(records: Iterable[Mapping]) -> Summary:
    """Medians and means over all voices, precision and recall over all scenes, by method and number of voices.

    Args:
        records: as `evaluate_scene` gives them.
    """
    by_place: dict[tuple[str, int], list[Mapping]] = {}
    for record in records:
        for name, figures in record["methods"].items():
            by_place.setdefault((name, record["voices"]), []).append(figures)
    summary: dict[str, dict[int, Figures]] = {}
    for (name, voices), scenes in sorted(by_place.items(), key=lambda item: item[0][1]):
        summary.setdefault(name, {})[voices] = _figures(scenes)
    return summary


def published() -> dict[int, Figures]:
    """The paper's figures by number of voices."""
    return {n: {figure: own[k] for figure, own in PUBLISHED.items()} for k, n in enumerate(PAPER_VOICES)}


def format_tables(summary: Summary, voices: Sequence[int], title: str, notes: Sequence[str] = ()) -> str:
    """Markdown: a table for every figure, with a column for every number of voices, the paper's figures last.

    Args:
        notes: sentences on the scenes.
    """
    tables = [_table(figure, {**summary, PAPER: published()}, voices) for figure in TITLES]
    scenes = ", ".join(f"{own[n]['scenes']} of {n}" for own in list(summary.values())[:1] for n in voices if n in own)
    return "\n\n".join([f"# {title}", f"Scenes by their number of voices: {scenes}.", *notes, *tables]) + "\n"


def format_csv(summary: Summary) -> str:
    """A line for every figure of every method and number of voices: its value and the ends of its interval."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, by_voices in {**summary, PAPER: published()}.items():
        for voices, own in by_voices.items():
            for figure in TITLES:
                if own.get(figure) is not None:
                    ends = own.get("intervals", {}).get(figure) or (None, None)
                    writer.writerow([name, voices, own.get("scenes"), figure, own[figure], *ends])
    return text.getvalue()


def _figures(scenes: Sequence[Mapping]) -> Figures:
    """Of one method, from what `evaluate_scene` says of it in scenes of one number of voices."""
    gains = _per_voice(scenes, GAIN, 0.0)
    errors = _per_voice(scenes, ERROR, np.nan)
    counts = np.array([[scene.get(key, 0) for key in COUNTS] for scene in scenes], dtype=float)
    measured = {
        GAIN: (_median, gains),
        MEAN_GAIN: (_mean, gains),
        ERROR: (_median, errors),
        MEAN_ERROR: (_mean, errors),
        PRECISION: (_precision, counts),
        RECALL: (_recall, counts),
    }
    values = {figure: _rounded(figure, statistic(of)) for figure, (statistic, of) in measured.items()}
    ends = {figure: bootstrap_interval(statistic, of) for figure, (statistic, of) in measured.items()}
    intervals = {figure: own and [_rounded(figure, end) for end in own] for figure, own in ends.items()}
    return {"scenes": len(scenes), **values, "intervals": intervals}


def _per_voice(scenes: Sequence[Mapping], figure: str, missing: float) -> np.ndarray:
    """[scenes, voices]; `missing` stands for a voice that was not found, NaN for all where nothing was measured."""
    most = max(len(scene.get(figure, ())) for scene in scenes)
    values = [[missing if value is None else value for value in scene.get(figure, ())] for scene in scenes]
    return np.array([own or [np.nan] * max(most, 1) for own in values], dtype=float)


def _over_voices(statistic, examples: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of sets in which nothing was measured
        return statistic(examples, axis=(-2, -1))


def _median(examples: np.ndarray) -> np.ndarray:
    return _over_voices(np.nanmedian, examples)


def _mean(examples: np.ndarray) -> np.ndarray:
    return _over_voices(np.nanmean, examples)


def _precision(counts: np.ndarray) -> np.ndarray:
    right, _, false_alarms = np.moveaxis(counts.sum(axis=-2), -1, 0)
    return _share(right, false_alarms)


def _recall(counts: np.ndarray) -> np.ndarray:
    right, misses, _ = np.moveaxis(counts.sum(axis=-2), -1, 0)
    return _share(right, misses)


def _share(right: np.ndarray, others: np.ndarray) -> np.ndarray:
    """NaN without any."""
    total = right + others
    return np.divide(right, total, out=np.full_like(total, np.nan), where=total > 0)


def _rounded(figure: str, value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DIGITS[figure])


def _table(figure: str, methods: Summary, voices: Sequence[int]) -> str:
    lines = [f"| {TITLES[figure]} | {' | '.join(f'{number} voices' for number in voices)} |"]
    lines.append("| --- " * (len(voices) + 1) + "|")
    for name, by_voices in methods.items():
        cells = [_cell(by_voices.get(number, {}), figure) for number in voices]
        if any(cell != "-" for cell in cells):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(own: Figures, figure: str) -> str:
    """`16.6 (15.1 to 17.8)`, where an interval is known."""
    if own.get(figure) is None:
        return "-"
    ends = own.get("intervals", {}).get(figure)
    return f"{own[figure]:g} ({ends[0]:g} to {ends[1]:g})" if ends else f"{own[figure]:g}"
