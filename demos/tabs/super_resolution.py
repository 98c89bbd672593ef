"""The super-resolution tab: makes a sound of a low rate whole again, or takes one apart first to show it."""

from collections.abc import Mapping

import gradio as gr

from core.tasks.progress import Run
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from demos.page import menus
from demos.page.examples import Example
from demos.page.restoration_panel import RestorationPanel
from demos.page.source import Excerpt
from demos.page.tab import Widgets

FACTORS = [("Find out", "auto"), ("2×", 2), ("4×", 4), ("8×", 8), ("16×", 16)]
RESTORE, PLAIN, LOWPASS = "restore", "plain", "lowpass"
INPUTS = [("Restore as it is", RESTORE), ("Thin it out first", PLAIN), ("Low-pass it first", LOWPASS)]
EVIDENCE = [
    menus.Choice("auto", "Find out", "Told by the spectrum near its end."),
    menus.Choice(PLAIN, "Every k-th sample", "For sounds that were thinned out without a filter."),
    menus.Choice(LOWPASS, "Low-passed", "For what resamplers and codecs make."),
]

HOW = r"""
Of a waveform $w$ at the full rate only every $k$-th sample was kept, $y_i = w_{ki}$, or its low-passed version at the
$k$-th part of the rate, $y = D_k h * w$. Many sounds agree with $y$; the prior $p(w)$ says which of them sound real.
The sampler draws from

$$p(w \mid y) \propto p(w)\, p(y \mid w)$$

by going down a ladder of noise levels $\sigma_1 > \sigma_2 > \dots$: with $x = w + \sigma \epsilon$, the network's
score gives the denoised estimate (Tweedie's formula)

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x),$$

the evidence is put back into it, and the chain moves on to the next level. **Estimate** plays $\hat w$, what the
sampler hears in the noise; **Chain** plays $x$, what the chain really is. The *residual* says how far the estimate is
from the evidence before it is put back.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*,
ICML 2021, section 4.3.
"""


class SuperResolutionPanel(RestorationPanel):
    """The tab's choices, and the run that they begin."""

    task = "super-resolve"
    title = "Super-resolution"
    sentence = "Gives a dull, low-rate sound back the detail between and above the samples that it has."
    examples = (
        Example("Piano, every 4th sample", "piano", "piano-16k", {"input": PLAIN, "factor": 4}, seconds=3),
        Example("Piano, every 8th sample", "piano", "piano-16k", {"input": PLAIN, "factor": 8}, seconds=3),
        Example("Piano at 4 kHz", "piano-4k", "piano-16k", {"input": RESTORE, "factor": 4}, truth="piano", seconds=3),
        Example("Voice, every 4th sample", "speech", "voice-16k", {"input": PLAIN, "factor": 4}, seconds=3),
        Example("Voice at 4 kHz", "speech-4k", "voice-16k", {"input": RESTORE, "factor": 4}, truth="speech", seconds=3),
    )
    how = HOW

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
                info="Every how many samples one is there; found where the sound's spectrum ends.",
            ),
        }

    def build_more(self) -> Widgets:
        return {"evidence": menus.menu(EVIDENCE, "auto", "What a sound of low rate is")}

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        degrade = None if chosen["input"] == RESTORE else chosen["input"]
        return super_resolve(
            source.clip,
            chosen["factor"],
            degrade=degrade,
            evidence=chosen["evidence"],
            settings=settings,
            reference=None if degrade else source.reference,
        )
