"""The arguments of the named endpoints, checked where they come in: what is wrong is said in one sentence."""

from collections.abc import Sequence
from typing import Any

from gradio.components import Component

from core.choices import LONGEST_TEXT, QUALITIES, SHOWN
from core.errors import InputError
from core.tasks.settings import Settings
from demos.page.sampling_panel import LARGEST_SEED
from demos.server.addresses import was_sent

LATEST_SECONDS = 1e6

DESCRIBED = {  # what several endpoints take, as the endpoints' descriptions say it
    "audio": "Audio file, at most 10 minutes with 2 channels and from 4 to 192 kHz: one that was sent to "
    "/gradio_api/upload, by its address /gradio_api/file=... on this server, or one within the call, of about a "
    "megabyte at most, as data:audio/wav;base64,...",
    "prior": 'Text, the name of a model that can do this, or "" for the default.',
    "quality": 'Text, "draft", "standard" or "fine": the better, the slower.',
    "seed": f"Whole number from 0 to {LARGEST_SEED}; the same seed gives the same result.",
    "start": f"Number from 0 to {LATEST_SECONDS:.0f}, in seconds, where the part of the file begins that is worked on.",
    "length": f"Number from 0 to {LATEST_SECONDS:.0f}, in seconds, how long that part is; 0 goes to the end.",
    "reference": "Audio file of the truth, which the result is measured against; may be left out.",
}


def as_sent(component: Component) -> Component:
    """The component, which passes its value on as it came: Gradio's own refusals of other kinds are no sentences."""
    info = component.api_info()
    component.api_info = lambda: info
    component.data_model, component.preprocess = None, lambda value: value
    return component


def file_of(name: str, value: Any) -> str:
    """The path of an uploaded file.

    Raises:
        InputError: it is none.
    """
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str) or "\0" in path:
        raise InputError(f"The argument {name} must be an uploaded file, not {_shown(value)}.")
    if not was_sent(path):
        raise InputError(f"The file {name} was not uploaded to this server; upload it first.")
    return path


def text(name: str, value: Any) -> str:
    """A text; an empty one where nothing was given.

    Raises:
        InputError: another kind, or too long.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"The argument {name} must be a text, not {_shown(value)}.")
    if len(value) > LONGEST_TEXT:
        raise InputError(f"The argument {name} may have {LONGEST_TEXT} characters, not {len(value)}.")
    return value


def choice(name: str, value: Any, choices: Sequence[str], default: str | None = None) -> str | None:
    """One of some texts; the default where nothing or an empty text was given.

    Raises:
        InputError: none of them.
    """
    if value is None or value == "":
        return default
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"The argument {name} must be one of {', '.join(choices)}, not {_shown(value)}.")
    return value


def number(name: str, value: Any, default: float | None, lowest: float, highest: float) -> float | None:
    """A number in a range; the default where nothing was given.

    Raises:
        InputError: another kind, or out of range.
    """
    if value is None:
        return default
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not lowest <= value <= highest:  # NaN is not, either
        raise InputError(f"The argument {name} must be a number {_range(lowest, highest)}, not {_shown(value)}.")
    return float(value)


def whole(name: str, value: Any, default: int | None, lowest: int, highest: int) -> int | None:
    """A whole number in a range; as `number`."""
    if value is None:
        return default
    known = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    if not known or not lowest <= value <= highest:
        raise InputError(f"The argument {name} must be a whole number {_range(lowest, highest)}, not {_shown(value)}.")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or false; false where nothing was given.

    Raises:
        InputError: neither.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError(f"The argument {name} must be true or false, not {_shown(value)}.")


def part(start: Any, length: Any) -> tuple[float, float]:
    """The part of a file to work on, in seconds; a length of 0 goes to its end.

    Raises:
        InputError: no times.
    """
    return number("start", start, 0.0, 0.0, LATEST_SECONDS), number("length", length, 0.0, 0.0, LATEST_SECONDS)


def settings(prior: Any, quality: Any, seed: Any) -> Settings:
    """What all tasks share.

    Raises:
        InputError: other kinds, no such quality, a seed out of range.
    """
    chosen = choice("quality", quality, QUALITIES, "standard")
    return Settings(text("prior", prior) or None, chosen, seed=whole("seed", seed, 0, 0, LARGEST_SEED))


def _range(lowest: float, highest: float) -> str:
    return f"from {lowest:.10g} to {highest:.10g}"


def _shown(value: Any) -> str:
    """The beginning of what was given, or its kind where that says more."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= 10**SHOWN:
        return "a number of many digits"
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
