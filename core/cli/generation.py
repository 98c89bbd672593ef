"""generate: a folder of sounds that nobody recorded, each of which says in its metadata how to make it again."""

import json
from pathlib import Path

from core.choices import GENERATION_SAMPLERS, parse_seeds
from core.cli import options, outputs, running
from core.tasks.report_file import write_report


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Draws new sounds: OUTDIR/0000.wav, 0001.wav, ..."
    command = commands.add_parser("generate", help=description, description=description)
    command.set_defaults(run=_generate)
    command.add_argument("folder", type=Path, metavar="OUTDIR")
    command.add_argument("--prior", metavar="NAME", help="what the sounds are drawn from (digits-16k)")
    command.add_argument("--count", type=options.whole(1, 1_000_000), default=4, metavar="N", help="of sounds (4)")
    command.add_argument("--seconds", type=options.duration, metavar="S", help="length of each")
    command.add_argument("--label", metavar="L", help="what is to be said; drawn by each seed unless given")
    command.add_argument("--speaker", metavar="NAME", help="who is to say it; anybody unless given")
    command.add_argument("--guidance", type=options.number, metavar="G", help="over 1: plainer; 0: tells nothing (3)")
    way = "lead from one seed's sound to another's"
    command.add_argument("--morph", type=options.written(parse_seeds), metavar="SEED,SEED", help=way)
    command.add_argument("--sampler", choices=GENERATION_SAMPLERS, help="how they are drawn (heun)")
    command.add_argument("--steps", type=options.whole(1, 1_000_000), metavar="N", help="of every sound")
    command.add_argument("--batch", type=options.whole(1, 1_000_000), metavar="N", help="sounds drawn at once (16)")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of the first sound (0)")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    command.add_argument("--report", type=Path, metavar="FILE.json", help="write how they were made here")


def _generate(arguments) -> int:
    from core.tasks.generation import Wish, generate, origin_of
    from core.tasks.settings import Settings

    outputs.check_folder(arguments.folder, "sounds")
    if arguments.report:
        options.check_output(arguments.report, [".json"])
    asked = {name: getattr(arguments, name) for name in ("count", "seconds", "label", "speaker", "guidance", "morph")}
    wish = Wish(**{name: value for name, value in asked.items() if value is not None})
    names = ("prior", "sampler", "steps", "seed", "device", "batch")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    result = running.follow(generate(wish, settings=settings))
    comments = {name: json.dumps(origin_of(result.report, name)) for name in result.sounds}
    written, notes = outputs.write_clips(arguments.folder, result.sounds, comments)
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, None, arguments.folder, {**result.report, **files}, notes)
    report = result.report
    print(
        f"{arguments.folder}: {len(written)} sounds of {report['duration_seconds']:.2f} s at "
        f"{report['sample_rate']} Hz, {report['prior']}, {report['sampler']} with {report['steps']} steps, "
        f"{report['seconds']:.1f} s"
    )
    return 0
