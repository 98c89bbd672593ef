"""separate of images: what the command does where the mixture, or what is to be mixed, is no sound."""

from collections.abc import Sequence
from pathlib import Path

from core.cli import outputs, running
from core.cli.images import OF_SOUNDS
from core.cli.reporting import print_figures
from core.errors import InputError
from core.jobs import JOBS
from core.tasks.report_file import write_report

ARRAY = ".npy"
REFUSED = (*OF_SOUNDS, "reference", "level", "form", "method", "samples", "raw")  # options
MOST_SOURCES = 4


def of_images(paths: Sequence[Path]) -> bool:
    """Whether these have names of images, or of arrays."""
    from core.signal.image_files import FORMATS

    return any(path.suffix.lower() in (*FORMATS, ARRAY) for path in paths)


def separate(arguments, mixture_path: Path | None, sources: Sequence[Path], folder: Path) -> int:
    """Takes a sum of images apart, or mixes some first."""
    from core.signal.image_files import read_image, read_sum
    from core.tasks.image_separation import separate_images
    from core.tasks.loading import load_image_prior

    priors = _priors(arguments, sources)
    settings = running.settings(arguments, priors[0])
    colours = load_image_prior("separate", settings).network.config.colours
    truths = [read_image(path, colours) for path in sources]
    if len({truth.shape for truth in truths}) > 1:
        raise InputError("The images are of several sizes and do not overlay; bring them to one.")
    mixture = sum(truths) if truths else read_sum(mixture_path, len(priors))
    result = running.follow(separate_images(mixture, priors, settings=settings, truths=truths))
    written = outputs.write_images(folder, result.images, {})
    report = result.report
    if arguments.report:
        files = {"files": {name: str(path) for name, path in written.items()}}
        write_report(arguments.report, mixture_path or sources[0], folder, {**report, **files}, result.notes)
    for path in written.values():
        print(f"{path}: {report['width']} x {report['height']} pixels")
    drawn = "particles" in report
    work = f"{report['particles']} particles" if drawn else f"{report['score_evaluations']} score evaluations"
    print(f"{work}, {report['seconds']:.1f} s")
    print_figures({"result": report["metrics"], **report["baselines"]})
    return 0


def _priors(arguments, sources: Sequence[Path]) -> list[str]:
    """Of each image; the task's own, of two where only their sum is given, where none is named.

    Raises:
        InputError: too few or too many, or options that are for sounds.
    """
    priors = arguments.prior or [JOBS["separate"].image_prior] * (len(sources) or 2)
    if not 2 <= len(priors) <= MOST_SOURCES or (sources and len(sources) != len(priors)):
        raise InputError(f"Name a prior of images with --prior for each of 2 to {MOST_SOURCES} images.")
    for name in REFUSED:
        if getattr(arguments, name, None):
            raise InputError(f"--{name} is for sounds; leave it out.")
    return priors
