"""The real page in Chromium: an example from click to download, Stop, wrong files, visitors, phones."""

import json
import time

import numpy as np
import pytest
import soundfile

from tests.browser.tab import LENGTH, SECONDS, STEPS, TABS, Tab, wav


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


def test_a_spectrogram_is_played_at_another_tempo(visit):
    page = visit()
    tab = Tab(page, "Vocoding")
    tab.choose("Voice, half as fast")
    tab.set(LENGTH, SECONDS)
    tab.run.click()
    tab.finished()
    tracks = tab.compare.locator(".scope-tracks button").all_text_contents()
    assert tracks == ["Input", "Result", "Griffin-Lim"]
    assert "/ 3.0 s" in tab.compare.locator(".scope-time").inner_text()
    assert tab.root.locator("table.metrics thead th").all_text_contents()[0].startswith("Mel error")
    assert page.faults == [] and page.foreign == []
