"""Localization over many scenes, in the paper's figures: how well voices are separated, and how well they are found.

Jenrungrot et al. 2020 (Cone of Silence), tables 1 to 3. Separation and angular errors are those of a run that knows
how many voices there are, precision and recall those of one that is not. A voice that was not found counts as no
improvement, and has no angular error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.scenes.files import METADATA, RecordedScene, read_metadata, read_scene
from core.choices import MOST_VOICES
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.localization import CLASSICAL, localize
from core.tasks.localization_outcome import BASELINE, match_directions
from core.tasks.progress import Result
from core.tasks.settings import Settings
from core.tasks.voices import Truth, truth_of

NAMES = {"cone": "Cone search", CLASSICAL: BASELINE, "music": "MUSIC and beamformer"}
PAPER = "Cone of Silence as published (6 microphones, other scenes)"
PAPER_VOICES = range(2, 9)
PUBLISHED = {
    "si_sdr_improvement_db": (13.9, 13.2, 12.2, 10.8, 9.1, 7.2, 6.3),
    "angular_error_degrees": (2.0, 2.3, 2.7, 3.5, 4.4, 5.2, 6.3),
    "precision": (0.947, 0.936, 0.897, 0.912, 0.932, 0.936, 0.966),
    "recall": (0.979, 0.972, 0.915, 0.898, 0.859, 0.825, 0.785),
}
TITLES = {
    "si_sdr_improvement_db": "Median SI-SDR improvement in dB",
    "angular_error_degrees": "Median angular error in degrees",
    "precision": "Precision within 10 degrees",
    "recall": "Recall within 10 degrees",
}
PER_VOICE = ("si_sdr_improvement_db", "angular_error_degrees")
COUNTS = ("right", "misses", "false_alarms")

Figures = Mapping[str, float | None]
Summary = dict[str, dict[int, Figures]]  # method -> voices -> figures


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        method: of `localize`.
        settings: of `localize`: the separator, and the device.
        oracle_position: voices are separated at their true angles instead of looked for.
    """

    array: ArrayGeometry
    method: str
    settings: Settings = Settings()
    oracle_position: bool = False


def find_evaluated(parent: Path, voices: Iterable[int], count: int) -> dict[int, list[Path]]:
    """The first scenes under a folder of so many voices each, by their number of voices.

    Raises:
        InputError: there are no scenes of some of these numbers, or their metadata cannot be read.
    """
    found: dict[int, list[Path]] = {number: [] for number in voices}
    for folder in sorted(path.parent for path in parent.rglob(METADATA)):
        number = sum(name.startswith("voice") for name in read_metadata(folder))
        if number in found and len(found[number]) < count:
            found[number].append(folder)
    missing = [str(number) for number, folders in found.items() if not folders]
    if missing:
        raise InputError(f"{parent} holds no scenes of {', '.join(missing)} voices; render some with render-scenes.")
    return found


def evaluate_scene(folder: Path, evaluation: Evaluation) -> dict:
    """The figures of one scene: {"voices": n, "methods": {name: {figure: one for each voice, or a count}}}.

    Raises:
        InputError: a scene that cannot be read, or is not this array's.
    """
    scene = read_scene(folder)
    if not 1 <= len(scene.voices) <= MOST_VOICES:
        raise InputError(f"{folder} has {len(scene.voices)} voices; scenes of 1 to {MOST_VOICES} can be evaluated.")
    truth = truth_of(scene)
    known = _localized(scene, evaluation, evaluation.method, truth, count_known=True)
    rows = {NAMES[evaluation.method]: known.figures, **known.baseline_figures}
    methods = {name: {key: [row.get(key) for row in own.values()] for key in PER_VOICE} for name, own in rows.items()}
    if not evaluation.oracle_position:
        for method in dict.fromkeys((evaluation.method, CLASSICAL)):
            free = _localized(scene, evaluation, method, None, count_known=False)
            methods.setdefault(NAMES[method], {}).update(_counts(free, truth, evaluation.array))
    return {"voices": truth.count, "methods": methods}


def summarise(records: Iterable[Mapping]) -> Summary:
    """Medians over all voices, precision and recall over all scenes, for every method and number of voices."""
    by_place: dict[tuple[str, int], list[Mapping]] = {}
    for record in records:
        for name, figures in record["methods"].items():
            by_place.setdefault((name, record["voices"]), []).append(figures)
    summary: Summary = {}
    for (name, voices), figures in sorted(by_place.items(), key=lambda item: item[0][1]):
        summary.setdefault(name, {})[voices] = _summary(figures)
    return summary


def format_tables(summary: Summary, voices: Sequence[int], title: str, notes: Sequence[str] = ()) -> str:
    """Markdown: a table for every figure, with a column for every number of voices, the paper's figures last.

    Args:
        notes: sentences on the scenes.
    """
    published = {
        number: {figure: values[k] for figure, values in PUBLISHED.items()} for k, number in enumerate(PAPER_VOICES)
    }
    tables = [_table(figure, {**summary, PAPER: published}, voices) for figure in TITLES]
    scenes = ", ".join(f"{own[n]['scenes']} of {n}" for own in list(summary.values())[:1] for n in voices if n in own)
    return "\n\n".join([f"# {title}", f"Scenes by their number of voices: {scenes}.", *notes, *tables]) + "\n"


def _localized(
    scene: RecordedScene, evaluation: Evaluation, method: str, truth: Truth | None, count_known: bool
) -> Result:
    """A run that knows how many voices there are, or also where, or nothing at all."""
    paths = truth_of(scene).paths
    places = tuple(path[0] for path in paths) if count_known and evaluation.oracle_position else None
    settings = evaluation.settings if method == evaluation.method else Settings(device=evaluation.settings.device)
    *_, result = localize(
        Clip(scene.mixture, scene.sample_rate),
        evaluation.array,
        settings=settings,
        method=method,
        voices=len(paths) if count_known else None,
        moving=any(len(path) > 1 for path in paths),
        angles=places,
        truth=truth,
    )
    return result


def _counts(result: Result, truth: Truth, array: ArrayGeometry) -> dict[str, int]:
    matching = match_directions(result.voices, truth, result.observed.seconds, array.axis)
    return dict(zip(COUNTS, (len(matching.pairs), matching.misses, matching.false_alarms), strict=True))


def _summary(figures: Sequence[Mapping]) -> Figures:
    """Of one method, from the figures of its scenes."""
    gains = [gain or 0.0 for own in figures for gain in own.get("si_sdr_improvement_db", ())]
    errors = [error for own in figures for error in own.get("angular_error_degrees", ()) if error is not None]
    right, misses, false_alarms = (sum(own.get(key, 0) for own in figures) for key in COUNTS)
    return {
        "scenes": len(figures),
        "si_sdr_improvement_db": round(float(np.median(gains)), 2) if gains else None,
        "angular_error_degrees": round(float(np.median(errors)), 2) if errors else None,
        "precision": round(right / (right + false_alarms), 3) if right + false_alarms else None,
        "recall": round(right / (right + misses), 3) if right + misses else None,
    }


def _table(figure: str, methods: Summary, voices: Sequence[int]) -> str:
    lines = [f"| {TITLES[figure]} | {' | '.join(f'{number} voices' for number in voices)} |"]
    lines.append("| --- " * (len(voices) + 1) + "|")
    for name, own in methods.items():
        cells = [own.get(number, {}).get(figure) for number in voices]
        if any(cell is not None for cell in cells):
            lines.append(f"| {name} | {' | '.join('-' if cell is None else f'{cell:g}' for cell in cells)} |")
    return "\n".join(lines)
