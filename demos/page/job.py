"""What a tab has to say for itself; the rest is the skeleton that they share (`demos/page/restoration_panel.py`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio.components import Component

from core.tasks.progress import Run
from core.tasks.settings import Settings
from demos.page.source import Source

SAMPLERS = ("diffusion", "langevin", "original")
SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"

Widgets = Mapping[str, Component]


@dataclass(frozen=True)
class Example:
    """A chip: one click loads a sound, plays it and sets the choices that suit it.

    Args:
        label: on the chip.
        sound: name of a file in assets/sounds, without its ending.
        prior: name of the prior that suits it.
        choices: name -> value, for widgets of the job.
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
    def reference(self) -> str | None:
        return str(SOUNDS / f"{self.truth}.flac") if self.truth else None


@dataclass(frozen=True)
class Job:
    """One tab.

    Args:
        task: the command's name, which is also what the zoo's entries call it.
        title: on the tab.
        sentence: what it does to your sound.
        examples: the row of chips.
        choices: makes the two or three widgets that matter, by name.
        more: makes further widgets for the Advanced fold, by name.
        between: makes what stands between the bench and the comparison, by name.
        samplers: on offer in the Advanced fold.
        start: (source, settings, values of the widgets by name) -> a run; it raises InputError, its first step at last.
        how: Markdown with formulas for the fold "How it works".
        selects: whether spans of the waveform can be selected.
        prior: the one that is chosen at first; the first of the menu where not given.
        wire: called with the built panel, for what only this job does.
    """

    task: str
    title: str
    sentence: str
    examples: tuple[Example, ...]
    choices: Callable[[], Widgets]
    start: Callable[[Source, Settings, Mapping[str, Any]], Run]
    how: str
    more: Callable[[], Widgets] = dict
    between: Callable[[], Widgets] | None = None
    samplers: tuple[str, ...] = SAMPLERS
    selects: bool = False
    prior: str | None = None
    wire: Callable[[Any], None] = lambda panel: None
