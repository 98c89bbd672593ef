"""What a restoration tab says for itself; the rest is what they share (`demos/page/restoration_panel.py`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from core.choices import SAMPLERS
from core.tasks.progress import Run
from core.tasks.settings import Settings
from demos.page.examples import Example
from demos.page.source import Excerpt

Widgets = dict[str, Component]


class RestorationTab(ABC):
    """One task on the page.

    Attributes:
        task: the command's name, which is also what the zoo's entries call it.
        title: on the tab.
        sentence: what it does to your sound.
        examples: the row of chips.
        how: Markdown with formulas for the fold "How it works".
        samplers: on offer in the Advanced fold.
        selects: whether spans of the waveform can be selected.
        cuts: whether the end of the sound's band can be dragged.
        prior: the one that is chosen at first; the first of the menu where not given.
        keeps_phases: its results follow the waveform of the sound, so that what they differ by can be heard.
        mixes: it works on one channel, the mean of those of the sound.
        archive: on the button for results of several sounds.
        samples: there are quality, sampler, steps, a ladder, a truth to compare with and results to be kept beside
            those of the next runs, as what is made in one pass has not.
    """

    task: str
    title: str
    sentence: str
    examples: tuple[Example, ...]
    how: str
    samplers: tuple[str, ...] = SAMPLERS
    selects = False
    cuts = False
    prior: str | None = None
    keeps_phases = True
    mixes = False
    archive = ""
    samples = True

    @staticmethod
    @abstractmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping[str, Any]) -> Run:
        """A run of the task; it raises InputError, its first step at last.

        Args:
            chosen: values of the tab's own widgets, by name.
        """

    @abstractmethod
    def build_choices(self) -> Widgets:
        """Makes the two or three widgets that matter, by name."""

    def build_more(self) -> Widgets:
        """Makes further widgets for the Advanced fold, by name."""
        return {}

    def build_under(self) -> Widgets:
        """Makes what stands under the monitor, by name."""
        return {}

    def build_between(self) -> Widgets:
        """Makes what stands between the bench and the comparison, by name."""
        return {}
