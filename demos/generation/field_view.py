"""What each layer sees from a sample or a pixel, one picture a layer; `assets/field.js` shows them."""

import base64
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np

from core.models.receptive_field import Sight
from core.tasks.receptive_field import SoundLook
from demos.generation.pictures import data_url
from demos.page import plots

_SCRIPT = (Path(__file__).parents[2] / "assets" / "field.js").read_text(encoding="utf-8")
_TEMPLATE = '<div class="field" data-updates="0"><p class="scope-placeholder">${placeholder}</p></div>'
DECADES = 6.0  # of weights that are told apart
FAINTEST = 0.2  # the shade of what is seen and hardly weighs anything
COLUMNS = 720
DIMMED = 0.35  # an image behind what is seen of it


def field_view(placeholder: str) -> gr.HTML:
    """The component; its value is what `sound_payload` or `image_payload` makes. Its event `pick` carries the `place`
    that is looked from: seconds, or row and column."""
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        placeholder=placeholder,
        gradient=plots.gradient_css(),
    )


def sound_payload(look: SoundLook, sights: Sequence[Sight]) -> dict:
    """Of a sample, and of the layers that have been looked at."""
    rate = look.clip.sample_rate
    loudest = max(float(np.abs(look.clip.samples).max()), 1e-9)
    outline = (plots.outline(look.clip, 1 / loudest) * 127).round().astype(np.int8)
    return {
        "kind": "sound",
        "place": [look.at / rate],
        "from": look.first / rate,
        "seconds": look.clip.seconds,
        "sample_rate": rate,
        "outline": base64.b64encode(outline.tobytes()).decode(),
        "before": f"{1000 * (look.at - look.first) / rate:.0f} ms before",
        "layers": [_strip(sight, rate) for sight in sights],
    }


def image_payload(image: np.ndarray, place: tuple[int, int], sights: Sequence[Sight]) -> dict:
    """Of a pixel of an image `[colours, height, width]`, and of the layers that have been looked at."""
    return {
        "kind": "image",
        "place": list(place),
        "height": image.shape[1],
        "width": image.shape[2],
        "picture": data_url(image),
        "layers": [_map(sight, image, place) for sight in sights],
    }


def shades(weight: np.ndarray) -> np.ndarray:
    """0 where nothing is seen; else from FAINTEST to 1, a logarithm of the weights."""
    seen = weight > 0
    strongest = weight.max() if seen.any() else 1.0
    level = np.log10(np.where(seen, weight, strongest) / strongest) / DECADES + 1
    return np.where(seen, FAINTEST + (1 - FAINTEST) * level.clip(0, 1), 0.0)


def _strip(sight: Sight, rate: int) -> dict:
    """A layer of a WaveNet: the samples before the one that is predicted, from left to right."""
    weight = sight.weight.double().cpu().numpy()
    seen, columns = int((weight > 0).sum()), min(COLUMNS, len(weight))
    pooled = np.maximum.reduceat(weight, np.arange(columns) * len(weight) // columns)
    said = f"{seen:,} sample{'' if seen == 1 else 's'}, {1000 * seen / rate:.3g} ms"
    url = base64.b64encode(plots.shaded_png(shades(pooled)[None])).decode()
    return {"name": sight.layer, "said": said, "image": "data:image/png;base64," + url}


def _map(sight: Sight, image: np.ndarray, place: tuple[int, int]) -> dict:
    """A block of a PixelCNN: what it sees of the image in colour, the rest dimmed."""
    weight = sight.weight.double().cpu().numpy()
    seen = weight > 0
    ground = np.repeat(DIMMED * image.mean(axis=0)[None], 3, axis=0)
    colours = np.where(seen, plots.colours_of(shades(weight)), ground)
    colours[:, place[0], place[1]] = np.array([240, 165, 58]) / 255
    count = int(seen.sum())
    return {"name": sight.layer, "said": f"{count} pixel{'' if count == 1 else 's'}", "image": data_url(colours)}
