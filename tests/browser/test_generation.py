"""The generation tab in Chromium: sounds emerge, a click plays one; scrubbed, stopped, compared, taken along."""

import json
import time
import zipfile

import pytest
import soundfile

from tests.browser.tab import Tab, seen
from tests.browser.test_accessibility import FAINT, NAMELESS
from tests.browser.test_links import opened, said
from tests.browser.test_page import TOO_SMALL, TOO_WIDE

LONG = 120_000  # milliseconds, of runs with the bundled model
TINY = "tiny-words"


class Grid(Tab):
    """The tab, and its grid."""

    def __init__(self, page):
        super().__init__(page, "Generation")
        self.grid = self.root.locator(".grid")
        self.sounds = self.grid.locator(".grid-play")

    def updates(self) -> int:
        return int(self.grid.get_attribute("data-updates"))

    def finished(self) -> None:
        self.root.locator(".status.done").wait_for()
        self.wait("e => e.classList.contains('over')", self.grid)

    def names(self) -> list[str]:
        return self.grid.locator("li > b").all_text_contents()

    def pictures(self) -> list[str]:
        return [image.get_attribute("src") for image in self.grid.locator("img").all()]


def ready(page, *, count: str = "3") -> Grid:
    """With the tiny model, at few steps."""
    tab = Grid(page)
    tab.pick("Model", TINY)
    tab.root.get_by_label("number input for How many").fill(count)
    tab.set("Steps (0", "4")
    return tab


def test_sounds_emerge_are_played_scrubbed_and_taken_along(visit, artifacts):
    page = visit()
    tab = ready(page)
    tab.pick("What is said", "yes")
    tab.set("Seed", "5")
    tab.run.click()
    tab.finished()
    assert tab.names() == ["Seed 5", "Seed 6", "Seed 7"] and tab.updates() >= 3
    seen(tab.sounds.nth(1), "e.ariaLabel === 'Stop Seed 6'", tab.sounds.nth(1).click)
    tab.grid.get_by_role("button", name="Play Seed 6").wait_for()  # it has ended
    tab.sounds.nth(1).press("ArrowRight")
    assert tab.sounds.nth(2).evaluate("e => e === document.activeElement")
    seen(tab.sounds.nth(2), "e.classList.contains('playing')", lambda: tab.sounds.nth(2).press("Enter"))
    last = tab.pictures()
    page.screenshot(path=artifacts / "generation.png", full_page=True)
    tab.root.get_by_label("range slider for Iterate").fill("1")
    tab.root.locator(".status", has_text="Step 1 of 4").wait_for()
    tab.page.wait_for_function("was => document.querySelector('.grid img').src !== was", arg=last[0])
    path, name = tab.take("Download all (ZIP)")
    assert name.endswith(".zip")
    with zipfile.ZipFile(path) as archive:
        report = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith("-report.json"))))
        with archive.open(f"{TINY}-yes-seed-6-4-steps.wav") as sound, soundfile.SoundFile(sound) as file:
            assert file.samplerate == 16000 and file.subtype == "FLOAT"
            assert json.loads(file.comment).items() >= {"seed": 6, "label": "yes", "steps": 4}.items()
    assert report["count"] == 3 and report["input"] is None
    assert page.evaluate(NAMELESS) == [] and page.faults == [] and page.foreign == []


def test_a_chip_draws_at_once_and_stop_stops_in_the_middle(visit):
    page = visit()
    tab = Grid(page)
    tab.set("Steps (0", "900")
    tab.root.get_by_role("button", name="Seven, four times").click()
    tab.root.locator(".status.running").wait_for(timeout=LONG)
    page.wait_for_function("document.querySelector('.grid').dataset.updates > 0", timeout=LONG)
    assert tab.root.get_by_label("What is said").input_value() == "seven"
    tab.stop.click()
    tab.root.locator(".status.stopped").wait_for(timeout=LONG)
    time.sleep(0.5)
    after = tab.updates()
    time.sleep(1.0)
    assert tab.updates() == after and tab.run.is_enabled()
    assert tab.names() == ["Seed 0", "Seed 1", "Seed 2", "Seed 3"]
    tab.take("Download all (ZIP)")
    assert page.faults == []


def test_a_morph_and_one_seed_in_several_numbers_of_steps_share_the_grid(visit):
    tab = ready(visit(), count="5")
    tab.pick("What is said", "yes")
    tab.root.get_by_text("Morph", exact=True).click()
    tab.set("To the seed", "11")
    tab.run.click()
    tab.finished()
    assert tab.names() == ["Seed 0", "25%", "50%", "75%", "Seed 11"]
    row = tab.grid.get_by_role("button", name="Play one after the other")
    row.click()
    for name in ("Seed 0", "25%", "50%"):
        tab.grid.get_by_role("button", name=f"Stop {name}", exact=True).wait_for()
    tab.root.get_by_text("Steps", exact=True).first.click()
    tab.root.get_by_label("How many").first.wait_for(state="hidden")
    tab.run.click()
    tab.root.locator(".status.running").wait_for()
    tab.finished()
    assert tab.names() == ["6 steps", "20 steps", "50 steps", "200 steps"]


def test_the_nearest_recording_is_heard_beside_a_sound(visit):
    tab = ready(visit(), count="2")
    tab.run.click()
    tab.finished()
    tab.grid.locator(".grid-nearest").first.click()
    found = tab.grid.locator(".grid-nearest", has_text="away")
    found.wait_for()
    assert found.inner_text().split(": ")[1] in ("no", "yes")
    tab.grid.get_by_text("are usually").wait_for()
    tab.root.get_by_text("0 is a copy").wait_for()


def test_a_link_brings_a_drawing_back_and_labels_follow_the_model(visit, server):
    page = visit()
    asked = {"kind": "morph", "prior": TINY, "label": "yes", "second": "4", "speaker": "Ada"}
    opened(page, server, tab="generate", **{f"generate.{name}": value for name, value in asked.items()})
    tab = Grid(page)
    tab.wait("e => e.value === 'yes'", tab.root.get_by_label("What is said"))
    assert tab.root.get_by_label("To the seed").input_value() == "4"
    tab.pick("Model", "Spoken digits")
    tab.wait("e => e.value === 'Anything'", tab.root.get_by_label("What is said"))
    tab.pick("What is said", "seven")
    said(page, "generate.label", "7")


def test_sounds_are_drawn_code_by_code(visit):
    page = visit()
    tab = Grid(page)
    tab.pick("Model", "tiny-drums")
    tab.set("Seconds (0", "0.2")
    tab.wait("e => e.value === 'Ancestral'", tab.root.get_by_label("Sampler", exact=True))
    tab.run.click()
    tab.finished()
    assert tab.names() == ["Seed 0", "Seed 1", "Seed 2", "Seed 3"] and page.faults == []
    assert tab.take("Download all (ZIP)")[1] == "tiny-drums-4-sounds.zip"


def test_a_label_that_the_model_does_not_know_gets_a_sentence(visit):
    page = visit()
    tab = ready(page)
    field = tab.root.get_by_label("What is said")
    field.fill("perhaps")
    field.press("Enter")
    tab.run.click()
    page.locator(".toast-body", has_text="choose one of no, yes, or none").wait_for()
    tab.root.locator(".status.idle").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_two_columns_and_everything_can_be_read(visit, artifacts, scheme):
    page = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True)
    tab = ready(page)
    tab.run.click()
    tab.finished()
    lefts = {round(card.bounding_box()["x"]) for card in tab.grid.locator("li").all()}
    assert len(lefts) == 2
    page.wait_for_timeout(500)  # buttons that can be pressed again fade in
    assert page.evaluate(TOO_SMALL) == [] and page.evaluate(TOO_WIDE) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=artifacts / f"generation-phone-{scheme}.png", full_page=True)
