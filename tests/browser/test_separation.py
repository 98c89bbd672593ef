"""The separation tab in Chromium: stems stream, are soloed and muted, and come home in an archive."""

import zipfile

import numpy as np
import soundfile

from tests.browser.tab import LENGTH, Tab


def choose_prior(tab: Tab, label: str, prior: str) -> None:
    field = tab.root.get_by_label(label)
    field.click()
    tab.root.get_by_role("option", name=prior, exact=True).click()
    tab.wait(f"e => e.value === {prior!r}", field)
    tab.root.get_by_role("option").first.wait_for(state="hidden")  # before another list opens


def start(page, chip: str, *, prior: str = "tiny", steps: str = "6") -> Tab:
    tab = Tab(page, "Separation")
    tab.root.get_by_role("button", name=chip, exact=True).click()
    tab.wait("e => e.classList.contains('filled')", tab.input)
    for label in ("First source", "Second source"):
        choose_prior(tab, label, prior)
    tab.set(LENGTH, "1.5")
    tab.set("Steps", steps)
    tab.run.click()
    return tab


def test_two_sounds_are_mixed_and_taken_apart(visit, artifacts):
    page = visit()
    tab = start(page, "Piano and voice")
    tab.finished()
    assert tab.updates() >= 3
    names = tab.compare.locator(".scope-tracks button").all_text_contents()
    assert names == ["Mixture", *(f"{name}{what}" for what in ("", ", NMF", ", truth") for name in ("tiny", "tiny-2"))]
    rows = tab.root.locator("table.metrics tbody th").all_text_contents()
    assert rows == ["Result", "Mixture", "Binary mask (oracle)", "Ratio mask (oracle)", "NMF (oracle order)"]
    assert "Together the stems miss the mixture by at most" in tab.root.inner_text()
    page.screenshot(path=artifacts / "separation.png", full_page=True)
    with page.expect_download() as download:
        tab.root.get_by_role("button", name="Download stems").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == ["tiny.wav", "tiny-2.wav"]
        stems = [soundfile.read(archive.open(name), dtype="float32")[0] for name in archive.namelist()]
    assert all(len(stem) == 24000 and np.isfinite(stem).all() for stem in stems)
    assert page.faults == [] and page.foreign == []


def test_stems_are_soloed_and_muted_while_they_sound(visit):
    page = visit()
    tab = start(page, "A mixture", steps="3")
    tab.finished()
    tab.live.locator(".scope-play").click()
    tab.wait("e => e.classList.contains('playing')", tab.live)
    solo, mute = (tab.live.get_by_role("button", name=f"{kind} tiny-2", exact=True) for kind in ("Solo", "Mute"))
    for button in (solo, mute):
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
    solo.click()
    assert solo.get_attribute("aria-pressed") == "false" and mute.get_attribute("aria-pressed") == "true"
    before = tab.updates()
    tab.root.get_by_label("Iterate").first.fill("1")
    tab.wait(f"e => +e.dataset.updates > {before}", tab.live)
    assert mute.get_attribute("aria-pressed") == "true", "what is muted stays so over all iterates"
    assert page.faults == []


def test_refusals_keep_the_inputs(visit):
    page = visit()
    tab = Tab(page, "Separation")
    tab.run.click()
    page.get_by_text("There is no sound yet").wait_for()
    tab = start(page, "Piano and voice")
    tab.finished()
    choose_prior(tab, "Third source", "tiny")
    tab.run.click()
    page.get_by_text("Two sounds are mixed, but 3 priors are chosen").wait_for()
    assert tab.input.get_attribute("class").count("filled")
