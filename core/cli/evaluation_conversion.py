"""evaluate conversion: recordings of others said with the bundled voices, judged for voice and words."""

from collections.abc import Mapping
from functools import partial
from itertools import cycle
from pathlib import Path

from core.cli import engines, options, outputs
from core.cli.evaluation_super_resolution import MOST_RECORDINGS, SETTINGS
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME, FILES = "conversion", "files"
OF_EXAMPLES = "The sources are the example voices that come with Resound; without --data no voice can be told."
SECONDS = 6.0  # of every recording that is not of digits


def add_system(systems) -> None:
    """Adds `conversion` to the systems that can be evaluated."""
    description = "Voice conversion: recordings of others said with the bundled voices."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="recordings, the bundled speakers' among them, with a metadata.csv of path, speaker, split; else examples",
    )
    command.add_argument("--digits", type=Path, metavar="FOLDER", help="such a folder of digits, in folders 0 to 9")
    command.add_argument(
        "--prior",
        nargs="+",
        default=["voice-converter"],
        metavar="NAME",
        help="a converter, and more of them or VQ-VAEs to judge beside it",
    )
    whole = options.whole(1, MOST_RECORDINGS)
    command.add_argument("--count", type=whole, default=30, metavar="N", help="sources of digits, and of speech (30)")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "files")


def _evaluate(arguments) -> int:
    from core.evaluation.conversion import evaluate_pair, format_table, perplexity, summarise
    from core.evaluation.judges import missing_judges

    described = _described(arguments)
    evaluation, pairs = _pairs(arguments)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    places = {pair: arguments.out / FILES / f"{pair}.json" for pair in pairs}
    records, failed = figures_of_each(places, partial(evaluate_pair, evaluation=evaluation), engine)
    if not records:
        raise InputError("None of the recordings could be evaluated; choose others.")
    summary = summarise(records)
    for name in summary.keys() & evaluation.converters.keys():
        used = perplexity((pair.source for pair in pairs), name, arguments.device)
        summary[name]["perplexity"] = round(used)
    notes = [
        f"Files: {len(records)}; targets: {len(evaluation.targets)}, told from {len(evaluation.voices)} voices. All of "
        "it: identified, nearer to the target than to the source, and three of five digits right.",
        *_unknown_targets(evaluation),
        *missing_judges(),
        *([] if arguments.data else [OF_EXAMPLES]),
    ]
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_table(summary, notes))
    _print(summary, notes)
    print(f"Files evaluated: {len(records)}; see {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _described(arguments) -> dict:
    """What makes two evaluations the same."""
    from core.evaluation.judges import installed_judges
    from core.zoo.manifest import find, fingerprint

    return {
        "system": NAME,
        "data": [str(folder.resolve()) for folder in arguments.data or ()],
        "digits": str(arguments.digits.resolve()) if arguments.digits else None,
        "count": arguments.count,
        "sha256": {name: fingerprint(find(name)) for name in arguments.prior},
        "judges": list(installed_judges()),
    }


def _pairs(arguments):
    """What is evaluated, and of what with whose voice; targets take turns."""
    from core.evaluation.conversion import (
        Evaluation,
        Pair,
        digit_strings,
        embeddings_of,
        example_sources,
        spoken_sources,
    )
    from core.signal.folders import recordings_by_speaker
    from core.tasks.settings import Settings
    from core.tasks.utterance import load_speech
    from core.tasks.voice import speakers, speakers_of

    load_speech(Settings(arguments.prior[0], device=arguments.device))  # refused before the work
    converters = {name: speakers_of(name) for name in arguments.prior}
    recordings = recordings_by_speaker(arguments.data or ())
    targets = [name for name in speakers() if name in recordings or not arguments.data]
    if not targets:
        raise InputError("None of the bundled speakers is in these folders; give those that hold their recordings.")
    held_out = {name: found for name, found in recordings.items() if any(split == "test" for _, split in found)}
    sources = spoken_sources(held_out, arguments.count, SECONDS) if arguments.data else example_sources(SECONDS)
    sources += digit_strings(arguments.digits, arguments.count) if arguments.digits else []
    known = embeddings_of({name: recordings[name] for name in [*targets, *held_out] if name in recordings})
    pairs = [Pair(source, target) for source, target in zip(sources, cycle(targets), strict=False)]
    return Evaluation(converters, known, targets, arguments.device), pairs


def _unknown_targets(evaluation) -> list[str]:
    """A note on every converter that does not speak with all of the targets."""
    able = {name: len(set(evaluation.targets) & set(known)) for name, known in evaluation.converters.items()}
    return [
        f"{name} speaks with {count} of the {len(evaluation.targets)} targets; its figures are of these alone."
        for name, count in able.items()
        if count < len(evaluation.targets)
    ]


def _print(summary: Mapping, notes: list[str]) -> None:
    from core.evaluation.conversion import TITLES

    rows = [[name, *(f"{own[key]:.3g}" if key in own else "-" for key in TITLES)] for name, own in summary.items()]
    print_table(["method", *TITLES.values()], rows)
    for note in notes:
        print(f"Note: {note}")
