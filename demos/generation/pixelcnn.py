"""The section "PixelCNN" of the generation tab: images appear row by row, new ones or the visitor's own, finished."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from core.errors import InputError
from core.jobs import JOBS
from core.signal.image_files import read_image
from core.tasks.generation import TASK
from core.tasks.image_generation import ImageWish, generate_images, image_origin_of, image_origins
from core.tasks.image_runs import ImageProgress, ImageResult, Images
from core.tasks.settings import Settings
from demos.generation import pixelcnn_layout
from demos.generation.image_downloads import keep_images
from demos.generation.layout import names_menu
from demos.generation.pictures import PicturesView, called, columns_of, payload
from demos.generation.pixelcnn_layout import FINISH, LARGEST_SIDE, NEW, USUAL_SIZE, facts_html, loaded_prior
from demos.generation.sketch import Sketch, fitted, sketched
from demos.generation.sketch import payload as sketch_payload
from demos.page import html, layout, menus, zero_gpu
from demos.page.grid_panel import GridPanel
from demos.page.history import Histories, RunHistory
from demos.page.links import Shared
from demos.page.sampling_panel import checked_seed
from demos.page.toasts import warn

TITLE, SECTION = "PixelCNN", "generate-pixelcnn"
SENTENCE = "Draws images pixel by pixel, row after row; or begin one, and let it be finished."
FIRST = JOBS[TASK].image_prior
HOW = r"""
A PixelCNN is to images what a WaveNet is to sound: it writes the probability of an image as a product over its pixels,
$p(x) = \prod_i p(x_i \mid x_{<i})$, in the order in which one reads. Each factor is a distribution over a few levels
from black to white, made by masked convolutions that see the rows above and what is to the left. A pixel is drawn from
it, and those after it see it.

So an image can be gone on from anywhere: draw its first rows, and the model draws what may stand under them, a
different one for each seed.

**Surprise** shows what each pixel cost, $-\log_2 p(x_i \mid x_{<i})$ bits: hardly anything inside of strokes and on the
ground, most where a stroke begins or turns. Of the rows that you drew it says how strange they are to the model.

A. van den Oord et al.: *Conditional Image Generation with PixelCNN Decoders*, NeurIPS 2016.
"""


@dataclass(frozen=True)
class PictureExample:
    """A chip: one click draws these images."""

    label: str
    choices: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        usual = {"guidance": ImageWish.guidance, "temperature": ImageWish.temperature}
        return {"kind": NEW, "label": "", "count": 16, "seed": 0} | usual | self.choices


ASKED = (
    "kind", "prior", "label", "drawn", "rows", "count", "seed", "guidance", "temperature", "height", "width",
)  # fmt: skip
EXAMPLES = (
    PictureExample("Digits of all kinds", {"count": 20}),
    PictureExample("Nothing but sevens", {"label": "7"}),
    PictureExample("An arch, finished in many ways", {"kind": FINISH}),
    PictureExample("More daring", {"temperature": 1.3}),
)


@dataclass(frozen=True)
class DrawnRows:
    """One kept moment of a run: the images so far, in bytes, and where it was."""

    images: Mapping[str, np.ndarray]
    surprises: Mapping[str, np.ndarray]
    step: int
    total_steps: int
    peak: float = 1.0  # as sounds have one

    @classmethod
    def of(cls, progress: ImageProgress) -> "DrawnRows":
        images = {name: (image * 255).round().astype(np.uint8) for name, image in progress.images.items()}
        surprises = {name: bits.astype(np.float16) for name, bits in progress.surprises.items()}
        return cls(images, surprises, progress.iterate.step, progress.iterate.total_steps)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (*self.images.values(), *self.surprises.values()))

    @property
    def seen(self) -> tuple[Images, Images]:
        """Images in [0, 1], and their surprises."""
        images = {name: image.astype(np.float32) / 255 for name, image in self.images.items()}
        return images, {name: bits.astype(np.float32) for name, bits in self.surprises.items()}


@dataclass
class PicturesHistory(RunHistory):
    """Knows, too, what each image can be made again with."""

    origins: Sequence[Mapping] = field(default_factory=tuple)


class PixelCNNPanel(GridPanel):
    """The section's widgets and what they do.

    Args:
        histories: hold what was drawn for every session.
    """

    said_after_stop = "The run was stopped: this is what was drawn until then."

    def __init__(self, histories: Histories):
        ui = pixelcnn_layout.build(SENTENCE, [example.label for example in EXAMPLES], HOW, FIRST)
        super().__init__(ui, SECTION, histories)
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        ui.kind.change(lambda kind: gr.Column(visible=kind == FINISH), ui.kind, ui.begun, queue=False, **quiet)
        shown = [ui.label, ui.about, ui.facts, ui.rows, ui.sketch, ui.drawn]
        ui.prior.change(_of_prior, [ui.prior, ui.label], shown, **quiet)
        ui.rows.change(lambda rows: gr.update(given=int(rows)), ui.rows, ui.sketch, queue=False, **quiet)
        ui.sketch.sketch(sketched, None, ui.drawn, queue=False, **quiet)
        ui.open.upload(_opened, [ui.open, ui.prior], [ui.sketch, ui.drawn], **quiet)
        chosen = [
            chip.click(self._setter(example), None, self._chosen, **quiet)
            for chip, example in zip(ui.chips, EXAMPLES, strict=True)
        ]
        names = (
            "kind",
            "prior",
            "label",
            "drawn",
            "rows",
            "count",
            "seed",
            "guidance",
            "temperature",
            "height",
            "width",
        )
        self._asked = {name: getattr(ui, name) for name in names}
        self.wire_run(set(self._asked.values()), [chip.then for chip in chosen])

    # ---- what is asked for -------------------------------------------------------------------------------------

    @property
    def subject(self) -> Sequence[Component]:
        return []

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        asked = {getattr(ui, name) for name in ASKED if name not in ("height", "width")}
        return asked | {ui.sketch, ui.begun}

    @property
    def shared(self) -> Shared:
        """What of the section stands in links."""
        settings = {name: widget for name, widget in self._asked.items() if name != "drawn"}
        examples = {example.label: example.settings for example in EXAMPLES}
        shows = self._chosen | {self.ui.about, self.ui.facts}
        return Shared(SECTION, settings, examples, self.ui.chips, self._restore, shows)

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in EXAMPLES if example.label == label), None)
        return self._setter(example)() if example else {}

    def _setter(self, example: PictureExample):
        def choose() -> dict:
            ui, finishes = self.ui, example.settings["kind"] == FINISH
            chosen = {getattr(ui, name): value for name, value in example.settings.items()}
            chosen |= {ui.begun: gr.Column(visible=finishes)}
            known = menus.first_of(pixelcnn_layout.image_priors(), FIRST)
            chosen |= {ui.prior: known} if known else {}
            if finishes:
                drawn = arch(_size_of(known))
                given = drawn.height // 2
                chosen |= {ui.drawn: drawn, ui.sketch: gr.update(value=sketch_payload(drawn), given=given)}
                chosen |= {ui.rows: given}
            return chosen

        return choose

    def start(self, values: dict):
        asked = {name: values[widget] for name, widget in self._asked.items()}
        wish, settings = read_wish(asked)
        model = loaded_prior(settings.prior)
        origins = image_origins(wish, model, settings) if model else ()  # the run says what is wrong with the model
        history = PicturesHistory(uuid.uuid4().hex, None, keep=DrawnRows.of, origins=origins)
        return zero_gpu.run(generate_images, wish, settings=settings), history, settings

    # ---- what is shown -----------------------------------------------------------------------------------------

    def progress_status(self, progress: ImageProgress) -> str:
        return html.pixels_html(progress)

    def past_status(self, iterate: DrawnRows) -> str:
        return html.past_pixels_html(iterate.step, iterate.total_steps)

    def moment(self, progress: ImageProgress, history: PicturesHistory) -> dict:
        return self._shown(progress.images, progress.surprises, history)

    def past(self, position: int, history: PicturesHistory) -> dict:
        return self._shown(*history.iterates[position].seen, history, over=True)

    def conclude(self, result: ImageResult, history: PicturesHistory, context: Any) -> dict:
        report = result.report
        facts = f"<b>Done in {html.seconds_text(report['seconds'])}</b><span>{menus.model_name(report['prior'])}</span>"
        facts += f"<span>{report['bits_per_dimension']:.2f} bits a pixel</span><span>seed {report['seed']}</span>"
        origins = [image_origin_of(report, name) for name in result.images]
        return self._shown(result.images, result.surprises, history, over=True) | {
            self.ui.status: html.status_html("done", facts, 1.0),
            self.ui.notes: html.notes_html(result.notes),
            self.ui.made: keep_images(result.images, origins, columns_of(len(origins)), report),
        }

    def so_far(self, progress: ImageProgress, history: PicturesHistory) -> dict:
        stopped = {"prior": history.context.prior, "stopped_at_step": progress.iterate.step}
        origins = [stopped | origin for origin in history.origins]
        made = keep_images(progress.images, origins, columns_of(len(origins)), None)
        return self._shown(progress.images, progress.surprises, history, over=True) | {self.ui.made: made}

    def _shown(self, images: Images, surprises: Images, history: PicturesHistory, over: bool = False) -> dict:
        names = dict(zip(images, called(history.origins), strict=True))
        return {self.ui.grid: payload(PicturesView(names, images, surprises, over))}


def read_wish(asked: Mapping[str, Any]) -> tuple[ImageWish, Settings]:
    """What was chosen, by name, as it is drawn.

    Raises:
        InputError: there is no model, nothing to be finished, or a number out of range.
    """
    if not asked["prior"]:
        raise InputError("There is no model of images here: train or import one, then reload the page.")
    height, width = int(asked["height"] or 0) or None, int(asked["width"] or 0) or None
    if max(height or 1, width or 1) > LARGEST_SIDE:
        raise InputError(f"Images have up to {LARGEST_SIDE} pixels a side here; choose a smaller one.")
    begun = None
    if asked["kind"] == FINISH:
        drawn: Sketch | None = asked["drawn"]
        if drawn is None or not any(drawn.pixels[: int(asked["rows"]) * drawn.width]):
            raise InputError("There is nothing to finish yet: draw something in the rows that are given.")
        height, width = drawn.height, drawn.width
        model = loaded_prior(asked["prior"])
        colours = model.network.config.colours if model else 1
        begun = np.repeat(drawn.image[None, : int(asked["rows"])], colours, axis=0)
    wish = ImageWish(
        count=int(asked["count"] or 0),
        label=asked["label"] or None,
        height=height,
        width=width,
        guidance=float(asked["guidance"]),
        temperature=float(asked["temperature"]),
        begun=begun,
    )
    return wish, Settings(asked["prior"], seed=checked_seed(asked["seed"]))


def arch(size: tuple[int, int]) -> Sketch:
    """The upper half of a round digit."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    up = np.minimum(rows - height * 0.4, 0)  # straight down from there
    radius = np.hypot(up / (height * 0.22), (columns - width * 0.5) / (width * 0.2))
    return Sketch.of(np.clip(1.6 - np.abs(radius - 1) * 5, 0, 1) * (rows < height // 2))


def _size_of(prior: str | None) -> tuple[int, int]:
    model = loaded_prior(prior)
    return model.size if model else USUAL_SIZE


def _of_prior(prior: str | None, label: str | None) -> tuple:
    """What a model can be told, its card and facts, and an empty sketch of its size."""
    model = loaded_prior(prior)
    height, width = model.size if model else USUAL_SIZE
    rows = gr.Slider(maximum=height - 1, value=height // 2)
    empty = gr.update(value=sketch_payload(Sketch.of(np.zeros((height, width)))), given=height // 2)
    labels = model.labels if model else ()
    return names_menu(labels, label), layout.about_html(prior), facts_html(model), rows, empty, None


def _opened(path: str | None, prior: str | None) -> tuple:
    """An image of the visitor's own, as small as the model draws."""
    try:
        image = read_image(Path(path), 1)[0]
    except InputError as error:
        warn(str(error))
        return gr.skip(), gr.skip()
    drawn = fitted(image, _size_of(prior))
    return gr.update(value=sketch_payload(drawn)), drawn
