"""The inpainting tab: fills gaps that are typed or dragged over the waveform."""

from collections.abc import Mapping

import gradio as gr

from core.choices import parse_gaps
from core.errors import InputError
from core.tasks.inpainting import inpaint
from core.tasks.progress import Run
from core.tasks.settings import Settings
from demos.page import html, zero_gpu
from demos.page.examples import Example
from demos.page.history import Histories
from demos.page.restoration_panel import RestorationPanel
from demos.page.source import Excerpt
from demos.page.tab import Widgets

FIVE_GAPS = "0.80-0.85, 1.30-1.35, 1.90-1.95, 2.50-2.55, 3.10-3.15"
DROPOUTS = "1.40-1.45, 2.60-2.80, 4.20-4.28"  # of assets/make_examples.py

HOW = r"""
Outside the gaps every sample is known; inside them nothing is. With the mask $m$ (1 where known) the evidence is hard,
$m \odot w = y$: at every level $\sigma$ of the ladder the sampler hears an estimate of the whole waveform in its noisy
state $x$,

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x), \qquad \hat w \leftarrow m \odot y + (1 - m) \odot \hat w,$$

and moves on to the next, quieter level from there. So the filling agrees with what stands before and after it, and
every sample outside the gaps stays as it was, bit for bit. The *residual* says how far the estimate was from the known
samples before they were put back.

What the surroundings foretell is soft evidence. Three autoregressive models of near and far surroundings each say what
would surprise them least in the gap; their mean is $\bar w$, and where they disagree they are wrong, so their spread
gives $\bar w$ a standard deviation $s$. In the gap the estimate is moved by

$$\hat w \leftarrow \hat w + \frac{\sigma^2}{\sigma^2 + s^2}\,(\bar w - \hat w),$$

which keeps a note that rings on and leaves to the model what the surroundings don't know.

The baseline is linear prediction from both sides (order 256, Burg's method), cross-faded.

A. Janssen, R. Veldhuis, L. Vries: *Adaptive interpolation of discrete-time signals that can be modeled as
autoregressive processes*, IEEE Transactions on Acoustics, Speech, and Signal Processing, 1986.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*,
ICML 2021, section 4.4.
"""


def _in_part(gap: tuple[float, float], source: Excerpt) -> tuple[float, float]:
    """The gap in seconds of the part that is worked on.

    Raises:
        InputError: it reaches out of the part.
    """
    begin, end = (seconds - source.start for seconds in gap)
    if begin < 0 or end > source.clip.seconds:
        part = f"{source.start:g}-{source.start + source.clip.seconds:g} s"
        raise InputError(
            f"Gap {gap[0]:g}-{gap[1]:g} s reaches out of the part that is worked on ({part}): move one of them."
        )
    return begin, end


def _dragged(event: gr.EventData) -> str:
    return html.gaps_text(event.regions)


def _typed(text: str):
    try:
        return gr.update(regions=parse_gaps(text or ""))
    except InputError:
        return gr.skip()  # half typed; Run says what is wrong


class InpaintingPanel(RestorationPanel):
    """The tab's choices, and the run that they begin."""

    task = "inpaint"
    title = "Inpainting"
    sentence = "Fills gaps with what could have been played through them; everything else stays as it was, bit for bit."
    examples = (
        Example("Piano, 200 ms gone", "piano", "piano-16k", {"gaps": "1.400-1.600", "intact": True}),
        Example("Piano, five short gaps", "piano", "piano-16k", {"gaps": FIVE_GAPS, "intact": True}),
        Example(
            "Piano with dropouts", "piano-dropout", "piano-16k", {"gaps": DROPOUTS, "intact": False}, truth="piano"
        ),
        Example("Voice, 100 ms gone", "speech", "voice-16k", {"gaps": "1.250-1.350", "intact": True}),
    )
    how = HOW
    selects = True

    def __init__(self, histories: Histories):
        super().__init__(histories)
        gaps, quiet = self.ui.choices["gaps"], {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        # the text and the amber regions on the waveform follow each other
        self.ui.scope.select(_dragged, None, gaps, **quiet)
        gaps.change(_typed, gaps, self.ui.scope, trigger_mode="always_last", **quiet)

    def build_choices(self) -> Widgets:
        return {
            "gaps": gr.Textbox(
                label="Gaps (s)",
                placeholder="1.0-1.2, 2.5-2.6",
                info="Typed, or dragged over the waveform; a double click removes one.",
            ),
            "intact": gr.Checkbox(True, label="The gaps hold the truth: compare with it"),
        }

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        gaps = parse_gaps(chosen["gaps"] or "")
        if source.start:
            gaps = [_in_part(gap, source) for gap in gaps]
        reference = source.clip if source.reference is None and chosen["intact"] else source.reference
        return zero_gpu.run(inpaint, source.clip, gaps, settings=settings, reference=reference)
