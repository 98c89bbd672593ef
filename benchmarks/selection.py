"""The evidence by which the cone search selects voices, and the two logistic regressions that are fitted to it.

    python -m core render-scenes speech/ wide/circle-6/4 --voices 4 --rooms original --array circle-6 --split valid
    python -m benchmarks.selection look wide/circle-6 looks/wide-circle-6 --array circle-6 --workers 2
    python -m benchmarks.selection fit looks/wide-circle-6 looks/small-circle-6

`look` takes whatever may be a voice in scenes of `render-scenes`, in any sub-folders, and keeps what both looks see of
it and whether it is one: directions are matched with true ones, within 10 degrees. A folder of looks goes on where it
was left. `fit` prints, for each folder and number of voices, scenes, precision and recall at the cut, where models
judge scenes that they were not fitted to; last, one JSON line with the models of all scenes, which
`core.arrays.cone.selection` has. Which directions get a second look depends on the first model there: after a change of
it, look again, into new folders, and fit again.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from core.arrays.angles import fold
from core.arrays.cone.finder import CUTOFFS, ConeFinder, gain_of
from core.arrays.cone.search import SearchSettings, search
from core.arrays.cone.selection import (
    FIRST_LOOK,
    MOST_HEARD,
    MOST_POSSIBLE,
    POSSIBLE,
    SECOND_LOOK,
    listen_and_look,
    look_again,
    second_evidence,
)
from core.arrays.doa.counting import SURE, LogisticModel
from core.arrays.doa.matching import match_angles
from core.arrays.doa.proposals import DirectionMaps
from core.arrays.finding import Chunked
from core.arrays.geometry import ArrayGeometry, read_array
from core.arrays.scenes.files import METADATA, read_scene
from core.choices import MOST_VOICES
from core.cli.engines import engine
from core.cli.figures import figures_of_each
from core.cli.outputs import claim_folder
from core.errors import InputError
from core.generators import finished
from core.signal.clip import Clip
from core.signal.json_files import read_json
from core.signal.resampling import resample
from core.tasks.localization import choose_separator
from core.tasks.voices import truth_of

LOOKS = "looks"  # folder of these inside OUT
FOLDS = 8  # of scenes: each is judged by models of the others
RIDGE = 1.0  # penalty on squared weights of evidence of variance 1

Record = Mapping  # of a scene: {"voices": n, "directions": [{"right": bool, "first": evidence, "second": evidence}]}


@cache
def means_of(array: ArrayGeometry) -> tuple[ConeFinder, int, DirectionMaps]:
    """The finder of an array, its sample rate in Hz, and both maps."""
    separator = choose_separator(array)
    if separator is None:
        raise InputError(f"There is no separator for the array {array.name}; train or import one.")
    return (
        ConeFinder(separator, separator.pre_shift),
        separator.sample_rate,
        DirectionMaps(array, separator.sample_rate),
    )


def looks_at(folder: Path, array: ArrayGeometry) -> Record:
    """Both looks at all that may be a voice in a scene; the second is {} of what gets none."""
    finder, rate, maps = means_of(array)
    scene = read_scene(folder)
    samples = resample(Clip(scene.mixture, scene.sample_rate), rate).samples
    gain = gain_of(samples)
    heard = finder.heard(Chunked(samples, rate, array, ((0, samples.shape[-1]),)), samples, gain)
    settings = SearchSettings(energy_cutoff=CUTOFFS[0], pre_shift=finder.pre_shift)
    found = finished(search(samples * gain, array, rate, finder.extractor, settings))
    first = listen_and_look(heard, [voice.angle for voice in found[:MOST_VOICES]], maps) if found else []
    possible = [own for own in first[:MOST_POSSIBLE] if own.confidence >= POSSIBLE]
    second = finished(look_again(heard, possible, maps.response))
    truth = [fold(path[0], array.axis) for path in truth_of(scene).paths]
    right = {found for _, found in match_angles(truth, [own.angle for own in first]).pairs}
    seen = [own.evidence for own in second] + [{}] * (len(first) - len(second))
    directions = [
        {"right": k in right, "first": dict(own.evidence), "second": dict(again)}
        for k, (own, again) in enumerate(zip(first, seen, strict=True))
    ]
    return {"voices": len(truth), "directions": directions}


def fitted(evidence: Sequence[Mapping], right: Sequence[bool], names: Sequence[str]) -> LogisticModel:
    """The likeliest logistic model with `RIDGE`."""
    raw, target = np.array([[own[name] for name in names] for own in evidence], float), np.array(right, float)
    mean, spread = raw.mean(axis=0), raw.std(axis=0) + 1e-9
    inputs = np.column_stack([np.ones(len(raw)), (raw - mean) / spread])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds, penalised = inputs @ weights, np.concatenate([[0], weights[1:]])
        value = np.sum(np.logaddexp(0, odds) - target * odds) + RIDGE / 2 * penalised @ penalised
        return value, inputs.T @ (expit(odds) - target) + RIDGE * penalised

    weights = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = weights[1:] / spread
    return LogisticModel(float(weights[0] - slopes @ mean), dict(zip(names, map(float, slopes), strict=True)))


def both_fitted(records: Sequence[Record]) -> tuple[LogisticModel, LogisticModel]:
    """Models of both looks; the second learns from what the first, as fitted, makes of a direction."""
    directions = [own for record in records for own in record["directions"]]
    first = fitted([own["first"] for own in directions], [own["right"] for own in directions], list(FIRST_LOOK.weights))
    again = [own for own in directions if own["second"]]
    evidence = [_second(own, first) for own in again]
    return first, fitted(evidence, [own["right"] for own in again], list(SECOND_LOOK.weights))


def judged(record: Record, models: tuple[LogisticModel, LogisticModel]) -> tuple[int, int]:
    """How many directions of a scene are taken for voices, and how many of them rightly."""
    first, second = models
    sure = [own for own in record["directions"] if own["second"] and second(**_second(own, first)) >= SURE]
    return len(sure), sum(own["right"] for own in sure)


def _second(direction: Mapping, first: LogisticModel) -> dict[str, float]:
    """The evidence of a second look after a first one by that model."""
    own = direction["second"]
    return second_evidence(
        direction["first"], first(**direction["first"]), own["coherence"], own["likeness"], own["level"]
    )


def look(arguments) -> None:
    folders = [path.parent for path in sorted(arguments.scenes.rglob(METADATA))]
    array = read_array(arguments.array)
    seen_by = {"array": array.name, "first": asdict(FIRST_LOOK), "most": [MOST_HEARD, MOST_POSSIBLE, POSSIBLE]}
    claim_folder(arguments.out, "settings.json", seen_by, "looks")
    places = {folder: arguments.out / LOOKS / f"{folder.relative_to(arguments.scenes)}.json" for folder in folders}
    work = partial(looks_at, array=array)
    records, failed = figures_of_each(places, work, engine("local", arguments.workers, None))
    print(json.dumps({"scenes": len(records), "failed": failed}))


def fit(arguments) -> None:
    sets = {folder: [*map(read_json, sorted((folder / LOOKS).rglob("*.json")))] for folder in arguments.looks}
    scenes = [(folder, k, record) for folder, records in sets.items() for k, record in enumerate(records)]
    counts: dict[tuple[Path, int], np.ndarray] = {}
    for own in range(FOLDS):
        models = both_fitted([record for _, k, record in scenes if k % FOLDS != own])
        for folder, k, record in scenes:
            if k % FOLDS == own:
                key = folder, record["voices"]
                counts[key] = counts.get(key, 0) + np.array([1, record["voices"], *judged(record, models)])
    for (folder, voices), (number, true, taken, right) in sorted(counts.items()):
        print(f"{folder.name} | {voices} | {number} | {right / max(taken, 1):.2f} | {right / true:.2f}")
    models = zip(("first", "second"), both_fitted([record for *_, record in scenes]), strict=True)
    print(json.dumps({name: _rounded(model) for name, model in models}))


def _rounded(model: LogisticModel) -> dict:
    weights = {name: float(f"{weight:.3g}") for name, weight in model.weights.items()}
    return {"intercept": float(f"{model.intercept:.3g}"), "weights": weights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    looking = commands.add_parser("look")
    looking.add_argument("scenes", type=Path)
    looking.add_argument("out", type=Path)
    looking.add_argument("--array", required=True)
    looking.add_argument("--workers", type=int, default=1)
    looking.set_defaults(run=look)
    fitting = commands.add_parser("fit")
    fitting.add_argument("looks", type=Path, nargs="+")
    fitting.set_defaults(run=fit)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
