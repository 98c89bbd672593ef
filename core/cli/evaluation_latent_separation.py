"""evaluate latent-separation: held-out pairs of stems, mixed and taken apart among codes, beside other methods."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from core.cli import engines, options, outputs
from core.cli.evaluation_super_resolution import MOST_RECORDINGS, SETTINGS
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table

NAME, EXCERPTS = "latent-separation", "excerpts"
UNTRAINED = "There are no stems of a train split, so no filters were learned of them."


def add_system(systems) -> None:
    """Adds `latent-separation` to the systems that can be evaluated."""
    description = "Separation among codes: pairs of stems, mixed at 0 dB and taken apart."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    options.add_stems(command, "test")
    command.add_argument("--samples", type=options.whole(1, 256), default=8, metavar="N", help="chains (8)")
    command.add_argument(
        "--count",
        type=options.whole(1, MOST_RECORDINGS),
        default=12,
        metavar="N",
        help="of 65,536 samples each (12)",
    )
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "excerpts")


def _evaluate(arguments) -> int:
    from core.errors import InputError
    from core.evaluation.latent_separation import evaluate_excerpt, find_excerpts, find_pairs, format_table, summarise

    described = _described(arguments)
    pairs = find_pairs(arguments.data, arguments.parts, "test")
    excerpts = find_excerpts(pairs, arguments.count, described["sample_rate"])
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    evaluation = _evaluation(arguments, described["sample_rate"])
    places = {excerpt: arguments.out / EXCERPTS / f"{excerpt}.json" for excerpt in excerpts}
    records, failed = figures_of_each(places, partial(evaluate_excerpt, evaluation=evaluation), engine)
    if not records:
        raise InputError("None of the excerpts could be evaluated; choose other stems.")
    summary, parts = summarise(records), arguments.parts
    notes = [f"Excerpts: {len(records)} of {len(pairs)} pairs; {arguments.samples} samples; medians."]
    notes += [] if evaluation.known else [UNTRAINED]
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_table(summary, parts, notes))
    _print(summary, parts)
    print(f"Excerpts evaluated: {len(records)}; see {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _described(arguments) -> dict:
    """What makes two evaluations the same, but for how many excerpts they have."""
    from core.tasks.loading import load_code_priors
    from core.tasks.settings import resolve_device
    from core.zoo.manifest import find, fingerprint

    codec, _ = load_code_priors(arguments.prior, resolve_device(arguments.device))
    return {
        "system": NAME,
        "data": str(arguments.data.resolve()),
        "parts": list(arguments.parts),
        "samples": arguments.samples,
        "sample_rate": codec.sample_rate,
        "sha256": {name: fingerprint(find(name)) for name in (*arguments.prior, codec.name)},
    }


def _evaluation(arguments, sample_rate: int):
    from core.evaluation.latent_separation import Evaluation, find_pairs, learn_from

    known = learn_from(find_pairs(arguments.data, arguments.parts, "train"), sample_rate)
    return Evaluation(tuple(arguments.prior), sample_rate, arguments.samples, known, arguments.device)


def _print(summary: Mapping, parts: Sequence[str]) -> None:
    from core.evaluation.latent_separation import titles

    shown = titles(parts)
    rows = [[name, *(f"{own[key]:.2f}" if key in own else "-" for key in shown)] for name, own in summary.items()]
    print_table(["method", *shown.values()], rows)
