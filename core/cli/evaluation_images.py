"""evaluate images: held-out images restored and taken apart by a prior, and what it draws, in figures."""

from functools import partial
from pathlib import Path

from core.choices import QUALITIES
from core.cli import engines, options, outputs
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME, SETTINGS, PAIRS = "images", "settings.json", "pairs"
MOST_IMAGES = 10_000


def add_system(systems) -> None:
    """Adds `images` to what can be evaluated."""
    description = "A prior of images: halves, 2x and overlaid pairs restored, and what it draws."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    data = "images with a training split, such as MNIST's idx files"
    command.add_argument("--data", type=Path, required=True, metavar="FOLDER", help=data)
    command.add_argument("--prior", default=None, metavar="NAME", help="of images; see `models`")
    count = {"type": options.whole(1, MOST_IMAGES), "metavar": "N"}
    command.add_argument("--count", default=20, help="images that are restored, and pairs (20)", **count)
    command.add_argument("--draws", default=100, help="images that are drawn (100)", **count)
    command.add_argument("--split", choices=("valid", "test"), default="test", help="what is restored (test)")
    command.add_argument("--quality", choices=QUALITIES, default="standard")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of images and draws (0)")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "images")


def _evaluate(arguments) -> int:
    from core.evaluation.images import Known, drawn_note, evaluate_drawn, format_table, summarise, train_judge

    settings, entry, colours = _settings(arguments)
    described = _described(arguments, settings, entry)
    splits = _splits(arguments)
    training = Known.of(splits["train"], len(splits["train"]), colours)
    held = Known.of(splits[arguments.split], max(2 * arguments.count, arguments.draws), colours, arguments.seed)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    judge = train_judge(training)
    rows, drawn, failed, notes = {}, None, 0, []
    if "inpaint" in entry.task:
        records, failed = _restored(arguments, engine, settings, training, held, judge)
        rows = summarise(records)
        notes.append(f"Means of {len(records)} images of the {arguments.split} split, and of as many pairs of them.")
    if judge is not None:
        right = (judge.predict(held.images.reshape(len(held.images), -1)) == held.labels).mean()
        notes.append(f"The judge, a multilayer perceptron of scikit-learn, is right about {right:.1%} of such images.")
    if "generate" in entry.task:
        drawn = evaluate_drawn(settings, arguments.draws, training, held, judge)
        notes.append(drawn_note(entry.name, drawn))
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": rows, "drawn": drawn, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_table(rows, notes))
    _print(rows, notes)
    print(f"See {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _restored(arguments, engine, settings, training, held, judge) -> tuple[list, int]:
    """Figures of every image and the one that is laid over it, and how many could not be evaluated."""
    from core.evaluation.images import Evaluation, Overlaid, evaluate_pair

    count = min(arguments.count, len(held.images) // 2)
    evaluation = Evaluation(settings, training.images.mean(axis=0), judge)
    pairs = [Overlaid.of(held, number, count + number) for number in range(count)]
    places = {pair: arguments.out / PAIRS / f"{number:05d}.json" for number, pair in enumerate(pairs)}
    records, failed = figures_of_each(places, partial(evaluate_pair, evaluation=evaluation), engine)
    if not records:
        raise InputError("None of the images could be restored; choose others.")
    return records, failed


def _settings(arguments):
    """The settings, the prior's entry and how many colours it knows."""
    from core.jobs import JOBS
    from core.tasks.loading import load_image_prior
    from core.tasks.settings import Settings
    from core.zoo.manifest import find

    name = arguments.prior or JOBS["inpaint"].image_prior
    settings = Settings(name, arguments.quality, seed=arguments.seed, device=arguments.device)
    prior = load_image_prior("generate", settings)
    return settings, find(name), prior.network.config.colours


def _described(arguments, settings, entry) -> dict:
    """What makes two evaluations the same, but for how many images they have: which are paired follows from that."""
    from core.zoo.manifest import fingerprint

    chosen = {name: getattr(arguments, name) for name in ("count", "split", "quality", "seed")}
    data = str(arguments.data.resolve())
    return {"system": NAME, "prior": settings.prior, "data": data, **chosen, "sha256": fingerprint(entry)}


def _splits(arguments) -> dict:
    from core.training.image_data import ImageData

    if not arguments.data.is_dir():
        raise InputError(f"{arguments.data} is no folder; give one of images.")
    return {split: ImageData(arguments.data, split) for split in ("train", arguments.split)}


def _print(rows, notes) -> None:
    from core.evaluation.images import TITLES

    if rows:
        table = [[name, *(f"{own[key]:.2f}" if key in own else "-" for key in TITLES)] for name, own in rows.items()]
        print_table(["", *TITLES.values()], table)
    for note in notes:
        print(f"Note: {note}")
