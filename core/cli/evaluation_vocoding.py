"""evaluate vocoding: spectrograms of recordings played by vocoders and priors, beside Griffin-Lim."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from core.cli import engines, options, outputs
from core.cli.evaluation_super_resolution import MOST_RECORDINGS, RECORDINGS, SETTINGS
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME = "vocoding"
LONGEST = 60.0  # seconds
OF_EXAMPLES = "The recordings are the example voices that come with Resound."


def add_system(systems) -> None:
    """Adds `vocoding` to the systems that can be evaluated."""
    description = "Vocoding: spectrograms of recordings, played by vocoders and priors."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    command.add_argument(
        "--data", type=Path, metavar="FOLDER", help="recordings, else the example voices; a metadata.csv's tests"
    )
    command.add_argument(
        "--prior", nargs="+", action="extend", metavar="NAME", help="what plays; every vocoder; see `models`"
    )
    command.add_argument("--count", type=options.whole(1, MOST_RECORDINGS), default=8, metavar="N", help="recordings")
    command.add_argument("--seconds", type=options.duration, default=4.0, metavar="S", help="of every recording (4)")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "recordings")


def _evaluate(arguments) -> int:
    from core.evaluation.judges import missing_judges
    from core.evaluation.vocoding import evaluate_recording, format_table, summarise

    evaluation, described = _evaluation(arguments)
    recordings = _recordings(arguments)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    places = {path: arguments.out / RECORDINGS / f"{number:04d}.json" for number, path in enumerate(recordings)}
    records, failed = figures_of_each(places, partial(evaluate_recording, evaluation=evaluation), engine)
    if not records:
        raise InputError("None of the recordings could be evaluated; choose others.")
    summary = summarise(records)
    notes = [f"Recordings: {len(records)}, {evaluation.seconds:g} s of each.", *missing_judges()]
    notes += [] if arguments.data else [OF_EXAMPLES]
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_table(summary, "Vocoding", notes))
    _print(summary, notes[1:])
    print(f"Recordings evaluated: {len(records)}; see {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _evaluation(arguments):
    """What is evaluated, and what makes two evaluations the same."""
    from core import zoo
    from core.evaluation.judges import installed_judges
    from core.evaluation.vocoding import Evaluation
    from core.tasks.settings import Settings
    from core.tasks.vocoding import front_end_for
    from core.zoo.families import VOCODER
    from core.zoo.manifest import find, fingerprint

    if not 1 <= arguments.seconds <= LONGEST:
        raise InputError(f"Of every recording 1 to {LONGEST:g} s can be judged, not {arguments.seconds:g} s.")
    names = list(dict.fromkeys(arguments.prior or (entry.name for entry in zoo.catalogue(kind=VOCODER))))
    players = {name: front_end_for(Settings(prior=name, device=arguments.device)) for name in names}
    described = {
        "system": NAME,
        "data": str(arguments.data.resolve()) if arguments.data else None,
        "seconds": arguments.seconds,
        "sha256": {name: fingerprint(find(name)) for name in players},
        "judges": list(installed_judges()),
    }
    return Evaluation(players, arguments.seconds, arguments.device), described


def _recordings(arguments) -> Sequence[Path]:
    from core.arrays.scenes.speech import bundled_speech
    from core.evaluation.excerpts import find_recordings

    if arguments.data:
        return find_recordings(arguments.data, arguments.count, arguments.seconds)
    return [utterance.path for utterance in bundled_speech(1)][: arguments.count]


def _print(summary: Mapping, notes: Sequence[str]) -> None:
    from core.evaluation.vocoding import titled

    figures = titled(summary)
    rows = [[name, *(f"{own[key]:.3g}" if key in own else "-" for key in figures)] for name, own in summary.items()]
    print_table(["method", *figures.values()], rows)
    for note in notes:
        print(f"Note: {note}")
