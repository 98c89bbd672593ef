"""Charts of what `evaluate cone` measured with an array: a figure over the number of voices in each, with intervals.

`assets/figures/cone-ARRAY.json` is what the command wrote (`cone.json`) for an array that a separator is bundled for.
"""

from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from core.arrays.geometry import ArrayGeometry
from core.signal.json_files import read_json
from demos.page import html
from demos.page.plots import AMBER, STEEL, note_figure, titled_figure

FOLDER = Path(__file__).parents[2] / "assets" / "figures"
HEIGHT = 200
ANGLE = "angular_error_degrees"
PANELS = {
    "si_sdr_improvement_db": "gain, dB",
    ANGLE: "off by, degrees",
    "precision": "precision",
    "recall": "recall",
}
SHARES = ("precision", "recall")  # from 0 to 1
ROOM_ABOVE = 2.0  # of the highest median angle: intervals of few scenes may reach far beyond
ROOMS = {"original": "the wide, flat rooms of the paper", "realistic": "living rooms and offices"}
PAPER = "As published"
# of the search, of SRP-PHAT refined and beamformed, of the oracles
LINES = (("solid", AMBER), ("solid", STEEL), ("dot", STEEL), ("dashdot", STEEL), ("longdashdot", STEEL))
PAPERS_LINE = ("dash", STEEL)
DASHES = {
    "solid": "",
    "dot": "2 3",
    "dashdot": "6 3 2 3",
    "dash": "6 4",
    "longdashdot": "10 3 2 3",
}  # in pixels, of the legend
APART, MARGIN = 0.05, 0.5  # voices, between the intervals of two methods, and beside the first and the last


def caption_html(array: ArrayGeometry) -> str:
    """What the charts show of an array, in words and as a legend."""
    content = _measured(array.name)
    if content is None:
        return html.notes_html([f"Nothing was measured with the array {array.name} so far."])
    methods = content["figures"]
    scenes = [own["scenes"] for own in next(iter(methods.values())).values()]
    each = str(scenes[0]) if len(set(scenes)) == 1 else f"{min(scenes)} to {max(scenes)}"
    rooms = ROOMS.get(content["rooms"], "rooms")
    words = (
        f"Measured with {array.name} in {rooms}: {each} scenes for each number of voices, speakers unseen in training. "
        "Gain and angle are medians over all voices of runs that know how many there are, precision and recall those "
        "of runs that do not. Bars span what 95 of 100 sets drawn from these scenes give; some go on beyond the edge."
    )
    keys = "".join(_key(name, *line) for name, line in _lines(methods).items())
    return f'{html.notes_html([words])}<ul class="chart-keys">{keys}</ul>'


def chart(array: ArrayGeometry, figure: str) -> go.Figure:
    """One figure of all methods over the number of voices.

    Args:
        figure: a key of `PANELS`.
    """
    content = _measured(array.name)
    if content is None:
        return note_figure("", HEIGHT)
    drawn = titled_figure(HEIGHT, "voices", PANELS[figure])
    methods = {**content["figures"], PAPER: content["published"]}
    for order, (name, (dash, color)) in enumerate(_lines(content["figures"]).items()):
        own = {int(n): row for n, row in methods[name].items() if row.get(figure) is not None}
        own = {n: row for n, row in sorted(own.items()) if n in _voices(content)}
        if own:
            drawn.add_scatter(**_line(own, figure, name, order), line={"color": color, "width": 1.6, "dash": dash})
    voices = _voices(content)
    drawn.update_xaxes(tickvals=voices, range=[voices[0] - MARGIN, voices[-1] + MARGIN], fixedrange=True)
    drawn.update_yaxes(rangemode="tozero", fixedrange=True)
    if figure in SHARES:
        drawn.update_yaxes(range=[0, 1.05])
    elif figure == ANGLE:
        drawn.update_yaxes(range=[0, ROOM_ABOVE * max(max(line.y) for line in drawn.data)])
    return drawn


def is_measured(array: ArrayGeometry) -> bool:
    return _measured(array.name) is not None


@lru_cache
def _measured(name: str) -> Mapping | None:
    """What the command wrote for an array of this name."""
    known = {path.stem.removeprefix("cone-"): path for path in FOLDER.glob("cone-*.json")}
    return read_json(known[name]) if name in known else None


def _voices(content: Mapping) -> list[int]:
    return sorted({int(n) for own in content["figures"].values() for n in own})


def _lines(methods: Mapping) -> dict[str, tuple[str, str]]:
    """The dash and the colour of every method's line, the paper's last."""
    return dict(zip(methods, LINES, strict=False)) | {PAPER: PAPERS_LINE}


def _line(own: Mapping[int, Mapping], figure: str, name: str, order: int) -> dict:
    """Points, joined, with their intervals."""
    values = [row[figure] for row in own.values()]
    ends = [row.get("intervals", {}).get(figure) or [row[figure]] * 2 for row in own.values()]
    above, below = ([abs(end[k] - value) for end, value in zip(ends, values, strict=True)] for k in (1, 0))
    return {
        "x": [n + APART * order for n in own],
        "y": values,
        "name": name,
        "mode": "lines+markers",
        "marker": {"size": 5},
        "error_y": {"array": above, "arrayminus": below, "symmetric": False, "thickness": 0.8, "width": 2},
        "customdata": [f"{low:g} to {high:g}" if low < high else "no interval" for low, high in ends],
        "hovertemplate": "%{y:g} (%{customdata})<extra>" + escape(name) + "</extra>",
    }


def _key(name: str, dash: str, color: str) -> str:
    line = f'<line x2="24" y1="4" y2="4" stroke="{color}" stroke-width="2" stroke-dasharray="{DASHES[dash]}"/>'
    return f'<li><svg width="24" height="8" aria-hidden="true">{line}</svg>{escape(html.title(name))}</li>'
