"""The vocoding tab in Chromium: two spectrograms side by side, one of them taken along and opened again."""

import numpy as np

from tests.browser.tab import LENGTH, STEPS, Tab


def ready(page) -> Tab:
    tab = Tab(page, "Vocoding")
    tab.choose("Voice, half as fast")
    tab.set(LENGTH, "1")
    return tab


def pictures(tab: Tab) -> list[str]:
    return [image.get_attribute("src") for image in tab.root.locator("figure.mel img").all()]


def test_a_spectrogram_is_seen_played_taken_along_and_opened(visit, artifacts):
    page = visit()
    tab = ready(page)
    asked = tab.root.locator("figure.mel").first
    asked.locator("span", has_text="2.0 s, 80 bands").wait_for()
    tab.run.click()
    tab.finished()
    assert len(pictures(tab)) == 2, "what was asked for, and what is heard"
    assert tab.compare.locator(".scope-tracks button").all_text_contents() == ["Input", "Result", "Griffin-Lim"]
    page.screenshot(path=artifacts / "vocoding.png", full_page=True)
    with page.expect_download() as download:
        tab.root.get_by_role("button", name="Download the spectrogram").click()
    with np.load(download.value.path(), allow_pickle=False) as file:
        assert file["mel"].shape == (80, 252) and file["sample_rate"] == 16000 and file["hop_length"] == 128
    download.value.save_as(artifacts / "asked.npz")
    tab.root.locator("input[type=file][accept*=npz]").set_input_files(artifacts / "asked.npz")
    tab.root.locator(".caption-line b", has_text="asked.npz").wait_for()
    assert tab.root.get_by_label("number input for Stretch").first.input_value() == "1"
    tab.run.click()
    tab.finished()
    assert tab.compare.locator(".scope-tracks button").all_text_contents() == ["Result", "Griffin-Lim"]
    assert page.faults == [] and page.foreign == []


def test_a_switch_keeps_the_moment_under_stretched_time(visit):
    tab = ready(visit())
    tab.run.click()
    tab.finished()
    result, given = (tab.compare.get_by_role("radio", name=name, exact=True) for name in ("Result", "Input"))
    box = tab.compare.locator("canvas").bounding_box()
    tab.compare.locator("canvas").click(position={"x": 36 + 0.5 * (box["width"] - 44), "y": 40})
    time = tab.compare.locator(".scope-time")
    assert time.inner_text() == "1.0 / 2.0 s"
    given.click()
    assert time.inner_text() == "0.5 / 2.0 s", "the input takes half as long"
    result.click()
    assert time.inner_text() == "1.0 / 2.0 s"


def test_one_spectrogram_through_several_models(visit):
    """What the vocoder made is kept and stands beside what a prior makes of the same part."""
    tab = ready(visit())
    steps = tab.root.get_by_label("Steps")
    tab.root.get_by_role("button", name="Advanced").click()
    assert not steps.is_visible(), "a vocoder has none"
    tab.run.click()
    tab.finished()
    tab.root.get_by_role("button", name="Keep for the next run").click()
    tab.root.get_by_role("button", name="Drop Voice, fast vocoder").wait_for()
    tab.pick("Prior", "tiny")
    steps.wait_for()
    tab.set("Steps", STEPS)
    tab.run.click()
    compared = tab.compare.locator(".scope-tracks button")
    compared.filter(has_text="Voice, fast vocoder").wait_for()
    assert compared.all_text_contents() == ["Input", "Result", "Griffin-Lim", "Voice, fast vocoder"]


def test_a_file_that_is_no_spectrogram_gets_a_sentence(visit, tmp_path):
    tab = ready(visit())
    np.save(tmp_path / "trap.npy", np.array([object()]))  # objects are written as a pickle
    tab.root.locator("input[type=file][accept*=npz]").set_input_files(tmp_path / "trap.npy")
    tab.page.get_by_text("holds no plain array, so it was not opened further").wait_for()
    tab.root.locator(".caption-line b", has_text="Voice, half as fast").wait_for()


def test_a_changed_pitch_is_another_picture(visit):
    tab = ready(visit())
    tab.root.locator("figure.mel img").first.wait_for()
    (before,) = pictures(tab)
    tab.root.get_by_label("number input for Move pitch").first.fill("7")
    tab.root.get_by_label("number input for Move pitch").first.press("Tab")
    tab.page.wait_for_function(
        "was => document.querySelector('.tabitem:not([style*=none]) figure.mel img')?.src != was", arg=before
    )
