"""The section "Restored images" of the generation tab: PnF on images, which emerge out of noise.

What is hidden is filled in, what lies between every second or fourth pixel made, and two overlaid images taken apart,
by the samplers and observations of sounds.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from core.choices import parse_boxes
from core.errors import InputError
from core.jobs import JOBS
from core.signal.image_files import read_image
from core.tasks.image_restoration import inpaint_image, super_resolve_image
from core.tasks.image_runs import ImageProgress, ImageResult, Images
from core.tasks.image_separation import separate_images
from demos.generation import restoring_layout
from demos.generation.digits import digit
from demos.generation.image_downloads import keep_restored
from demos.generation.pixelcnn_layout import loaded_prior
from demos.generation.restored_pictures import KeptImages, RestoredHistory, ending, hidden, moment
from demos.generation.restoring_layout import BOXES, INPAINT, SEPARATE, SHARPEN
from demos.generation.sketch import LARGEST_SIDE, Sketch, fitted, sketched
from demos.generation.sketch import payload as sketch_payload
from demos.page import html, layout, zero_gpu
from demos.page.figures import METRICS
from demos.page.grid_panel import GridPanel
from demos.page.history import Histories
from demos.page.links import Shared
from demos.page.menus import AUTOMATIC
from demos.page.sampling_panel import chosen_settings
from demos.page.toasts import warn

TITLE, SECTION = "Restored images", "generate-restored"
SENTENCE = "Fills in what is hidden of an image, sharpens it, or takes two overlaid ones apart, step by step."
FIRST = JOBS[INPAINT].image_prior
NO_FIGURES = "No figures: the truth is not known. Draw what the boxes hide, and it is."
HOW = r"""
This is what the other tabs do to sound, with nothing changed but the prior: a PixelCNN that is told how noisy its
pixels are says in which direction an image $x$ becomes more likely, $\nabla_x \log p_\sigma(x)$. At every level
$\sigma$ of the noise ladder the sampler sees an estimate of the whole image in its noisy state,

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x),$$

makes it agree with what is known, and moves on to the next, quieter level. **The chain** is $x$ itself; **the
estimate** is $\hat w$, the mean of several chains.

* What is hidden: the pixels outside of the boxes are known, $m \odot w = y$.
* What lies between: every $k$-th pixel of every $k$-th row is known. The baselines repeat these, or draw a spline.
* Two, overlaid: both images add up, $w_1 + w_2 = y$, and nothing more is known. White over white is twice as bright.
  They are drawn otherwise, unless *Sampler* names one: pixel by pixel, by many **particles**, each a pair of images
  that add up. Where what a particle drew makes the sum's next pixels unlikely, another one takes its place.

What nothing tells is guessed, so another seed fills a box in another way; several chains averaged are nearer to the
truth than one, and softer.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*,
ICML 2021.
"""


@dataclass(frozen=True)
class RestoringExample:
    """A chip: one click restores digits that were drawn by code.

    Args:
        digits: the image, and the one that is overlaid.
        choices: by name, where they are not as usual.
    """

    label: str
    digits: tuple[int, int]
    choices: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        usual = {"kind": INPAINT, "boxes": BOXES, "factor": 2, "quality": "draft", "seed": 0, "small": False}
        return usual | {"sampler": AUTOMATIC, "steps": 0} | self.choices


EXAMPLES = (
    RestoringExample("A three without its lower half", (3, 4), {}),
    RestoringExample("A box of an eight", (8, 4), {"boxes": "8:20,8:20"}),
    RestoringExample("A five, 2x", (5, 4), {"kind": SHARPEN}),
    RestoringExample("A four, 4x", (4, 4), {"kind": SHARPEN, "factor": 4}),
    RestoringExample("An eight over a four", (8, 4), {"kind": SEPARATE, "seed": 1}),
)


@dataclass(frozen=True)
class Question:
    """What is asked of images.

    Args:
        begin: settings -> the run.
        given: what of them is known, as it is shown.
        truths: by name, where they are known.
    """

    begin: Any
    given: Images
    truths: Images


class RestoringPanel(GridPanel):
    """The section's widgets and what they do.

    Args:
        histories: hold the iterates of every session.
    """

    said_after_stop = "The run was stopped: this is the estimate until then."

    def __init__(self, histories: Histories):
        drawn = [Sketch.of(digit(number)) for number in EXAMPLES[0].digits]
        ui = restoring_layout.build(SENTENCE, [example.label for example in EXAMPLES], HOW, FIRST, drawn)
        super().__init__(ui, SECTION, histories)
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        fast = quiet | {"queue": False}
        ui.kind.change(self._of_kind, [ui.kind, ui.boxes], self._of_kinds, **fast)
        ui.boxes.change(_hidden, [ui.kind, ui.boxes], ui.sketch, trigger_mode="always_last", **fast)
        ui.sketch.hide(_dragged, None, ui.boxes, **fast)
        ui.prior.change(layout.about_html, ui.prior, ui.about, **fast)
        for sketch, state, door in (
            (ui.sketch, ui.drawn, ui.open),
            (ui.second_sketch, ui.second_drawn, ui.second_open),
        ):
            sketch.sketch(sketched, None, state, **fast)
            door.upload(_opened, door, [sketch, state], **quiet)
        chosen = [
            chip.click(partial(self._set, example), None, self._chosen, **quiet)
            for chip, example in zip(ui.chips, EXAMPLES, strict=True)
        ]
        names = ("kind", "boxes", "factor", "prior", "quality", "seed", "sampler", "steps", "small")
        self._asked = {name: getattr(ui, name) for name in names}
        inputs = set(self._asked.values()) | {ui.drawn, ui.second_drawn}
        self.wire_run(inputs, [chip.then for chip in chosen])

    # ---- what is asked for -------------------------------------------------------------------------------------

    @property
    def subject(self) -> Sequence[Component]:
        return []

    @property
    def results(self) -> set[Component]:
        return super().results | {self.ui.metrics}

    def emptied(self) -> dict:
        return super().emptied() | {self.ui.metrics: ""}

    def begun(self) -> dict:
        return super().begun() | {self.ui.metrics: ""}

    @property
    def _of_kinds(self) -> set[Component]:
        """What depends on what is sought."""
        ui = self.ui
        return {ui.boxes, ui.factor, ui.small, ui.second_image, ui.second_sketch, ui.sketch}

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        named = {getattr(ui, name) for name in EXAMPLES[0].settings}
        return named | {ui.sketch, ui.drawn, ui.second_sketch, ui.second_drawn}

    @property
    def shared(self) -> Shared:
        """What of the section stands in links."""
        examples = {example.label: example.settings for example in EXAMPLES}
        return Shared(SECTION, self._asked, examples, self.ui.chips, self._restore, self._chosen)

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in EXAMPLES if example.label == label), None)
        return self._set(example) if example else {}

    def _of_kind(self, kind: str, text: str) -> dict:
        """What the choice of what is sought shows, and hides."""
        ui = self.ui
        shown = {ui.boxes: kind == INPAINT, ui.factor: kind == SHARPEN, ui.small: kind == SHARPEN}
        return {widget: gr.update(visible=visible) for widget, visible in shown.items()} | {
            ui.second_image: gr.update(visible=kind == SEPARATE),
            ui.second_sketch: gr.update(given=LARGEST_SIDE),  # which a hidden component does not have
            ui.sketch: _hidden(kind, text),
        }

    def _set(self, example: RestoringExample) -> dict:
        """All that an example says; the widgets that depend on its kind follow it."""
        ui, settings = self.ui, example.settings
        first, second = (Sketch.of(digit(number)) for number in example.digits)
        shown = _hidden(settings["kind"], settings["boxes"])
        return {getattr(ui, name): value for name, value in settings.items()} | {
            ui.sketch: shown | {"value": sketch_payload(first)},
            ui.drawn: first,
            ui.second_sketch: gr.update(value=sketch_payload(second)),
            ui.second_drawn: second,
        }

    def start(self, values: dict):
        asked = {name: values[widget] for name, widget in self._asked.items()}
        settings = chosen_settings(values, self.ui, asked["prior"])
        question = read_question(asked, values[self.ui.drawn], values[self.ui.second_drawn])
        made = {"given": question.given, "truths": question.truths}
        history = RestoredHistory(uuid.uuid4().hex, None, keep=KeptImages.of, **made)
        return zero_gpu.run(question.begin, settings=settings), history, asked["kind"]

    # ---- what is shown -----------------------------------------------------------------------------------------

    def progress_status(self, progress: ImageProgress) -> str:
        """Without noise the images are drawn pixel by pixel."""
        return super().progress_status(progress) if progress.iterate.level else html.pixels_html(progress)

    def past_status(self, iterate: KeptImages) -> str:
        shown = (iterate.step, iterate.total_steps)
        return super().past_status(iterate) if iterate.level else html.past_pixels_html(*shown)

    def moment(self, progress: ImageProgress, history: RestoredHistory) -> dict:
        return {self.ui.grid: moment(progress.images, progress.chains, history)}

    def past(self, position: int, history: RestoredHistory) -> dict:
        return {self.ui.grid: moment(*history.iterates[position].seen, history, over=True)}

    def conclude(self, result: ImageResult, history: RestoredHistory, context: Any) -> dict:
        report, ui = result.report, self.ui
        rows = {"Result": report["metrics"]} | {html.title(name): own for name, own in report["baselines"].items()}
        return {
            ui.grid: ending(result.images, result.baselines, history),
            ui.status: html.result_html(result),
            ui.metrics: html.table_html(rows, NO_FIGURES, METRICS),
            ui.notes: html.notes_html(result.notes),
            ui.made: keep_restored(result.images, report["task"], report),
        }

    def so_far(self, progress: ImageProgress, history: RestoredHistory) -> dict:
        made = keep_restored(progress.images, history.context, None)
        return {self.ui.grid: moment(progress.images, progress.chains, history, over=True), self.ui.made: made}


def read_question(asked: Mapping[str, Any], first: Sketch | None, second: Sketch | None) -> Question:
    """What was chosen, by name, and drawn, as it is restored.

    Raises:
        InputError: there is no prior, nothing is drawn, or it makes no sense.
    """
    if not asked["prior"]:
        raise InputError("There is no prior of images here: train or import one, then reload the page.")
    image = _image(first, "There is no image yet: draw one, or open one.", asked["prior"])
    if asked["kind"] == SEPARATE:
        other = _image(second, "There is no second image yet: draw one, or open one.", asked["prior"])
        if image.shape != other.shape:
            raise InputError("The two images are of different sizes and do not overlay; open two of one size.")
        begin = partial(separate_images, image + other, [asked["prior"]] * 2, truths=[image, other])
        return Question(begin, {"The sum": (image + other) / 2}, {"First": image, "Second": other})
    if asked["kind"] == SHARPEN:
        factor, degrade = int(asked["factor"]), not asked["small"]
        if not degrade and factor * max(image.shape[1:]) > LARGEST_SIDE:
            raise InputError(
                f"The result would have over {LARGEST_SIDE} pixels a side; take a smaller image or factor."
            )
        given = image[:, ::factor, ::factor] if degrade else image
        begin = partial(super_resolve_image, image, factor, degrade=degrade)
        return Question(begin, {"Given": given}, {"The truth": image} if degrade else {})
    boxes, known = parse_boxes(asked["boxes"] or ""), np.ones(image.shape[1:], dtype=bool)
    if not boxes:
        raise InputError("Nothing is hidden yet: type a box such as 14:28,0:28, or drag one over the image with Hide.")
    for top, bottom, left, right in boxes:
        known[top:bottom, left:right] = False
    truths = {"The truth": image} if image[:, ~known].any() else {}
    begin = partial(inpaint_image, image, boxes, reference=image if truths else None)
    return Question(begin, {"Given": hidden(image[:1], known)}, truths)


def _image(drawn: Sketch | None, missing: str, prior: str) -> np.ndarray:
    """`[colours, height, width]`, in the prior's colours."""
    if drawn is None or not any(drawn.pixels):
        raise InputError(missing)
    model = loaded_prior(prior)
    return np.repeat(drawn.image[None], model.network.config.colours if model else 1, axis=0)


def _hidden(kind: str, text: str | None) -> dict:
    """What the first image shows of a text: nothing while it is half typed, of which Run says what is wrong."""
    try:
        boxes = parse_boxes(text or "") if kind == INPAINT else []
    except InputError:
        boxes = []
    return gr.update(boxes=boxes, hides=kind == INPAINT)


def _dragged(event: gr.EventData) -> str:
    try:
        top, bottom, left, right = (int(edge) for edge in event.box)
    except (TypeError, ValueError):
        return gr.skip()
    return f"{top}:{bottom},{left}:{right}"


def _opened(path: str | None) -> tuple:
    """An image of the visitor's own, no larger than the page restores."""
    try:
        image = read_image(Path(path), 1)[0]
    except InputError as error:
        warn(str(error))
        return gr.skip(), gr.skip()
    share = min(LARGEST_SIDE / max(image.shape), 1)
    drawn = (
        Sketch.of(image) if share == 1 else fitted(image, tuple(max(round(share * side), 1) for side in image.shape))
    )
    return gr.update(value=sketch_payload(drawn)), drawn
