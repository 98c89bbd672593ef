"""The section "WaveNet" of the generation tab: goes on from a recording, heard while it is drawn sample by sample."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.resampling import resample
from core.tasks.generation import Wish, generate, origin_of
from core.tasks.progress import Progress, Result
from core.tasks.settings import Settings
from demos.generation import surprise, wavenet_layout
from demos.generation.layout import names_menu
from demos.generation.wavenet_layout import LONGEST_SECONDS, names_of
from demos.page import html, layout, menus, zero_gpu
from demos.page.downloads import keep_generated
from demos.page.examples import SOUNDS
from demos.page.history import DrawnIterate, Histories, RunHistory
from demos.page.links import Shared
from demos.page.panel import accept
from demos.page.sampling_panel import SamplingPanel, checked_seed
from demos.page.scope import Track, View, payload
from demos.page.source import Loaded, load, read_source, shown_part

TITLE, SECTION = "WaveNet", "generate-wavenet"
SENTENCE = "Goes on from what you recorded, one sample after the other, and plays while it draws."
HOW = r"""
A WaveNet writes the probability of a sound as a product over its samples, $p(x) = \prod_t p(x_t \mid x_{<t})$. Each
factor is a distribution over 256 classes of loudness, made by a stack of causal convolutions whose taps stand 1, 2, 4,
... samples apart. A sample is drawn from it and becomes the past of the next: 16,000 times for each second.

A recording before that is a past like any other, so the network goes on from it; it hears as far back as its
**receptive field** reaches, an eighth of a second for the bundled ones. They know how a piano or a voice sounds from
one moment to the next, and nothing of melodies or words.

**Temperature** $T$ draws from $p^{1/T}$, scaled to a distribution: under 1 what is likely becomes likelier. The curve
says what each sample cost, $-\log_2 p(x_t \mid x_{<t})$ bits: low where the network saw it coming, high where it was
surprised; in grey the end of the recording.

A. van den Oord et al.: *WaveNet: A Generative Model for Raw Audio*, 2016.
"""
PRIME_SECONDS = 2.0  # of the recording that is heard before what is new
READ_SECONDS = 10.0  # of the recording, whose level the new sound has
SO_FAR, WHOLE = "So far", "With its beginning"


@dataclass(frozen=True)
class WaveNetExample:
    """A chip: one click draws.

    Args:
        sound: name of a file in assets/sounds that is gone on from, without its ending; None for none.
        onward: seconds of it.
    """

    label: str
    prior: str
    sound: str | None = None
    onward: float = 0.0
    temperature: float = 1.0

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        return {"prior": self.prior, "temperature": self.temperature, "seed": 0, "onward": self.onward}


EXAMPLES = (
    WaveNetExample("A piano, gone on from", "piano-16k-wavenet", "piano", 5.6),
    WaveNetExample("A voice, gone on from", "voice-16k-wavenet", "speech", 1.3),
    WaveNetExample("Piano out of silence", "piano-16k-wavenet"),
    WaveNetExample("The same, more careful", "piano-16k-wavenet", temperature=0.85),
)


@dataclass
class StreamHistory(RunHistory):
    """Knows, too, what the sound goes on from.

    Args:
        beginning: the end of the recording, at the prior's rate; no samples of none.
        prime: the name of the recording.
        origin: what the sound can be made again with.
    """

    beginning: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    prime: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)


class WaveNetPanel(SamplingPanel):
    """The section's widgets and what they do.

    Args:
        histories: hold what was drawn for every session.
    """

    said_after_stop = "The run was stopped: this is what was drawn until then."

    def __init__(self, histories: Histories):
        ui = wavenet_layout.build(SENTENCE, [example.label for example in EXAMPLES], HOW, EXAMPLES[0].prior)
        super().__init__(ui, SECTION, histories)
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        doors = [ui.door.upload, ui.door.stop_recording]
        gr.on(doors, self._open, [ui.door, ui.loaded], self._fresh, **quiet)
        ui.forget.click(self._forget, None, self._fresh, **quiet)
        ui.prime.choose(_dragged, None, ui.onward, queue=False, **quiet)
        ui.onward.change(_part_of, [ui.loaded, ui.onward], ui.prime, queue=False, **quiet)
        ui.prior.change(_of_prior, [ui.prior, ui.label], [ui.label, ui.about], **quiet)
        chosen = [
            chip.click(self._setter(example), None, self._chosen, **quiet)
            for chip, example in zip(ui.chips, EXAMPLES, strict=True)
        ]
        inputs = {ui.loaded, ui.prior, ui.label, ui.seconds, ui.temperature, ui.seed, ui.onward}
        self.wire_run(inputs, [chip.then for chip in chosen])

    # ---- what is asked for -------------------------------------------------------------------------------------

    @property
    def subject(self) -> Sequence[Component]:
        return [self.ui.loaded]

    @property
    def _fresh(self) -> set[Component]:
        """What another recording changes."""
        ui = self.ui
        return {ui.loaded, ui.prime, ui.door, ui.forget, ui.onward} | self.outdated

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        return self._fresh | {ui.prior, ui.temperature, ui.seed}

    @property
    def shared(self) -> Shared:
        """What of the section stands in links."""
        ui = self.ui
        settings = {name: getattr(ui, name) for name in ("prior", "label", "seconds", "temperature", "seed", "onward")}
        examples = {example.label: example.settings for example in EXAMPLES}
        return Shared(SECTION, settings, examples, ui.chips, self._restore, self._chosen | {ui.about}, [ui.door])

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in EXAMPLES if example.label == label), None)
        return self._setter(example)(request) if example else {}

    def _setter(self, example: WaveNetExample):
        def choose(request: gr.Request) -> dict:
            sound = load(str(SOUNDS / f"{example.sound}.flac"), example.label) if example.sound else None
            chosen = {getattr(self.ui, name): value for name, value in example.settings.items()}
            return self._taken(sound, request, example.onward) | chosen

        return choose

    def _open(self, path: str | None, held: Loaded | None, request: gr.Request) -> dict:
        loaded, door = accept(path, held, mixes=True)
        return self._taken(loaded, request) if path and loaded is not held else {self.ui.door: door}

    def _forget(self, request: gr.Request) -> dict:
        return self._taken(None, request)

    def _taken(self, loaded: Loaded | None, request: gr.Request, onward: float = 0.0) -> dict:
        """What the page shows once this is gone on from."""
        ui = self.ui
        chosen = {ui.loaded: loaded, ui.door: None, ui.forget: gr.Button(visible=loaded is not None)}
        chosen |= {ui.onward: onward, ui.prime: _shown_prime(loaded, onward)}
        return self.forget_results(request.session_hash, chosen) | chosen

    def start(self, values: dict):
        ui = self.ui
        prior, loaded = values[ui.prior], values[ui.loaded]
        if not prior:
            raise InputError("There is no WaveNet here: train or import one, then reload the page.")
        seconds = float(values[ui.seconds] or 0)
        if not 0 < seconds <= LONGEST_SECONDS:
            raise InputError(f"A sound can last up to {LONGEST_SECONDS:g} s here, not {seconds:g} s.")
        prime = None if loaded is None else _end_of(loaded, values[ui.onward])
        wish = Wish(1, seconds, values[ui.label] or None, temperature=float(values[ui.temperature]), prime=prime)
        settings = Settings(prior, seed=checked_seed(values[ui.seed]))
        history = StreamHistory(uuid.uuid4().hex, None, keep=DrawnIterate.of, prime=loaded.name if loaded else "")
        history.origin = {"prior": prior, "seed": settings.seed, "temperature": wish.temperature}
        history.origin |= {"label": wish.label} if wish.label else {}
        return zero_gpu.run(generate, wish, settings=settings), history, prime

    # ---- what is shown -----------------------------------------------------------------------------------------

    @property
    def shown_of_moments(self) -> set[Component]:
        return {self.ui.monitor, self.ui.curve}

    @property
    def results(self) -> set[Component]:
        return self.shown_of_moments | {self.ui.scrubber, self.ui.notes, self.ui.made}

    def emptied(self) -> dict:
        ui = self.ui
        nothing = {ui.monitor: None, ui.made: None, ui.notes: "", ui.curve: surprise.waiting()}
        return nothing | {ui.scrubber: gr.Slider(visible=False)}

    def begun(self) -> dict:
        return super().begun() | {self.ui.made: None, self.ui.notes: ""}

    def progress_status(self, progress: Progress) -> str:
        return _status("running", progress.iterate, f"<span>{html.seconds_text(progress.seconds_left)} left</span>")

    def past_status(self, iterate: DrawnIterate) -> str:
        return _status("done", iterate)

    def moment(self, progress: Progress, history: StreamHistory) -> dict:
        return self._shown(progress, history, grows=True)

    def past(self, position: int, history: StreamHistory) -> dict:
        return self._shown(history.iterates[position].progress, history)

    def conclude(self, result: Result, history: StreamHistory, context: Any) -> dict:
        report = result.report
        facts = f"<b>Done in {html.seconds_text(report['seconds'])}</b><span>{menus.model_name(report['prior'])}</span>"
        facts += f"<span>{report['bits_per_sample']:.2f} bits a sample</span><span>seed {report['seed']}</span>"
        return self._shown(history.last, history) | {
            self.ui.status: html.status_html("done", facts, 1.0),
            self.ui.notes: html.notes_html(result.notes),
            self.ui.made: self._made(result.sounds["0000"], origin_of(report, "0000"), history, report),
        }

    def so_far(self, progress: Progress, history: StreamHistory) -> dict:
        origin = history.origin | {"stopped_at_step": progress.iterate.step}
        return self._shown(progress, history) | {self.ui.made: self._made(_new(progress), origin, history, None)}

    def _made(self, new: Clip, origin: dict, history: StreamHistory, report: Mapping | None):
        """What is new, and where it goes on from a recording, both as one sound, too."""
        if not history.prime:
            return keep_generated({"0000": new}, [origin], report)
        origin = origin | {"prime": history.prime}
        sounds = {"0000": new, "0001": _joined(history.beginning, new)}
        return keep_generated(sounds, [origin, origin | {"joined": True}], report)

    def _shown(self, progress: Progress, history: StreamHistory, grows: bool = False) -> dict:
        new = _new(progress)
        if history.context is not None and not len(history.beginning):
            history.beginning = _beginning(history.context, new.sample_rate)
        before = len(history.beginning) / new.sample_rate
        tracks = [Track(WHOLE if history.prime else SO_FAR, _joined(history.beginning, new))]
        view = View(tracks, history.key, history.top_db, autoplay=True, grows=grows)
        log_probs = progress.iterate.step_log_probs[0]
        given = len(log_probs) - progress.iterate.step
        regions = [[before, before + new.seconds]] if history.prime else []
        return {
            self.ui.monitor: gr.update(value=payload(view), regions=regions),
            self.ui.curve: surprise.curve(log_probs, given, before - given / new.sample_rate, new.sample_rate),
        }


def _span(loaded: Loaded, onward: float | None) -> tuple[float, float]:
    """Where in the file that which is gone on from begins and ends.

    Args:
        onward: seconds of the file up to which it goes; None or 0: its end.
    """
    end = onward or loaded.seconds
    return max(end - READ_SECONDS, 0.0), end


def _end_of(loaded: Loaded, onward: float | None) -> Clip:
    """What a sound goes on from.

    Raises:
        InputError: it lies outside the file.
    """
    if onward and not 0 < onward <= loaded.seconds:
        raise InputError(f"{onward:g} s lies outside the recording, which lasts {loaded.seconds:.1f} s.")
    start, end = _span(loaded, onward)
    return read_source(loaded, start, end - start, None).clip


def _shown_prime(loaded: Loaded | None, onward: float | None):
    """The recording, with what is gone on from marked in it."""
    if loaded is None:
        return gr.update(value=None, part=None)
    start, end = _span(loaded, onward)
    clip, offset = shown_part(loaded, start, end - start)
    view = View([Track(loaded.name, clip)], uuid.uuid4().hex, offset=offset, file_seconds=loaded.seconds)
    return gr.update(value=payload(view), part=[start, end])


def _part_of(loaded: Loaded | None, onward: float | None):
    """The mark alone; nothing of what Run will refuse."""
    if loaded is None or (onward and not 0 < onward <= loaded.seconds):
        return gr.skip()
    return gr.update(part=list(_span(loaded, onward)))


def _dragged(event: gr.EventData) -> float:
    """The end of the part that was dragged on the player."""
    start, length = layout.chosen_part(event)
    return round(start + length, 3)


def _beginning(prime: Clip, sample_rate: int) -> np.ndarray:
    """What of a recording is heard before the sound that goes on from it."""
    return resample(prime.mono(), sample_rate).samples[0, -round(PRIME_SECONDS * sample_rate) :]


def _joined(beginning: np.ndarray, new: Clip) -> Clip:
    return Clip(np.concatenate([beginning, new.samples[0]])[None], new.sample_rate)


def _new(progress: Progress) -> Clip:
    """What is drawn by now."""
    (clip,) = progress.sounds.values()
    return Clip(clip.samples[:, : progress.iterate.step], clip.sample_rate)


def _of_prior(prior: str | None, label: str | None) -> tuple:
    """The names that a model can be told, and its card."""
    return names_menu(names_of(prior), label), layout.about_html(prior)


def _status(state: str, at: Any, further: str = "") -> str:
    share = at.step / at.total_steps
    return html.status_html(state, f"<b>Sample {at.step:,} of {at.total_steps:,}</b>{further}", share)
