"""What can be asked of a run: the names of its choices, and how gaps, channels and seeds are written, for all.

Costs nothing to import, so that the command line starts at once.
"""

import re

from core.errors import InputError

QUALITIES = ("draft", "standard", "fine")
SAMPLERS = ("diffusion", "langevin", "original")  # the last is PnF's own
GENERATION_SAMPLERS = ("ddpm", "ddim", "heun", "sde", "fast")  # of sounds that nothing was measured of
ANCESTRAL = "ancestral"  # the sampler of WaveNets, which draw sample by sample
ONE_PASS = "one pass"  # what reports call the sampler of vocoders, which have none
EXTENDER = "extender"  # what super-resolution takes beside them, for sounds whose band ends
FORMS = ("shared", "exact", "soft")  # of a mixture
WAVEFORM, LATENT = SEPARATIONS = ("waveform", "latent")  # what sources are drawn as
EVIDENCE = ("plain", "lowpass")  # of super-resolution
RESIDUALS = ("leaky", "clean")  # of DiffWave's WaveNet
METHODS = ("cone", "srp-phat", "music")  # of localization
MOST_VOICES = 8
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")  # as labels write them

NUMBER = r"(\d{1,9}(?:\.\d{0,9})?(?:e[+-]?\d{1,3})?|\.\d{1,9}(?:e[+-]?\d{1,3})?)"
BOX = re.compile(r"(\d{1,6}):(\d{1,6}),(\d{1,6}):(\d{1,6})")
GAP = re.compile(rf"{NUMBER}\s*(?:s\s*)?(?:-|–|to)\s*{NUMBER}\s*s?", re.IGNORECASE)
LONGEST_GAP, LONGEST_TEXT = 64, 100_000  # characters of one, and of any text that is read
SHOWN = 40  # characters of what somebody wrote, in a sentence about it


def parse_gap(text: str) -> tuple[float, float]:
    """Reads `1.0-1.2`, in seconds.

    Raises:
        InputError: it is no gap.
    """
    text = text.strip()
    match = GAP.fullmatch(text) if len(text) <= LONGEST_GAP else None
    if not match:
        raise InputError(f"“{text[:SHOWN]}” is not a gap; write gaps as 1.0-1.2, in seconds.")
    return float(match[1]), float(match[2])


def parse_box(text: str) -> tuple[int, int, int, int]:
    """Reads `8:24,4:28`: rows, then columns, of an image.

    Raises:
        InputError: it is no box.
    """
    match = BOX.fullmatch(text.replace(" ", "")) if len(text) <= LONGEST_GAP else None
    if not match:
        raise InputError(f"“{text[:SHOWN]}” is not a box; write rows and columns as 8:24,4:28, in pixels.")
    return tuple(map(int, match.groups()))


def parse_boxes(text: str) -> list[tuple[int, int, int, int]]:
    """Reads `8:24,4:28; 0:5,0:5`, with semicolons or new lines between them; as `parse_box`."""
    _check_length(text)
    return [parse_box(piece.strip()) for piece in re.split(r"[;\n]", text) if piece.strip()]


def parse_gaps(text: str) -> list[tuple[float, float]]:
    """Reads `1.0-1.2, 2.5-2.6`, with commas, semicolons or new lines between them; as `parse_gap`."""
    _check_length(text)
    return [parse_gap(piece) for piece in re.split(r"[,;\n]", text) if piece.strip()]


def parse_channels(text: str) -> tuple[int, ...] | None:
    """Reads `1,2,3,4`, counted from 0; None where nothing is written.

    Raises:
        InputError: it is no list of channels.
    """
    _check_length(text)
    numbers = [piece.strip() for piece in text.split(",") if piece.strip()]
    if not all(re.fullmatch(r"\d{1,3}", number, re.ASCII) for number in numbers):
        raise InputError(f"“{text.strip()[:SHOWN]}” is no list of channels; write them as 1,2,3,4, counted from 0.")
    return tuple(map(int, numbers)) or None


def parse_seeds(text: str) -> tuple[int, int] | None:
    """Reads `3,9`, the seeds of a morph; None where nothing is written.

    Raises:
        InputError: they are no two seeds.
    """
    _check_length(text)
    match = re.fullmatch(r"\s*(\d{1,18})\s*,\s*(\d{1,18})\s*", text, re.ASCII)
    if not match and text.strip():
        raise InputError(f"“{text.strip()[:SHOWN]}” is not two seeds such as 3,9.")
    return (int(match[1]), int(match[2])) if match else None


def _check_length(text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise InputError(f"“{text[:SHOWN]}...” has {len(text)} characters; at most {LONGEST_TEXT} are read.")
