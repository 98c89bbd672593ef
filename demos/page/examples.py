"""Example chips of a tab, and the sounds that they load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.signal.files import duration

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"


@dataclass(frozen=True)
class Example:
    """A chip: one click loads a sound, plays it and sets the choices that suit it.

    Args:
        label: on the chip.
        sound: name of a file in assets/sounds, without its ending.
        prior: name of the prior that suits it.
        choices: name -> value, for widgets of the tab alone.
        truth: name of the sound as it should be, where the example is a damaged copy of it.
        seconds: how much of it a run works on at first; None for all.
    """

    label: str
    sound: str
    prior: str
    choices: Mapping[str, Any] = field(default_factory=dict)
    truth: str | None = None
    seconds: float | None = None

    @property
    def path(self) -> str:
        return str(SOUNDS / f"{self.sound}.flac")

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        length = round(self.seconds or duration(self.path), 3)
        return {"prior": self.prior, "start": 0.0, "length": length} | self.choices

    @property
    def reference(self) -> str | None:
        return str(SOUNDS / f"{self.truth}.flac") if self.truth else None
