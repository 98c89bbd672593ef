"""Speaking live in Chromium, whose stand-in for a microphone beeps: button, chunks, sound, the delay, and the end."""

import pytest

from tests.browser.tab import Tab

LOUD = "e => parseFloat(e.style.width) > 5"
REFUSED = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
}"""
INSECURE = "() => { delete Navigator.prototype.mediaDevices; }"


class Live(Tab):
    """The tab's button for speaking live, and what stands beside it."""

    def __init__(self, page):
        super().__init__(page, "Voice conversion")
        self.speak = self.root.locator(".speak")
        self.button = self.root.locator(".speak-live")
        self.button.wait_for()

    def spoken(self, chunks: int) -> None:
        self.wait(f"e => +e.dataset.chunks >= {chunks}", self.speak)


def test_a_voice_is_spoken_with_and_the_delay_shown(visit, artifacts):
    page = visit()
    tab = Live(page)
    assert tab.button.inner_text() == "Speak live" and "Nothing is recorded or kept" in tab.speak.inner_text()
    tab.button.press("Enter")
    tab.spoken(4)
    assert tab.button.inner_text() == "Stop speaking" and tab.button.get_attribute("aria-pressed") == "true"
    assert "s behind you" in tab.root.locator(".speak-behind").inner_text()
    assert 0.6 < float(tab.speak.get_attribute("data-behind")) < 8, "a machine that has much else to do is slower"
    for level in tab.speak.locator(".speak-levels s").all():  # what is heard and said is not loud at once
        tab.wait(LOUD, level)
    page.screenshot(path=artifacts / "live-voice.png", full_page=True)
    tab.button.press("Enter")
    tab.wait("e => e.dataset.live === 'no'", tab.speak)
    assert tab.button.inner_text() == "Speak live" and tab.root.locator(".speak-behind").inner_text() == ""
    assert page.faults == [] and page.foreign == []


def test_who_stops_can_speak_again_and_other_sounds_end_it(visit):
    page = visit()
    tab = Live(page)
    for _ in range(2):
        tab.button.click()
        tab.wait("e => e.dataset.live === 'yes'", tab.speak)
        before = int(tab.speak.get_attribute("data-chunks"))
        tab.spoken(before + 1)
        tab.button.click()
        tab.wait("e => e.dataset.live === 'no'", tab.speak)
    tab.button.click()
    tab.wait("e => e.dataset.live === 'yes'", tab.speak)
    page.evaluate("window.resound.playing()")  # what another sound of the page does when it begins
    tab.wait("e => e.dataset.live === 'no'", tab.speak)
    assert page.faults == []


@pytest.mark.parametrize(
    ("script", "sentence"),
    [(REFUSED, "microphone is not allowed here"), (INSECURE, "pages under https")],
    ids=["refused", "insecure"],
)
def test_without_a_microphone_a_sentence_says_what_would_help(visit, script, sentence):
    page = visit()
    tab = Live(page)
    page.evaluate(script)
    tab.button.click()
    tab.root.locator(".speak-message", has_text=sentence).wait_for()
    assert tab.speak.get_attribute("data-live") == "no" and page.faults == []


def test_a_session_that_ends_on_the_server_says_why(visit):
    page = visit()
    tab = Live(page)
    ended = {"status": 404, "json": {"detail": "Speaking live ends after 10 minutes."}}
    page.route("**/live-voice/*", lambda route: route.fulfill(**ended))
    tab.button.click()
    tab.root.locator(".speak-message", has_text="ends after 10 minutes").wait_for()
    assert tab.button.inner_text() == "Speak live"


def test_a_phone_shows_it_without_sideways_scrolling(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    tab = Live(page)
    tab.button.tap()
    tab.spoken(2)
    assert tab.button.bounding_box()["height"] >= 40
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    tab.button.tap()
    tab.wait("e => e.dataset.live === 'no'", tab.speak)
