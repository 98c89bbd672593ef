"""A tab that samples several things at once, which emerge in a grid."""

import gradio as gr
from gradio.components import Component

from demos.page.sampling_panel import SamplingPanel


class GridPanel(SamplingPanel):
    """A tab whose widgets have a `grid` for what is drawn, and `made` for what can be taken along."""

    @property
    def shown_of_moments(self) -> set[Component]:
        return {self.ui.grid}

    @property
    def results(self) -> set[Component]:
        return {self.ui.grid, self.ui.scrubber, self.ui.notes, self.ui.made}

    def emptied(self) -> dict:
        ui = self.ui
        return {ui.grid: None, ui.made: None, ui.notes: "", ui.scrubber: gr.Slider(visible=False)}

    def begun(self) -> dict:
        return super().begun() | {self.ui.made: None, self.ui.notes: ""}
