"""What the section "Restored images" asks for, shows and keeps, without a browser."""

import json
import zipfile

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.signal.image_files import write_image
from demos.generation.digits import SIDE, STROKES, digit
from demos.generation.image_downloads import FILES, SHEET
from demos.generation.restoring import EXAMPLES, RestoringPanel, _opened, read_question
from demos.generation.restoring_layout import INPAINT, SEPARATE, SHARPEN
from demos.generation.sketch import LARGEST_SIDE, Sketch
from demos.page.history import Histories
from demos.page.menus import AUTOMATIC
from tests.tasks.images import register_pixels

SIZE = (8, 8)
CHOSEN = {
    "kind": INPAINT,
    "boxes": "4:8,0:8",
    "factor": 2,
    "prior": "pixels",
    "quality": "draft",
    "seed": 0,
    "sampler": AUTOMATIC,
    "steps": 2,
    "small": False,
}


@pytest.fixture(autouse=True)
def home(own_home, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    register_pixels(own_home, noise_conditional=True)
    return tmp_path


@pytest.fixture
def panel() -> RestoringPanel:
    with gr.Blocks(), gr.Tabs(), gr.Tab("restored"):
        return RestoringPanel(Histories())


def drawn(seed: int = 0) -> Sketch:
    return Sketch.of(np.random.default_rng(seed).random(SIZE))


def ran(panel: RestoringPanel, **changes):
    """History, what the page shows first, what at the end, and what of a run that was stopped."""
    ui = panel.ui
    values = {getattr(ui, name): value for name, value in (CHOSEN | changes).items()}
    run, history, context = panel.start(values | {ui.drawn: drawn(), ui.second_drawn: drawn(1)})
    history.context = context
    *moments, result = run
    for moment in moments:
        history.add(moment)
    first = panel.moment(moments[0], history)[ui.grid]
    return history, first, panel.conclude(result, history, context), panel.so_far(moments[-1], history)


def named(shown: dict) -> list[str]:
    return [picture["name"] for picture in shown["pictures"]]


def test_digits_differ_and_keep_clear_of_the_edge():
    made = [digit(number) for number in STROKES]
    for image in made:
        assert image.shape == (SIDE, SIDE) and image.max() == 1
        assert not image[[0, -1]].any() and not image[:, [0, -1]].any()
    assert len({image.tobytes() for image in made}) == len(made)
    assert {number for example in EXAMPLES for number in example.digits} <= set(STROKES)


@pytest.mark.parametrize(
    ("changes", "while_it_runs", "in_the_end"),
    [
        ({}, ["Given", "Estimate", "The chain"], ["Given", "Result", "The truth", "Mean"]),
        (
            {"kind": SHARPEN},
            ["Given", "Estimate", "The chain"],
            ["Given", "Result", "The truth", "Nearest", "Cubic"],
        ),
        ({"kind": SHARPEN, "small": True}, ["Given", "Estimate", "The chain"], ["Given", "Result", "Nearest", "Cubic"]),
        (
            {"kind": SEPARATE},
            ["First", "Second", "The sum", "First, noisy", "Second, noisy"],
            ["First", "Second", "The sum", "First, truth", "Second, truth"],
        ),
        (
            {"kind": SEPARATE, "steps": 0},
            ["First", "Second", "The sum"],
            ["First", "Second", "The sum", "First, truth", "Second, truth"],
        ),
    ],
)
def test_a_run_shows_what_there_is_to_compare(panel, changes, while_it_runs, in_the_end):
    history, first, shown, _ = ran(panel, **changes)
    ui = panel.ui
    assert named(first) == named(panel.past(0, history)[ui.grid]) == while_it_runs and not first["over"]
    assert named(shown[ui.grid]) == in_the_end and shown[ui.grid]["over"]
    figures = "No figures" if changes.get("small") else "PSNR"
    assert figures in shown[ui.metrics] and "seed 0" in shown[ui.status]


def test_what_is_hidden_is_amber_and_the_rest_as_it_was():
    given = read_question(CHOSEN, drawn(), None).given["Given"]
    np.testing.assert_array_equal(given[:, :4], drawn().image[None, :4].repeat(3, axis=0))
    assert (given[0, 4:] > given[2, 4:]).all()


def test_results_are_taken_along(panel):
    _, _, shown, stopped = ran(panel, kind=SEPARATE)
    made = shown[panel.ui.made]
    with zipfile.ZipFile(made.written(FILES)[0]) as archive:
        assert sorted(archive.namelist()) == ["image-separate-report.json", "pixels-2.png", "pixels.png"]
    assert Image.open(made.written(SHEET)[0]).size == (2 * SIZE[1] + 1, SIZE[0])
    assert json.loads(Image.open(made.images[0]).text["Comment"])["prior"] == ["pixels", "pixels"]
    assert len(stopped[panel.ui.made].images) == 2 and stopped[panel.ui.made].report is None
    _, _, shown, _ = ran(panel)
    assert shown[panel.ui.made].written(FILES)[0].endswith("image-inpaint.png")


def test_boxes_without_a_truth_have_no_figures(panel):
    upper = Sketch.of(drawn().image * (np.arange(SIZE[0]) < 4)[:, None])
    assert read_question(CHOSEN, drawn(), None).truths and not read_question(CHOSEN, upper, None).truths


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prior": None}, "no prior of images"),
        ({"boxes": ""}, "Nothing is hidden"),
        ({"boxes": "4:8"}, "is not a box"),
        ({"first": None}, "no image yet"),
        ({"first": Sketch.of(np.zeros(SIZE))}, "no image yet"),
        ({"kind": SEPARATE, "second": None}, "no second image"),
        ({"kind": SEPARATE, "second": Sketch.of(np.ones((5, 5)))}, "different sizes"),
        ({"kind": SHARPEN, "small": True, "first": Sketch.of(np.ones((100, 9)))}, "over 128 pixels"),
    ],
)
def test_what_cannot_be_restored_is_said(changes, why):
    given = {"first": drawn(), "second": drawn(1)} | changes
    with pytest.raises(InputError, match=why):
        read_question({**CHOSEN, **changes}, given["first"], given["second"])


def test_an_image_that_is_opened_is_as_large_as_the_page_restores(home):
    write_image(home / "small.png", np.random.default_rng(0).random((1, 20, 30)))
    write_image(home / "large.png", np.ones((3, 300, 600)))
    assert _opened(str(home / "small.png"))[1].image.shape == (20, 30)
    assert _opened(str(home / "large.png"))[1].image.shape == (LARGEST_SIDE // 2, LARGEST_SIDE)
