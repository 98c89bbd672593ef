"""The super-resolution tab: makes a sound of a low rate whole again, or takes one apart first to show it."""

from collections.abc import Mapping

import gradio as gr
from gradio.components import Component

from core.choices import EXTENDER, SAMPLERS
from core.errors import InputError
from core.tasks.progress import Run
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.tasks.thinned import Thinned, thinned_as_found
from core.zoo.manifest import find
from demos.page import menus, zero_gpu
from demos.page.examples import Example
from demos.page.history import Histories
from demos.page.restoration_panel import RestorationPanel
from demos.page.source import Excerpt, Loaded, read_source
from demos.page.tab import Widgets

FACTORS = [("Find out", "auto"), ("2×", 2), ("4×", 4), ("8×", 8), ("16×", 16)]
RESTORE, PLAIN, LOWPASS = "restore", "plain", "lowpass"
INPUTS = [("Restore as it is", RESTORE), ("Thin it out first", PLAIN), ("Low-pass it first", LOWPASS)]
EVIDENCE = [
    menus.Choice("auto", "Find out", "Told by the spectrum near its end."),
    menus.Choice(PLAIN, "Every k-th sample", "For sounds that were thinned out without a filter."),
    menus.Choice(LOWPASS, "Low-passed", "For what resamplers and codecs make."),
]

FOUND = {"input": RESTORE, "factor": "auto"}
FACTOR = "Every how many samples one is there; found where the sound's spectrum ends."

HOW = r"""
Of a waveform $w$ at the full rate only every $k$-th sample was kept, $y_i = w_{ki}$, or its low-passed version at the
$k$-th part of the rate, $y = D_k h * w$. Many sounds agree with $y$; the prior $p(w)$ says which of them sound real.
Of plain samples the sampler draws from

$$p(w \mid y) \propto p(w)\, p(y \mid w)$$

by going down a ladder of noise levels $\sigma_1 > \sigma_2 > \dots$: with $x = w + \sigma \epsilon$, the network's
score gives the denoised estimate (Tweedie's formula)

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x),$$

the evidence is put back into it, and the chain moves on to the next level. **Estimate** plays $\hat w$, what the
sampler hears in the noise; **Chain** plays $x$, what the chain really is. The *residual* says how far the estimate is
from the evidence before it is put back.

What is low-passed has lost a whole band, and many bands could have been there. A second network, the prior's band
extender, reads how loud the band under the cut-off is and shapes excitations over it in one step: the band folded over
its end, its rectification, whose harmonics go on, and noise, by which the draws of two seeds differ.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*,
ICML 2021, section 4.3.
"""


def _dragged(event: gr.EventData) -> tuple[str, float]:
    """Factor and cut-off, once the line on the spectrogram was moved."""
    return "auto", event.hertz


def _foresee(
    loaded: Loaded | None,
    start: float | None,
    length: float | None,
    prior: str | None,
    kind: str,
    factor: int | str,
    evidence: str,
    cutoff: float | None,
) -> tuple[dict, dict]:
    """The line where the sound's band ends, and what a run would make of it."""
    unknown = gr.update(cutoff=None), gr.update(info=FACTOR)
    if loaded is None or not prior or kind != RESTORE or factor != "auto":
        return unknown
    try:
        sample_rate = find(prior).sample_rate
        part = read_source(loaded, start, length, None).clip
        found = thinned_as_found(part, evidence, sample_rate, cutoff or None)
    except InputError:
        return unknown  # half typed; Run says what is wrong
    return gr.update(cutoff=min(found.ends, default=None)), gr.update(info=_foreseen(found, sample_rate))


def _foreseen(found: Thinned, sample_rate: int) -> str:
    if found.factor == 1:
        return f"Nothing is missing: the spectrum goes on beyond the {sample_rate / 2000:g} kHz that the prior makes."
    if found.kind == PLAIN:
        return f"One of {found.factor} samples is there; those between them will be made."
    end = min(found.ends, default=0) / 1000
    return f"The spectrum ends at {end:.3g} kHz; what lies over it will be made. Drag the line if that is wrong."


class SuperResolutionPanel(RestorationPanel):
    """The tab's choices, and the run that they begin."""

    task = "super-resolve"
    title = "Super-resolution"
    sentence = "Gives a dull, low-rate sound back the detail between and above the samples that it has."
    examples = (
        Example("Piano, every 4th sample", "piano", "piano-16k", {"input": PLAIN, "factor": 4}, seconds=3),
        Example("Piano, every 8th sample", "piano", "piano-16k", {"input": PLAIN, "factor": 8}, seconds=3),
        Example("Piano at 4 kHz", "piano-4k", "piano-16k", FOUND, truth="piano", seconds=3),
        Example("Voice, every 4th sample", "speech", "voice-16k", {"input": PLAIN, "factor": 4}, seconds=3),
        Example("Voice at 4 kHz", "speech-4k", "voice-16k", FOUND, truth="speech", seconds=3),
    )
    how = HOW
    samplers = (*SAMPLERS, EXTENDER)
    cuts = True

    def __init__(self, histories: Histories):
        super().__init__(histories)
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        factor, cutoff = ui.choices["factor"], ui.choices["cutoff"]
        ui.scope.cut(_dragged, None, [factor, cutoff], queue=False, **quiet)
        asked = [ui.loaded, ui.start, ui.length, ui.prior, ui.choices["input"], factor, ui.choices["evidence"], cutoff]
        changed = [widget.change for widget in asked]
        gr.on(changed, _foresee, asked, [ui.scope, factor], trigger_mode="always_last", **quiet)

    def build_choices(self) -> Widgets:
        return {
            "input": gr.Radio(
                INPUTS,
                value=RESTORE,
                label="Your sound",
                info="Thinned out first, it is its own truth to compare with.",
            ),
            "factor": gr.Radio(
                FACTORS,
                value="auto",
                label="Factor",
                info=FACTOR,
            ),
        }

    def build_more(self) -> Widgets:
        return {
            "evidence": menus.menu(EVIDENCE, "auto", "What a sound of low rate is"),
            "cutoff": gr.Number(None, label="Its spectrum ends at (Hz)", info="Empty: found, or dragged to."),
        }

    @property
    def fresh(self) -> set[Component]:
        return super().fresh | {self.ui.choices["cutoff"]}

    def fresh_input(self, *given, **shown) -> dict:
        return super().fresh_input(*given, **shown) | {self.ui.choices["cutoff"]: None}

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        degrade = None if chosen["input"] == RESTORE else chosen["input"]
        return zero_gpu.run(
            super_resolve,
            source.clip,
            chosen["factor"],
            degrade=degrade,
            evidence=chosen["evidence"],
            cutoff=chosen["cutoff"] or None,
            settings=settings,
            reference=None if degrade else source.reference,
        )
