"""The declipping tab: restores what a waveform did beyond the level that it was cut off at."""

from collections.abc import Mapping

import gradio as gr

from core.tasks.declipping import declip
from core.tasks.progress import Run
from core.tasks.settings import Settings
from demos.page import zero_gpu
from demos.page.examples import Example
from demos.page.restoration_panel import RestorationPanel
from demos.page.source import Excerpt
from demos.page.tab import Widgets

HOW = r"""
An overloaded input cuts a waveform $w$ off at a threshold $\theta$: $y_i = \max(-\theta, \min(\theta, w_i))$.
The samples under $\theta$ are known exactly; of the others we know the side they lie on, $w_i \ge \theta$ or
$w_i \le -\theta$. At every level $\sigma$ of the noise ladder the sampler's estimate

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x)$$

gets the known samples back, and the clipped ones are moved to their side of the threshold where they are not there
already. What is left open, how far the peaks went, is the prior's to say. The baseline is a cubic through the samples
that were not clipped.

P. Záviška, P. Rajmic, A. Ozerov, L. Rencker: *A Survey and an Extensive Evaluation of Popular Audio Declipping
Methods*, 2021.
"""


class DeclippingPanel(RestorationPanel):
    """The tab's choices, and the run that they begin."""

    task = "declip"
    title = "Declipping"
    sentence = "Gives an overloaded recording its peaks back; what was not clipped stays as it was, bit for bit."
    examples = (Example("Overloaded piano", "piano-clipped", "piano-16k", {"threshold": 0}, truth="piano", seconds=3),)
    how = HOW

    def build_choices(self) -> Widgets:
        return {
            "threshold": gr.Number(
                0.0, label="Threshold", info="The level of the cut, up to 1; 0 finds it from the waveform.", step=0.01
            )
        }

    @staticmethod
    def begin(source: Excerpt, settings: Settings, chosen: Mapping) -> Run:
        threshold = chosen["threshold"] or None
        return zero_gpu.run(declip, source.clip, threshold, settings=settings, reference=source.reference)
