"""super-resolve, inpaint and declip: a file in, a restored file out, metrics on stdout."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.choices import EVIDENCE, parse_box, parse_gap
from core.cli import images, options, running
from core.cli.reporting import print_result
from core.errors import InputError
from core.tasks.report_file import write_report


def add_commands(commands) -> None:
    """Adds the restoration commands to the parser."""
    command = add_command(commands, "super-resolve", _super_resolve, "Makes the samples between the samples.")
    command.add_argument(
        "--factor",
        type=options.whole_or_auto(0),
        required=True,
        help="IN holds every K-th sample; auto finds where its spectrum ends",
        metavar="K",
    )
    command.add_argument(
        "--degrade",
        nargs="?",
        const="plain",
        choices=EVIDENCE,
        help="IN is the truth: keep every K-th sample of it (plain), or filter first (lowpass), then restore",
    )
    command.add_argument(
        "--evidence",
        choices=("auto", *EVIDENCE),
        default="auto",
        help="whether IN was filtered before it was decimated; auto looks at its spectrum",
    )
    command.add_argument(
        "--cutoff", type=options.number, metavar="HZ", help="where IN's spectrum ends, for --factor auto"
    )
    command = add_command(commands, "inpaint", _inpaint, "Fills gaps; outside them every sample stays as it is.")
    command.add_argument(
        "--box",
        type=options.written(parse_box),
        action="append",
        metavar="Y0:Y1,X0:X1",
        help="of an image, in pixels; may be repeated",
    )
    command.add_argument(
        "--gap",
        type=options.written(parse_gap),
        action="append",
        metavar="A-B",
        help="from A to B, in seconds of IN; may be repeated",
    )
    command = add_command(commands, "declip", _declip, "Restores clipped peaks; the other samples stay as they are.")
    command.add_argument(
        "--threshold",
        type=options.number,
        metavar="T",
        help="clipping level of both sides; each side's own is found when not given",
    )


def add_command(commands, name: str, run, description: str) -> argparse.ArgumentParser:
    """A command with the arguments that all restoration tasks share."""
    command = commands.add_parser(name, help=description, description=description)
    command.set_defaults(run=run, task=name)
    command.add_argument("input", type=Path, metavar="IN")
    command.add_argument("output", type=Path, metavar="OUT", help="by its name .wav (float), .flac (24 bit) or .ogg")
    command.add_argument("--prior", metavar="NAME", help="what the audio should sound like; see `models`")
    command.add_argument("--reference", type=Path, metavar="FILE", help="the truth, for metrics")
    running.add_options(command)
    return command


def _super_resolve(arguments) -> int:
    from core.tasks.super_resolution import super_resolve

    if images.of_images(arguments):
        return images.super_resolve(arguments)
    if arguments.degrade and arguments.reference:
        raise InputError("With --degrade the input is the truth itself; leave out --reference.")

    def start(clip, settings, reference):
        asked = {"degrade": arguments.degrade, "evidence": arguments.evidence, "cutoff": arguments.cutoff}
        return super_resolve(clip, arguments.factor, **asked, settings=settings, reference=reference)

    return restore(arguments, start)


def _inpaint(arguments) -> int:
    from core.tasks.inpainting import inpaint

    if images.of_images(arguments):
        return images.inpaint(arguments)
    if arguments.box or not arguments.gap:
        raise InputError("A sound has gaps: give --gap A-B, in seconds. A box is of an image.")

    def start(clip, settings, reference):
        return inpaint(clip, _gaps_in_part(arguments, clip), settings=settings, reference=reference)

    return restore(arguments, start)


def _gaps_in_part(arguments, clip) -> list[tuple[float, float]]:
    """Gaps in seconds of the part worked on, from gaps in seconds of the whole input."""
    first, last = arguments.start, arguments.start + clip.seconds
    for start, stop in arguments.gap:
        if start < first or stop > last + 0.5 / clip.sample_rate:
            raise InputError(
                f"Gap {start:g}-{stop:g} s lies outside the clip ({first:.3g}-{last:.3g} s); choose a gap inside it."
            )
    return [(start - first, stop - first) for start, stop in arguments.gap]


def _declip(arguments) -> int:
    from core.tasks.declipping import declip

    def start(clip, settings, reference):
        return declip(clip, arguments.threshold, settings=settings, reference=reference)

    return restore(arguments, start)


def restore(arguments, start) -> int:
    """Reads, runs the task, writes.

    Args:
        start: (clip, settings, reference clip or None) -> the task's run.
    """
    check_outputs(arguments)
    clip, notes = running.read(arguments, arguments.input)
    return finish(arguments, lambda *others: start(clip, *others), notes)


def finish(arguments, start, notes: Sequence[str]) -> int:
    """Runs the task and writes what it makes.

    Args:
        start: (settings, reference clip or None) -> the task's run.
        notes: about the input.
    """
    from core.signal.files import write_clip

    reference = running.read(arguments, arguments.reference)[0] if arguments.reference else None
    result = running.follow(start(running.settings(arguments, arguments.prior), reference))
    notes = (*notes, *result.notes, *write_clip(arguments.output, result.clip))
    if "warning" in result.report:
        print(f"Warning: {result.report['warning']}", file=sys.stderr)
    if arguments.report:
        write_report(arguments.report, arguments.input, arguments.output, result.report, notes)
    print_result(arguments.output, result, notes)
    return 0


def check_outputs(arguments) -> None:
    options.check_output(arguments.output, options.AUDIO_OUTPUTS)
    if arguments.output.exists() and arguments.input.exists() and arguments.output.samefile(arguments.input):
        raise InputError(
            f"The output {arguments.output} is the input itself; give another name, so that nothing is lost."
        )
    if arguments.report:
        options.check_output(arguments.report, [".json"])
