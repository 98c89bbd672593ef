"""A small image to draw on: a model goes on from its first rows, or restores it; drawn in by `assets/sketch.js`."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from core.errors import InputError
from core.tasks.image_restoration import Box
from demos.page.toasts import warn

_SCRIPT = (Path(__file__).parents[2] / "assets" / "sketch.js").read_text(encoding="utf-8")
LARGEST_SIDE = 128  # pixels


@dataclass(frozen=True)
class Sketch:
    """A grey image as the page holds it: bytes, row by row; hashable, as Gradio's states must be."""

    height: int
    width: int
    pixels: bytes

    @classmethod
    def of(cls, image: np.ndarray) -> "Sketch":
        """Of an image `[height, width]` in [0, 1]."""
        return cls(*image.shape, (image.clip(0, 1) * 255).round().astype(np.uint8).tobytes())

    @property
    def image(self) -> np.ndarray:
        """`[height, width]` in [0, 1]."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.height, self.width).astype(np.float32) / 255


def fitted(image: np.ndarray, size: tuple[int, int]) -> Sketch:
    """An image `[height, width]` in [0, 1], made as small as a size."""
    pixels = Image.fromarray((image.clip(0, 1) * 255).round().astype(np.uint8))
    small = pixels.resize((size[1], size[0]), Image.Resampling.BOX)
    return Sketch.of(np.asarray(small, np.float32) / 255)


def sketch(drawn: Sketch, rows: int = LARGEST_SIDE, hidden: Sequence[Box] | None = None) -> gr.HTML:
    """The component; its value is what `payload` makes of a sketch, its prop `given` in how many rows one can draw, its
    prop `boxes` what of it is hidden, as `core.choices.parse_box` has it, and `hides` whether boxes can be dragged.

    Its event `sketch` carries `height`, `width` and `pixels`, which `read_sketch` reads; its event `hide` a `box` that
    was dragged.

    Args:
        hidden: what of it is, at first; None where boxes cannot be dragged.
    """
    return gr.HTML(
        payload(drawn),
        html_template='<div class="sketch"></div>',
        js_on_load=_SCRIPT,
        apply_default_css=False,
        given=rows,
        boxes=list(hidden or ()),
        hides=hidden is not None,
    )


def payload(drawn: Sketch) -> dict:
    """What `assets/sketch.js` gets."""
    return {"height": drawn.height, "width": drawn.width, "pixels": base64.b64encode(drawn.pixels).decode()}


def read_sketch(height: Any, width: Any, pixels: Any) -> Sketch:
    """What somebody drew, as the page sent it.

    Raises:
        InputError: it is no such image.
    """
    try:
        if not (0 < int(height) <= LARGEST_SIDE and 0 < int(width) <= LARGEST_SIDE):
            raise ValueError
        drawn = Sketch(int(height), int(width), bytes(pixels))
        if len(drawn.pixels) != drawn.height * drawn.width:
            raise ValueError
    except (TypeError, ValueError):
        raise InputError("The drawing could not be read; clear it and draw again.") from None
    return drawn


def sketched(event: gr.EventData):
    """What somebody drew, of the component's event `sketch`; no change where it is no such image."""
    try:
        return read_sketch(event.height, event.width, event.pixels)
    except InputError as error:
        warn(str(error))
        return gr.skip()
