"""Generation: sounds drawn from a prior beside real ones, by the figures of the papers and by judges.

Sounds are drawn with every label told in turn, and with nothing told, where seeds draw labels. Beside them stand
recordings that the prior was not trained on (the valid and test splits) and those that it was (the train split), as
many of every label.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from core.errors import InputError
from core.evaluation.judged_sounds import Judged, Panel, joined, word_of
from core.evaluation.sample_statistics import (
    NEAREST,
    am_score,
    frechet_distance,
    inception_score,
    modified_inception_score,
    precision_recall,
)
from core.signal.clip import Clip
from core.signal.mel_distance import comparable_mels
from core.tasks.generation import AT_ONCE, Wish, generate, origin_of
from core.tasks.progress import Run
from core.tasks.settings import Settings

ALL, NONE = "all", "none"  # of the labels
TOLD, NOT_TOLD = "label told", "nothing told"
VALID, HELD_OUT, TRAINING = "valid clips", "valid and test clips", "training clips"
BY_JUDGES = {  # figure -> its title
    "sounds": "sounds",
    "right_percent": "label, by the classifier, %",
    "asked_percent": "word, by the recogniser, %",
    "any_percent": "any word, %",
    "labels": "labels that occur",
    "inception_score": "IS",
    "modified_inception_score": "mIS",
    "am_score": "AM",
    "distance": "nearest training clip",
    "distance_ratio": "of valid clips'",
}
BESIDE_REAL = {
    "frechet_distance": "FID",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}
PUBLISHED = """Published (Goel et al. 2022), of SC09, by another classifier: not to be compared with the figures above.

| | FID | IS | mIS | AM |
| --- | --- | --- | --- | --- |
| DiffWave | 1.92 | 5.26 | 51.2 | 0.68 |
| DiffWave with SaShiMi | 1.42 | 5.94 | 69.2 | 0.59 |
"""
MEANINGS = (
    "FID depends on how many sounds there are: compare figures of equal counts only.",
    "The nearest training clip: the median of the root mean square differences of log10 mel magnitudes, trimmed, at "
    "one level and centred. Well under that of valid clips are copies, well over it is noise.",
    f"Precision, recall, density and coverage: k = {NEAREST}, equal counts; two halves of one set have a coverage of "
    f"{1 - 2**-NEAREST:.2f}.",
)


class Recordings(Protocol):
    """One split of recordings with labels, such as a pack's."""

    sample_rate: int
    recordings: Sequence

    def read(self, number: int, start: int, length: int) -> np.ndarray:
        """Samples of one of them, `[length]`."""
        ...


@dataclass(frozen=True)
class Draw:
    """Sounds that are drawn together, one seed after another; an empty label is not told."""

    label: str
    seed: int
    count: int

    def __str__(self) -> str:
        return f"{self.count} sounds from seed {self.seed} on{f' of {self.label}' if self.label else ''}"


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        ways: of drawing, with the labels that are told in turn in each; an empty one is not told.
        count: of sounds in each way.
        wish: the length of sounds, and how plainly they follow labels.
        settings: of `generate`: the prior, its sampler, steps and device; the seed of the first sound.
        panel: who judges them.
    """

    ways: Mapping[str, Sequence[str]]
    count: int
    wish: Wish
    settings: Settings
    panel: Panel

    def draws(self, way: str) -> list[Draw]:
        """All sounds of a way: as many of every label, each with a seed of its own."""
        labels, seed, draws = self.ways[way], self.settings.seed, []
        for number, label in enumerate(labels):
            left = self.count // len(labels) + (number < self.count % len(labels))
            while left:
                draws.append(Draw(label, seed, min(left, self.settings.batch or AT_ONCE)))
                seed, left = seed + draws[-1].count, left - draws[-1].count
        return draws

    def begin(self, draw: Draw) -> Run:
        """The run that draws them."""
        wish = replace(self.wish, count=draw.count, label=draw.label or None)
        return generate(wish, settings=replace(self.settings, seed=draw.seed))


def ways_of(label: str | None, labels: Sequence[str]) -> dict[str, Sequence[str]]:
    """The ways of drawing that are asked for.

    Args:
        label: one, `ALL` for each in turn, `NONE` for none, or None for all and then none.
        labels: that the prior can be told.

    Raises:
        InputError: all labels of a prior that knows none.
    """
    if label not in (None, ALL, NONE):
        return {TOLD: (label,)}
    if label == ALL and not labels:
        raise InputError("This prior cannot be told labels; leave out --label, or choose none.")
    told = {TOLD: labels} if labels and label != NONE else {}
    return told | ({} if label == ALL else {NOT_TOLD: ("",)})


def check(evaluation: Evaluation) -> None:
    """Begins to draw, so that what cannot be drawn is refused before any work is done.

    Raises:
        InputError: as `generate`.
    """
    for way in evaluation.ways:
        with closing(evaluation.begin(evaluation.draws(way)[0])) as run:
            next(run)


def evaluate_draw(draw: Draw, evaluation: Evaluation) -> dict:
    """What the judges say of sounds that are drawn here, and the seconds that it took to draw them.

    Raises:
        InputError: as `generate`.
    """
    *_, result = evaluation.begin(draw)
    labels = [origin_of(result.report, name).get("label", "") for name in result.sounds]
    judged = evaluation.panel.judge(list(result.sounds.values()), labels)
    return judged.record() | {"seconds": result.report["seconds"]}


def with_real(evaluation: Evaluation, splits: Mapping[str, Recordings]) -> tuple[Evaluation, dict[str, Judged]]:
    """The evaluation whose panel knows the training clips, and what it says of real sounds, as many of every label.

    Args:
        splits: "train", "valid" and, where there is one, "test".
    """
    (clips, labels), panel = _clips(splits["train"]), evaluation.panel
    panel = replace(panel, training=comparable_mels(clips, panel.sample_rate))
    held_out = [panel.judge(*_clips(splits[name])) for name in ("valid", "test") if name in splits]
    training = panel.describe(clips, labels)
    rows = {VALID: held_out[0], HELD_OUT: joined(held_out), TRAINING: training}
    return replace(evaluation, panel=panel), {name: row.balanced() for name, row in rows.items()}


def summarise(rows: Mapping[str, Judged], panel: Panel) -> dict[str, dict]:
    """The figures of every row, and beside the training clips and the held-out ones where there are such rows."""
    valid = rows.get(VALID)
    usual = None if valid is None or valid.distances is None else float(np.median(valid.distances))
    found = {}
    for name, row in rows.items():
        figures = _by_judges(row, panel.words, usual)
        if TRAINING in rows:
            figures["am_score"] = am_score(row.log_probabilities, rows[TRAINING].log_probabilities)
        found[name] = _rounded(figures)
        for real in (TRAINING, HELD_OUT):
            if real in rows and not _shares_clips(name, real):
                found[name][f"beside {real}"] = _rounded(_beside(row, rows[real]))
    return found


def tables(summary: Mapping[str, Mapping]) -> list[list[list[str]]]:
    """The figures as tables, lists of rows of cells, the first of which are titles; what no row has is left out."""
    made = [_table("", BY_JUDGES, summary)]
    for real in (TRAINING, HELD_OUT):
        beside = {name: own[f"beside {real}"] for name, own in summary.items() if own.get(f"beside {real}")}
        made += [_table(f"beside {real}", BESIDE_REAL, beside)] if beside else []
    return made


def format_tables(summary: Mapping[str, Mapping], title: str, notes: Sequence[str]) -> str:
    """The tables, the notes, and the paper's table."""
    parts = [f"# {title}"]
    for titles, *rows in tables(summary):
        lines = [titles, ["---"] * len(titles), *rows]
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    return "\n\n".join([*parts, *notes, PUBLISHED])


def _clips(split: Recordings) -> tuple[list[Clip], list[str]]:
    """Every recording of a split with its label."""
    waveforms = [np.asarray(split.read(n, 0, known.length)) for n, known in enumerate(split.recordings)]
    return [Clip(own[None], split.sample_rate) for own in waveforms], [known.label for known in split.recordings]


def _by_judges(row: Judged, words: Sequence[str], usual_distance: float | None) -> dict[str, float]:
    chosen = [words[number] for number in row.log_probabilities.argmax(axis=1)]
    wanted = [word_of(label) for label in row.labels]
    figures = {"sounds": len(wanted), "labels": len(set(chosen))}
    figures["inception_score"] = inception_score(row.log_probabilities)
    figures["modified_inception_score"] = modified_inception_score(row.log_probabilities)
    if all(wanted):
        figures["right_percent"] = _agreement(chosen, wanted)
    if row.heard is not None:
        figures["any_percent"] = 100 * float(np.mean([bool(word) for word in row.heard]))
        if all(wanted):
            figures["asked_percent"] = _agreement(row.heard, wanted)
    if row.distances is not None:
        figures["distance"] = float(np.median(row.distances))
        if usual_distance:
            figures["distance_ratio"] = figures["distance"] / usual_distance
    return figures


def _beside(row: Judged, real: Judged) -> dict[str, float]:
    if min(len(row.features), len(real.features)) <= NEAREST:
        return {}
    count, random = min(len(row.features), len(real.features)), np.random.default_rng(0)
    equal = [own[random.permutation(len(own))[:count]] for own in (row.features, real.features)]
    return {"frechet_distance": frechet_distance(row.features, real.features), **precision_recall(*equal)}


def _shares_clips(name: str, real: str) -> bool:
    return name == real or (name, real) == (VALID, HELD_OUT)


def _agreement(found: Sequence[str], wanted: Sequence[str]) -> float:
    return 100 * float(np.mean([own == other for own, other in zip(found, wanted, strict=True)]))


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items() if np.isfinite(value)}


def _table(corner: str, titles: Mapping[str, str], rows: Mapping[str, Mapping]) -> list[list[str]]:
    shown = [figure for figure in titles if any(figure in own for own in rows.values())]
    cells = [[name, *(f"{own[figure]:g}" if figure in own else "-" for figure in shown)] for name, own in rows.items()]
    return [[corner, *(titles[figure] for figure in shown)], *cells]
