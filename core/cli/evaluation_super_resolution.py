"""evaluate super-resolution: restored recordings against their originals, beside what resampling alone makes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from core.choices import EVIDENCE, EXTENDER, SAMPLERS
from core.cli import engines, options, outputs
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME = "super-resolution"
SETTINGS, RECORDINGS = "settings.json", "recordings"
MOST_RECORDINGS = 10_000


def add_system(systems) -> None:
    """Adds `super-resolution` to the systems that can be evaluated."""
    description = "Super-resolution of recordings that are thinned out as programs do it."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    command.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="recordings; a metadata.csv's tests"
    )
    command.add_argument("--prior", metavar="NAME", help="what the audio should sound like; see `models`")
    command.add_argument("--factor", type=options.whole(2, 64), required=True, metavar="K")
    command.add_argument("--evidence", choices=EVIDENCE, default="lowpass", help="how they are thinned out")
    command.add_argument("--sampler", choices=(*SAMPLERS, EXTENDER), help="this one alone")
    command.add_argument("--count", type=options.whole(1, MOST_RECORDINGS), default=8, metavar="N", help="recordings")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "recordings")


def _evaluate(arguments) -> int:
    from core.evaluation.excerpts import find_recordings
    from core.evaluation.judges import missing_judges
    from core.evaluation.super_resolution import evaluate_recording, format_tables, summarise

    evaluation, described = _evaluation(arguments)
    recordings = find_recordings(arguments.data, arguments.count)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    places = {path: arguments.out / RECORDINGS / f"{number:04d}.json" for number, path in enumerate(recordings)}
    records, failed = figures_of_each(places, partial(evaluate_recording, evaluation=evaluation), engine)
    if not records:
        raise InputError("None of the recordings could be evaluated; choose others.")
    summary = summarise(records)
    title = f"Super-resolution with {evaluation.settings.prior}, {evaluation.factor}x, {evaluation.evidence}"
    notes = [f"{len(records)} recordings.", *missing_judges()]
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_tables(summary, title, notes))
    _print(summary["all"])
    print("\n".join(f"Note: {note}" for note in notes[1:]), end="\n" * bool(notes[1:]))
    print(f"Recordings evaluated: {len(records)}; see {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _evaluation(arguments):
    """What is evaluated, and what makes two evaluations the same."""
    from core.evaluation.judges import installed_judges
    from core.evaluation.super_resolution import Evaluation
    from core.tasks.band_extension import can_extend, check_extender
    from core.tasks.loading import load_prior
    from core.tasks.settings import Settings
    from core.tasks.super_resolution import TASK
    from core.zoo.manifest import find, fingerprint

    prior = load_prior(TASK, Settings(prior=arguments.prior, device=arguments.device))
    cutoff = prior.sample_rate / arguments.factor / 2
    lowpass = arguments.evidence == "lowpass"
    if arguments.sampler == EXTENDER:
        check_extender(prior, [cutoff] if lowpass else None)
    settings = Settings(prior=prior.name, sampler=arguments.sampler, device=arguments.device)
    extends = lowpass and can_extend(prior, [cutoff])
    evaluation = Evaluation(arguments.factor, arguments.evidence, settings, prior.sample_rate, extends)
    described = {
        "system": NAME,
        "data": str(arguments.data.resolve()),
        "factor": arguments.factor,
        "evidence": arguments.evidence,
        "prior": prior.name,
        "sha256": fingerprint(find(prior.name)),
        "methods": list(evaluation.methods),
        "judges": list(installed_judges()),
    }
    return evaluation, described


def _print(methods: Mapping) -> None:
    from core.evaluation.super_resolution import TITLES

    figures = [figure for figure in TITLES if any(figure in own for own in methods.values())]
    rows = [[name, *(f"{own[key]:.2f}" if key in own else "-" for key in figures)] for name, own in methods.items()]
    print_table(["method", *(TITLES[figure] for figure in figures)], rows)
