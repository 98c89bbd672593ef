"""evaluate: a system over many examples, in the figures of its paper; resumed where it stopped."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from core.cli import options, outputs
from core.cli.reporting import print_table
from core.errors import InputError
from core.signal.output import replacing

MOST_VOICES = 8
MOST_SCENES = 100_000
METHODS = ("cone", "srp-phat", "music")
SETTINGS = "settings.json"
CONE_TITLES = ("method", "voices", "SI-SDR gain dB", "angle error", "precision", "recall")


def add_commands(commands) -> None:
    """Adds the command and the systems it knows to the parser."""
    description = "Evaluates a system over many examples and writes tables beside the paper's; what is done is kept."
    command = commands.add_parser("evaluate", help=description, description=description)
    systems = command.add_subparsers(metavar="NAME", required=True)
    _add_cone(systems)


def _add_cone(systems) -> None:
    description = "Localization of voices around a microphone array (Cone of Silence, Jenrungrot et al. 2020)."
    command = systems.add_parser("cone", help=description, description=description)
    command.set_defaults(run=_evaluate_cone)
    command.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="scenes of render-scenes")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help="gets cone.md and cone.json")
    command.add_argument("--array", default="respeaker-4", metavar="NAME|FILE.json", help="of the scenes")
    command.add_argument("--method", choices=METHODS, default="cone", help="srp-phat stands beside it in any case")
    command.add_argument("--prior", metavar="NAME", help="the separator; the first one that fits the array")
    command.add_argument(
        "--voices", type=options.span(1, MOST_VOICES), default=range(2, 9), metavar="A..B", help="in a scene (2..8)"
    )
    command.add_argument(
        "--count", type=options.whole(1, MOST_SCENES), default=100, metavar="N", help="scenes of every number of voices"
    )
    command.add_argument("--oracle-position", action="store_true", help="tell the true angles, separate only")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")


def _evaluate_cone(arguments) -> int:
    from core.evaluation.localization import find_evaluated, format_tables, summarise

    evaluation = _cone_evaluation(arguments)
    folders = find_evaluated(arguments.data, arguments.voices, arguments.count)
    settings = {"system": "cone", **asdict(evaluation), "data": arguments.data.resolve().name}
    settings["settings"] = {"prior": evaluation.settings.prior}
    outputs.claim_folder(arguments.out, SETTINGS, json.loads(json.dumps(settings)), "figures")
    records, failed = _evaluate_scenes(arguments, evaluation, [path for own in folders.values() for path in own])
    summary = summarise(records)
    title = f"Localization with {evaluation.settings.prior or arguments.method}, array {evaluation.array.name}"
    _write_json(arguments.out / "cone.json", {**settings, "figures": summary})
    with replacing(arguments.out / "cone.md") as file:
        file.write(format_tables(summary, arguments.voices, title).encode())
    _print_cone(summary)
    print(f"Scenes evaluated: {len(records)}; see {arguments.out / 'cone.md'}")
    return 2 if failed else 0


def _cone_evaluation(arguments):
    """What is evaluated; a separator that is not named is the first one that fits."""
    from core.arrays.geometry import read_array
    from core.evaluation.localization import Evaluation
    from core.tasks.localization import choose_separator
    from core.tasks.progress import Settings

    array, prior = read_array(arguments.array), arguments.prior
    if arguments.method == "cone":
        separator = choose_separator(array, prior)
        if separator is None:
            raise InputError(f"There is no separator for the array {array.name}; choose --method srp-phat.")
        prior = separator.name
    return Evaluation(array, arguments.method, Settings(prior, device=arguments.device), arguments.oracle_position)


def _evaluate_scenes(arguments, evaluation, folders: list[Path]) -> tuple[list[Mapping], int]:
    """The figures of every scene, those that are there already included, and how many failed."""
    from tqdm import tqdm

    from core.evaluation.localization import evaluate_scene

    records, failed = [], 0
    for folder in tqdm(folders, unit="scene", leave=False, disable=not sys.stderr.isatty()):
        path = arguments.out / "scenes" / f"{folder.relative_to(arguments.data)}.json"
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_json(path, evaluate_scene(folder, evaluation))
            records.append(json.loads(path.read_text(encoding="utf-8")))
        except InputError as error:
            tqdm.write(f"{folder}: {error}", file=sys.stderr)
            failed += 1
    return records, failed


def _write_json(path: Path, content: Mapping) -> None:
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def _print_cone(summary: Mapping) -> None:
    figures = ("si_sdr_improvement_db", "angular_error_degrees", "precision", "recall")
    rows = [
        [name, str(voices), *("-" if own[figure] is None else f"{own[figure]:.2f}" for figure in figures)]
        for name, by_voices in summary.items()
        for voices, own in by_voices.items()
    ]
    print_table(CONE_TITLES, rows)
