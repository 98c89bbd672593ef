"""train and pack-data: a network from a folder of recordings."""

import sys
from datetime import date
from pathlib import Path

from core.cli import options
from core.errors import InputError
from core.signal.mel import FRONT_ENDS


def add_commands(commands) -> None:
    """Adds the training commands to the parser."""
    description = "Trains a recipe on a folder of recordings; see docs/training.md."
    command = commands.add_parser("train", help=description, description=description)
    command.set_defaults(run=_train)
    command.add_argument("recipe", metavar="RECIPE", help="a name under core/training/recipes")
    command.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="recordings, packed data, or images"
    )
    command.add_argument("--minutes", type=options.duration, metavar="M", help="of training in all")
    command.add_argument("--epochs", type=options.whole(1), metavar="N", help="passes over the data in all, at most")
    command.add_argument("--stats", action="store_true", help="log how large layers' outputs and gradients are")
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="FILE", help="a .safetensors file")
    target.add_argument("--register", metavar="NAME", help="one of your own checkpoints, for --prior and the page")
    begin = command.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="go on where the training stopped")
    begin.add_argument(
        "--iteration", type=options.whole(1), metavar="N", help="go on where it was after N updates (keep_every)"
    )
    begin.add_argument("--init", type=Path, metavar="FILE", help="start from this checkpoint's weights")
    begin.add_argument("--scratch", action="store_true", help="begin anew, also where the recipe would go on")
    command.add_argument(
        "--others", type=Path, nargs="+", default=[], metavar="PACK", help="packs of other sounds to mix with"
    )
    command.add_argument(
        "--set", type=options.setting, action="append", default=[], metavar="KEY=VALUE", help="override the recipe"
    )
    description = "Packs a folder of recordings into shards that a bare training machine can read."
    command = commands.add_parser("pack-data", help=description, description=description)
    command.set_defaults(run=_pack)
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("out", type=Path, metavar="OUT")
    command.add_argument("--sample-rate", type=options.whole(4000, 192_000), metavar="HZ", help="of the pack (16000)")
    packed = "holds NAME.wav.spec.npy, NAME.wav.pt or NAME.npz for each NAME.wav: pack these, too"
    command.add_argument("--spectrograms", type=Path, metavar="FOLDER", help=packed)
    command.add_argument("--front-end", choices=FRONT_ENDS, help="what made them (tacotron); its rate is the pack's")
    description = "Compands recordings and cuts them into chunks for the recipe onehot-wavenet, in streams vctk_0, ..."
    command = commands.add_parser("preprocess", help=description, description=description)
    command.set_defaults(run=_preprocess)
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("out", type=Path, metavar="OUT")
    command.add_argument("--rate", type=options.whole(1000, 192_000), default=8000, metavar="HZ", help="(8000)")
    command.add_argument("--stacks", type=options.whole(1, 100), default=5, metavar="N", help="of the network (5)")
    command.add_argument("--layers", type=options.whole(1, 16), default=10, metavar="N", help="of a stack (10)")
    command.add_argument("--target-length", type=options.whole(1), default=1600, metavar="N", help="of a chunk (1600)")
    command.add_argument("--overlap", action="store_true", help="go on by the targets alone, so that none is left out")
    command.add_argument("--flush-every", type=options.whole(1), default=10240, metavar="N", help="chunks (10240)")
    command.add_argument("--workers", type=options.whole(1, 256), default=8, metavar="N", help="processes, streams (8)")


def _preprocess(arguments) -> int:
    from core.training.preprocessing import Cutting, preprocess

    cutting = Cutting(arguments.rate, arguments.stacks, arguments.layers, arguments.target_length, arguments.overlap)
    counts = preprocess(arguments.folder, arguments.out, cutting, arguments.workers, arguments.flush_every)
    print(f"{arguments.out}: {sum(counts)} chunks of {cutting.length} samples in {len(counts)} streams")
    return 0


def _train(arguments) -> int:
    from accelerate import Accelerator

    from core.training.data import PackedData
    from core.training.run import train
    from core.zoo.manifest import check_name, own_folder, register

    if arguments.register is not None:
        check_name(arguments.register)
        out = own_folder().parent / "training" / f"{arguments.register}.safetensors"
        out.parent.mkdir(parents=True, exist_ok=True)
    else:
        out = arguments.out
        options.check_output(out, [".safetensors"])
    if arguments.init and not arguments.init.is_file():
        raise InputError(f"There is no checkpoint {arguments.init} to start from; check the name.")
    if arguments.minutes is None and arguments.epochs is None:
        raise InputError("Nothing says how long to train; give --minutes or --epochs.")
    for folder in arguments.others:
        PackedData(folder, "train")  # before an hour of packing, not after it
    processes = Accelerator()
    resumed = _goes_on(arguments, out)
    with processes.main_process_first():
        pack = _packed(arguments, out, again=processes.is_main_process and not resumed)
    written = train(
        arguments.recipe,
        pack,
        arguments.minutes,
        out,
        epochs=arguments.epochs,
        stats=arguments.stats,
        resume=resumed,
        iteration=arguments.iteration,
        init=arguments.init,
        overrides=dict(arguments.set),
        others=arguments.others,
    )
    if not processes.is_main_process:
        return 0
    print(f"Wrote {written}")
    if arguments.register is not None:
        register(arguments.register, written, _provenance(arguments, written))
        print(f"Registered as {arguments.register}")
    return 0


def _goes_on(arguments, out: Path) -> bool:
    """Whether an earlier training is resumed: as told, or else where there is one and the recipe says so."""
    from core.training.recipe import load_recipe

    if arguments.init or arguments.scratch:
        return False
    if arguments.resume or arguments.iteration is not None:
        return True
    state = out.with_suffix(".state")
    if not (load_recipe(arguments.recipe, dict(arguments.set))["training"]["resume"] and state.exists()):
        return False
    print(f"Goes on from {state.name}; --scratch begins anew.", file=sys.stderr)
    return True


def _packed(arguments, out: Path, again: bool) -> Path:
    """The data as a pack: as given, or made beside the checkpoint, where other processes and a resumed training find
    it; one that is there is made again where it may be another training's."""
    from core.signal.packed_audio import is_pack
    from core.training.data import pack_data
    from core.training.objectives import find_objective
    from core.training.recipe import load_recipe

    recipe = load_recipe(arguments.recipe, dict(arguments.set))
    if find_objective(recipe["architecture"]).takes(arguments.data):
        return arguments.data
    pack = out.with_suffix(".data")
    if again or not is_pack(pack):
        pack_data(arguments.data, pack, recipe["sample_rate"])
    return pack


def _provenance(arguments, written: Path) -> dict:
    """What the manifest should know of a training."""
    import torch

    from core.signal.tensor_files import load_tensors
    from core.training.recipe import load_recipe

    recipe = load_recipe(arguments.recipe, dict(arguments.set))
    history = load_tensors(written.with_suffix(".state"))["history"]
    figures = dict(history[-1])
    processor = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return {
        "sample_rate": recipe["sample_rate"],
        "steps": figures.pop("step"),
        "data": arguments.data.resolve().name,
        "hardware": f"{processor}, {figures.pop('minutes'):g} minutes",
        "metrics": figures,
        "date": date.today().isoformat(),
    }


def _pack(arguments) -> int:
    from core.training.data import pack_data
    from core.training.spectrogram_folder import SpectrogramFolder

    spectrograms, rate = None, arguments.sample_rate or 16_000
    if arguments.spectrograms:
        spectrograms = SpectrogramFolder(arguments.spectrograms, FRONT_ENDS[arguments.front_end or "tacotron"])
        if arguments.sample_rate not in (None, spectrograms.front_end.sample_rate):
            own = spectrograms.front_end.sample_rate
            raise InputError(f"Spectrograms of this front-end are of {own} Hz; leave out --sample-rate.")
    elif arguments.front_end:
        raise InputError("A front-end is that of spectrograms; name their folder with --spectrograms.")
    packed = pack_data(arguments.folder, arguments.out, rate, spectrograms)
    print(f"{arguments.out}: " + ", ".join(f"{name} {length / 60:.1f} min" for name, length in packed.items()))
    return 0
