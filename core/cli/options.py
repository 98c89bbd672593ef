"""How the commands read their options: refusals in one sentence, finite numbers, outputs that can be written."""

import argparse
import math
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from core.choices import SHOWN
from core.errors import InputError

LONGEST_NUMBER, LONGEST_REASON = 64, 400  # characters
AUDIO_OUTPUTS = (".wav", ".flac", ".ogg")
LARGEST_SEED = 2**63 - 1
STEMS = ("drums", "bass")  # as priors of codes and files of stems are called where nothing else is said


class Parser(argparse.ArgumentParser):
    """Refuses with one sentence instead of a page of usage."""

    def __init__(self, **settings):
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        message = message if len(message) <= LONGEST_REASON else f"{message[:LONGEST_REASON]}..."
        raise InputError(f"{message[:1].upper()}{message[1:].rstrip('.')}; see {self.prog} --help.")


def whole(smallest: int, largest: int = LARGEST_SEED) -> Callable[[str], int]:
    """The type of an option that is a whole number."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,30}", text) or not smallest <= int(text) <= largest:
            upper = "" if largest == LARGEST_SEED else f" to {largest}"
            raise argparse.ArgumentTypeError(f"{text[:SHOWN]!r} is not a whole number from {smallest}{upper}")
        return int(text)

    return parse


def whole_or_auto(smallest: int) -> Callable[[str], int | Literal["auto"]]:
    """The type of an option that is a whole number, or found."""
    number = whole(smallest)
    return lambda text: "auto" if text == "auto" else number(text)


def spans(smallest: int, largest: int) -> Callable[[str], tuple[int, ...]]:
    """The type of an option that is whole numbers: A, A..B, or several of these with commas between them."""

    def parse(text: str) -> tuple[int, ...]:
        numbers: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"(\d{1,9})(?:\.\.(\d{1,9}))?", part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
            if not smallest <= first <= last <= largest:
                raise argparse.ArgumentTypeError(
                    f"{text[:SHOWN]!r} is not A..B or A,B,C, whole numbers from {smallest} to {largest}"
                )
            numbers.update(range(first, last + 1))
        return tuple(sorted(numbers))

    return parse


def number(text: str) -> float:
    """The type of an option that is a finite number."""
    try:
        value = float(text) if len(text) <= LONGEST_NUMBER else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text[:SHOWN]!r} is not a number")
    return value


def seconds(text: str) -> float:
    """The type of an option that is a time from zero on."""
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds from 0 on")
    return value


def duration(text: str) -> float:
    """The type of an option that is a time over zero."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration over 0")
    return value


def written(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The type of an option that is read by a parser of `core.choices`."""

    def read(text: str):
        try:
            return parse(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def device(text: str) -> str:
    """The type of `--device`."""
    if not re.fullmatch(r"auto|all|cpu|cuda(:\d{1,3})?", text):
        raise argparse.ArgumentTypeError(f"{text[:SHOWN]!r} is not one of auto, cpu, cuda, cuda:K and all")
    return text


def setting(text: str) -> tuple[str, str]:
    """The type of `--set`: KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text[:SHOWN]!r} is not a setting such as training.batch=4")
    return key, value


def add_stems(command: argparse.ArgumentParser, split: str) -> None:
    """Adds what says which pairs of stems are heard, and by which priors of codes.

    Args:
        split: of a `metadata.csv`, in words.
    """
    command.add_argument("--prior", nargs=2, default=STEMS, metavar=("A", "B"), help="of each source (drums bass)")
    command.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help=f"NAME_drums.wav beside NAME_bass.wav, or folders drums and bass; of a metadata.csv the {split} split",
    )
    command.add_argument(
        "--parts", nargs=2, default=STEMS, metavar=("A", "B"), help="what the stems are called (drums bass)"
    )


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Refuses, before any work, an output that could not be written after it.

    Raises:
        InputError: another suffix, not a plain file, no such folder, or nothing can be written to it.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"The output {path.name} must end in {' or '.join(suffixes)}.")
    if path.exists() and not path.is_file():
        raise InputError(f"The output {path} is not a plain file; give the name of a file.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"Nothing can be written to {path.parent} ({error.strerror}); choose another folder."
        ) from None
