"""The command line: every task, training and checks from a terminal.

Exit status 0: done; 1: a check failed, or we are at fault; 2: something the user can mend, said in one sentence on
stderr; 130: interrupted, by Ctrl-C, SIGTERM or SIGHUP. Modules that take long to import are imported by the commands
that need them.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress

from core.cli import (
    batch,
    capture,
    checkpoints,
    conversion,
    datasets,
    evaluation,
    generation,
    localization,
    parity,
    restoration,
    scenes,
    separation,
    spectrograms,
    training,
    vocoding,
)
from core.cli.options import Parser
from core.errors import InputError
from core.processes import handling, interrupt

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    try:
        with handling(interrupt):
            return run_command(argv)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may have gone
            print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def run_command(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status; what a user can mend is raised.

    Raises:
        InputError: see the command.
    """
    arguments = _parser().parse_args(argv)
    _prepare()
    return arguments.run(arguments)


def _parser() -> Parser:
    parser = Parser(prog="python -m core", description="Restores audio and takes it apart with deep generative priors.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in (
        restoration,
        separation,
        localization,
        vocoding,
        conversion,
        generation,
        spectrograms,
        scenes,
        capture,
        batch,
        checkpoints,
        datasets,
        training,
        evaluation,
        parity,
    ):
        group.add_commands(commands)
    return parser


def _prepare() -> None:
    import torch

    torch.set_flush_denormal(True)  # denormal floats make small networks several times slower
