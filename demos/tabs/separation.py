"""The separation tab: takes a mixture apart, or mixes two sounds first so that the truth is known."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from core.choices import LATENT
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.mixing import mix
from core.tasks.progress import Progress, Result, Run, Sounds
from core.tasks.separation import TASK, separate
from demos.page import html, plots, zero_gpu
from demos.page.downloads import keep, keep_so_far
from demos.page.history import DrawnIterate, Histories, KeptIterate
from demos.page.layout import chosen_part
from demos.page.links import Shared
from demos.page.panel import Panel, accept
from demos.page.sampling_panel import checked_seed
from demos.page.scope import Track, View, payload
from demos.page.source import SHOWN_SECONDS, Loaded, first_part, load, part_ends, read_source, shown_stretch
from demos.page.toasts import warn
from demos.separation import codes, comparison, layout
from demos.separation.codes import CodesHistory
from demos.separation.comparison import SeparationHistory, compared, stacked
from demos.separation.examples import MIXTURE, SOURCES, MixtureExample, offered

TITLE = "Separation"
SENTENCE = "Takes a mixture apart into sounds that each have a prior of their own; together they are the mixture again."
HOW = r"""
The sources add up to what was heard, $y = x_1 + \dots + x_N$, and each has a prior of its own. The sampler draws from

$$p(x_1, \dots, x_N \mid y) \propto p(y \mid x_1, \dots, x_N) \prod_i p_i(x_i).$$

**Shared**: each prior is shown the mixture and says what it hears of its own kind in it and in its noisy chain,
$\hat x_i(x_i, y)$; it learned that from random other sounds, not from the other sources' priors. What the estimates
miss is shared out, $\hat x_i \leftarrow \hat x_i + (y - \sum_j \hat x_j) / N$, at every step down the ladder.

In the other forms no prior ever heard a mixture. **Exact**: the last source is what the others leave,
$x_N = y - x_1 - \dots - x_{N-1}$, so that only these are drawn, with the score
$\nabla \log p_i(x_i) - \nabla \log p_N(x_N)$. **Soft**: every update pulls the sources towards their
sum by $\gamma\, (y - \sum_i x_i)$ with $\gamma = 15 / \sigma^2$, as in the original. At high noise the priors settle
whose the loud parts are, at low noise the details. Several draws are averaged: what they agree on is evidence.

**As codes**: an LQ-VAE makes codes of sounds, one for 64 samples, that add up as the sounds do. Code after code two
priors say what each source may go on with, and a pair $a, b$ counts by how well its sum explains the mixture $m$,

$$p(a_t, b_t \mid a_{<t}, b_{<t}, m) \propto p_1(a_t \mid a_{<t})\, p_2(b_t \mid b_{<t})\, p(m_t \mid a_t, b_t).$$

Several samples of this posterior are drawn and ranked. What their codes say is compressed, and does not add up to the
mixture; so the stems share each bin of the mixture's own spectrum out by the power of what the sources' codes say on
average. Where the samples would share it out differently, nobody knows better. The **compressed truth**, the true
sources through their codes, is the best that codes can say.

The **ratio mask** and the **binary mask** know the truth; no mask can do better. **NMF** factors the spectrogram and is
told which factor belongs to whom. A mu-law WaveNet cannot separate: its classes are spaced as a logarithm, and classes
of sources do not add up to the mixture's.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*, ICML 2021,
section 4.2. G. Mariani et al.: *Multi-Source Diffusion Models*, ICLR 2024. M. Mancusi et al.: *Unsupervised Source
Separation via Bayesian Inference in the Latent Domain*, 2021.
"""


MADE = "made"  # among the values of a run, beside those of widgets: see `SeparationHistory`


class SeparationPanel(Panel):
    """The tab's widgets and what they do; arguments as `demos.page.restoration_panel.RunPanel` has them."""

    def __init__(self, histories: Histories):
        self.examples = offered(layout.code_priors())
        super().__init__(layout.build(SENTENCE, [example.label for example in self.examples], HOW), TASK, histories)
        self._wire_input()
        self._wire_method()
        self.wire_run(self.ui.inputs)

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        shown = {ui.scope, ui.caption} | self.outdated
        for chip, example in zip(ui.chips, self.examples, strict=True):
            chip.click(self._example_loader(example), None, self._chosen | shown, **quiet)
        ui.kind.change(layout.chosen_kind, ui.kind, [ui.second_door, ui.level], **quiet)
        preview = {ui.kind, ui.first, ui.second, ui.level, ui.start, ui.length, ui.method}
        for door, held in ((ui.door, ui.first), (ui.second_door, ui.second)):
            let_in = self._acceptor(door, held)
            taken = shown | {held, door, ui.start, ui.length}
            gr.on([door.upload, door.stop_recording], let_in, preview | {door}, taken, **quiet)
        changed = [ui.kind.input, ui.level.input]
        gr.on(changed, self._preview, preview, shown, trigger_mode="always_last", **quiet)
        ui.scope.choose(chosen_part, None, [ui.start, ui.length], queue=False, **quiet)
        part = [ui.start.change, ui.length.change]
        gr.on(part, self._show_part, preview, ui.scope, trigger_mode="always_last", **quiet)

    def _wire_method(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        ui.method.change(self._method_chosen, {ui.method}, layout.by_method(ui) | layout.views(ui), **quiet)
        asked = {ui.method, *ui.priors, *ui.code_priors}
        gr.on([widget.change for widget in asked], self._about, asked, ui.about, **quiet)
        ui.streams.choose(self._choose_sample, None, {ui.status, ui.streams, ui.monitor, ui.compare}, **quiet)

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        return {ui.kind, ui.first, ui.second, ui.start, ui.length, ui.second_door, ui.level, ui.method}

    @property
    def subject(self) -> Sequence[Component]:
        return [self.ui.kind, self.ui.first, self.ui.second, self.ui.level]

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        ui = self.ui
        names = ("kind", "level", "method", "quality", "start", "length", "seed", "sampler", "steps", "form", "heard")
        settings = {name: getattr(ui, name) for name in (*names, "samples")}
        settings |= zip(("first", "second", "third"), ui.priors, strict=True)
        settings |= zip(("first_codes", "second_codes"), ui.code_priors, strict=True)
        examples = {example.label: example.settings for example in self.examples}
        shows = self._chosen | {ui.scope, ui.caption} | self.outdated
        return Shared(TASK, settings, examples, ui.chips, self._restore, shows, [ui.door, ui.second_door])

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in self.examples if example.label == label), None)
        return self._example_loader(example, autoplay=False)(request) if example else {}

    def _example_loader(self, example: MixtureExample, autoplay: bool = True):
        def choose(request: gr.Request) -> dict:
            ui = self.ui
            held = [load(path, sound) for path, sound in zip(example.paths, example.sounds, strict=True)]
            first, second = held[0], held[1] if len(held) > 1 else None
            kind = SOURCES if second else MIXTURE
            chosen = {ui.kind: kind, ui.first: first, ui.second: second, ui.level: example.level_db, ui.start: 0.0}
            chosen |= {ui.length: round(min(loaded.seconds for loaded in held), 3), ui.method: example.method}
            shown = self._preview(chosen, request, autoplay=autoplay)
            door, _ = layout.chosen_kind(kind)
            level = gr.Slider(value=example.level_db, visible=kind == SOURCES)
            return shown | chosen | {ui.second_door: door, ui.level: level}

        return choose

    def _acceptor(self, door: gr.Audio, held: gr.State):
        def let_in(values: dict, request: gr.Request) -> dict:
            loaded, emptied = accept(values[door], values[held])
            if not values[door] or loaded is values[held]:
                return {door: emptied}
            chosen = {held: loaded, self.ui.start: 0.0}
            chosen[self.ui.length] = first_part(_seconds(self._given(values | chosen)))
            taken = self.forget_results(request.session_hash, values | chosen) | chosen | {door: None}
            return taken | self._preview(values | chosen, request)

        return let_in

    def _given(self, values: dict) -> list[Loaded]:
        """The sounds that are taken apart together; none where one is missing."""
        ui = self.ui
        given = [values[ui.first], values[ui.second]] if values[ui.kind] == SOURCES else [values[ui.first]]
        return [] if None in given else given

    def _preview(self, values: dict, request: gr.Request, autoplay: bool = False) -> dict:
        """What stands to be taken apart, and its caption; results of anything else are forgotten."""
        ui, given = self.ui, self._given(values)
        try:
            clip, shown = self._shown(given, values, autoplay=autoplay)
        except InputError as error:
            warn(str(error))
            return {ui.scope: gr.skip()}
        if clip is None:
            return {ui.scope: shown}
        caption = html.caption_html(" + ".join(loaded.name for loaded in given), _seconds(given), clip)
        return self.forget_results(request.session_hash, values) | {ui.scope: shown, ui.caption: caption}

    def _show_part(self, values: dict):
        given = self._given(values)
        if _seconds(given) <= SHOWN_SECONDS:
            return gr.update(part=_part(given, values, self.ui)) if given else gr.skip()
        try:
            return self._shown(given, values)[1]
        except InputError:
            return gr.skip()  # Run says what is wrong

    def _shown(self, given: list[Loaded], values: dict, *, autoplay: bool = False) -> tuple[Clip | None, dict]:
        """What stands to be taken apart, and an update of its player; nothing where a sound is missing."""
        if not given:
            return None, gr.skip()
        start, stop = part = _part(given, values, self.ui)
        offset, shown = shown_stretch(_seconds(given), start, stop - start)
        clips = [read_source(loaded, offset, shown, None).clip for loaded in given]
        tracks = [Track("Mixture", clips[0])]
        if len(clips) > 1:
            mixture, sources, _ = mix(clips, [values[self.ui.level]])
            tracks = [Track(*named) for named in zip(("Mixture", "First", "Second"), (mixture, *sources), strict=True)]
        view = View(tracks, uuid.uuid4().hex, offset=offset, file_seconds=_seconds(given), autoplay=autoplay)
        return tracks[0].clip, gr.update(value=payload(view), part=part)

    # ---- method ------------------------------------------------------------------------------------------------

    def _method_chosen(self, values: dict, request: gr.Request) -> dict:
        """Its settings; what a run has shown stays until there is another."""
        shown = layout.chosen_method(self.ui, values[self.ui.method])
        held = self._histories.get(request.session_hash, self.task) is not None
        return shown if held else shown | layout.viewed(self.ui, values[self.ui.method])

    def _about(self, values: dict) -> str:
        ui = self.ui
        return layout.about_html(*(values[menu] for menu in layout.priors_of(ui, values[ui.method])))

    def _choose_sample(self, event: gr.EventData, request: gr.Request) -> dict:
        history = self._histories.get(request.session_hash, self.task)
        try:
            return codes.choose(self.ui, getattr(event, "number", None), history)
        except InputError as error:
            warn(str(error))
            return {self.ui.status: gr.skip()}

    def forget_results(self, session: str, values: Mapping) -> dict:
        shown = super().forget_results(session, values)
        return self._seen(shown, values[self.ui.method])

    def _seen(self, shown: dict, method: str) -> dict:
        """With what is seen of a method under the monitor."""
        seen = layout.viewed(self.ui, method)
        valued = {widget: update | {"value": shown[widget]} for widget, update in seen.items() if widget in shown}
        return shown | seen | valued

    # ---- run ---------------------------------------------------------------------------------------------------

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        before = self._histories.get(session, self.task)
        yield from super().updates(values | {MADE: before.made if before else {}}, session)

    def start(self, values: dict):
        ui = self.ui
        mixture, truths, notes, offset = _read(values, ui)
        if values[ui.method] == LATENT:
            run, kept = codes.begin(ui, values, mixture, truths, checked_seed(values[ui.seed])), CodesHistory
        else:
            run, kept = self._waveforms(values, mixture, truths), SeparationHistory
        history = kept(uuid.uuid4().hex, plots.loudest_db(mixture), offset, chain=values[ui.heard] == layout.CHAINS)
        history.made = values.get(MADE, {})
        return run, history, (values[ui.first].name, notes, mixture)

    def _waveforms(self, values: dict, mixture: Clip, truths: list[Clip] | None) -> Run:
        """A run of the method that draws waveforms.

        Raises:
            InputError: other than one prior for each sound that is mixed.
        """
        ui = self.ui
        priors = [name for name in (values[widget] for widget in ui.priors) if name and name != layout.NOBODY]
        count = len(priors)
        if truths and count != len(truths):
            raise InputError(f"Two sounds are mixed, but {count} priors are chosen; choose one for each sound.")
        levels = [0.0, float(values[ui.level])] if truths else None
        asked = {"settings": self.settings(values, None), "form": values[ui.form] or None}
        return zero_gpu.run(separate, mixture, priors, levels_db=levels, references=truths, **asked)

    @property
    def further(self) -> set[Component]:
        return layout.views(self.ui)

    def emptied(self) -> dict:
        return super().emptied() | {self.ui.streams: None}

    def show(self, sounds: Sounds, chains: Sounds, history: SeparationHistory) -> dict:
        return stacked(chains if history.chain else sounds, history)

    def moment(self, progress: Progress, history: SeparationHistory) -> dict:
        of_codes = isinstance(history, CodesHistory)
        shown = codes.moment(self.ui, progress, history) if of_codes else super().moment(progress, history)
        return self._seen(shown, history.method)

    def past(self, position: int, history: SeparationHistory) -> dict:
        of_codes = isinstance(history, CodesHistory)
        shown = codes.past(self.ui, position, history) if of_codes else super().past(position, history)
        return self._seen(shown, history.method)

    def progress_status(self, progress: Progress) -> str:
        return codes.progress_status(progress) if codes.drawn_by(progress) else super().progress_status(progress)

    def past_status(self, iterate: KeptIterate | DrawnIterate) -> str:
        return codes.past_status(iterate) if isinstance(iterate, DrawnIterate) else super().past_status(iterate)

    def ended(self, history: SeparationHistory) -> dict:
        shown = super().ended(history)
        if isinstance(history, CodesHistory):
            del shown[self.ui.ladder]
        return shown

    def conclude(self, result: Result, history: SeparationHistory, context) -> dict:
        ui, (name, notes, _) = self.ui, context
        others, onward = history.of_other(result), html.compare_link(self.task)
        if isinstance(history, CodesHistory):
            shown = codes.conclude(ui, result, history, others) | {ui.status: codes.result_status(result, onward)}
        else:
            tracks = [*comparison.made(result), *comparison.beside(result, others)]
            shown = {ui.compare: compared(tracks, history, arrives=True), ui.status: html.result_html(result, onward)}
        misses = result.report["misses_mixture_by"]
        adds_up = f"Together the stems miss the mixture by at most {misses:.1g} of full scale."
        said = list(dict.fromkeys((*notes, *result.notes, adds_up)))
        taken = keep(result.sounds, name, self.task, result.report, said)
        history.keep_stems(result, taken)
        rows = comparison.rows(others, history.other, result.sounds)
        figures = {ui.metrics: html.separation_html(result, rows), ui.notes: html.notes_html(said), ui.made: taken}
        return shown | figures

    def so_far(self, progress: Progress, history: SeparationHistory) -> dict:
        name, _, mixture = history.context
        tracks = [Track("Mixture", mixture), *comparison.named(progress.sounds, "so far")]
        taken = keep_so_far(progress.sounds, name, f"{self.task}-so-far")
        return {self.ui.compare: compared(tracks, history), self.ui.made: taken}


def _seconds(given: Sequence[Loaded]) -> float:
    """How long the sounds are together."""
    return max((loaded.seconds for loaded in given), default=0.0)


def _part(given: Sequence[Loaded], values: dict, ui: SimpleNamespace) -> list[float]:
    return part_ends(_seconds(given), values[ui.start], values[ui.length])


def _read(values: dict, ui: SimpleNamespace) -> tuple[Clip, list[Clip] | None, tuple[str, ...], float]:
    """The mixture, its sources where they are known, notes, and where the part begins."""
    part = (values[ui.start], values[ui.length], None)
    first = read_source(values[ui.first], *part)
    if values[ui.kind] == MIXTURE:
        return first.clip, None, first.notes, first.start
    if values[ui.second] is None:
        raise InputError("There is no second sound yet: upload or record one, or choose “One mixture”.")
    second = read_source(values[ui.second], *part)
    mixture, truths, notes = mix([first.clip, second.clip], [float(values[ui.level])])
    return mixture, truths, (*first.notes, *second.notes, *notes), first.start
