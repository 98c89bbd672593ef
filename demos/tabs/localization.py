"""The localization tab: finds, tracks and separates the voices around a microphone array."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import gradio as gr
from gradio.components import Component

from core.arrays.geometry import ARRAYS, ArrayGeometry
from core.errors import InputError
from core.tasks.localization import TASK, choose_separator, localize
from core.tasks.progress import DirectionsLook, Progress, Result
from core.tasks.settings import Settings
from demos.array import evaluation_charts, polar
from demos.array.array_recording import ArrayRecording
from demos.array.channel_panel import ChannelPanel
from demos.array.input_panel import EXAMPLES, QUIET, ArrayPanel
from demos.array.layout import AUTOMATIC, FIRST_ARRAY, build
from demos.array.live_panel import LivePanel
from demos.array.live_routes import LiveRoutes
from demos.array.relay_routes import RelayRoutes
from demos.array.results import (
    Found,
    certainty_html,
    comparison_view,
    numbered_voices,
    stems_view,
    voice_metrics_html,
)
from demos.page import html, layout, zero_gpu
from demos.page.downloads import keep
from demos.page.links import Shared
from demos.page.runner import Runner
from demos.page.scope import payload
from demos.page.stream import throttled

TITLE = "Localization"
SENTENCE = "Finds the voices around a microphone array: where each comes from, and what it says alone."

HOW = r"""
A voice reaches the microphones one after the other, by at most $2r / c$: 0.2 ms across a ReSpeaker. From an angle
$\theta$ it arrives at the microphone in $p_m$ earlier than at the centre by
$\tau_m(\theta) = p_m \cdot (\cos\theta, \sin\theta) / c$.

**The cone search** asks a network what comes from inside a window of angles, whose direction it is told by shifting
every channel by $\tau_m$. Four windows of 90° cover the circle; those that hold sound are halved until they are 5.6°
wide. Each ring of the picture is one width, innermost the widest. What was seen twice is kept once. Then the voices
are **refined**: each has a spatial covariance $R_j$ that holds the room's echoes, and a free power $v_j$ in every bin;
both are fitted to the recording, and a Wiener filter $v_j R_j (\sum_k v_k R_k)^{-1}$ takes the voice out of it. Voices
that stand near each other are told apart by a map of the bins that a single plane wave explains. How sure a voice is
follows from both maps, from its level, and, once it is refined, from how it differs from louder ones: echoes go like
their voice.

**SRP-PHAT** measures how well the phases of all pairs of microphones agree with a wave from each direction,

$$P(\theta) = \sum_{i<j} \sum_f
\mathrm{Re}\left[\frac{X_i X_j^*}{|X_i X_j^*|}\, e^{-2 \pi \mathrm{i} f (\tau_i - \tau_j)}\right],$$

and its peaks are voices, refined in the same way; the live view adds such maps up twelve times a second. Of a
clicked direction, and of recordings that are longer than a minute, a beamformer $y = w^H x$ keeps one direction:
**delay and sum** aligns and adds, **MVDR** lets $\theta$ pass unchanged and everything else as little as it can,
$w = R^{-1} a / (a^H R^{-1} a)$.

The **ratio mask** and the **Wiener filter** know the truth, and bound what can be reached.

**How sure** it is that something is a voice is a probability between 0 and 1. Those of all directions together say how
likely every number of voices is. What is less sure than the slider asks for is drawn faintly, and comes back without
another search: who asks for less finds more of the voices that are there (recall), and more that are none (precision).

T. Jenrungrot, V. Jayaram, S. Seitz, I. Kemelmacher-Shlizerman: *The Cone of Silence: Speech Separation by
Localization*, NeurIPS 2020. J. DiBiase: *A high-accuracy, low-latency technique for talker localization*, 2000.
H. Sawada et al.: *Multichannel extensions of non-negative matrix factorization with complex-valued data*, 2013.
"""


class LocalizationPanel(Runner):
    """The tab's widgets and their events; build it inside a `gr.Tab`.

    Args:
        relay, live: routes of relayed arrays and of live views; the page's server must serve them.
        concurrency: arguments of the beamformer's event that limit how many run at once.
    """

    def __init__(self, relay: RelayRoutes, live: LiveRoutes, concurrency: dict):
        ui = build(SENTENCE, [example.label for example in EXAMPLES], HOW, _about(AUTOMATIC, ARRAYS[FIRST_ARRAY]))
        super().__init__(ui, TASK)
        self._input = ArrayPanel(ui, live, self)
        self._live_panel = LivePanel(ui, self._input, relay, live, concurrency)
        ChannelPanel(ui, self._input, live)
        described = [ui.prior.change, ui.array.change]
        gr.on(described, self._describe, {ui.prior, ui.array, ui.own}, ui.about, **QUIET)
        charts = {ui.measured, ui.charts_row, *ui.charts.values()}
        ui.array.change(self._show_measured, {ui.array, ui.own}, charts, **QUIET)
        judged = self.results | {ui.status}
        ui.least.input(self._judge, {ui.found, ui.least}, judged, trigger_mode="always_last", **QUIET)
        self.wire_buttons(ui.inputs)

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        return self._input.shared

    @property
    def results(self) -> set[Component]:
        ui = self.ui
        return {ui.polar, ui.found, ui.certainty, ui.beam, ui.stems, ui.compare, ui.metrics, ui.notes, ui.made}

    @property
    def subject(self) -> Sequence[Component]:
        ui = self.ui
        return [ui.kind, ui.voices, ui.t60, ui.noise, ui.loaded, ui.source, ui.array]

    def emptied(self) -> dict:
        """Of the polar view whoever chooses another input decides: it may be live."""
        ui = self.ui
        nothing = dict.fromkeys((ui.found, ui.beam, ui.stems, ui.compare, ui.made))
        return nothing | dict.fromkeys((ui.certainty, ui.metrics, ui.notes), "")

    def forget(self, visitor: str) -> None:
        """Ends the live view and the relay of a visitor who has left."""
        self._live_panel.forget(visitor)

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        ui = self.ui
        recording, looks, key = self._input.recording(values, session, None), [], uuid.uuid4().hex
        count = _chosen(values[ui.count])
        run = zero_gpu.run(
            localize,
            recording.clip,
            recording.array,
            settings=Settings(_chosen(values[ui.prior])),
            method=_chosen(values[ui.method]),
            voices=int(count) if count else None,
            moving=bool(values[ui.moving]),
            truth=recording.truth,
        )

        fresh: list[DirectionsLook] = []  # the newest picture, until it is shown

        def keep_look(progress: Progress) -> None:
            if progress.look.has_picture:
                looks.append(polar.step_payload(progress.look))
                fresh[:] = [progress.look]

        with closing(throttled(run, keep_look)) as updates:
            for item in updates:
                if isinstance(item, Progress):
                    shown = {ui.polar: polar.progress_view(recording.array, fresh.pop(), key)} if fresh else {}
                    yield {ui.status: html.looking_html(item), ui.stems: None, ui.compare: None} | shown
                else:
                    found = self._found(item, recording, bool(count), looks, key)
                    yield self.buttons(running=False) | self._shown(found, values[ui.least])

    def _found(self, result: Result, recording: ArrayRecording, told: bool, looks: list, key: str) -> Found:
        numbers = numbered_voices(result, recording.truth, recording.array.axis)
        return Found(result, recording, numbers, told, looks, key)

    def _judge(self, values: dict) -> dict:
        """What the page shows where the slider of certainty stands now; players stay where the voices do."""
        ui = self.ui
        found: Found | None = values[ui.found]
        if found is None:
            return {ui.certainty: gr.skip()}
        result, voices = found.at(values[ui.least] / 100)
        if tuple(voices) == found.counting:
            return {ui.polar: gr.update(least=self._least(found, values[ui.least]))}
        return self._shown(found, values[ui.least])

    def _least(self, found: Found, percent: float) -> float:
        """Under which confidence what was found is drawn faintly."""
        return 0.0 if found.told else percent / 100

    def _shown(self, found: Found, percent: float) -> dict:
        """All that there is to see of a run where voices must be so sure."""
        ui, recording = self.ui, found.recording
        result, voices = found.at(percent / 100)
        truth = [path[0] for path in recording.truth.paths] if recording.truth else []
        stems = {f"voice-{number}": voice.clip for number, voice in voices.items()}
        notes = list(dict.fromkeys((*recording.notes, *result.notes)))
        directions = polar.result_view(recording.array, found.numbers, found.looks, truth, found.key)
        return {
            ui.status: html.found_html(result, html.compare_link(self.task) if voices else ""),
            ui.polar: gr.update(value=directions, least=self._least(found, percent)),
            ui.found: replace(found, counting=tuple(voices)),
            ui.certainty: certainty_html(found, result),
            ui.stems: payload(stems_view(voices, recording, found.key)) if voices else None,
            ui.compare: payload(comparison_view(voices, recording, found.key)),
            ui.metrics: html.localization_html(result) + voice_metrics_html(result, recording.truth_names),
            ui.notes: html.notes_html(notes),
            ui.made: keep(stems, recording.name, "voices", result.report, notes) if voices else None,
        }

    def _show_measured(self, values: dict) -> dict:
        """The charts of what was measured with the chosen array."""
        ui, array = self.ui, self._input.array(values)
        charts = {plot: evaluation_charts.chart(array, figure) for figure, plot in ui.charts.items()}
        shown = {ui.charts_row: gr.Row(visible=evaluation_charts.is_measured(array))}
        return {ui.measured: evaluation_charts.caption_html(array)} | shown | charts

    def _describe(self, values: dict) -> str:
        return _about(values[self.ui.prior], self._input.array(values))


def _chosen(value: str | None) -> str | None:
    return None if value in (AUTOMATIC, None, "") else value


def _about(prior: str | None, array: ArrayGeometry) -> str:
    """The card of the separator that a run would use."""
    if _chosen(prior):
        return layout.about_html(prior)
    try:
        separator = choose_separator(array)
    except InputError as error:
        return html.notes_html([str(error)])
    if separator is None:
        means = "SRP-PHAT finds the voices, and they are refined"
        return html.notes_html([f"No separator was trained for the array {array.name}, so {means}."])
    return layout.about_html(separator.name)
