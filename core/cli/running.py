"""What the commands that run a task share: their options, reading the input, following the run."""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from core.choices import QUALITIES
from core.cli import options


def add_options(command: argparse.ArgumentParser) -> None:
    """The options that every audio task has."""
    command.add_argument("--quality", choices=QUALITIES, default="standard")
    command.add_argument(
        "--sampler",
        metavar="NAME",
        help="diffusion, langevin, original (PnF's own), ancestral (vocode with a WaveNet) or extender (super-resolve)",
    )
    command.add_argument("--steps", type=options.whole(1, 1_000_000), metavar="N", help="updates of the chain")
    command.add_argument("--mono", action="store_true", help="mix the channels first")
    command.add_argument(
        "--workers", type=options.whole(1, 64), default=1, metavar="N", help="processes that share a long clip (CPU)"
    )
    command.add_argument("--window", type=options.duration, metavar="S", help="length of a window (seconds)")
    command.add_argument(
        "--batch", type=options.whole(1, 1024), metavar="N", help="windows that the original sampler moves at once"
    )
    add_common_options(command)


def add_common_options(command: argparse.ArgumentParser) -> None:
    """The options of every command that works on a recording."""
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of every random draw")
    command.add_argument("--start", type=options.seconds, default=0.0, metavar="S", help="work from here on (seconds)")
    command.add_argument("--length", type=options.duration, metavar="S", help="work on this much (seconds)")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda, cuda:K or all")
    command.add_argument("--report", type=Path, metavar="FILE.json", help="write figures of the run here")


def settings(arguments, prior: str | None):
    """The task's settings."""
    from core.tasks.settings import Settings

    chosen = (arguments.quality, arguments.sampler, arguments.steps, arguments.seed, arguments.device)
    return Settings(prior, *chosen, arguments.workers, arguments.window, arguments.batch)


def read(arguments, path: Path, *, mono: bool = False):
    """The part of a file to work on, and notes about it; mixed where the user or the task wants that."""
    from core.signal.files import read_clip

    recording = read_clip(path, start=arguments.start, length=arguments.length, mono=mono or arguments.mono)
    return recording.clip, recording.notes


def follow(run):
    """Runs a task to its end under a progress bar; returns its result."""
    from tqdm import tqdm

    from core.tasks.image_runs import ImageResult
    from core.tasks.progress import Result

    layout = "{percentage:3.0f}% |{bar}|{postfix}"
    hidden = not sys.stderr.isatty()
    with closing(run), tqdm(total=100, bar_format=layout, leave=False, disable=hidden) as bar:
        for item in run:
            if isinstance(item, Result | ImageResult):
                return item
            bar.n = 100 * item.seconds / max(item.seconds + item.seconds_left, 1e-9)
            bar.set_postfix_str(f"{_place(item)}, {item.seconds_left:.0f} s left")


def _place(progress) -> str:
    """Where a run is, in two or three words."""
    if getattr(progress, "look", None) is not None:
        return f"chunk {progress.look.chunk + 1} of {progress.look.chunks}"
    level, step = progress.iterate.level, progress.iterate.step
    return f"noise {level:.3g}" if level else f"step {step} of {progress.iterate.total_steps}"
