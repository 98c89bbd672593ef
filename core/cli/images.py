"""inpaint and super-resolve of images: what these commands do where the input is one."""

from core.cli import options, running
from core.cli.reporting import print_figures
from core.errors import InputError
from core.tasks.report_file import write_report

OF_SOUNDS = ("gap", "cutoff", "mono", "window", "batch", "start", "length")  # options


def of_images(arguments) -> bool:
    """Whether the input has the name of an image."""
    from core.signal.image_files import FORMATS

    return arguments.input.suffix.lower() in FORMATS


def inpaint(arguments) -> int:
    """Fills the boxes of an image."""
    from core.tasks.image_restoration import inpaint_image

    if not arguments.box:
        raise InputError("An image has boxes: give --box Y0:Y1,X0:X1, in pixels. A gap is of a sound.")

    def start(image, settings, reference):
        return inpaint_image(image, arguments.box, settings=settings, reference=reference)

    return _restore(arguments, start)


def super_resolve(arguments) -> int:
    """Makes an image larger, or makes one anew of a part of its pixels."""
    from core.tasks.image_restoration import super_resolve_image

    if arguments.degrade == "lowpass" or not isinstance(arguments.factor, int):
        raise InputError("Of an image every K-th pixel is known: give --factor K and, of the truth, --degrade plain.")
    if arguments.reference:
        raise InputError(
            "Of an image, super-resolution knows the truth by --degrade plain alone; leave out --reference."
        )
    degrade = bool(arguments.degrade)

    def start(image, settings, _reference):
        return super_resolve_image(image, arguments.factor, degrade=degrade, settings=settings)

    return _restore(arguments, start)


def _restore(arguments, start) -> int:
    """Reads, runs, writes.

    Args:
        start: (image, settings, reference image or None) -> the task's run.
    """
    from core.signal.image_files import read_image, write_image
    from core.tasks.loading import load_image_prior

    _check(arguments)
    settings = running.settings(arguments, arguments.prior)
    colours = load_image_prior(arguments.task, settings).network.config.colours
    image = read_image(arguments.input, colours)
    reference = read_image(arguments.reference, colours) if arguments.reference else None
    result = running.follow(start(image, settings, reference))
    write_image(arguments.output, result.image)
    report = result.report
    if arguments.report:
        write_report(arguments.report, arguments.input, arguments.output, report, result.notes)
    print(
        f"{arguments.output}: {report['width']} x {report['height']} pixels, {report['prior']}, "
        f"{report['score_evaluations']} score evaluations, {report['seconds']:.1f} s"
    )
    print_figures({"result": report["metrics"], **report["baselines"]})
    return 0


def _check(arguments) -> None:
    for name in OF_SOUNDS:
        if getattr(arguments, name, None):
            raise InputError(f"--{name} is for sounds; leave it out.")
    options.check_output(arguments.output, [".png"])
    if arguments.output.exists() and arguments.input.exists() and arguments.output.samefile(arguments.input):
        raise InputError(f"The output {arguments.output} is the input itself; give another name.")
    if arguments.report:
        options.check_output(arguments.report, [".json"])
