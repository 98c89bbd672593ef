"""separate: a mixture in, one file for each source out, metrics on stdout."""

from pathlib import Path

from core.choices import FORMS, LATENT, SEPARATIONS, WAVEFORM
from core.cli import image_separation, options, outputs, running
from core.cli.reporting import print_figures
from core.errors import InputError
from core.tasks.report_file import write_report

OF_WAVEFORMS = {  # options that the latent method does not know, with what they are where nobody sets them
    **{"form": None, "quality": "standard", "sampler": None, "steps": None},
    **{"workers": 1, "window": None, "batch": None},
}


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
        "--prior",
        action="append",
        metavar="NAME",
        help="of each source, in order; piano-16k and voice-16k, with latent drums and bass",
    )
    command.add_argument("--method", choices=SEPARATIONS, help="how sources are drawn: as waveforms, else as codes")
    command.add_argument("--form", choices=FORMS, help="how the mixture binds the sources (waveform)")
    command.add_argument("--samples", type=options.whole(1), metavar="N", help="chains of the latent method (8)")
    command.add_argument(
        "--raw", action="store_true", help="write what the codes of all chains say as well, NAME.raw.wav (latent)"
    )
    command.add_argument(
        "--reference", action="append", type=Path, metavar="FILE", help="the truth of each source, in order"
    )
    running.add_options(command)


def _separate(arguments) -> int:
    mixture_path, sources, folder = _paths(arguments)
    _check_outputs(arguments, folder)
    if image_separation.of_images([mixture_path] if mixture_path else sources):
        return image_separation.separate(arguments, mixture_path, sources, folder)
    priors = _priors(arguments)
    if sources:
        mixture, references, notes = _mixed(arguments, sources, priors)
    else:
        mixture, notes = running.read(arguments, mixture_path)
        references = [running.read(arguments, path)[0] for path in arguments.reference or []] or None
    result = running.follow(_run(arguments, mixture, priors, references))
    written, written_notes = outputs.write_clips(folder, {**result.sounds, **(_raw(result) if arguments.raw else {})})
    notes = (*notes, *result.notes, *written_notes)
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, mixture_path or sources[0], folder, {**result.report, **files}, notes)
    _print(result, written, notes)
    return 0


def _priors(arguments) -> tuple[str, ...]:
    """Those named, or the method's own; refuses options of the other method."""
    from core.tasks import latent_separation, separation

    if arguments.method == LATENT:
        given = [name for name in OF_WAVEFORMS if getattr(arguments, name) != OF_WAVEFORMS[name]]
        given += ["level"] * bool(arguments.level and not arguments.sources)
        method = latent_separation
    else:
        given = [name for name in ("samples", "raw") if getattr(arguments, name)]
        method = separation
    if given:
        raise InputError(f"The {arguments.method or WAVEFORM} method knows no --{given[0]}; leave it out.")
    return tuple(arguments.prior or method.DEFAULT_PRIORS)


def _run(arguments, mixture, priors: tuple[str, ...], references):
    """Of the method asked for."""
    from core.tasks.latent_separation import SAMPLES, separate_latent
    from core.tasks.separation import separate

    settings = running.settings(arguments, None)
    if arguments.method == LATENT:
        samples = arguments.samples or SAMPLES
        return separate_latent(mixture, priors, samples=samples, settings=settings, references=references)
    known = arguments.sources or arguments.level
    levels = [0.0, *_levels(arguments, len(priors))] if known else None
    return separate(mixture, priors, settings=settings, form=arguments.form, levels_db=levels, references=references)


def _raw(result) -> dict:
    """What the codes of all chains say, by names of files, and what those of the truth do."""
    from core.tasks.latent_separation import COMPRESSED

    ranked = {f"{name}.raw{f'-{n}' * (n > 1)}": draw[name] for n, draw in enumerate(result.draws, 1) for name in draw}
    return ranked | {f"{name}.compressed": clip for name, clip in result.baselines.get(COMPRESSED, {}).items()}


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
    for path in written.values():
        print(f"{path}: {report['duration_seconds']:.2f} s at {report['sample_rate']} Hz")
    latent = report["method"] == LATENT
    work = f"{report['samples']} samples" if latent else f"{report['score_evaluations']} score evaluations"
    print(f"{work}, {report['seconds']:.1f} s; the stems miss the mixture by {report['misses_mixture_by']:.1g}")
    for note in dict.fromkeys(notes):
        print(f"Note: {note}")
    print_figures({**result.figures, **result.baseline_metrics})
