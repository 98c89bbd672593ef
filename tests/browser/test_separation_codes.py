"""Separation among codes in Chromium: streams grow, samples are chosen, and both methods stand side by side."""

import pytest

from tests.browser.tab import LENGTH, Tab
from tests.browser.test_accessibility import FAINT, NAMELESS
from tests.browser.test_links import opened, said
from tests.browser.test_page import TOO_SMALL, TOO_WIDE
from tests.browser.test_separation import choose_prior

CHIP = "Drums and bass"
SAMPLES = "number input for Samples of the posterior"
pytestmark = pytest.mark.timeout(900)  # of a machine that has much else to do


def ready(page, samples: str = "3") -> Tab:
    """A second of the example, with the tiny priors."""
    tab = Tab(page, "Separation")
    tab.root.get_by_role("button", name=CHIP, exact=True).click()
    tab.wait("e => e.classList.contains('filled')", tab.input)
    tab.root.get_by_label(SAMPLES).wait_for()
    for label, prior in (("First source", "tiny-drums"), ("Second source", "tiny-bass")):
        choose_prior(tab, label, prior)
    tab.set(LENGTH, "1")
    tab.root.get_by_label(SAMPLES).fill(samples)
    tab.root.get_by_label(SAMPLES).press("Tab")
    said(page, "separate.samples", samples)
    return tab


def streams(tab: Tab):
    return tab.root.locator(".streams")


def samples(tab: Tab):
    return streams(tab).locator(".streams-samples button")


def finish(tab: Tab) -> None:
    tab.run.click()
    tab.finished()
    streams(tab).locator(".streams-samples button").first.wait_for()


def test_codes_are_drawn_and_every_sample_can_be_heard(visit, artifacts):
    page = visit()
    tab = ready(page)
    assert not tab.root.get_by_label("Quality").count() and not tab.root.get_by_label("Third source").count()
    tab.run.click()
    tab.wait("e => e.classList.contains('filled')", streams(tab))
    tab.wait("e => +e.dataset.updates > 1", tab.live)
    tab.finished()
    assert streams(tab).locator("figcaption").all_text_contents() == [
        "tiny-drums, codes",
        "tiny-bass, codes",
        "Log-likelihood of the pair, nats",
        "Where samples disagree: spread of the share of tiny-drums",
    ]
    names = tab.compare.locator(".scope-tracks button").all_text_contents()
    made = [
        f"tiny-{name}{what}" for what in ("", ", decoded", ", compressed truth", ", NMF") for name in ("drums", "bass")
    ]
    assert names == ["Mixture", *made, "tiny-drums, truth", "tiny-bass, truth"]
    rows = tab.root.locator("table.metrics tbody th").all_text_contents()
    assert {"Result", "Decoded codes", "Compressed truth", "NMF (oracle order)"} <= set(rows)
    assert samples(tab).locator("b").all_text_contents() == ["Sample 1", "Sample 2", "Sample 3"]
    assert samples(tab).first.get_attribute("aria-pressed") == "true"
    live, compared = tab.updates(), int(tab.compare.get_attribute("data-updates"))
    samples(tab).nth(2).click()
    tab.root.locator(".status", has_text="Sample 3").wait_for()
    tab.wait("e => e.getAttribute('aria-pressed') === 'true'", samples(tab).nth(2))
    tab.wait(f"e => +e.dataset.updates > {live}", tab.live)
    tab.wait(f"e => +e.dataset.updates > {compared}", tab.compare)
    page.screenshot(path=artifacts / "separation-codes.png", full_page=True)
    assert page.faults == [] and page.foreign == []


def test_streams_are_read_by_keys_and_followed_by_the_scrubber(visit):
    page = visit()
    tab = ready(page)
    finish(tab)
    stage, words = streams(tab).locator(".streams-stage"), streams(tab).locator(".streams-said")
    stage.press("ArrowRight")
    assert words.inner_text().startswith("0.00 s: tiny-drums code ") and "samples disagree by" in words.inner_text()
    stage.press("Shift+ArrowRight")
    assert words.inner_text().startswith("0.06 s: ")
    assert stage.get_attribute("aria-label").startswith("250 of 250 pairs of codes of tiny-drums and tiny-bass")
    scrubber = tab.root.get_by_label("Iterate").first
    scrubber.fill("1")
    tab.wait("e => e.getAttribute('aria-label').startsWith('64 of 250 ')", stage)
    assert not samples(tab).first.is_visible() and "Code 64 of 250" in tab.status.inner_text()
    scrubber.fill(scrubber.get_attribute("max"))
    samples(tab).first.wait_for()
    assert page.faults == []


def test_what_the_other_method_made_of_the_same_stands_beside(visit):
    page = visit()
    tab = ready(page, "2")
    finish(tab)
    tab.pick("How sources are drawn", "As waveforms")
    tab.root.get_by_label("Third source").wait_for()
    assert samples(tab).first.is_visible(), "what was made stays until there is something new"
    for label in ("First source", "Second source"):
        choose_prior(tab, label, "tiny")
    tab.set("Steps", "3")
    tab.run.click()
    tab.root.locator(".after .scope[data-track=tiny]").wait_for()
    names = tab.compare.locator(".scope-tracks button").all_text_contents()
    beside = ["tiny, NMF", "tiny-2, NMF", "tiny-drums, as codes", "tiny-bass, as codes"]
    assert names[:7] == ["Mixture", "tiny", "tiny-2", *beside]
    assert "As codes" in tab.root.locator("table.metrics tbody th").all_text_contents()
    assert not streams(tab).is_visible() and tab.root.locator(".ladder").first.is_visible()
    assert page.faults == []


def test_a_link_brings_the_method_back_and_a_phone_has_room_for_it(visit, server):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark")
    link = {"tab": "separate", "separate.example": CHIP, "separate.samples": "2", "separate.length": "1"}
    opened(page, server, **link, **{"separate.first_codes": "tiny-drums", "separate.second_codes": "tiny-bass"})
    tab = Tab(page, "Separation")
    tab.root.get_by_label(SAMPLES).wait_for()
    tab.wait("e => e.value === '2'", tab.root.get_by_label(SAMPLES))
    tab.wait("e => e.value === 'tiny-drums'", tab.root.get_by_label("First source"))
    tab.wait("e => e.classList.contains('filled')", tab.input)
    finish(tab)
    assert page.evaluate(TOO_WIDE) == [] and page.evaluate(TOO_SMALL) == []
    assert page.evaluate(FAINT) == [] and page.evaluate(NAMELESS) == []
    assert page.faults == []
