"""The real page in Chromium: examples, streamed iterates, Stop, scrubbing, download, wrong files, two visitors."""

import io
import json
import time

import numpy as np
import pytest
import soundfile

SECONDS = "1.5"
STEPS = "6"
LENGTH = "Length (s)"


class Tab:
    """One tab of an open page, by what a visitor sees."""

    def __init__(self, page, title: str = "Super-resolution"):
        self.page = page
        self._open(title)
        self.root = page.locator(".tabitem:visible")
        self.run = self.root.get_by_role("button", name="Run", exact=True)
        self.stop = self.root.get_by_role("button", name="Stop", exact=True)
        self.input = self.root.locator(".pane:not(.live):not(.after) .scope")
        self.live = self.root.locator(".live .scope")
        self.compare = self.root.locator(".after .scope")
        self.status = self.root.locator(".status")

    def _open(self, title: str) -> None:
        """On a phone a tab may stand in the menu of further tabs, where it goes once the others are laid out."""
        fits = "[...document.querySelectorAll('[role=tab]')].every(e => e.getBoundingClientRect().right <= innerWidth)"
        self.page.wait_for_function(fits)
        tab = self.page.get_by_role("tab", name=title)
        if not tab.is_visible():
            self.page.get_by_role("button", name="More tabs").click()
            tab = self.page.locator(".overflow-dropdown").get_by_text(title)
        tab.click()

    def choose(self, chip: str) -> None:
        self.root.get_by_role("button", name=chip).click()
        self.root.locator(".caption-line b", has_text=chip).wait_for()
        self.wait("e => e.classList.contains('filled')", self.input)

    def set(self, label: str, value: str) -> None:
        field = self.root.get_by_label(label)
        if not field.is_visible():
            self.root.get_by_role("button", name="Advanced").click()
            field.wait_for()
            self.page.wait_for_timeout(300)  # what a field first shows comes a moment later, and would take its place
        if label == LENGTH:
            self.wait("e => Number(e.value) !== 0", field)
        field.fill(value)
        field.press("Tab")

    def pick(self, label: str, option: str) -> None:
        """An option of a dropdown, by its text."""
        field = self.root.get_by_label(label, exact=True)
        if not field.is_visible():
            self.root.get_by_role("button", name="Advanced").click()
        field.click()
        self.root.get_by_role("option", name=option, exact=True).click()
        self.wait(f"e => e.value === {option!r}", field)
        self.root.get_by_role("option").first.wait_for(state="hidden")  # before another list opens

    def take(self, button: str):
        """A file, and the name that the page gives it."""
        button = self.root.get_by_role("button", name=button, exact=True)
        self.wait("e => !e.disabled", button)
        with self.page.expect_download() as download:
            button.click()
        return download.value.path(), download.value.suggested_filename

    def wait(self, condition: str, locator) -> None:
        self.page.wait_for_function(condition, arg=locator.element_handle())

    def updates(self) -> int:
        return int(self.live.get_attribute("data-updates"))

    def finished(self) -> None:
        self.root.locator(".status.done").wait_for()
        self.root.locator(".after .scope.filled").wait_for()


def test_an_example_runs_from_click_to_download(visit, artifacts):
    page = visit()
    tab = Tab(page)
    tab.choose("Piano, every 4th sample")
    tab.wait("e => e.classList.contains('playing')", tab.input)
    tab.set(LENGTH, SECONDS)
    tab.set("Steps", STEPS)
    tab.run.click()
    tab.finished()
    assert tab.updates() >= 3, "the first, the last and some between them"
    tracks = tab.compare.locator(".scope-tracks button").all_text_contents()
    restored = ["Input", "Result", "Spline", "Spline + noise", "Truth"]
    assert tracks == [*restored, "Result \N{MINUS SIGN} truth", "Result \N{MINUS SIGN} input"]
    assert tab.compare.get_attribute("data-track") == "Result"
    rows = tab.root.locator("table.metrics tbody th").all_text_contents()
    assert rows == ["Input", "Result", "Spline", "Spline + noise"]
    tab.root.get_by_text("What the figures mean").press("Enter")
    tab.root.get_by_text("Peak signal-to-noise ratio").wait_for()
    page.screenshot(path=artifacts / "super-resolution.png", full_page=True)
    path, name = tab.take("Download WAV")
    samples, rate = soundfile.read(path)
    assert (
        name.endswith(".wav")
        and rate == 16000
        and len(samples) == round(float(SECONDS) * rate)
        and np.isfinite(samples).all()
    )
    tab.pick("Format", "FLAC, 24 bit")
    tab.root.get_by_text("As the WAV of 24 bits").wait_for()
    path, name = tab.take("Download FLAC")
    assert name.endswith(".flac")
    np.testing.assert_allclose(soundfile.read(path)[0], samples, atol=2**-23)
    path, name = tab.take("Report")
    assert name.endswith("-report.json") and json.loads(path.read_text())["task"] == "super-resolve"
    assert page.faults == [] and page.foreign == []


def test_iterates_can_be_scrubbed_and_tracks_switched(visit):
    tab = Tab(visit(), "Declipping")
    tab.choose("Overloaded piano")
    tab.set(LENGTH, SECONDS)
    tab.set("Steps", STEPS)
    tab.run.click()
    tab.finished()
    before = tab.updates()
    slider = tab.root.locator(".scrubber input[type=number]")
    slider.fill("1")
    slider.press("Enter")
    tab.status.get_by_text("First estimate").wait_for()
    slider.fill("7")
    slider.press("Enter")
    tab.status.get_by_text("Done in").wait_for()
    before = tab.updates()
    slider.fill("1")
    slider.press("Enter")
    tab.status.get_by_text("First estimate").wait_for()
    tab.wait(f"e => +e.dataset.updates > {before}", tab.live)
    tab.live.get_by_role("radio", name="Chain").click()
    assert tab.live.get_attribute("data-track") == "Chain"
    tab.compare.get_by_role("button", name="Play").click()
    tab.wait("e => e.classList.contains('playing')", tab.compare)
    tab.compare.get_by_role("radio", name="Truth", exact=True).click()
    assert "playing" in tab.compare.get_attribute("class"), "switching goes on playing"
    listens_blindly(tab)


def listens_blindly(tab: Tab) -> None:
    """Names come back as the keys, the letters and the verdict say."""
    player, press = tab.compare, tab.page.keyboard.press
    player.locator("canvas").focus()
    press("m")
    assert player.locator(".scope-match").get_attribute("aria-pressed") == "true"
    assert player.locator(".scope-matched").inner_text().endswith(("dB quieter", "as it is"))
    press("b")
    letters = player.get_by_role("radio").all_text_contents()
    assert letters == ["A", "B", "C", "D"], "differences are not among them"
    press("3")
    assert player.get_attribute("data-track") == "C" and player.get_by_role("radio", checked=True).inner_text() == "C"
    assert "Player of C:" in player.locator("canvas").get_attribute("aria-label")
    press("b")
    verdict = dict(pair.split(" was ") for pair in player.locator(".scope-verdict").inner_text().split(", "))
    assert sorted(verdict.values()) == ["Cubic", "Input", "Result", "Truth"]
    assert player.get_attribute("data-track") == verdict["C"]
    player.get_by_role("radio", checked=True).press("ArrowRight")
    assert player.get_attribute("data-track") != verdict["C"]
    assert player.locator(".scope-tracks [tabindex='0']").count() == 1, "one Tab stop"
    player.get_by_role("application", name="Player of").press("ArrowRight")
    player.locator(".scope-said", has_text="/ 1.5 s").wait_for()


def test_stop_stops_and_inputs_are_kept(visit):
    tab = Tab(visit())
    tab.choose("Piano at 4 kHz")
    assert tab.root.get_by_label("Prior").input_value() == "Piano", "an example brings the prior that suits it"
    tab.root.get_by_text("Solo piano: sharp and fast").wait_for()
    tab.set(LENGTH, "7")
    tab.set("Seed", "11")
    tab.pick("Sampler", "Reverse diffusion")
    tab.set("Steps", "5000")
    tab.run.click()
    tab.wait("e => +e.dataset.updates >= 3", tab.live)
    tab.stop.click()
    tab.root.locator(".status.stopped").wait_for()
    time.sleep(0.5)
    after = tab.updates()
    time.sleep(1.0)
    assert tab.updates() == after, "nothing arrives after Stop"
    assert tab.root.locator(".status.stopped").is_visible(), "and the line goes on saying so"
    assert tab.root.get_by_label("Seed").input_value() == "11"
    assert tab.root.locator(".scrubber").is_visible(), "what there was can be scrubbed"
    assert tab.compare.locator(".scope-tracks button").all_text_contents() == ["Your sound", "So far", "Truth"]
    path, _ = tab.take("Download WAV")
    assert soundfile.info(path).duration == 7
    tab.set("Steps", "4")
    tab.set(LENGTH, "1")
    tab.run.click()
    tab.finished()


IN_VIEW = "e => { const box = e.getBoundingClientRect(); return box.top < innerHeight - 100 && box.bottom > 100; }"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_comparison_comes_into_view_or_a_link_leads_there(visit, motion):
    page = visit(viewport={"width": 1440, "height": 700}, reduced_motion=motion)
    tab = Tab(page, "Declipping")
    tab.choose("Overloaded piano")
    tab.set(LENGTH, "1")
    tab.set("Steps", "2")
    tab.run.click()
    stood = page.evaluate("scrollY")
    tab.finished()
    if motion == "reduce":
        time.sleep(1.0)
        assert page.evaluate("scrollY") == stood, "nothing moves by itself"
        tab.status.get_by_role("link", name="Compare").click()
    tab.wait(IN_VIEW, tab.compare)


def test_a_kept_result_stands_beside_the_next_and_another_sound_takes_all_away_and_ends_the_run(visit):
    tab = Tab(visit(), "Declipping")
    tab.choose("Overloaded piano")
    tab.set(LENGTH, "1")
    tab.set("Steps", "2")
    tab.run.click()
    tab.finished()
    tab.root.get_by_role("button", name="Keep").click()
    tab.root.get_by_role("button", name="Drop Piano, seed 0").wait_for()
    tab.set("Seed", "3")
    tab.run.click()
    kept = tab.compare.get_by_role("radio", name="Piano, seed 0")
    kept.click()
    assert tab.compare.get_attribute("data-track") == "Piano, seed 0"
    assert tab.root.locator("table.metrics tbody th").all_text_contents()[-1] == "Piano, seed 0"
    tab.root.get_by_role("button", name="Drop Piano, seed 0").click()
    kept.wait_for(state="detached")
    door = tab.root.locator(".door input[type=file]").first
    door.set_input_files({"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(1.0)})
    tab.root.locator(".caption-line b", has_text="mine.wav").wait_for()
    tab.root.locator(".status.idle").wait_for()
    assert tab.root.locator(".after").is_hidden() and "filled" not in tab.live.get_attribute("class")
    tab.choose("Overloaded piano")
    tab.set("Steps", "5000")
    tab.run.click()
    tab.wait("e => e.classList.contains('filled')", tab.live)
    door.set_input_files({"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(1.0)})
    tab.root.locator(".status.idle").wait_for()
    time.sleep(1.5)
    assert tab.root.locator(".status.idle").is_visible() and "filled" not in tab.live.get_attribute("class")
    assert tab.run.is_enabled()


def test_peaks_over_full_scale_are_played_quieter_and_the_page_says_so(visit):
    tab, file = Tab(visit()), io.BytesIO()
    tone = 1.78 * np.sin(np.arange(16000) / 9)
    soundfile.write(file, tone, 16000, format="WAV", subtype="FLOAT")
    door = tab.root.locator(".door input[type=file]").first
    door.set_input_files({"name": "hot.wav", "mimeType": "audio/wav", "buffer": file.getvalue()})
    tab.root.locator(".caption-line b", has_text="hot.wav").wait_for()
    tab.input.get_by_text("played 5 dB quieter").wait_for()


def test_a_wrong_file_gets_one_sentence_and_nothing_is_lost(visit):
    page = visit()
    tab = Tab(page, "Inpainting")
    tab.choose("Piano, 200 ms gone")
    door = tab.root.locator(".door input[type=file]").first
    door.set_input_files({"name": "notes.wav", "mimeType": "audio/wav", "buffer": b"these are words, not audio"})
    toast = page.locator(".toast-body")
    toast.wait_for()
    assert "notes.wav" in toast.inner_text() and "Traceback" not in toast.inner_text()
    assert tab.root.locator(".caption-line b").inner_text() == "Piano, 200 ms gone"
    assert tab.root.get_by_label("Gaps (s)").input_value() == "1.400-1.600"
    door.set_input_files({"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(1.0)})
    tab.root.locator(".caption-line b", has_text="mine.wav").wait_for()


def test_gaps_are_dragged_typed_and_refused(visit, artifacts):
    page = visit(color_scheme="dark")
    tab = Tab(page, "Inpainting")
    tab.choose("Voice, 100 ms gone")
    canvas = tab.input.locator("canvas")
    box = canvas.bounding_box()
    tab.set("Gaps (s)", "")
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 30, steps=4)
    page.mouse.up()
    gaps = tab.root.get_by_label("Gaps (s)")
    page.wait_for_function("e => e.value.includes('-')", arg=gaps.element_handle())
    start, stop = map(float, gaps.input_value().split("-"))
    assert 2.2 < start < stop < 2.8
    tab.set("Steps", STEPS)
    tab.run.click()
    tab.finished()
    page.screenshot(path=artifacts / "inpainting-dark.png", full_page=True)
    for typed, sentence in (("8-9", "outside"), ("soon", "not a gap"), ("2-1", "before it begins")):
        tab.set("Gaps (s)", typed)
        tab.run.click()
        page.locator(".toast-body", has_text=sentence).wait_for()
        tab.root.locator(".status.idle").wait_for()
        assert gaps.input_value() == typed


def drag(tab: Tab, start: float, stop: float, seconds: float) -> None:
    """Over the ruler of the input's player, of a file of so many seconds."""
    box, mouse = tab.input.locator(".scope-ruler").bounding_box(), tab.page.mouse
    across = [box["x"] + box["width"] * at / seconds for at in (start, stop)]
    mouse.move(across[0], box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(across[1], box["y"] + box["height"] / 2, steps=4)
    mouse.up()


def part_of(tab: Tab, said: str) -> tuple[float, float]:
    """Start and length in the fields, once the player says so."""
    tab.input.locator(".scope-span", has_text=said).wait_for()
    fields = [tab.root.get_by_label(label) for label in ("Start (s)", LENGTH)]
    tab.page.wait_for_timeout(400)
    return tuple(float(field.input_value()) for field in fields)


def test_the_part_is_dragged_moved_typed_and_taken_whole(visit):
    tab = Tab(visit(), "Inpainting")
    tab.root.locator(".door input[type=file]").first.set_input_files(
        {"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(30.0)}
    )
    assert part_of(tab, "0 to 10 s of 30 s") == (0, 10)
    drag(tab, 10, 20, 30)
    start, length = part_of(tab, "0 to 20")
    assert start == 0 and length == pytest.approx(20, abs=0.2)
    drag(tab, 8, 13, 30)
    start, length = part_of(tab, "5 to 25")
    assert start == pytest.approx(5, abs=0.2) and length == pytest.approx(20, abs=0.2)
    tab.set("Start (s)", "5")
    tab.set(LENGTH, "4")
    assert part_of(tab, "5 to 9 s of 30 s") == (5, 4)
    end = tab.input.get_by_role("slider", name="End of the part")
    end.press("ArrowLeft")
    assert end.get_attribute("aria-valuetext") == "to 8.9 s of 30 s"
    assert part_of(tab, "5 to 8.9") == (5, 3.9)
    tab.input.get_by_role("button", name="Loop").click()
    tab.input.get_by_role("button", name="Play").click()
    tab.wait("e => e.classList.contains('playing')", tab.input)
    assert 5 <= float(tab.input.locator(".scope-time").inner_text().split()[0]) <= 8.9, "the part is what loops"
    assert tab.root.get_by_label("Gaps (s)").input_value() == "", "no gap was marked by all that"
    tab.input.get_by_role("button", name="Whole file").click()
    assert part_of(tab, "0 to 30 s of 30 s") == (0, 30)


def test_the_end_of_a_spectrum_is_a_line_that_is_dragged(visit):
    page = visit()
    tab = Tab(page)
    tab.choose("Voice at 4 kHz")
    tab.root.get_by_text("The spectrum ends at 1.84 kHz").wait_for()
    canvas = tab.input.locator("canvas").bounding_box()
    x, top, tall = canvas["x"] + canvas["width"] / 2, canvas["y"] + 68, 104  # of the spectrogram, up to 2 kHz
    page.mouse.move(x, top + tall * (1 - 1.84 / 2))
    page.mouse.down()
    page.mouse.move(x, top + tall * (1 - 1.5 / 2), steps=4)
    page.mouse.up()
    tab.root.get_by_text("The spectrum ends at 1.5 kHz").wait_for()
    tab.run.click()
    tab.finished()
    tab.root.get_by_text("The spectrum ends at 1.5 kHz; what lies over it was made.").wait_for()
    assert tab.root.get_by_text("There is no ladder here").count() == 1
    tab.root.get_by_role("button", name="Advanced").click()
    field = tab.root.get_by_label("Its spectrum ends at (Hz)")
    assert abs(float(field.input_value()) - 1500) < 30
    tab.choose("Piano at 4 kHz")
    tab.wait("e => e.value === ''", field)
    assert page.faults == []


def test_a_long_file_is_shown_around_the_part_and_one_can_zoom(visit):
    tab = Tab(visit(), "Declipping")
    tab.root.locator(".door input[type=file]").first.set_input_files(
        {"name": "long.wav", "mimeType": "audio/wav", "buffer": wav(90.0)}
    )
    part_of(tab, "0 to 10 s of 90 s")
    shown = tab.input.locator(".scope-window")
    assert shown.evaluate("e => e.style.left") == "0%" and not shown.is_hidden()
    tab.set("Start (s)", "70")
    tab.wait("e => e.style.left.startsWith('33')", shown)
    tab.input.get_by_role("button", name="Zoom to part").click()
    assert float(shown.evaluate("e => e.style.left").rstrip("%")) == pytest.approx(100 * 69.6 / 90, abs=0.2)
    tab.input.get_by_role("button", name="Show all").click()
    assert shown.evaluate("e => e.style.left").startswith("33")


def test_numbers_out_of_range_get_a_sentence(visit):
    page = visit()
    tab = Tab(page)
    tab.choose("Piano, every 8th sample")
    tab.set(LENGTH, "-1")
    tab.run.click()
    page.locator(".toast-body", has_text="longer than 0 s").wait_for()
    tab.root.locator(".status.idle").wait_for()
    assert tab.run.is_enabled() and tab.root.get_by_label(LENGTH).input_value() == "-1"


def test_who_leaves_makes_room_for_two_others(visit, server):
    """The runs of the first two fill the house; they are stopped when their pages close."""
    for tab in (Tab(visit()), Tab(visit())):
        tab.choose("Piano, every 4th sample")
        tab.set("Steps", "5000")
        tab.run.click()
        tab.wait("e => +e.dataset.updates >= 1", tab.live)
        tab.page.context.close()
    others = (Tab(visit()), Tab(visit()))
    for tab in others:
        tab.choose("Voice, every 4th sample")
        tab.set(LENGTH, "1")
        tab.set("Steps", STEPS)
        tab.run.click()
    for tab in others:
        tab.finished()
    assert "Traceback" not in server.log.read_text()


def test_a_recording_becomes_the_input(visit):
    tab = Tab(visit(permissions=["microphone"]))
    door = tab.root.locator(".door").first
    door.get_by_role("button", name="Record audio").click()
    door.get_by_role("button", name="Record", exact=True).click()
    time.sleep(1.0)
    door.get_by_role("button", name="Stop", exact=True).click()
    tab.wait("e => e.classList.contains('filled')", tab.input)
    assert "kHz" in tab.root.locator(".caption-line span").inner_text()


TABS = ("Super-resolution", "Inpainting", "Declipping", "Separation", "Vocoding", "Localization", "Prior inspector")
TOUCHED = "button, a, select, fieldset label, [role=tab], [role=slider]"
TOO_SMALL = (
    f"[...document.querySelectorAll('{TOUCHED}')]"
    + """.filter((e) => {
  const box = e.getBoundingClientRect();
  return e.checkVisibility() && box.height > 0 && box.height < 40;
}).map((e) => e.textContent || e.className)"""
)
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((e) =>
  e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)"""


def test_every_tab_has_one_width(visit):
    page, widths = visit(), set()
    for title in TABS:
        tab = Tab(page, title)
        widths.add(round(tab.root.bounding_box()["width"]))
    assert widths == {1232}


def test_what_is_touched_on_a_phone_is_large_enough_and_all_of_it_is_there(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for title in TABS:
        assert page.get_by_role("tab", name=title).is_visible()
        Tab(page, title)
        page.wait_for_timeout(300)
        assert page.evaluate(TOO_SMALL) == [] and page.evaluate(TOO_WIDE) == [], title
    for name in ("Use via API", "Settings"):
        assert page.locator("footer").get_by_text(name).is_visible()


def test_the_ladder_waits_in_words_and_has_ticks_from_the_first_update_on(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab = Tab(page, "Declipping")
    ladder = tab.root.locator(".ladder")
    ladder.get_by_text("The noise ladder is drawn here").wait_for()
    assert ladder.locator(".gridlayer path").count() == 0
    tab.choose("Overloaded piano")
    tab.set(LENGTH, "1")
    tab.set("Steps", "1")
    tab.run.click()
    tab.finished()
    ladder.locator(".xtick text").first.wait_for()
    assert ladder.locator(".xtick text").count() >= 2 and ladder.locator(".ytick text").count() >= 2
    assert not ladder.locator(".modebar").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(visit, artifacts, scheme):
    page = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    tab = Tab(page)
    tab.choose("Voice at 4 kHz")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(TOO_SMALL) == [] and page.evaluate(TOO_WIDE) == []
    page.screenshot(path=artifacts / f"phone-{scheme}.png", full_page=True)


def test_it_installs_as_an_app(visit, server):
    page = visit()
    manifest = page.evaluate("fetch('/manifest.json').then(reply => reply.json())")
    assert manifest["name"] == "Resound" and manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal(round(seconds * 16000))
    soundfile.write(file, 0.1 * noise, 16000, format="WAV")
    return file.getvalue()


def test_a_spectrogram_is_played_at_another_tempo(visit):
    page = visit()
    tab = Tab(page, "Vocoding")
    tab.choose("Voice, half as fast")
    tab.set(LENGTH, SECONDS)
    tab.set("Steps", STEPS)
    tab.run.click()
    tab.finished()
    tracks = tab.compare.locator(".scope-tracks button").all_text_contents()
    assert tracks == ["Input", "Result", "Griffin-Lim"]
    assert "/ 3.0 s" in tab.compare.locator(".scope-time").inner_text()
    assert tab.root.locator("table.metrics thead th").all_text_contents()[0].startswith("Mel error")
    assert page.faults == [] and page.foreign == []
