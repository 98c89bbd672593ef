"""generate: a folder of sounds that nobody recorded or of images, each of which says how to make it again."""

import json
from pathlib import Path

from core.choices import ANCESTRAL, GENERATION_SAMPLERS, parse_seeds
from core.cli import options, outputs, running
from core.errors import InputError
from core.tasks.report_file import write_report

OF_SOUNDS = ("seconds", "speaker", "morph", "sampler", "steps", "prime")  # options
OF_IMAGES = ("height", "width", "grid")


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Draws new sounds: OUTDIR/0000.wav, 0001.wav, ..., or images (.png) from a prior of images."
    command = commands.add_parser("generate", help=description, description=description)
    command.set_defaults(run=_generate)
    command.add_argument("folder", type=Path, metavar="OUTDIR")
    command.add_argument("--prior", metavar="NAME", help="what they are drawn from (digits-16k)")
    command.add_argument("--count", type=options.whole(1, 1_000_000), default=4, metavar="N", help="of them (4)")
    command.add_argument("--seconds", type=options.duration, metavar="S", help="length of each")
    command.add_argument("--label", metavar="L", help="what is said, or seen; drawn by each seed unless given")
    command.add_argument("--speaker", metavar="NAME", help="who is to say it; anybody unless given")
    command.add_argument(
        "--guidance", type=options.number, metavar="G", help="over 1: plainer; 0: tells nothing (3; images 2)"
    )
    way = "lead from one seed's sound to another's"
    command.add_argument("--morph", type=options.written(parse_seeds), metavar="SEED,SEED", help=way)
    ways = (*GENERATION_SAMPLERS, ANCESTRAL)
    command.add_argument("--sampler", choices=ways, help=f"how they are drawn (heun; of WaveNets {ANCESTRAL})")
    command.add_argument("--steps", type=options.whole(1, 1_000_000), metavar="N", help="of every sound")
    command.add_argument("--height", type=options.whole(1), metavar="PIXELS", help="of images (the prior's own)")
    command.add_argument("--width", type=options.whole(1), metavar="PIXELS", help="of images (the prior's own)")
    careful = "of WaveNets and images: under 1 more careful (1)"
    command.add_argument("--temperature", type=options.number, metavar="T", help=careful)
    command.add_argument("--prime", type=Path, metavar="IN", help="a recording that a WaveNet goes on from")
    command.add_argument("--grid", type=options.whole(1), metavar="N", help="images, so many a row: grid.png as well")
    command.add_argument("--batch", type=options.whole(1, 1_000_000), metavar="N", help="drawn at once (16)")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of the first sound (0)")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    command.add_argument("--report", type=Path, metavar="FILE.json", help="write how they were made here")


def _generate(arguments) -> int:
    from core.zoo.families import IMAGES
    from core.zoo.manifest import find

    of_images = arguments.prior is not None and find(arguments.prior).kind == IMAGES
    for name in OF_SOUNDS if of_images else OF_IMAGES:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name} is for {'sounds' if of_images else 'images'}; leave it out, or choose another prior."
            )
    outputs.check_folder(arguments.folder, "images" if of_images else "sounds")
    if arguments.report:
        options.check_output(arguments.report, [".json"])
    return (_generate_images if of_images else _generate_sounds)(arguments)


def _generate_images(arguments) -> int:
    from core.signal.image_files import tiled
    from core.tasks.image_generation import ImageWish, generate_images, image_origin_of
    from core.tasks.settings import Settings

    asked = {
        name: getattr(arguments, name) for name in ("count", "label", "guidance", "height", "width", "temperature")
    }
    wish = ImageWish(**{name: value for name, value in asked.items() if value is not None})
    settings = Settings(prior=arguments.prior, seed=arguments.seed, device=arguments.device, batch=arguments.batch)
    result = running.follow(generate_images(wish, settings=settings))
    comments = {name: json.dumps(image_origin_of(result.report, name)) for name in result.images}
    grid = {"grid": tiled(list(result.images.values()), arguments.grid)} if arguments.grid else {}
    written = outputs.write_images(arguments.folder, {**result.images, **grid}, comments)
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, None, arguments.folder, {**result.report, **files}, result.notes)
    report = result.report
    print(
        f"{arguments.folder}: {report['count']} images of {report['width']} x {report['height']} pixels, "
        f"{report['prior']}, {report['bits_per_dimension']:.3f} bits per dimension, {report['seconds']:.1f} s"
    )
    return 0


def _generate_sounds(arguments) -> int:
    from core.tasks.generation import Wish, generate, origin_of
    from core.tasks.settings import Settings

    asked = ("count", "seconds", "label", "speaker", "guidance", "morph", "temperature")
    chosen = {name: getattr(arguments, name) for name in asked} | {"prime": _prime(arguments.prime)}
    wish = Wish(**{name: value for name, value in chosen.items() if value is not None})
    names = ("prior", "sampler", "steps", "seed", "device", "batch")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    result = running.follow(generate(wish, settings=settings))
    prime = {"prime": str(arguments.prime)} if arguments.prime else {}
    comments = {name: json.dumps(origin_of(result.report, name) | prime) for name in result.sounds}
    written, notes = outputs.write_clips(arguments.folder, result.sounds, comments)
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, None, arguments.folder, {**result.report, **prime, **files}, notes)
    report = result.report
    measured = next((name for name in ("bits_per_sample", "bits_per_code") if name in report), "")
    steps = f"at {report[measured]} {measured.replace('_', ' ')}" if measured else f"with {report['steps']} steps"
    print(
        f"{arguments.folder}: {len(written)} sounds of {report['duration_seconds']:.2f} s at "
        f"{report['sample_rate']} Hz, {report['prior']}, {report['sampler']} {steps}, {report['seconds']:.1f} s"
    )
    return 0


def _prime(path: Path | None):
    """The recording that sounds go on from."""
    from core.signal.files import duration, read_clip
    from core.tasks.sample_by_sample import check_prime

    if path is None:
        return None
    check_prime(duration(path, mono=True))
    return read_clip(path, mono=True).clip
