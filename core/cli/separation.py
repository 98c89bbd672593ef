"""separate: a mixture in, one file for each source out, metrics on stdout."""

from pathlib import Path

from core.choices import FORMS
from core.cli import image_separation, options, outputs, running
from core.cli.reporting import print_figures
from core.errors import InputError
from core.tasks.report_file import write_report


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Takes a mixture apart: one file for each source, which add up to it."
    command = commands.add_parser("separate", help=description, description=description)
    command.set_defaults(run=_separate)
    command.add_argument(
        "paths", nargs="*", type=Path, metavar="MIX OUTDIR", help="the mixture (not with --sources), and a folder"
    )
    command.add_argument(
        "--sources", nargs="+", type=Path, metavar="FILE", help="mix these first; the truth is known then"
    )
    command.add_argument(
        "--level",
        action="append",
        type=options.number,
        metavar="DB",
        help="loudness of the second source relative to the first (0); may be repeated for further ones",
    )
    command.add_argument(
        "--prior", action="append", metavar="NAME", help="of each source, in order; piano-16k and voice-16k"
    )
    command.add_argument("--form", choices=FORMS, help="how the mixture binds the sources")
    command.add_argument(
        "--reference", action="append", type=Path, metavar="FILE", help="the truth of each source, in order"
    )
    running.add_options(command)


def _separate(arguments) -> int:
    from core.tasks.separation import DEFAULT_PRIORS, separate

    mixture_path, sources, folder = _paths(arguments)
    _check_outputs(arguments, folder)
    if image_separation.of_images([mixture_path] if mixture_path else sources):
        return image_separation.separate(arguments, mixture_path, sources, folder)
    priors = tuple(arguments.prior or DEFAULT_PRIORS)
    if sources:
        mixture, references, notes = _mixed(arguments, sources, priors)
        levels = [0.0, *_levels(arguments, len(priors))]
    else:
        mixture, notes = running.read(arguments, mixture_path)
        references = [running.read(arguments, path)[0] for path in arguments.reference or []] or None
        levels = [0.0, *_levels(arguments, len(priors))] if arguments.level else None
    run = separate(
        mixture,
        priors,
        settings=running.settings(arguments, None),
        form=arguments.form,
        levels_db=levels,
        references=references,
    )
    result = running.follow(run)
    written, written_notes = outputs.write_clips(folder, result.sounds)
    notes = (*notes, *result.notes, *written_notes)
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, mixture_path or sources[0], folder, {**result.report, **files}, notes)
    _print(result, written, notes)
    return 0


def _paths(arguments) -> tuple[Path | None, list[Path], Path]:
    """The mixture or else the sources, and the folder, which may stand before or behind the sources."""
    paths, sources = list(arguments.paths), list(arguments.sources or [])
    if sources and not paths:
        paths = [sources.pop()]
    if sources and len(paths) == 1 and len(sources) > 1:
        return None, sources, paths[0]
    if not sources and not arguments.sources and len(paths) == 2:
        return paths[0], [], paths[1]
    raise InputError("Give a mixture and a folder, or --sources with two or more files and a folder.")


def _mixed(arguments, sources: list[Path], priors: tuple[str, ...]):
    """The mixture of the sources, these as they are in it, and notes."""
    from core.tasks.mixing import mix

    if arguments.reference:
        raise InputError("With --sources the truth is known already; leave out --reference.")
    if len(sources) != len(priors):
        raise InputError(f"{len(sources)} sources need as many priors, not {len(priors)}; give --prior for each.")
    clips, notes = zip(*(running.read(arguments, path) for path in sources), strict=True)
    mixture, truths, mixing_notes = mix(clips, _levels(arguments, len(priors)))
    return mixture, truths, (*(note for own in notes for note in own), *mixing_notes)


def _levels(arguments, count: int) -> list[float]:
    """Of all sources but the first."""
    levels = arguments.level or [0.0] * (count - 1)
    if len(levels) != count - 1:
        raise InputError(f"{count} sources need {count - 1} of --level (relative to the first), not {len(levels)}.")
    return levels


def _check_outputs(arguments, folder: Path) -> None:
    outputs.check_folder(folder, "stems")
    if arguments.report:
        options.check_output(arguments.report, [".json"])


def _print(result, written: dict[str, Path], notes) -> None:
    report = result.report
    for name, path in written.items():
        clip = result.sounds[name]
        print(f"{path}: {clip.seconds:.2f} s at {clip.sample_rate} Hz")
    print(
        f"{report['score_evaluations']} score evaluations, {report['seconds']:.1f} s; "
        f"the stems miss the mixture by {report['misses_mixture_by']:.1g}"
    )
    for note in dict.fromkeys(notes):
        print(f"Note: {note}")
    print_figures({**result.figures, **result.baseline_metrics})
