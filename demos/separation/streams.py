"""The code streams of a separation over time: the codes of both sources, how their pairs explain the mixture, where
samples of the posterior disagree; and the samples themselves, ranked, one of which is chosen.

`assets/streams.js` draws; this file prepares what it gets.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from core.tasks.progress import CodeStreams
from demos.page.code_colours import colours_of

PLACEHOLDER = "The codes of both sources will be drawn here, and how well each pair explains the mixture."
UNSEEN = "hidden"  # but there: Gradio would make the component anew, without its props
LOWEST_PERCENT = 1  # of likelihoods, that the curve has no room for
_FOLDER = Path(__file__).parents[2] / "assets"
_SCRIPT = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("ticks.js", "streams.js"))
_TEMPLATE = '<div class="streams" data-updates="0"><p class="scope-placeholder">${placeholder}</p></div>'


@dataclass(frozen=True)
class StreamsView:
    """What is shown of code streams.

    Args:
        key: names the run.
        streams: of it, so far or at its end.
        names: of the sources.
        offset: seconds of the file at which they begin.
        chosen: number of the chain that is seen.
    """

    key: str
    streams: CodeStreams
    names: Sequence[str]
    offset: float = 0.0
    chosen: int = 0


def code_streams() -> gr.HTML:
    """The component, which is not seen at first; its value is what `payload` makes of a view.

    Its event `choose` carries the `number` of a chain.
    """
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        placeholder=PLACEHOLDER,
        visible=UNSEEN,
    )


def payload(view: StreamsView) -> dict:
    """What `assets/streams.js` gets: the streams of the chain that is seen, and what the others are called."""
    streams = view.streams
    return {
        "key": view.key,
        "names": list(view.names),
        "offset": view.offset,
        "seconds": streams.total_steps * streams.step_seconds,
        "step_seconds": streams.step_seconds,
        "colours": colours_of(streams.likeness),
        "codes": [_packed(own, np.uint16) for own in streams.codes[view.chosen]],
        "likelihoods": _packed(streams.log_likelihoods[view.chosen], np.float32),
        "lowest": min(-1, math.floor(np.percentile(streams.log_likelihoods, LOWEST_PERCENT))),
        "disagreement": None if streams.disagreement is None else _packed(streams.disagreement, np.float32),
        "samples": [] if streams.weights is None else _samples(streams.weights, view.names),
        "chosen": view.chosen,
    }


def sample_name(number: int) -> str:
    """What a chain of this rank is called."""
    return f"Sample {number + 1}"


def weights_text(names: Sequence[str], weights: np.ndarray) -> str:
    """How likely the sources of a chain are the mixture's: `drums 22 %, bass 31 %`."""
    return ", ".join(f"{name} {round(100 * own)} %" for name, own in zip(names, weights, strict=True))


def _samples(weights: np.ndarray, names: Sequence[str]) -> list[list[str]]:
    """Of every chain its name, and how likely its sources are."""
    return [[sample_name(number), weights_text(names, both)] for number, both in enumerate(weights)]


def _packed(values: np.ndarray, kind: type) -> str:
    return base64.b64encode(values.astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode()
