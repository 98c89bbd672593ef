"""A tab of the open page, as its tests see and use it."""

import io
from collections.abc import Callable

import numpy as np
import soundfile

SECONDS = "1.5"
STEPS = "6"
LENGTH = "Length (s)"
TABS = (
    "Super-resolution",
    "Inpainting",
    "Declipping",
    "Separation",
    "Vocoding",
    "Voice conversion",
    "Generation",
    "Localization",
    "Prior inspector",
)


class Tab:
    """One tab of an open page, by what a visitor sees."""

    def __init__(self, page, title: str = "Super-resolution"):
        self.page = page
        self._open(title)
        self.root = page.locator(".tabitem:not(:has(.tabitem)):visible")  # of a tab with sections the open one
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


def seen(locator, condition: str, act: Callable[[], None]) -> None:
    """Acts, and makes sure that an element then is in a state, however short: as while a short sound plays."""
    locator.evaluate(
        """(element, condition) => {
          const holds = new Function("e", `return ${condition}`);
          window.seen = new Promise((done, failed) => {
            const look = () => holds(element) && done(true);
            const all = { attributes: true, childList: true, characterData: true, subtree: true };
            new MutationObserver(look).observe(element, all);
            setTimeout(() => failed(new Error(`never seen: ${condition}`)), 60000);
          });
        }""",
        condition,
    )
    act()
    assert locator.page.evaluate("window.seen")


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal(round(seconds * 16000))
    soundfile.write(file, 0.1 * noise, 16000, format="WAV")
    return file.getvalue()
