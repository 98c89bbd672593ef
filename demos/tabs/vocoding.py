"""The vocoding tab: forgets the phases of a sound and plays its mel spectrogram anew, changed where asked."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from core import zoo
from core.choices import SAMPLERS
from core.errors import InputError
from core.jobs import JOBS
from core.signal.files import read_clip
from core.signal.mel import MelFrontEnd
from core.signal.spectrogram_files import SUFFIXES, MelSpectrogram, read_spectrogram
from core.tasks.progress import SOUND, Run, Sounds
from core.tasks.settings import Settings
from core.tasks.vocoding import (
    SEMITONES,
    STRETCHES,
    front_end_for,
    spectrogram_of,
    vocode,
    wanted_spectrogram,
)
from core.zoo.families import VOCODER
from demos.page import html, menus, plots, zero_gpu
from demos.page.downloads import spectrogram_file
from demos.page.examples import Example
from demos.page.history import Histories, RunHistory
from demos.page.restoration_panel import RestorationPanel
from demos.page.source import Excerpt, Loaded, first_part, read_source
from demos.page.tab import Widgets
from demos.page.toasts import warn

HOW = r"""
A mel spectrogram $m = M\,|\mathrm{STFT}(w)|$ says how loud each of 80 bands is at each moment; the phases of $w$ are
lost, and with them most of what a waveform is. Griffin-Lim looks for phases that agree with each other.

The **fast vocoder** makes the sound in one pass, as a voice does: a network hears the pitch in $m$, pulses $p$ of that
pitch and noise $n$ are the sources, and another network says how each is filtered, bin by bin,
$W = H(m)\, \mathrm{STFT}(p) + G(m)\, \mathrm{STFT}(n)$; last, each bin is made louder or quieter as its bands ask for.

A **prior** knows which waveforms sound like a voice. Its sampler starts from Griffin-Lim, forgets it in noise and goes
down the ladder by

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x),$$

and in every $\hat w$ each bin is made louder or quieter as its bands ask for,
$|\hat W| \leftarrow |\hat W| \cdot M^\top (m / M |\hat W|)$: the evidence. Before all this the spectrogram may be
stretched in time or moved in pitch, each without the other, which no resampling can do.

A WaveNet that was trained with spectrograms is told $m$ instead, and needs no such correction: the same chains run on
its score, or it draws one sample after the other (the sampler *ancestral*), which is heard as it grows.

The **mel error** says how far the result's spectrogram is from the one that was asked for; it hears no phases. Listen:
keep a result, choose another model, run again, and both stand side by side under Compare.

A spectrogram file of another system, such as a text-to-speech model's, is brought to the bands and frames of the model
that plays it.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*, ICML 2021,
section 4.1. J. Engel et al.: *DDSP: Differentiable Digital Signal Processing*, ICLR 2020. H. Siuzdak: *Vocos*, ICLR
2024. D. Griffin, J. Lim: *Signal estimation from modified short-time Fourier transform*, 1984.
"""


FASTEST = JOBS["vocode"].priors[0]
ASKED, HEARD = "Asked for", "Heard"
WAITING = {
    ASKED: "What Run will play is drawn here once there is a sound.",
    HEARD: "What the sampler plays is drawn here, step by step.",
}


def _changes(chosen: Mapping) -> dict[str, float]:
    return {
        name: float(chosen[name]) for name in ("stretch", "semitones", "temperature") if chosen.get(name) is not None
    }


@dataclass
class MelHistory(RunHistory):
    """Knows, too, which spectrogram its iterates are to be seen as."""

    front_end: MelFrontEnd | None = None


class VocodingPanel(RestorationPanel):
    """Beside the skeleton's: spectrograms as pictures, and as files that are opened and taken along."""

    task = "vocode"
    title = "Vocoding"
    sentence = "Plays the mel spectrogram of your sound anew, with phases of its own; slower, higher, as you like."
    examples = (
        Example("Voice", "speech", FASTEST, {"stretch": 1.0, "semitones": 0}),
        Example("Voice, half as fast", "speech", FASTEST, {"stretch": 2.0, "semitones": 0}, seconds=3),
        Example("Voice, four semitones up", "speech", FASTEST, {"stretch": 1.0, "semitones": 4}),
        Example("Voice, drawn from noise", "speech", "voice-16k", {"stretch": 1.0, "semitones": 0}, seconds=2),
        Example("Piano", "piano", "piano-16k", {"stretch": 1.0, "semitones": 0}, seconds=4),
    )
    samplers = (*SAMPLERS, "ancestral")
    how = HOW
    prior = FASTEST
    keeps_phases = False
    mixes = True

    def __init__(self, histories: Histories):
        super().__init__(histories)
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        further, choices = ui.further, [ui.choices["stretch"], ui.choices["semitones"]]
        further["file"].upload(self._open, [further["file"], ui.prior], self.fresh | set(choices), **quiet)
        changed = [widget.change for widget in (ui.loaded, ui.start, ui.length, ui.prior, *choices)]
        asked = [ui.loaded, ui.start, ui.length, ui.prior, *choices]
        shown = [further["asked"], further["save"]]
        gr.on(changed, self._asked, asked, shown, trigger_mode="always_last", **quiet)
        of_chains = [ui.quality, ui.sampler, ui.steps, ui.choices["temperature"]]
        for widget in of_chains:
            widget.visible = has_chain(ui.prior.value)
        ui.prior.change(_fitting, ui.prior, of_chains, queue=False, **quiet)

    def build_choices(self) -> Widgets:
        return {
            "stretch": gr.Slider(*STRETCHES, value=1.0, step=0.05, label="Stretch time by"),
            "semitones": gr.Slider(-SEMITONES, SEMITONES, value=0, step=1, label="Move pitch by (semitones)"),
        }

    def build_more(self) -> Widgets:
        return {"temperature": gr.Number(1.0, label="Temperature (of the sampler ancestral)", step=0.05)}

    def build_between(self) -> Widgets:
        """The spectrogram that is asked for, the one that is heard, and files of them."""
        with gr.Column(elem_classes="pane between"):
            gr.HTML('<h2 class="section">Mel spectrogram</h2>')
            with gr.Row(elem_classes="mels"):
                made = {"asked": gr.HTML(_figure(ASKED)), "heard": gr.HTML(_figure(HEARD))}
            with gr.Row(elem_classes="actions"):
                opened = gr.UploadButton("Open a spectrogram file", file_types=list(SUFFIXES), size="md")
                made |= {"file": opened, "save": gr.DownloadButton("Download the spectrogram", size="md")}
        return made

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        changes = _changes(chosen)
        return zero_gpu.run(vocode, source.clip, settings=settings, reference=source.reference, **changes)

    @property
    def further(self) -> set:
        return {self.ui.further["heard"]}

    def emptied(self) -> dict:
        return super().emptied() | {self.ui.further["heard"]: _figure(HEARD)}

    def besides(self, sounds: Sounds, history: MelHistory) -> dict:
        heard = spectrogram_of(sounds[SOUND], history.front_end)
        return {self.ui.further["heard"]: _figure(HEARD, heard)}

    def start(self, values: dict):
        ui, loaded = self.ui, values[self.ui.loaded]
        settings = self.settings(values, values[ui.prior])
        if not _is_spectrogram(loaded):
            run, history, context = super().start(values)
            front_end = front_end_for(settings)
            part = {"offset": history.offset, "seconds": history.seconds}
            return run, MelHistory(history.key, history.top_db, **part, front_end=front_end), context
        start, length = values[ui.start] or 0.0, values[ui.length] or None
        front_end = front_end_for(settings)
        spectrogram = read_spectrogram(Path(loaded.path), front_end).cut(start, length)
        changes = _changes({name: values[widget] for name, widget in ui.choices.items()})
        part = {"offset": start, "seconds": spectrogram.seconds}
        history = MelHistory(uuid.uuid4().hex, None, **part, front_end=front_end)
        path = values[ui.reference]
        reference = read_clip(path, start=start, length=length).clip if path else None
        run = zero_gpu.run(vocode, spectrogram, settings=settings, reference=reference, **changes)
        return run, history, (loaded, None)

    def _open(self, path: str | None, prior: str, request: gr.Request) -> dict:
        """A spectrogram file, checked for the prior that is chosen."""
        try:
            spectrogram = read_spectrogram(Path(path), front_end_for(Settings(prior=prior)))
        except InputError as error:
            warn(str(error))
            return {self.ui.door: gr.skip()}
        loaded = Loaded(path, Path(path).name, spectrogram.seconds)
        length = first_part(loaded.seconds)
        silent = gr.update(value=None, part=None)  # there is no sound of it yet
        caption = _caption(loaded.name, spectrogram)
        unchanged = {self.ui.choices["stretch"]: 1.0, self.ui.choices["semitones"]: 0}  # as it is in the file
        return self.fresh_input(loaded, request, length=length, scope=silent, caption=caption) | unchanged

    def _asked(self, loaded: Loaded | None, start, length, prior: str | None, stretch: float, semitones: float):
        """The picture of what Run would play, and its file; nothing while something is half typed."""
        if loaded is None or not prior:
            return gr.skip(), gr.skip()
        try:
            front_end = front_end_for(Settings(prior=prior))
            if _is_spectrogram(loaded):
                source = read_spectrogram(Path(loaded.path), front_end).cut(start or 0.0, length or None)
            else:
                source = read_source(loaded, start, length, None).clip
            spectrogram = wanted_spectrogram(source, front_end, stretch, semitones)
        except InputError:
            return gr.skip(), gr.skip()
        return _figure(ASKED, spectrogram), spectrogram_file(spectrogram, loaded.name)


def has_chain(name: str | None) -> bool:
    """Whether a model is sampled; a vocoder plays what it is given in one pass."""
    return all(entry.name != name for entry in zoo.catalogue(kind=VOCODER))


def _fitting(name: str | None) -> tuple[dict, ...]:
    """Quality, sampler, steps and temperature as the model has them; what is hidden says nothing."""
    if has_chain(name):
        return (gr.update(visible=True),) * 4
    values = ("standard", menus.AUTOMATIC, 0, 1.0)
    return tuple(gr.update(visible=False, value=value) for value in values)


def _is_spectrogram(loaded: Loaded | None) -> bool:
    return loaded is not None and Path(loaded.path).suffix.lower() in SUFFIXES


def _figure(name: str, spectrogram: MelSpectrogram | None = None) -> str:
    if spectrogram is None:
        well = f'<div class="mel-well"><p>{WAITING[name]}</p></div>'
        return f'<figure class="mel"><figcaption><b>{name}</b></figcaption>{well}</figure>'
    picture = base64.b64encode(plots.mel_png(spectrogram.decades)).decode()
    facts = f"{html.seconds_text(spectrogram.seconds)}, {spectrogram.front_end.bands} bands"
    caption = f"<figcaption><b>{name}</b><span>{facts}</span></figcaption>"
    image = f'<img alt="Mel spectrogram, {facts}" src="data:image/png;base64,{picture}">'
    return f'<figure class="mel">{caption}{image}</figure>'


def _caption(name: str, spectrogram: MelSpectrogram) -> str:
    front_end = spectrogram.front_end
    facts = f"{html.seconds_text(spectrogram.seconds)}, {front_end.sample_rate / 1000:g} kHz, a spectrogram"
    return f'<div class="caption-line"><b>{escape(name)}</b><span>{facts}</span></div>'
