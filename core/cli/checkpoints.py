"""models, import-checkpoint, codebook-sums and code-parts: what priors there are, and how more of them come in."""

import sys
from pathlib import Path

from core.choices import RESIDUALS
from core.cli import options
from core.cli.reporting import print_paragraph, print_table

LAST = "max"
USELESS = {  # what is said of a checkpoint that no command can use, by the kind of its model
    "prior": "a network that is told spectrograms needs a front-end of ours, and PnF's its --scaler.",
    "image prior": "PnF's priors of images answer from Python alone, see core/priors/pixelcnnpp.py.",
    "decoder": "decoders that are told no codes speak from Python alone, see core/models/compiled/wavernn.py.",
    "codec": "an LQ-VAE separates with priors of its codes; train or import these as well.",
    "code sums": "code sums are kept beside a prior of the codes, see `codebook-sums`.",
    "code parts": "what codes add to mixtures is kept beside a prior of the codes, see `code-parts`.",
}


def add_commands(commands) -> None:
    """Adds the checkpoint commands to the parser."""
    description = "Lists every prior, bundled and your own."
    command = commands.add_parser("models", help=description, description=description)
    command.set_defaults(run=_models)
    description = "Reads a checkpoint of an original system, safely, and writes it as one of ours."
    command = commands.add_parser("import-checkpoint", help=description, description=description)
    command.set_defaults(run=_import)
    command.add_argument("source", type=Path, metavar="SRC", help="a file, or a folder of noise levels or iterations")
    command.add_argument("--system", required=True, metavar="S", help="such as pnf_wavenet or diffwave_sashimi")
    command.add_argument(
        "--hparams",
        type=Path,
        metavar="FILE",
        help="else hparams.json or config.json beside SRC; of a VQ-VAE index.pkl",
    )
    command.add_argument(
        "--scaler",
        type=Path,
        metavar="FILE",
        help="mean and scale of mel bands; else meanvar.joblib or .npz beside SRC",
    )
    command.add_argument(
        "--iteration", type=_iteration, default=LAST, metavar="N|max", help="of a folder of them (default: max)"
    )
    command.add_argument(
        "--average", type=options.whole(1), metavar="N", help="take the mean of so many files, up to that iteration"
    )
    command.add_argument(
        "--residual",
        choices=RESIDUALS,
        help="of DiffWave (default: leaky as its authors', clean in SaShiMi's master)",
    )
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--out", type=Path, metavar="FILE", help="a .safetensors file")
    target.add_argument("--register", metavar="NAME", help="one of your own checkpoints, for --prior and the page")
    description = "Makes the sums of a prior's codes, which separation among codes needs, and keeps them beside it."
    command = commands.add_parser("codebook-sums", help=description, description=description)
    command.set_defaults(run=_codebook_sums)
    command.add_argument("--prior", required=True, metavar="NAME", help="a prior of codes")
    command.add_argument(
        "--alpha",
        nargs=2,
        type=options.number,
        default=(0.5, 0.5),
        metavar=("A", "B"),
        help="shares of the first and second source in mixtures (default: 0.5 0.5)",
    )
    command.add_argument("--table", metavar="NAME", help="imported sums to keep instead of new ones, with their shares")
    description = "Learns what codes of two priors add to mixtures, for separation, and keeps it beside the first one."
    command = commands.add_parser("code-parts", help=description, description=description)
    command.set_defaults(run=_code_parts)
    options.add_stems(command, "train")


def _iteration(text: str) -> int | str:
    return LAST if text == LAST else options.whole(0)(text)


def _models(arguments) -> int:
    from core.zoo import catalogue, summary

    entries = [summary(entry) for entry in catalogue()]
    rows = [
        [
            e.name,
            ", ".join(e.task),
            f"{e.sample_rate} Hz" if e.sample_rate else "images",
            f"{e.bytes / 1e6:.1f} MB",
            "bundled" if e.bundled else "own",
        ]
        for e in entries
    ]
    print_table(["name", "task", "rate", "size", "origin"], rows)
    for entry in entries:
        figures = [f"{name} {value:g}" for name, value in entry.metrics.items() if isinstance(value, int | float)]
        print(f"\n{entry.name}{f' ({entry.title})' if entry.title else ''}")
        print_paragraph("suits", entry.suits)
        print_paragraph("licence", entry.licence)
        print_paragraph("figures", ", ".join(figures))
    return 0


def _import(arguments) -> int:
    import tempfile

    from core.zoo.importers.originals import ImportOptions
    from core.zoo.importing import import_checkpoint
    from core.zoo.manifest import check_name, register

    said = ImportOptions(
        hparams=arguments.hparams,
        scaler=arguments.scaler,
        iteration=None if arguments.iteration == LAST else arguments.iteration,
        average=arguments.average,
        residual=arguments.residual,
    )
    if arguments.out is not None:
        options.check_output(arguments.out, [".safetensors"])
        note = import_checkpoint(arguments.source, arguments.system, arguments.out, said)
        print(f"Wrote {arguments.out}")
    else:
        check_name(arguments.register)
        with tempfile.TemporaryDirectory() as folder:
            imported = Path(folder) / "imported.safetensors"
            note = import_checkpoint(arguments.source, arguments.system, imported, said)
            entry = register(arguments.register, imported, {"data": f"imported from {arguments.system}"})
        print(f"Registered as {entry.name}")
        if not entry.task:
            print(f"No command can use it: {USELESS[entry.kind]}")
    if note:
        print(note)
    return 0


def _codebook_sums(arguments) -> int:
    from contextlib import closing

    from tqdm import tqdm

    from core.generators import finished, mapped
    from core.tasks.code_sums import keep_code_sums

    run = keep_code_sums(arguments.prior, tuple(arguments.alpha), arguments.table)
    layout = "{percentage:3.0f}% |{bar}| {remaining} left"
    with closing(run), tqdm(total=1.0, bar_format=layout, leave=False, disable=not sys.stderr.isatty()) as bar:
        entry = finished(mapped(run, lambda done: bar.update(done - bar.n)))
    print(f"Kept as {entry.name}, {entry.bytes / 1e6:.1f} MB, beside {arguments.prior}")
    return 0


def _code_parts(arguments) -> int:
    from contextlib import closing

    from tqdm import tqdm

    from core.evaluation.latent_separation import find_pairs
    from core.generators import finished, mapped
    from core.signal.files import read_clip
    from core.tasks.code_parts import keep_code_parts

    split = "train" if (arguments.data / "metadata.csv").is_file() else "test"  # without one all count as of that
    paths = find_pairs(arguments.data, arguments.parts, split)
    pairs = (tuple(read_clip(path, mono=True).clip for path in pair) for pair in paths)
    run = keep_code_parts(arguments.prior, pairs, f"pairs of stems, {len(paths)}")
    with closing(run), tqdm(total=len(paths), leave=False, disable=not sys.stderr.isatty()) as bar:
        entry = finished(mapped(run, lambda heard: bar.update(heard - bar.n)))
    print(f"Kept as {entry.name}, {entry.bytes / 1e6:.1f} MB, beside {arguments.prior[0]}")
    return 0
