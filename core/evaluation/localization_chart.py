"""The figures of localization over many scenes as a picture: one panel a figure, over the number of voices."""

import io
from collections.abc import Mapping, Sequence

from core.evaluation.localization import REFINED
from core.evaluation.localization_summary import (
    ERROR,
    GAIN,
    PAPER,
    PRECISION,
    RECALL,
    TITLES,
    Figures,
    Summary,
    published,
)
from core.tasks.localization import CLASSICAL
from core.tasks.localization_outcome import BASELINE

PANELS = (GAIN, ERROR, PRECISION, RECALL)
AMBER, STEEL, GREY, INK = "#d07f1e", "#5f7f9f", "#b3b3b3", "#444444"
INCHES, DOTS_PER_INCH = (10, 7), 120
APART, MARGIN = 0.06, 0.5  # voices, between the intervals of two methods, and beside the first and the last
SHARES_TOP = 1.05  # of an axis


def chart_png(summary: Summary, voices: Sequence[int], title: str) -> bytes:
    """A PNG image with an interval at each figure; the paper's stand beside them, dashed.

    Args:
        voices: of which there are columns.
    """
    from matplotlib.figure import Figure

    drawing = Figure(INCHES, DOTS_PER_INCH, layout="constrained")
    methods = {**summary, PAPER: published()}
    for figure, axes in zip(PANELS, drawing.subplots(2, 2).flat, strict=True):
        for order, (name, by_voices) in enumerate(methods.items()):
            _draw(axes, figure, order, name, {n: by_voices[n] for n in voices if n in by_voices})
        axes.set_title(TITLES[figure], loc="left", fontsize=10)
        axes.set_xlabel("voices")
        axes.set_xticks(voices)
        axes.set_xlim(min(voices) - MARGIN, max(voices) + MARGIN)
        axes.set_ylim(min(0, axes.get_ylim()[0]), SHARES_TOP if figure in (PRECISION, RECALL) else None)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    drawing.suptitle(title, x=0.01, ha="left", fontsize=12)
    handles = {
        label: handle for axes in drawing.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawing.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    file = io.BytesIO()
    drawing.savefig(file, format="png")
    return file.getvalue()


def _draw(axes, figure: str, order: int, name: str, by_voices: Mapping[int, Figures]) -> None:
    """A line of one method; nothing where it has no such figure."""
    own = {n: figures for n, figures in by_voices.items() if figures.get(figure) is not None}
    if not own:
        return
    colour, line = _style(order, name)
    places = [n + APART * order for n in own]
    values = [figures[figure] for figures in own.values()]
    axes.plot(places, values, line, color=colour, marker="o", markersize=4, label=name)
    for place, figures in zip(places, own.values(), strict=True):
        if ends := figures.get("intervals", {}).get(figure):
            axes.vlines(place, *ends, color=colour, alpha=0.6)


def _style(order: int, name: str) -> tuple[str, str]:
    """Colour and line: of the method amber, of the classical one steel, of oracles grey, of the paper dashed."""
    if name == PAPER:
        return INK, "--"
    if name in (BASELINE, REFINED[CLASSICAL]):
        return STEEL, ":" if name == BASELINE else "-"
    return (AMBER, "-") if order == 0 else (GREY, ":" if "mask" in name else "-.")
