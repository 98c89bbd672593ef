"""The players in Chromium: parts and gaps that are dragged, the end of a band, comparing, blind listening, zoom."""

import io
import time

import numpy as np
import pytest
import soundfile

from tests.browser.tab import LENGTH, SECONDS, STEPS, Tab, wav


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
