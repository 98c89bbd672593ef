"""The tab of voice conversion: what one voice says is said by others, live too, and its codes can be rearranged."""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.jobs import JOBS
from core.models.vqvae import VQVAE
from core.tasks.code_editing import first_take
from core.tasks.live_conversion import LiveConversion
from core.tasks.loading import load_converter
from core.tasks.progress import SOUND, Progress, Result, Run, Sounds
from core.tasks.settings import Settings
from core.tasks.utterance import Heard, Speech, hear, load_speech, understand
from core.tasks.voice import Voice, voices_named
from core.tasks.voice_conversion import TASK, Manner, convert_to_each
from demos.page import html, zero_gpu
from demos.page.downloads import keep, keep_so_far
from demos.page.examples import Example
from demos.page.history import Histories, RunHistory
from demos.page.restoration_panel import RestorationPanel
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload
from demos.page.source import Excerpt, read_source
from demos.page.tab import Widgets
from demos.page.toasts import warn
from demos.voice import cards, code_strip, offer
from demos.voice.editor import ConversionHistory, Editing, Editor
from demos.voice.live_routes import LiveVoiceRoutes
from demos.voice.live_voice import LiveVoicePanel, live_voice
from demos.voice.results import pitch_table

HOW = r"""
Three networks work one after the other on mel spectrograms.

The **content encoder** hears what is said, with as little as can be of who says it: it learned to predict what a
speech recogniser's encoder makes of a recording, while the recording was moved in pitch and formants, filtered and
covered with noise. What it hears becomes **codes**, 31 a second,

$$k = \arg\min_j \lVert e - c_j \rVert,$$

of which the coarse one, from 0 to 255, is much like a speech sound; those are the colours of the strip, and colours
that are alike stand for sounds that are alike.

The **converter** makes the other voice's spectrogram of the codes, the pitch and the loudness. For every moment it
looks up how that voice sounds where it says the like. So a voice is a recording of it: ten seconds of your own are
enough, and nothing is trained. The **pitch** keeps its course and is moved to the middle of the voice's own,

$$\log f' = \mu' + \frac{\sigma'}{\sigma}\, (\log f - \mu),$$

or, where the intonation is kept, with $\sigma' = \sigma$. The **vocoder** plays the spectrogram at that pitch.

Beside the result stand the recording said in its **own voice** by the same way, its **plain vocoder** copy, and the
classical way: **pitch and formants** moved to the voice's as a whole.

A. van den Oord et al.: *Neural Discrete Representation Learning*, NeurIPS 2017. M. Baas et al.: *Voice Conversion With
Just Nearest Neighbors*, Interspeech 2023. G. Hinton et al.: *Distilling the Knowledge in a Neural Network*, 2015.
"""
CONSENT = (
    "A voice is somebody's own: convert to one only if that person agreed, and say of what you make that it is "
    "converted."
)
IN_MEMORY = (
    "Ten seconds of one person, in a quiet place. The voice is kept in memory, for you alone, until you leave; the "
    "recording is deleted as soon as it was heard."
)
FIRST_VOICES = "ls1998, vctk_p226"  # a high one and a low one
MOST_EDITED_SECONDS = 60.0
TOO_LONG = f"Codes are shown and edited of up to {MOST_EDITED_SECONDS:g} s; choose a shorter part to see them."
NO_EDITOR = (
    "A VQ-VAE makes 250 codes a second, too many to be edited; choose the voice converter to see and edit codes."
)
SOURCE = "Source"
OWN = "own voice"  # among the values of a run, beside those of widgets
PLAIN = {"semitones": 0, "keeps": False}
FASTEST = JOBS[TASK].priors[0]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversion:
    """What a run works on, and what its editor needs.

    Args:
        name: of the file.
        source: the part that is worked on.
        voices: that it is said with; none of a VQ-VAE, which has but names of them.
        speech: what hears the result.
    """

    name: str
    source: Excerpt
    voices: Sequence[Voice]
    speech: Speech
    manner: Manner
    settings: Settings


class VoiceConversionPanel(RestorationPanel):
    """Beside the skeleton's: cards of voices, a voice of one's own, and the codes."""

    task = TASK
    title = "Voice conversion"
    sentence = "Says what you say with another voice: words, timing and melody stay."
    examples = (
        Example("A low voice", "speech", FASTEST, PLAIN | {"targets": "vctk_p226"}),
        Example("Three voices", "speech-train", FASTEST, PLAIN | {"targets": "ls1998, ls2609, emodb_08"}),
        Example("Five semitones up", "speech-kettle", FASTEST, PLAIN | {"targets": "ls2033", "semitones": 5}),
    )
    how = HOW
    prior = FASTEST
    archive = "Download voices (ZIP)"
    keeps_phases = False
    mixes = True
    samples = False
    said_after_stop = "The run was stopped: this is what was said until then."

    def __init__(self, histories: Histories, live: LiveVoiceRoutes):
        self._own = offer.OwnVoices()
        super().__init__(histories)
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        voices, door, targets = ui.further["cards"], ui.further["own_door"], ui.choices["targets"]
        voices.choose(_chosen, None, targets, queue=False, **quiet)
        voices.hear(self._say_sample, ui.prior, voices, **quiet)
        gr.on([targets.change, ui.prior.change], self._offered, [targets, ui.prior], voices, queue=False, **quiet)
        taken = [door, ui.prior, targets], [door, voices, targets]
        gr.on([door.upload, door.stop_recording], self._take_own, *taken, **quiet)
        LiveVoicePanel(ui.further["live"], live, self._conversion, {ui.prior, *ui.choices.values()})
        Editor(ui.further["strip"], ui.compare, ui.made, self.task, histories)

    def forget(self, visitor: str) -> None:
        """Drops the own voice of a visitor who has left."""
        self._own.forget(visitor)

    # ---- widgets -----------------------------------------------------------------------------------------------

    def build_choices(self) -> Widgets:
        known = offer.offer(FIRST_VOICES, None)
        self._cards = cards.voice_cards(known)
        with gr.Accordion("A voice of your own", open=False, elem_classes="advanced"):
            gr.HTML(f'<p class="quiet">{IN_MEMORY}</p>')
            self._own_door = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                label="Your own voice",
                show_label=False,
                elem_classes="door",
            )
        gr.HTML(f'<p class="quiet">{CONSENT}</p>')
        return {
            "targets": gr.Textbox(", ".join(known["chosen"]), label="Voices", visible=False),
            "semitones": gr.Slider(-12, 12, value=0, step=1, label="Transpose by (semitones)"),
            "keeps": gr.Checkbox(False, label="Keep my intonation as wide as it is"),
        }

    def build_under(self) -> Widgets:
        """The codes, and speaking live."""
        gr.HTML('<h2 class="section">Codes</h2>')
        strip = code_strip.code_strip()
        gr.HTML('<h2 class="section">Live</h2>')
        return {"strip": strip, "live": live_voice(), "cards": self._cards, "own_door": self._own_door}

    @property
    def results(self) -> set[Component]:
        return super().results | {self.ui.further["strip"]}

    def emptied(self) -> dict:
        return super().emptied() | {self.ui.further["strip"]: None}

    # ---- voices ------------------------------------------------------------------------------------------------

    def _offered(self, targets: str, prior: str, request: gr.Request) -> dict:
        return offer.offer(targets, self._own.get(request.session_hash), prior)

    def _say_sample(self, prior: str, event: gr.EventData, request: gr.Request):
        """The sentence of the cards with one of the voices."""
        clip = None
        try:
            clip = offer.sample_of(str(event.name), self._own.get(request.session_hash), prior)
        except InputError as error:
            warn(str(error))
        return gr.update(heard=cards.heard_payload(event.request, clip))

    def _take_own(self, path: str | None, prior: str, targets: str, request: gr.Request) -> tuple:
        """The empty door, and the voice of a recording, which is then offered and chosen."""
        if not path:
            return (gr.skip(),) * 3
        try:
            own = offer.take_voice(path, prior)
            self._own.put(request.session_hash, own)
            targets = ", ".join([own.name, *(name for name in offer.names_in(targets) if name != own.name)])
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("a voice was not taken")
            warn(APOLOGY)
        return None, self._offered(targets, prior, request), targets

    def _conversion(self, values: Mapping, visitor: str) -> LiveConversion:
        """Live, with the first of the chosen voices.

        Raises:
            InputError: there is none.
        """
        chosen = {name: values[widget] for name, widget in self.ui.choices.items()}
        speech = load_speech(Settings(values[self.ui.prior]))
        names = offer.names_in(chosen["targets"])
        if not names:
            raise InputError("No voice is chosen; choose the one that you want to speak with.")
        (voice,) = voices_named(names[:1], self._own.get(visitor), speech)
        return LiveConversion(voice, speech, _manner(chosen))

    # ---- run ---------------------------------------------------------------------------------------------------

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        """chosen: with the visitor's own voice, too."""
        wanted = {"own": chosen["own"], "manner": _manner(chosen), "settings": settings}
        return zero_gpu.run(convert_to_each, source.clip, offer.names_in(chosen["targets"]), **wanted)

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        return super().updates(values | {OWN: self._own.get(session)}, session)

    def start(self, values: dict):
        ui = self.ui
        source = read_source(*(values[widget] for widget in (ui.loaded, ui.start, ui.length)), None)
        settings = self.settings(values, values[ui.prior])
        chosen = {name: values[widget] for name, widget in ui.choices.items()} | {"own": values[OWN]}
        by_codes = isinstance(load_converter(settings), VQVAE)
        speech = load_speech(replace(settings, prior=None) if by_codes else settings)
        names = [] if by_codes else offer.names_in(chosen["targets"])
        voices = voices_named(names, chosen["own"], speech)
        part = {"offset": source.start, "seconds": source.clip.seconds}
        history = ConversionHistory(uuid.uuid4().hex, None, **part)
        context = Conversion(values[ui.loaded].name, source, voices, speech, _manner(chosen), settings)
        return self.begin(source, settings, chosen), history, context

    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict:
        """What is said so far, heard while it is made."""
        tracks = [Track(name, clip) for name, clip in sounds.items()]
        return payload(View(tracks, history.key, history.top_db, offset=history.offset, autoplay=True))

    def conclude(self, result: Result, history: ConversionHistory, context: Conversion) -> dict:
        ui, speech = self.ui, context.speech
        notes = [*filter(None, [result.report.get("warning")]), *context.source.notes, *result.notes]
        said = {SOURCE: result.observed, **result.sounds}
        heard = {name: hear(clip, speech) for name, clip in said.items()}
        beside = {html.title(name): sounds[SOUND] for name, sounds in result.baselines.items()}
        tracks = [Track(name, clip) for name, clip in (said | beside).items()]
        shown = {"offset": history.offset, "compares": True, "stretched": True, "arrives": True}
        compared = View(tracks, history.key, history.top_db, initial=1, **shown)
        long = result.observed.seconds > MOST_EDITED_SECONDS
        editable = bool(context.voices and result.baselines) and not long
        notes += [TOO_LONG] * long + [NO_EDITOR] * (not context.voices)
        notes = list(dict.fromkeys(notes))
        history.editing = _editing(result, heard[SOURCE], compared, context) if editable else None
        return {
            ui.status: html.result_html(result, self.onward),
            ui.compare: payload(compared),
            ui.metrics: pitch_table(heard, {voice.name: voice for voice in context.voices}),
            ui.notes: html.notes_html(notes),
            ui.made: keep(result.sounds, context.name, self.task, result.report, notes),
            ui.further["strip"]: history.editing and history.editing.strip,
        }

    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        name, source = history.context.name, history.context.source
        tracks = [Track(SOURCE, source.clip), *(Track(f"{n}, so far", clip) for n, clip in progress.sounds.items())]
        view = View(tracks, history.key, history.top_db, offset=history.offset, initial=1, compares=True)
        taken = keep_so_far(progress.sounds, name, f"{self.task}-so-far")
        return {self.ui.compare: payload(view), self.ui.made: taken}


def _manner(chosen: Mapping) -> Manner:
    return Manner(float(chosen["semitones"] or 0), bool(chosen["keeps"]))


def _editing(result: Result, heard: Heard, compared: View, context: Conversion) -> Editing:
    """Of the first voice."""
    voice, utterance = context.voices[0], understand(heard, context.speech)
    take = first_take(utterance, voice, context.manner, result.sounds[voice.name].samples[0])
    name = context.name
    return Editing(take, compared, result.sounds, name, voice.name, result.report, context.settings)


def _chosen(event: gr.EventData) -> str:
    """The names of the cards that were clicked."""
    return ", ".join(map(str, event.names))
