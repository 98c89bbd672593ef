"""localize: what a microphone array recorded in, one file for each voice out, with the directions they come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.choices import METHODS, MOST_VOICES, parse_channels
from core.cli import options, outputs, running
from core.cli.reporting import print_figures
from core.errors import InputError
from core.tasks.report_file import write_report


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Finds the voices around a microphone array: where each comes from, and one file of what it says."
    command = commands.add_parser("localize", help=description, description=description)
    command.set_defaults(run=_localize)
    command.add_argument("input", type=Path, metavar="IN", help="the array's recording, or a folder of render-scenes")
    command.add_argument("folder", type=Path, metavar="OUTDIR", help="gets voice-1.wav and so on, loudest first")
    command.add_argument("--array", required=True, metavar="NAME|FILE.json", help="such as respeaker-4 or circle-6")
    command.add_argument("--voices", type=options.whole(1, MOST_VOICES), metavar="N", help="how many, if that is known")
    command.add_argument("--method", choices=METHODS, help="cone where a separator fits the array, else srp-phat")
    command.add_argument("--prior", metavar="NAME", help="the separator of the method cone; see `models`")
    command.add_argument("--moving", action="store_true", help="voices walk: the report has their tracks")
    command.add_argument(
        "--channels",
        type=options.written(parse_channels),
        metavar="A,B,...",
        help="the microphones' channels, counted from 0",
    )
    command.add_argument(
        "--chunk-seconds", type=options.duration, metavar="S", help="at most: 12, less of many mics, 1.5 with --moving"
    )
    command.add_argument(
        "--refine",
        choices=("yes", "no"),
        help="voices of srp-phat and music: takes ten times as long, done anyway up to a minute of sound",
    )
    command.add_argument(
        "--reference",
        action="append",
        type=Path,
        metavar="FILE",
        help="the truth of a voice, at one or all microphones",
    )
    running.add_common_options(command)


def _localize(arguments) -> int:
    from core.arrays.geometry import read_array
    from core.tasks.localization import localize
    from core.tasks.settings import Settings

    outputs.check_folder(arguments.folder, "voices")
    if arguments.report:
        options.check_output(arguments.report, [".json"])
    array = read_array(arguments.array)
    recording, truth, notes = (_read_scene if arguments.input.is_dir() else _read_file)(arguments)
    run = localize(
        recording,
        array,
        settings=Settings(arguments.prior, seed=arguments.seed, device=arguments.device),
        method=arguments.method,
        voices=arguments.voices,
        moving=arguments.moving,
        chunk_seconds=arguments.chunk_seconds,
        channels=arguments.channels,
        refine=None if arguments.refine is None else arguments.refine == "yes",
        truth=truth,
    )
    result = running.follow(run)
    written, written_notes = _write(arguments.folder, result.sounds)
    notes = (*notes, *result.notes, *written_notes)
    if arguments.report:
        voices = [voice | {"file": str(path)} for voice, path in zip(result.report["voices"], written, strict=True)]
        write_report(arguments.report, arguments.input, arguments.folder, {**result.report, "voices": voices}, notes)
    _print(result, written, notes)
    return 0


def _read_file(arguments):
    """The recording, what is known of its voices, and notes."""
    from core.signal.files import read_clip
    from core.signal.limits import ARRAY_LIMITS
    from core.tasks.voices import Truth

    part = {"start": arguments.start, "length": arguments.length, "limits": ARRAY_LIMITS}
    recording = read_clip(arguments.input, **part)
    references = tuple(read_clip(path, **part).clip for path in arguments.reference or [])
    return recording.clip, Truth(references) if references else None, recording.notes


def _read_scene(arguments):
    """A scene's mixture and its voices; its folder says where they are."""
    from core.arrays.scenes.files import read_scene
    from core.signal.clip import Clip
    from core.tasks.voices import truth_of

    if arguments.reference or arguments.start or arguments.length:
        raise InputError("A scene is taken as a whole and knows its voices; leave out --reference, --start, --length.")
    scene = read_scene(arguments.input)
    return Clip(scene.mixture, scene.sample_rate), truth_of(scene), ()


def _write(folder: Path, sounds: Mapping) -> tuple[list[Path], list[str]]:
    """Writes every voice, or none; the folder is made in any case, so that one sees that the work is done."""
    written, notes = outputs.write_clips(folder, sounds)
    older = sorted(path.name for path in folder.glob("voice-[1-8].wav") if path not in written.values())
    if older:
        notes.append(f"{folder} also holds {', '.join(older)}, which is not of this run.")
    return list(written.values()), notes


def _print(result, written: Sequence[Path], notes: Sequence[str]) -> None:
    report = result.report
    for path, voice in zip(written, report["voices"], strict=True):
        mirror = f" (or {voice['mirror_degrees']:.1f})" if "mirror_degrees" in voice else ""
        print(f"{path}: {voice['angle_degrees']:.1f} degrees{mirror}, energy {voice['energy']:.2g}")
    means = f"{report['method']} with {report['prior']}" if report["prior"] else report["method"]
    print(f"Voices around {report['array']}: {len(written)}, by {means}, {report['seconds']:.1f} s")
    for note in dict.fromkeys(notes):
        print(f"Note: {note}")
    print_figures({"result": result.metrics, **result.baseline_metrics})
