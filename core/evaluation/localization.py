"""Localization of many scenes: what a run that is told how many voices there are separates, what one that is not finds.

Beside the method stand SRP-PHAT, asked the same, with refinement and with a beamformer, and the oracles. What the
figures of scenes come to is in `core.evaluation.localization_summary`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

REFINED = {"cone": "Cone search", CLASSICAL: "SRP-PHAT, refined", "music": "MUSIC, refined"}
BEAMFORMED = {CLASSICAL: BASELINE, "music": "MUSIC and beamformer"}
PER_VOICE = ("si_sdr_improvement_db", "angular_error_degrees")
COUNTS = ("right", "misses", "false_alarms")


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
    truth, asked = truth_of(scene), dict.fromkeys((evaluation.method, CLASSICAL))
    told = {method: _localized(scene, evaluation, method, truth, count_known=True) for method in asked}
    rows = {_name(result): result.figures for result in told.values()} | told[evaluation.method].baseline_figures
    methods = {name: {key: [row.get(key) for row in own.values()] for key in PER_VOICE} for name, own in rows.items()}
    if not evaluation.oracle_position:
        for method in asked:
            counts = _counts(_localized(scene, evaluation, method, None, count_known=False), truth, evaluation.array)
            for name in {_name(told[method]), *([BASELINE] if method == CLASSICAL else [])}:
                methods.setdefault(name, {}).update(counts)
    return {"voices": truth.count, "methods": methods}


def _localized(
    scene: RecordedScene, evaluation: Evaluation, method: str, truth: Truth | None, count_known: bool
) -> Result:
    """A run that knows how many voices there are, or also where, or nothing at all, of which directions alone count."""
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
        refine=None if count_known or method == "cone" else False,
        truth=truth,
    )
    return result


def _name(result: Result) -> str:
    """Of the method, as tables have it."""
    return (REFINED if result.report["refined"] else BEAMFORMED)[result.report["method"]]


def _counts(result: Result, truth: Truth, array: ArrayGeometry) -> dict[str, int]:
    matching = match_directions(result.voices, truth, result.observed.seconds, array.axis)
    return dict(zip(COUNTS, (len(matching.pairs), matching.misses, matching.false_alarms), strict=True))
