"""evaluate likelihood: bits per dimension of held-out images, or per sample of recordings, of several priors."""

from functools import partial
from pathlib import Path

from core.cli import options, outputs
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME = "likelihood"
SETTINGS, PRIORS = "settings.json", "priors"
MOST_EXAMPLES, LONGEST = 100_000, 60.0  # seconds
IMAGES_AT_MOST, RECORDINGS_AT_MOST = 1000, 8  # unless --count says otherwise


def add_system(systems) -> None:
    """Adds `likelihood` to what can be evaluated."""
    description = "Likelihood: bits per dimension of held-out images, or per sample of recordings, by several priors."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    data = "images or recordings: the test split where there is one, else all"
    command.add_argument("--data", type=Path, required=True, metavar="FOLDER", help=data)
    priors = "PixelCNNs, or WaveNets; see `models`"
    command.add_argument("--prior", nargs="+", action="extend", required=True, metavar="NAME", help=priors)
    count = f"images ({IMAGES_AT_MOST}), or recordings ({RECORDINGS_AT_MOST})"
    command.add_argument("--count", type=options.whole(1, MOST_EXAMPLES), metavar="N", help=count)
    command.add_argument("--seconds", type=options.duration, default=4.0, metavar="S", help="of every recording (4)")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of images of two levels (0)")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")


def _evaluate(arguments) -> int:
    from core.evaluation.likelihood import CLASSES, evaluate_images, evaluate_sounds, format_table, published
    from core.training.image_data import ImageData

    priors, of_images = _priors(arguments)
    held, described = _held(arguments, priors, of_images)
    evaluate = partial(evaluate_images, data=ImageData(held.folder, "test")) if of_images else evaluate_sounds
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    places = {name: arguments.out / PRIORS / f"{name}.json" for name in priors}
    records, failed = figures_of_each(places, lambda name: {name: evaluate(priors[name], held=held)})
    if not records:
        raise InputError("None of the priors could be evaluated on these data; choose others.")
    figures = {name: own for record in records for name, own in record.items()}
    rows, notes = published(figures)
    examples = next(iter(figures.values()))["examples"]
    notes = [f"{'Images' if of_images else 'Recordings'}: {examples}.", *([CLASSES] if len(priors) > 1 else []), *notes]
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": figures, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_table(figures | rows, notes))
    _print(figures | rows, notes)
    print(f"See {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _priors(arguments) -> tuple[dict, bool]:
    """The priors by name, and whether they are of images.

    Raises:
        InputError: priors of both kinds, or one whose likelihood cannot be counted.
    """
    from core import zoo
    from core.evaluation.likelihood import check_countable
    from core.tasks.settings import resolve_device
    from core.zoo.families import IMAGES, PRIOR
    from core.zoo.manifest import find

    names = list(dict.fromkeys(arguments.prior))
    kinds = {find(name).kind == IMAGES for name in names}
    if len(kinds) > 1:
        raise InputError("Some of these priors are of images and some of sounds; evaluate those of one kind at a time.")
    of_images, device = kinds.pop(), resolve_device(arguments.device)
    priors = {name: zoo.load_model(IMAGES if of_images else PRIOR, name, device) for name in names}
    for prior in priors.values():
        check_countable(prior)
    return priors, of_images


def _held(arguments, priors, of_images: bool):
    """The data, and what makes two evaluations the same."""
    from core.evaluation.likelihood import Held
    from core.zoo.manifest import find, fingerprint

    if not 1 <= arguments.seconds <= LONGEST:
        raise InputError(f"Of every recording 1 to {LONGEST:g} s can be counted, not {arguments.seconds:g} s.")
    if not arguments.data.is_dir():
        raise InputError(f"{arguments.data} is no folder; give one of images or of recordings.")
    count = arguments.count or (IMAGES_AT_MOST if of_images else RECORDINGS_AT_MOST)
    held = Held(arguments.data, count, arguments.seconds, arguments.seed)
    described = {
        "system": NAME,
        "data": str(arguments.data.resolve()),
        **{name: getattr(held, name) for name in ("count", "seconds", "seed")},
        "sha256": {name: fingerprint(find(name)) for name in priors},
    }
    return held, described


def _print(rows, notes) -> None:
    from core.evaluation.likelihood import titled

    figures = titled(rows)
    table = [[name, *(f"{own[key]:.4g}" if key in own else "-" for key in figures)] for name, own in rows.items()]
    print_table(["prior", *figures.values()], table)
    for note in notes:
        print(f"Note: {note}")
