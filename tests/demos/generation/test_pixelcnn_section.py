"""What the section "PixelCNN" draws, shows and keeps, without a browser."""

import json
import zipfile

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.tasks.image_generation import ImageWish, generate_images, image_origin_of
from core.tasks.settings import Settings
from demos.generation.image_downloads import FILES, SHEET, keep_images
from demos.generation.pictures import PicturesView, columns_of, payload
from demos.generation.pixelcnn import DrawnRows, PixelCNNPanel, arch, read_wish
from demos.generation.pixelcnn_layout import FINISH, NEW
from demos.generation.sketch import Sketch, fitted, read_sketch
from demos.page import layout
from demos.page.history import Histories
from tests.tasks.images import SIZE, register_pixels

CHOSEN = {
    "kind": NEW,
    "prior": "pixels",
    "label": "ring",
    "drawn": None,
    "rows": 3,
    "count": 2,
    "seed": 4,
    "guidance": 2.0,
    "temperature": 1.0,
    "height": 0,
    "width": 0,
}


@pytest.fixture(autouse=True)
def home(own_home, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    register_pixels(own_home)


@pytest.fixture
def panel() -> PixelCNNPanel:
    with gr.Blocks(), gr.Tabs(), gr.Tab("pixelcnn"):
        return PixelCNNPanel(Histories())


def drawn(wish: ImageWish = ImageWish(3)):  # noqa: B008 (frozen)
    *moments, result = generate_images(wish, settings=Settings("pixels"))
    return moments, result


def test_the_card_of_a_model_of_images_names_no_rate():
    assert "of images" in layout.about_html("pixels") and "kHz" not in layout.about_html("pixels")


def test_a_drawing_is_gone_on_from():
    sketch = Sketch.of(np.linspace(0, 1, 30).reshape(SIZE))
    wish, settings = read_wish(CHOSEN | {"kind": FINISH, "drawn": sketch})
    assert wish.begun.shape == (1, 3, SIZE[1]) and (wish.height, wish.width) == SIZE and settings.seed == 4
    np.testing.assert_array_equal(wish.begun[0], sketch.image[:3])
    assert read_wish(CHOSEN)[0].begun is None and read_wish(CHOSEN)[0].label == "ring"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"prior": None}, "no model of images"),
        ({"height": 500}, "up to 64 pixels"),
        ({"kind": FINISH}, "nothing to finish"),
        ({"kind": FINISH, "drawn": Sketch.of(np.repeat([0.0, 1.0], [15, 15]).reshape(SIZE))}, "nothing to finish"),
        ({"seed": -3}, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_said(wrong, why):
    with pytest.raises(InputError, match=why):
        read_wish(CHOSEN | wrong)


@pytest.mark.parametrize("sent", [(6, 5, [0] * 29), (6, 5, [300] * 30), (0, 5, []), ("x", 5, []), (9999, 9999, [])])
def test_what_is_no_drawing_is_refused(sent):
    with pytest.raises(InputError, match="could not be read"):
        read_sketch(*sent)


def test_an_image_is_made_as_small_as_the_model_draws():
    large = np.zeros((60, 50))
    large[:30] = 1
    np.testing.assert_array_equal(fitted(large, SIZE).image, np.repeat([[1.0], [0.0]], 3, axis=0).repeat(5, axis=1))


def test_the_arch_stands_on_the_rows_that_are_given():
    image = arch((28, 28)).image
    assert image[13].max() == 1 and not image[14:].any() and not image[:, 14][8:].any()


def test_the_grid_has_images_and_what_each_pixel_cost():
    moments, result = drawn()
    names = {name: f"Image {name}" for name in result.images}
    shown = payload(PicturesView(names, moments[1].images, moments[1].surprises))
    assert [picture["name"] for picture in shown["pictures"]] == list(names.values()) and not shown["over"]
    assert all(
        picture[kind].startswith("data:image/png") for picture in shown["pictures"] for kind in ("image", "surprise")
    )
    assert [columns_of(count) for count in (1, 4, 5, 16, 100)] == [1, 2, 3, 4, 8]


def test_kept_moments_are_as_they_were():
    moments, _ = drawn()
    kept = DrawnRows.of(moments[2])
    images, surprises = kept.seen
    for name, image in moments[2].images.items():
        np.testing.assert_allclose(images[name], image, atol=1 / 255)
        np.testing.assert_allclose(surprises[name], moments[2].surprises[name], rtol=1e-2)
    assert kept.step == 15 and kept.nbytes > 0


def test_images_are_taken_along_with_what_made_them():
    _, result = drawn()
    origins = [image_origin_of(result.report, name) for name in result.images]
    made = keep_images(result.images, origins, 2, result.report)
    whole, _ = made.written(FILES)
    with zipfile.ZipFile(whole) as archive:
        assert sorted(archive.namelist())[-1].endswith("-seed-2.png") and len(archive.namelist()) == 4
    said = json.loads(Image.open(made.images[1]).text["Comment"])
    assert said["seed"] == 1 and said["prior"] == "pixels" and said["label"] in ("ring", "bar")
    sheet, _ = made.written(SHEET)
    assert Image.open(sheet).size == (2 * SIZE[1] + 1, 2 * SIZE[0] + 1)


def test_a_run_ends_with_its_images_named_by_seed_and_label(panel):
    ui = panel.ui
    run, history, context = panel.start({getattr(ui, name): value for name, value in CHOSEN.items()})
    history.context = context
    *moments, result = run
    history.add(moments[0])
    first = panel.moment(moments[0], history)[ui.grid]
    assert [picture["name"] for picture in first["pictures"]] == ["Seed 4: ring", "Seed 5: ring"]
    shown = panel.conclude(result, history, context)
    assert shown[ui.grid]["over"] and "bits a pixel" in shown[ui.status] and len(shown[ui.made].images) == 2
    stopped = panel.so_far(moments[0], history)[ui.made]
    assert json.loads(Image.open(stopped.images[0]).text["Comment"])["stopped_at_step"] == 5
