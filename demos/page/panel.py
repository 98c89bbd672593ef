"""What the tabs that restore and separate have: a monitor of the sampler with its ladder, and a comparison."""

import logging
from abc import abstractmethod

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.progress import Progress, Sounds
from core.tasks.settings import Settings
from demos.page import html, plots
from demos.page.history import KeptIterate, RunHistory
from demos.page.runner import APOLOGY
from demos.page.sampling_panel import SamplingPanel, chosen_settings
from demos.page.source import Loaded, load
from demos.page.toasts import warn

log = logging.getLogger(__name__)


def accept(path: str | None, held: Loaded | None, *, mixes: bool = False) -> tuple:
    """What a door lets in: the sound that is held from now on, and the empty door."""
    try:
        return (load(path, mixes=mixes), None) if path else (gr.skip(), gr.skip())
    except InputError as error:
        warn(str(error))
    except Exception:
        log.exception("loading failed")
        warn(APOLOGY)
    return held, None


class Panel(SamplingPanel):
    """A tab whose result is compared with what it was made of.

    Args:
        ui: beside `SamplingPanel`'s widgets monitor, ladder, compare, metrics, made and those of the settings.
    """

    said_after_stop = "The run was stopped: this is the estimate so far, and there are no figures of it."

    @abstractmethod
    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict | None:
        """The monitor's payload for the sampler's estimates and the states of its chains."""

    @property
    def further(self) -> set[Component]:
        """Widgets of one tab alone that follow its runs, see `besides`."""
        return set()

    def besides(self, sounds: Sounds, history: RunHistory) -> dict:
        """What the further widgets show beside the monitor."""
        return {}

    @property
    def shown_of_moments(self) -> set[Component]:
        return {self.ui.monitor, self.ui.ladder} | self.further

    @property
    def results(self) -> set[Component]:
        ui = self.ui
        return {ui.scrubber, ui.compare, ui.metrics, ui.notes, ui.made} | self.shown_of_moments

    def emptied(self) -> dict:
        ui = self.ui
        nothing = dict.fromkeys((ui.monitor, ui.compare, ui.made)) | dict.fromkeys((ui.metrics, ui.notes), "")
        return nothing | {ui.ladder: plots.ladder_figure([], [], []), ui.scrubber: gr.Slider(visible=False)}

    @property
    def onward(self) -> str:
        return html.compare_link(self.task)

    def begun(self) -> dict:
        return super().begun() | {self.ui.compare: None}

    def settings(self, values: dict, prior: str | None) -> Settings:
        """The settings that all tasks share."""
        return chosen_settings(values, self.ui, prior)

    def moment(self, progress: Progress, history: RunHistory) -> dict:
        return {
            self.ui.monitor: self.show(progress.sounds, progress.chains, history),
            self.ui.ladder: _ladder(history.iterates),
            **self.besides(progress.sounds, history),
        }

    def past(self, position: int, history: RunHistory) -> dict:
        sounds, chains = history.iterates[position].sounds()
        return {
            self.ui.monitor: self.show(sounds, chains, history),
            self.ui.ladder: _ladder(history.iterates, position),
            **self.besides(sounds, history),
        }

    def ended(self, history: RunHistory) -> dict:
        """The ladder once more: of updates that follow each other closely a page may draw the first one last."""
        return super().ended(history) | {self.ui.ladder: _ladder(history.iterates)}

    def stopped(self, session: str) -> dict:
        shown = super().stopped(session)
        return shown | {self.ui.metrics: ""} if self.ui.compare in shown else shown


def _ladder(iterates: list[KeptIterate], position: int | None = None):
    """The ladder as far as it has been climbed; a start (step 0), and what is made without noise, stand on no rung."""
    if iterates and not any(iterate.level for iterate in iterates):
        return plots.no_ladder_figure()
    rungs = [iterate for iterate in iterates if iterate.step]
    if position is not None:
        position = max(sum(iterate.step > 0 for iterate in iterates[: position + 1]) - 1, 0)
    columns = ([getattr(rung, name) for rung in rungs] for name in ("level", "residual", "log_prob"))
    return plots.ladder_figure(*columns, position)
