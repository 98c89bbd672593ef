"""Pictures of sound: spectrogram images, waveform outlines and the ladder plot.

The spectrogram and the waveform of a clip have the same columns: column i of both stands for frames
[i, i + 1) * frames / columns, so that they stay aligned to the pixel on one time axis.
"""

import io
import math
import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image
from scipy import fft, signal

from core.signal.clip import Clip

COLUMNS = 720
ROWS = 224
RANGE_DB = 80.0
MEL_DECADES = 4.0
WINDOW_SECONDS = 0.064
AMBER = "#e8962e"
STEEL = "#7f8ea3"

_COLORS = colormaps["inferno"]
_PALETTE = (_COLORS(np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()


def gradient_css() -> str:
    """The colour map as a CSS gradient, quiet to loud."""
    return f"linear-gradient(90deg, {', '.join(to_hex(_COLORS(stop)) for stop in np.linspace(0, 1, 9))})"


def columns_of(clip: Clip) -> int:
    """How many pixel columns a clip is drawn with."""
    return min(COLUMNS, clip.frames)


def outline(clip: Clip, gain: float = 1.0) -> np.ndarray:
    """Lowest and highest sample of every column, `[columns, 2]` in [-1, 1], of the clip multiplied by a gain."""
    columns = columns_of(clip)
    edges = np.arange(columns) * clip.frames // columns
    low = np.minimum.reduceat(clip.samples.min(axis=0), edges)
    high = np.maximum.reduceat(clip.samples.max(axis=0), edges)
    return (gain * np.stack([low, high], axis=1)).clip(-1, 1)


def spectrum_db(clip: Clip) -> np.ndarray:
    """Short-time spectrum around the middle of every column, `[columns, bins]`; a full-scale sine has 0 dB."""
    columns = columns_of(clip)
    size = 2 ** round(np.log2(WINDOW_SECONDS * clip.sample_rate))
    window = signal.get_window("hann", size).astype(np.float32)
    middles = ((np.arange(columns) + 0.5) * clip.frames / columns).astype(int)
    padded = np.pad(clip.samples.mean(axis=0), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[middles]
    magnitude = np.abs(fft.rfft(frames * window, axis=1)) * (2 / window.sum())
    return 20 * np.log10(magnitude + 1e-8)


def loudest_db(clip: Clip) -> float:
    """The top of the dB range that a comparison with this clip shares."""
    return float(spectrum_db(clip).max())


def spectrogram_png(clip: Clip, *, top_db: float, top_hz: float) -> bytes:
    """A spectrogram without axes, `COLUMNS` x `ROWS` pixels at most, linear in frequency from 0 to top_hz.

    Args:
        top_db: the level of the brightest colour; the darkest is `RANGE_DB` under it.
        top_hz: the upper edge; what lies above the clip's Nyquist frequency stays dark.
    """
    level = spectrum_db(clip)
    bins = level.shape[1]
    edges = (np.arange(ROWS) * top_hz / ROWS * 2 / clip.sample_rate * (bins - 1)).astype(int)
    picture = np.maximum.reduceat(level, edges.clip(max=bins - 1), axis=1)  # no partial gets lost between two rows
    picture[:, edges >= bins] = top_db - RANGE_DB
    return shaded_png((picture.T[::-1] - top_db) / RANGE_DB + 1)


def mel_png(decades: np.ndarray, top: float | None = None) -> bytes:
    """A mel spectrogram without axes, a row for each band, at most `COLUMNS` columns.

    Args:
        decades: log10 magnitudes, `[bands, frames]`.
        top: the magnitude of the brightest colour, its own largest where not given; the darkest is `MEL_DECADES` under.
    """
    columns = min(COLUMNS, decades.shape[1])
    edges = np.arange(columns) * decades.shape[1] // columns
    picture = np.maximum.reduceat(decades, edges, axis=1)[::-1]
    return shaded_png((picture - (picture.max() if top is None else top)) / MEL_DECADES + 1)


def colours_of(shade: np.ndarray) -> np.ndarray:
    """The page's colours of shades `[...]` from 0 to 1, `[3, ...]`."""
    return np.moveaxis(_COLORS(shade)[..., :3], -1, 0)


def shaded_png(shade: np.ndarray) -> bytes:
    """A picture in the page's colours; 0 is the darkest, 1 the brightest."""
    image = Image.fromarray((shade.clip(0, 1) * 255).astype(np.uint8))
    image.putpalette(_PALETTE)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()


def ladder_figure(
    levels: Sequence[float], residuals: Sequence[float], log_probs: Sequence[float | None], position: int | None = None
) -> go.Figure:
    """Residual and log-probability of every update over the noise ladder, coarse to fine.

    Args:
        position: index of the update where the marker stands; the last one when not given.
    """
    if not levels:
        return note_figure("The noise ladder is drawn here while the sampler climbs down.", LADDER_HEIGHT)
    figure = go.Figure(layout=_LADDER_LAYOUT)
    floor = min((level for level in levels if level > 0), default=1.0)
    ladder = [max(level, floor / 2) for level in levels]  # a last level of zero has no place on a logarithm
    position = len(ladder) - 1 if position is None else position
    figure.add_scatter(x=ladder, y=list(residuals), name="residual", line={"color": AMBER, "width": 2}, mode="lines")
    if any(value is not None for value in log_probs):
        line = {"color": STEEL, "width": 2}
        figure.add_scatter(x=ladder, y=list(log_probs), name="log-probability", line=line, mode="lines", yaxis="y2")
        figure.update_layout(yaxis2_title_text="log-probability", margin_r=64)
    figure.add_scatter(
        x=[ladder[position]],
        y=[residuals[position]],
        marker={"color": AMBER, "size": 11, "line": {"color": "#fff", "width": 2}},
        mode="markers",
        hoverinfo="skip",
    )
    for axis, values in (("xaxis", ladder), ("yaxis", residuals)):
        figure.update_layout({axis: _log_axis(values)})
    return figure


def no_ladder_figure() -> go.Figure:
    """In the ladder's place where there are no noise levels."""
    return note_figure("There is no ladder here: all of it was made in one step.", LADDER_HEIGHT)


def titled_figure(height: int, x_title: str, y_title: str) -> go.Figure:
    """An empty figure with two axes."""
    titles = [{"text": text, "font": {"color": STEEL}} for text in (x_title, y_title)]
    axis = {"zeroline": False, "ticks": "", "title_standoff": 4}
    axes = {name: {**axis, "title": title} for name, title in zip(("xaxis", "yaxis"), titles, strict=True)}
    return go.Figure(layout={**_LAYOUT, "height": height, **axes})


def note_figure(text: str, height: int) -> go.Figure:
    """A figure with nothing but a sentence: what it waits for."""
    lines = "<br>".join(textwrap.wrap(text, 44))
    centred = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 13}}
    hidden = {"visible": False, "fixedrange": True}
    layout = {"height": height, "xaxis": hidden, "yaxis": hidden, "margin": dict.fromkeys("lrtb", 0)}
    figure = go.Figure(layout={**_LADDER_LAYOUT, **layout, "hovermode": False})
    return figure.add_annotation(text=lines, **centred)


def _log_axis(values: Sequence[float]) -> dict:
    """An axis of a decade at least, so that there are ticks for one value already.

    They stand at powers of ten, with 2 and 5 between them where the values span no more than two of them.
    """
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    beyond = max(math.sqrt(10 * low / high), 1.0)
    include = [low / beyond, high * beyond]
    return {"dtick": 1 if high > 100 * low else "D2", "autorangeoptions": {"include": include}}


_LAYOUT = {
    "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
    "font": {"family": "IBM Plex Sans, sans-serif", "size": 11},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
}
_AXIS = {"zeroline": False, "ticks": "", "title_standoff": 4, "fixedrange": True}
LADDER_HEIGHT = 152
_LADDER_LAYOUT = {
    **_LAYOUT,
    "height": LADDER_HEIGHT,
    "hovermode": "x unified",
    "xaxis": {**_AXIS, "type": "log", "autorange": "reversed", "title": "noise level", "tickformat": "~g"},
    "yaxis": {**_AXIS, "type": "log", "title": {"text": "residual", "font": {"color": AMBER}}, "tickformat": "~g"},
    "yaxis2": {**_AXIS, "overlaying": "y", "side": "right", "showgrid": False, "title": {"font": {"color": STEEL}}},
}
