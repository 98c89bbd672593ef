"""WaveNet, PixelCNN, restored images and the receptive field in Chromium: sections of the generation tab."""

import io
import json
import zipfile

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.browser.tab import Tab, wav
from tests.browser.test_accessibility import FAINT, HEADINGS, NAMELESS
from tests.browser.test_links import opened, said
from tests.browser.test_page import TOO_SMALL, TOO_WIDE

LONG = 180_000  # milliseconds, of runs with the bundled models
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


class Section(Tab):
    """A section, of which nothing else of the page is seen."""

    def __init__(self, page, title: str):
        super().__init__(page, "Generation")
        page.get_by_role("tab", name=title, exact=True).click()
        page.get_by_role("tab", name=title, exact=True, selected=True).wait_for()
        self.root = page.locator(".sections > .tabitem:visible")
        self.run = self.root.get_by_role("button", name="Run", exact=True)
        self.stop = self.root.get_by_role("button", name="Stop", exact=True)
        self.live = self.root.locator(".live .scope")

    def done(self) -> str:
        self.root.locator(".status.done").wait_for(timeout=LONG)
        return self.root.locator(".status.done").inner_text()


def pixels(page) -> Section:
    section = Section(page, "PixelCNN")
    section.pick("Model", "tiny-pixels")
    section.root.get_by_text("12 x 10 pixels").wait_for()
    return section


def test_a_recording_is_gone_on_from_and_heard_while_it_grows(visit, server):
    page = visit()
    opened(page, server, tab="generate-wavenet", **{"generate-wavenet.seconds": "1"})
    section = Section(page, "WaveNet")
    section.root.locator("input[type=file]").first.set_input_files(
        {"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(3.0)}
    )
    prime = section.root.locator(".pane:not(.live) .scope")
    section.wait("e => e.classList.contains('filled')", prime)
    section.set("Go on from", "2.5")
    section.run.click()
    section.root.locator(".status.running", has_text="Sample").wait_for(timeout=LONG)
    section.wait("e => +e.dataset.updates > 0", section.live)
    assert "bits a sample" in section.done()
    section.live.locator(".scope-time", has_text="/ 3.0 s").wait_for()  # two seconds of it, and one that is new
    section.root.locator(".ladder .js-plotly-plot .ytitle", has_text="bits a sample").wait_for()
    path, name = section.take("Download both (ZIP)")
    with zipfile.ZipFile(path) as archive:
        new, whole = sorted((n for n in archive.namelist() if n.endswith(".wav")), key=len)
        assert "with-its-beginning" in whole and name.endswith(".zip")
        assert soundfile.info(io.BytesIO(archive.read(new))).duration == 1.0
        assert soundfile.info(io.BytesIO(archive.read(whole))).duration == 3.0
    section.root.get_by_role("button", name="Begin in silence").click()
    section.wait("e => !e.classList.contains('filled')", prime)
    assert page.faults == [] and page.foreign == []


def test_stop_leaves_what_was_drawn(visit, server):
    page = visit()
    opened(page, server, tab="generate-wavenet", **{"generate-wavenet.seconds": "10"})
    section = Section(page, "WaveNet")
    section.root.get_by_role("button", name="A piano, gone on from").click()
    section.root.locator(".status.running", has_text="Sample").wait_for(timeout=LONG)
    section.wait("e => +e.dataset.updates > 0", section.live)
    section.stop.click()
    section.root.locator(".status.stopped").wait_for()
    section.take("Download both (ZIP)")
    said(page, "generate-wavenet.example", "A piano, gone on from")


def test_a_silent_recording_gets_a_sentence(visit):
    page = visit()
    section = Section(page, "WaveNet")
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros(16000), 16000, format="WAV")
    file = {"name": "silence.wav", "mimeType": "audio/wav", "buffer": silence.getvalue()}
    section.root.locator("input[type=file]").first.set_input_files(file)
    section.wait("e => e.classList.contains('filled')", section.root.locator(".pane:not(.live) .scope"))
    section.run.click()
    page.locator(".toast-body", has_text="The prime is silent").wait_for(timeout=LONG)
    section.root.locator(".status.idle").wait_for()


def test_images_appear_and_say_what_each_pixel_cost(visit):
    page = visit()
    section = pixels(page)
    section.pick("What is shown", "bar")
    section.set("number input for How many", "5")
    section.run.click()
    assert "bits a pixel" in section.done()
    names = section.root.locator(".pictures li b")
    assert names.all_inner_texts() == [f"Seed {seed}: bar" for seed in range(5)]
    image = section.root.locator(".pictures img").first
    before = image.get_attribute("src")
    section.root.get_by_role("radio", name="Surprise").click()
    section.wait(f"e => e.src !== {before!r}", image)
    section.root.get_by_text("0 to 4 bits a pixel").wait_for()
    path, name = section.take("Download all (ZIP)")
    assert name == "tiny-pixels-5-images.zip"
    with zipfile.ZipFile(path) as archive:
        made = Image.open(io.BytesIO(archive.read("tiny-pixels-bar-seed-3.png")))
        assert made.size == (10, 12) and json.loads(made.text["Comment"])["seed"] == 3
    section.root.get_by_label("Rows so far").first.fill("3")
    section.root.locator(".status", has_text="pixels").wait_for()
    assert page.faults == [] and page.foreign == []


def test_rows_that_were_drawn_are_finished(visit):
    page = visit()
    section = pixels(page)
    section.root.get_by_text("Mine, finished").click()
    canvas = section.root.locator(".sketch-canvas")
    section.wait("e => e.width === 80 && e.height === 96", canvas)
    section.run.click()
    page.locator(".toast-body", has_text="There is nothing to finish yet").wait_for()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.2 * box["height"], steps=5)
    page.mouse.up()
    section.set("number input for How many", "3")
    section.run.click()
    section.done()
    white = """e => {
      const pen = new OffscreenCanvas(10, 12).getContext("2d");
      pen.drawImage(e, 0, 0);
      return pen.getImageData(4, 2, 1, 1).data[0];
    }"""
    assert [image.evaluate(white) for image in section.root.locator(".pictures img").all()] == [255] * 3
    canvas.focus()
    page.keyboard.press("ArrowRight")
    section.root.locator(".sketch-said", has_text="Row 1, column 2").wait_for(state="attached")
    section.root.locator("input[type=file]").first.set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": b"nothing"}
    )
    page.locator(".toast-body", has_text="is no image that can be read").wait_for()


def restoring(page) -> Section:
    section = Section(page, "Restored images")
    section.pick("Prior", "tiny-noisy-pixels")
    return section


def names_of(section) -> list[str]:
    return section.root.locator(".pictures li b").all_inner_texts()


def test_a_box_is_dragged_and_what_it_hides_restored(visit):
    page = visit()
    section = restoring(page)
    canvas, boxes = section.root.locator(".sketch-canvas").first, section.root.get_by_label("Hidden (rows, columns)")
    section.wait("e => e.width === 224 && e.height === 224", canvas)
    section.root.get_by_role("button", name="Hide", exact=True).click()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    page.mouse.up()
    section.wait("e => /^14:26,5:2[23]$/.test(e.value)", boxes)
    section.run.click()
    section.done()
    assert names_of(section) == ["Given", "Result", "The truth", "Mean"]
    section.root.locator("table.metrics th", has_text="PSNR").wait_for()
    path, name = section.take("Download PNG")
    assert name == "image-inpaint.png" and Image.open(path).size == (28, 28)
    section.root.get_by_label("Steps so far").first.fill("1")
    section.root.locator(".pictures li b", has_text="The chain").wait_for()
    boxes.fill("0:99,0:5")
    boxes.press("Tab")
    section.run.click()
    page.locator(".toast-body", has_text="lies outside the image").wait_for()
    section.root.locator("input[type=file]").first.set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": b"nothing"}
    )
    page.locator(".toast-body", has_text="is no image that can be read").wait_for()
    assert page.faults == [] and page.foreign == []


def test_a_box_is_hidden_by_keys(visit):
    page = visit()
    section = restoring(page)
    section.root.get_by_role("button", name="Hide", exact=True).click()
    canvas = section.root.locator(".sketch-canvas").first
    section.wait("e => e.width === 224", canvas)
    canvas.focus()
    for key in ("ArrowDown", "Space", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    section.wait("e => e.value === '1:3,0:2'", section.root.get_by_label("Hidden (rows, columns)"))


def test_overlaid_digits_are_taken_apart_at_a_click(visit):
    page = visit()
    section = restoring(page)
    section.root.get_by_role("button", name="An eight over a four").click()
    section.done()
    assert names_of(section) == ["First", "Second", "The sum", "First, truth", "Second, truth"]
    canvases = section.root.locator(".sketch-canvas")
    below = "e => e.getContext('2d').getImageData(124, 148, 1, 1).data[0] === 255"  # of the four's leg
    section.wait(below, canvases.nth(1))
    assert not section.root.get_by_role("button", name="Hide", exact=True).is_visible()
    section.take("Download both (ZIP)")
    section.root.get_by_role("button", name="A four, 4x").click()
    section.root.locator(".pictures li b", has_text="Cubic").wait_for(timeout=LONG)
    assert canvases.nth(1).is_hidden() and page.faults == []


def test_what_a_layer_sees_follows_a_click(visit):
    page = visit()
    section = Section(page, "Receptive field")
    section.root.get_by_role("button", name="Piano, WaveNet").click()
    assert "2,047 samples are seen" in section.done()
    layers = section.root.locator(".field-layers li")
    assert layers.count() == 21 and "1,024 samples" in layers.nth(9).inner_text()
    subject = section.root.locator(".field-subject")
    subject.click(position={"x": subject.bounding_box()["width"] / 2, "y": 20})
    section.wait("e => Math.abs(+e.value - 2) < 0.05", section.root.get_by_label("The sample at"))
    section.pick("Model", "tiny-pixels")
    section.root.get_by_label("Row, from 0").fill("6")
    section.root.get_by_label("Column, from 0").fill("5")
    section.root.get_by_role("button", name="Look").click()
    section.root.locator(".field[data-kind=image]").wait_for()
    section.root.locator(".status.done", has_text="of 120 pixels are seen").wait_for()
    layers.nth(3).locator("img").click(position={"x": 2, "y": 2})
    section.root.locator(".status.done", has_text="0 of 120 pixels are seen").wait_for()
    assert page.faults == []


def test_sections_come_back_with_links_and_with_their_tab(visit, server):
    page = visit()
    asked = {"generate-pixelcnn.prior": "tiny-pixels", "generate-pixelcnn.count": "7"}
    opened(page, server, tab="generate-pixelcnn", **asked)
    page.get_by_role("tab", name="PixelCNN", exact=True, selected=True).wait_for()
    count = page.locator(".sections > .tabitem:visible").get_by_label("How many").first
    page.wait_for_function("e => e.value === '7'", arg=count.element_handle())
    Tab(page, "Inpainting")
    said(page, "tab", "inpaint")
    page.get_by_role("tab", name="Generation").click()
    said(page, "tab", "generate-pixelcnn")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("title", ["WaveNet", "PixelCNN", "Restored images", "Receptive field"])
def test_a_phone_shows_all_of_a_section(visit, artifacts, title, scheme):
    page = visit(**PHONE, color_scheme=scheme)
    section = Section(page, title)
    if title == "PixelCNN":
        section.root.get_by_text("Mine, finished").click()
        section.root.locator(".sketch-canvas").wait_for()
    elif title == "Receptive field":
        section.root.get_by_role("button", name="Piano, WaveNet").click()
        section.done()
    page.wait_for_timeout(500)  # buttons that can be pressed again fade in
    assert page.evaluate(TOO_SMALL) == [] and page.evaluate(TOO_WIDE) == [] and page.evaluate(FAINT) == []
    assert page.evaluate(NAMELESS) == []
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1 and all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False))
    page.screenshot(path=artifacts / f"{title.lower().replace(' ', '-')}-phone-{scheme}.png", full_page=True)
