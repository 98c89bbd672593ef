"""Pictures of what a prior expects: heat maps over time, and curves over time and noise level."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.signal.stft import HOP_LENGTH, N_FFT
from core.tasks.inspection import LEAST_DB, Denoising, Prediction
from demos.page.plots import AMBER, STEEL, note_figure, titled_figure

HIGHEST_FRAMES = 1500  # columns of a curve


def waiting() -> tuple[go.Figure, go.Figure, go.Figure]:
    """What stands in the places of the three figures before there is a view: what they wait for."""
    return (
        note_figure("What the prior expects from moment to moment is drawn here once you look into a sound.", 336),
        note_figure("How surprised it is over time.", 152),
        note_figure("And how that changes with the noise.", 152),
    )


def expectation(view: Prediction | Denoising, offset: float = 0.0) -> go.Figure:
    """The heat map: of the classes' probabilities with the true path on it, or of the filter's gain.

    Args:
        offset: seconds of the file at which the clip begins.
    """
    return _probabilities(view, offset) if isinstance(view, Prediction) else _gain(view, offset)


def over_time(view: Prediction | Denoising, offset: float = 0.0) -> go.Figure:
    """Bits a sample over time; of a denoiser the error of its estimate, both averaged over short whiles."""
    if isinstance(view, Prediction):
        values, title = view.bits, "bits a sample"
    else:
        clean, heard = (clip.samples[0].astype(np.float64) for clip in (view.clean, view.estimate))
        values, title = (heard - clean) ** 2 / np.mean(clean**2), "error, dB"
    width = max(1, len(values) // HIGHEST_FRAMES)
    means = np.nanmean(values[: len(values) // width * width].reshape(-1, width), axis=1)
    if isinstance(view, Denoising):
        means = 10 * np.log10(means + 1e-9)
    times = offset + (np.arange(len(means)) + 0.5) * width / view.clean.sample_rate
    figure = titled_figure(152, "time, s", title)
    return figure.add_scatter(x=times, y=means.astype(np.float32), line={"color": AMBER, "width": 1.2}, mode="lines")


def over_ladder(curve: Sequence[tuple[float, float]], view: Prediction | Denoising) -> go.Figure:
    """The figure at levels of the whole ladder, with a marker where the view stands."""
    title = "bits a sample" if isinstance(view, Prediction) else "error, dB"
    figure = titled_figure(152, "noise level", title)
    levels, figures = zip(*curve, strict=True) if curve else ((), ())
    figure.add_scatter(x=levels, y=figures, line={"color": STEEL, "width": 2}, mode="lines+markers")
    marker = {"color": AMBER, "size": 11, "line": {"color": "#fff", "width": 2}}
    figure.add_scatter(x=[view.level], y=[view.figure], marker=marker, mode="markers", hoverinfo="skip")
    return figure.update_xaxes(type="log", tickformat="~g", dtick=1)


def _probabilities(view: Prediction, offset: float) -> go.Figure:
    rate, (first, last) = view.clean.sample_rate, view.window
    times = (offset + np.arange(first, last) / rate).round(6)
    shades = (np.sqrt(view.probabilities.T) * 255).round().astype(np.uint8)  # a root, or only certainty is seen
    figure = titled_figure(336, "time, s", "class")
    figure.add_heatmap(x=times, z=shades, colorscale="inferno", showscale=False, hoverinfo="skip")
    line = {"color": "rgba(255, 255, 255, 0.75)", "width": 0.75}  # what is expected must be seen beside it
    hover = "class %{y} at %{x:.4f} s<extra></extra>"
    return figure.add_scatter(x=times, y=view.path, line=line, mode="lines", hovertemplate=hover)


def _gain(view: Denoising, offset: float) -> go.Figure:
    rate = view.clean.sample_rate
    bins, frames = view.gain_db.shape
    times = (offset + np.arange(frames) * HOP_LENGTH / rate).round(4)
    figure = titled_figure(336, "time, s", "kHz")
    bar = {"title": "gain, dB", "thickness": 10, "outlinewidth": 0}
    return figure.add_heatmap(
        x=times,
        y=np.arange(bins) * rate / N_FFT / 1000,
        z=view.gain_db.round().astype(np.int8),
        zmin=LEAST_DB,
        zmax=0,
        colorscale="inferno",
        colorbar=bar,
        hovertemplate="%{z} dB at %{x:.2f} s, %{y:.2f} kHz<extra></extra>",
    )
