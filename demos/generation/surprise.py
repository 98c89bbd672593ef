"""How surprised a model is by what it draws, sample by sample: a curve over time, in bits."""

import math

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from demos.page.plots import AMBER, STEEL, note_figure, titled_figure

HEIGHT = 168
MOST_POINTS = 1200  # of a curve; a point is the mean of a short while
WAITING = "How surprised the WaveNet is by each moment is drawn here, in bits a sample."


def waiting() -> go.Figure:
    return note_figure(WAITING, HEIGHT)


def curve(log_probs: Tensor, given: int, start: float, sample_rate: int) -> go.Figure:
    """Bits a sample over time: first of those that were given, in grey, then of those that were drawn.

    Args:
        log_probs: of every sample, in nats, `[samples]`.
        given: how many of them were.
        start: seconds on the axis at which they begin.
    """
    bits = -log_probs.double().numpy() / math.log(2)
    width = max(1, -(-len(bits) // MOST_POINTS))
    figure = titled_figure(HEIGHT, "time, s", "bits a sample")
    for first, last, color, name in ((0, given, STEEL, "given"), (given, len(bits), AMBER, "drawn")):
        cuts = np.arange(first, last, width)
        if not len(cuts):
            continue
        counts = np.diff(np.append(cuts, last))
        means = np.add.reduceat(bits[:last], cuts) / counts
        times = start + (cuts + counts / 2) / sample_rate
        hover = "%{y:.2f} bits at %{x:.3f} s<extra>" + name + "</extra>"
        line = {"color": color, "width": 1.4}
        figure.add_scatter(x=times, y=means.astype(np.float32), name=name, line=line, mode="lines", hovertemplate=hover)
    return figure
