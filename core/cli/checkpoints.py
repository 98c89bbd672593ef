"""models, import-checkpoint and register: what priors there are, and how more of them come in."""

from pathlib import Path

from core.cli import options
from core.cli.reporting import print_paragraph, print_table


def add_commands(commands) -> None:
    """Adds the checkpoint commands to the parser."""
    description = "Lists every prior, bundled and your own."
    command = commands.add_parser("models", help=description, description=description)
    command.set_defaults(run=_models)
    description = "Reads a checkpoint of an original system, safely, and writes it as one of ours."
    command = commands.add_parser("import-checkpoint", help=description, description=description)
    command.set_defaults(run=_import)
    command.add_argument("source", type=Path, metavar="SRC", help="a file, or PnF's folder of noise levels")
    command.add_argument("--system", required=True, metavar="S", help="such as pnf_wavenet or cone_of_silence")
    command.add_argument("--hparams", type=Path, metavar="FILE", help="else hparams.json or config.json beside SRC")
    command.add_argument(
        "--scaler",
        type=Path,
        metavar="FILE",
        help="mean and scale of mel bands; else meanvar.joblib or .npz beside SRC",
    )
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--out", type=Path, metavar="FILE", help="a .safetensors file")
    target.add_argument("--register", metavar="NAME", help="one of your own checkpoints, for --prior and the page")


def _models(arguments) -> int:
    from core.zoo import catalogue, summary

    entries = [summary(entry) for entry in catalogue()]
    rows = [
        [e.name, ", ".join(e.task), f"{e.sample_rate} Hz", f"{e.bytes / 1e6:.1f} MB", "bundled" if e.bundled else "own"]
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

    from core.zoo.importing import import_checkpoint
    from core.zoo.manifest import check_name, register

    extras = {"hparams": arguments.hparams, "scaler": arguments.scaler}
    if arguments.out is not None:
        options.check_output(arguments.out, [".safetensors"])
        import_checkpoint(arguments.source, arguments.system, arguments.out, **extras)
        print(f"Wrote {arguments.out}")
        return 0
    check_name(arguments.register)
    with tempfile.TemporaryDirectory() as folder:
        imported = Path(folder) / "imported.safetensors"
        import_checkpoint(arguments.source, arguments.system, imported, **extras)
        entry = register(arguments.register, imported, {"data": f"imported from {arguments.system}"})
    print(f"Registered as {entry.name}")
    if not entry.task:
        print("No command can use it: a WaveNet that is told spectrograms needs --scaler, and one of PnF's front-ends.")
    return 0
