"""A grid of images that are being made, or of what their pixels cost; `assets/pictures.js` shows it."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from core.tasks.image_runs import Images
from demos.page import plots

_SCRIPT = (Path(__file__).parents[2] / "assets" / "pictures.js").read_text(encoding="utf-8")
_TEMPLATE = '<div class="pictures" data-updates="0"><p class="scope-placeholder">${placeholder}</p></div>'
MOST_BITS = 4.0  # the brightest of the map of surprises
MOST_COLUMNS = 8


@dataclass(frozen=True)
class PicturesView:
    """What a grid shows.

    Args:
        names: of the images, by those of the task.
        images, surprises: as tasks on images yield them; surprises of all of them or of none.
        over: no more is drawn of them.
        columns: None: about as many as rows.
    """

    names: Mapping[str, str]
    images: Images
    surprises: Images = field(default_factory=dict)
    over: bool = False
    columns: int | None = None


def pictures(placeholder: str) -> gr.HTML:
    """The component; its value is what `payload` makes of a view."""
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        placeholder=placeholder,
        gradient=plots.gradient_css(),
    )


def payload(view: PicturesView) -> dict:
    """What `assets/pictures.js` gets."""
    shown = [{"name": view.names[name], "image": data_url(image)} for name, image in view.images.items()]
    for picture, bits in zip(shown, view.surprises.values(), strict=False):
        picture["surprise"] = _map_url(bits)
    columns = view.columns or columns_of(len(shown))
    return {"pictures": shown, "columns": columns, "most_bits": MOST_BITS, "over": view.over}


def data_url(image: np.ndarray) -> str:
    """An image `[colours, height, width]` in [0, 1] as the address of a PNG."""
    pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return _url(Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))


def _map_url(bits: np.ndarray) -> str:
    """Bits `[height, width]` in the page's colours; what is not drawn yet is dark."""
    return "data:image/png;base64," + base64.b64encode(plots.shaded_png(np.nan_to_num(bits) / MOST_BITS)).decode()


def _url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def columns_of(count: int) -> int:
    """As many as rows, or one more."""
    return min(max(math.ceil(math.sqrt(count)), 1), MOST_COLUMNS)


def called(origins: Sequence[Mapping]) -> list[str]:
    """What images are called by what tells them apart."""
    return [f"Seed {origin['seed']}" + (f": {origin['label']}" if "label" in origin else "") for origin in origins]
