"""The localization tab in Chromium: voices are dragged, followed live, separated, clicked, uploaded and relayed."""

import io
import json
import math
import re
import threading
import zipfile
from contextlib import closing, contextmanager

import numpy as np
import pytest
import soundfile

from core.arrays.geometry import ARRAYS
from core.arrays.live.relay_client import RelayClient
from core.arrays.live.sources import RecordingSource
from tests.browser.tab import LENGTH, Tab, seen

ROOM, RECORDING = "Two voices in a room", "A four-channel recording"
BESIDE = 12  # degrees that a followed voice may be off
RATE = 16000


class Around(Tab):
    """The tab by what a visitor sees."""

    def __init__(self, page):
        super().__init__(page, "Localization")
        self.separate = self.root.get_by_role("button", name="Separate", exact=True)
        self.polar, self.beam = self.root.locator(".polar"), self.root.locator(".beam .scope")
        self.plan, self.dial = self.root.locator(".room-canvas"), self.root.locator(".polar-canvas")
        self.stems, self.compared = self.root.locator(".after .scope").first, self.root.locator(".after .scope").last

    def drag(self, voice: int, x: float, y: float) -> None:
        """A voice to a place in metres from the array; the last step is a hand's, so that nothing is skipped."""
        self.plan.scroll_into_view_if_needed()
        box, mouse = self.plan.bounding_box(), self.page.mouse
        scale = (box["width"] - 2) / 6.0
        angle = int(self.root.locator(".room").get_attribute("data-angles").split(",")[voice])
        distance = {0: math.hypot(1, 1), 1: math.hypot(1.4, 0.8)}[voice]
        for move, (at_x, at_y) in (
            (mouse.down, (distance * math.cos(math.radians(angle)), distance * math.sin(math.radians(angle)))),
            (mouse.up, (x, y)),
        ):
            mouse.move(box["x"] + box["width"] / 2 + at_x * scale, box["y"] + box["height"] / 2 - at_y * scale, steps=8)
            move()

    def listen(self) -> None:
        self.root.get_by_role("button", name="Listen live").click()
        self.wait("e => e.dataset.live === 'yes' && +e.dataset.updates >= 20", self.polar)

    def hears(self, degrees: float) -> None:
        """Waits until a source is followed there."""
        self.wait(
            "e => e.dataset.sources && e.dataset.sources.split(',')"
            f".some(a => Math.abs((a - {degrees} + 540) % 360 - 180) < {BESIDE})",
            self.polar,
        )

    def upload(self, name: str, content: bytes) -> None:
        door = self.root.locator(".door input[type=file]").first
        door.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": content})


def wav(channels: int, seconds: float = 2.0) -> bytes:
    """A voice in front of an array, [channels] copies of it with a little noise each."""
    voice = 0.2 * np.random.default_rng(0).standard_normal((round(seconds * RATE), 1))
    noise = 0.01 * np.random.default_rng(1).standard_normal((len(voice), channels))
    file = io.BytesIO()
    soundfile.write(file, voice + noise, RATE, format="WAV")
    return file.getvalue()


def test_dragged_voices_are_found_separated_and_taken_along(visit, artifacts):
    page = visit()
    tab = Around(page)
    tab.choose(ROOM)
    tab.drag(0, -0.2, 1.6)
    tab.wait("e => Math.abs(+e.dataset.angles.split(',')[0] - 97) < 3", tab.root.locator(".room"))
    tab.pick("Method", "SRP-PHAT")
    tab.separate.click()
    tab.root.locator(".status.done").wait_for()
    tab.wait("e => e.classList.contains('filled')", tab.stems)
    assert tab.polar.get_attribute("data-kind") == "found" and int(tab.polar.get_attribute("data-looks")) >= 2
    strips = tab.stems.locator(".scope-strip b").all_text_contents()
    first, second = (int(re.search(r"· (\d+)°", strip)[1]) for strip in strips)
    assert abs(first - 97) < BESIDE and abs(second - 210) < BESIDE
    tracks = tab.compared.locator(".scope-tracks button").all_text_contents()
    assert tracks == ["Microphone 0", "Voice 1", "Voice 2", "1, truth", "2, truth"]
    rows = tab.root.locator("table.metrics tbody th").all_text_contents()
    assert rows[:2] == ["Result", "Microphone 0"] and rows[-2:] == ["Voice 1: Harbour", "Voice 2: Garden"]
    page.screenshot(path=artifacts / "localization.png", full_page=True)
    with page.expect_download() as download:
        tab.root.get_by_role("button", name="Download voices").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == ["voice-1.wav", "voice-2.wav"]
    assert page.faults == [] and page.foreign == []


def test_a_voice_is_followed_live_while_it_is_dragged(visit, artifacts):
    page = visit()
    tab = Around(page)
    tab.choose(ROOM)
    tab.listen()
    tab.hears(45)
    tab.hears(210)
    tab.drag(0, 1.5, -1.2)
    tab.hears(321)
    assert "nothing lost" in tab.root.locator(".polar-facts").inner_text()
    page.screenshot(path=artifacts / "localization-live.png", full_page=True)
    tab.root.get_by_role("button", name="Stop listening").click()
    tab.wait("e => e.dataset.live === 'no'", tab.polar)
    assert page.faults == []


@pytest.mark.parametrize(
    ("losses", "lost", "said"),
    [(0, 0, "nothing lost"), (3, 2400, "samples lost 3 times, 2400 in all"), (2, 0, "samples lost 2 times")],
)
def test_what_was_lost_is_said(visit, losses, lost, said):
    """A device that overflows does not always know how much it lost."""
    page = visit()
    tab = Around(page)
    heard = {"seconds": 1.0, "energy": "AAAA", "level": -30.0, "sources": [], "losses": losses, "lost": lost}
    events = {"content_type": "text/event-stream", "body": f"data: {json.dumps(heard)}\n\n"}
    page.route("**/live/*", lambda route: route.fulfill(**events))
    tab.root.get_by_role("button", name="Listen live").click()
    tab.root.locator(".polar-message", has_text="broke off").wait_for()
    assert tab.root.locator(".polar-facts").inner_text().split(" · ")[-1] == said


def test_voices_are_added_and_taken_away(visit):
    tab = Around(visit())
    room = tab.root.locator(".room")
    for count in ("3", "4"):
        tab.root.get_by_role("button", name="Add a voice").click()
        tab.wait(f"e => e.dataset.voices === '{count}'", room)
    assert not tab.root.get_by_role("button", name="Add a voice").is_visible()
    said = [tab.root.get_by_label(f"What voice {k} says").input_value() for k in (1, 2, 3, 4)]
    assert len(set(said)) == 4
    tab.root.get_by_role("button", name="Take voice 1 away").click()
    tab.wait("e => e.dataset.voices === '3'", room)
    tab.wait("e => e.classList.contains('filled')", tab.input)


def test_a_direction_is_heard_when_it_is_clicked(visit):
    page = visit()
    tab = Around(page)
    seen(tab.input, "e.classList.contains('playing')", lambda: tab.choose(RECORDING))
    box = tab.dial.bounding_box()
    place = {"x": 0.5 * box["width"], "y": 0.2 * box["height"]}
    seen(tab.beam, "e.classList.contains('playing')", lambda: tab.dial.click(position=place))
    assert tab.polar.get_attribute("data-beam") == "90"
    assert tab.beam.locator(".scope-tracks button").all_text_contents() == ["90°", "Microphone 0"]
    tab.dial.press("ArrowLeft")
    tab.dial.press("Enter")
    tab.beam.get_by_role("radio", name="95°").wait_for()
    tab.listen()
    tab.hears(50)
    assert page.faults == []


def test_how_sure_it_must_be_is_asked_of_what_was_found(visit):
    """The slider is moved by keys; those who count have a player each, and nobody is looked for again."""
    page = visit()
    tab = Around(page)
    tab.choose(ROOM)
    tab.pick("Method", "SRP-PHAT")
    tab.separate.click()
    certainty = tab.root.locator(".certainty")
    certainty.get_by_text("Recall: ").wait_for()
    tab.wait("e => e.classList.contains('filled')", tab.stems)
    sure, counting = certainty.locator("input[type=range]"), {}
    for key, percent in (("Home", 0), ("End", 100)):
        sure.press(key)
        tab.wait(f"e => +e.value === {percent}", sure)
        tab.wait(f"e => +e.dataset.least === {percent / 100}", tab.polar)
        counting[key] = set(filter(None, tab.polar.get_attribute("data-counting").split(",")))
        heard = "(e.classList.contains('filled') ? e.querySelectorAll('.scope-strip').length : 0)"
        tab.wait(f"e => {heard} === {len(counting[key])}", tab.stems)
        assert certainty.get_by_text("Recall: ").is_visible()
    assert {"1", "2"} <= counting["Home"] and counting["End"] <= counting["Home"]
    assert page.faults == []


def test_charts_are_of_the_chosen_array(visit, artifacts):
    page = visit()
    tab = Around(page)
    tab.root.get_by_role("button", name="How it works").click()
    tab.root.get_by_text("Measured with respeaker-4").wait_for()
    assert tab.root.locator(".chart-keys li").first.inner_text() == "Cone search"
    tab.pick("Array", "Ring of 6 mics")
    tab.root.get_by_text("Measured with circle-6").wait_for()
    tab.root.locator(".charts .js-plotly-plot .scatterlayer").nth(3).wait_for()
    page.screenshot(path=artifacts / "localization-charts.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0 and page.faults == []


def test_an_uploaded_stream_of_six_is_recognised_and_wrong_files_get_a_sentence(visit):
    page = visit()
    tab = Around(page)
    tab.root.get_by_text("Recording", exact=True).click()
    tab.separate.click()
    page.locator(".toast-body", has_text="no recording yet").wait_for()
    tab.upload("stream.wav", wav(6))
    tab.root.locator(".caption-line b", has_text="stream.wav").wait_for()
    assert "4 channels" in tab.root.locator(".caption-line").inner_text()
    for name, content, sentence in (
        ("mono.wav", wav(1), "The recording has 1 channel, but the array respeaker-4 has 4 microphones"),
        ("stereo.wav", wav(2), "The recording has 2 channels"),
        ("notes.wav", b"these are words, not audio", "notes.wav"),
    ):
        tab.upload(name, content)
        toast = page.locator(".toast-body", has_text=sentence)
        toast.wait_for()
        assert "Traceback" not in toast.inner_text()
        assert tab.root.locator(".caption-line b").inner_text() == "stream.wav", "nothing is lost"
    tab.pick("Method", "SRP-PHAT")
    tab.separate.click()
    tab.root.locator(".status.done").wait_for()
    tab.wait("e => e.classList.contains('filled')", tab.stems)
    assert "the raw ones are the microphones: 1, 2, 3, 4" in tab.root.locator(".figures").inner_text()
    tab.root.get_by_role("button", name="Are the channels right?").click()
    tab.root.get_by_role("button", name="Check levels").click()
    tab.root.locator(".finding", has_text="All 4 microphones sound as they should").wait_for()


def test_the_search_is_watched_and_stopped(visit):
    page = visit()
    tab = Around(page)
    tab.root.get_by_text("Recording", exact=True).click()
    tab.pick("Array", "Ring of 6 mics")
    tab.upload("long.wav", wav(6, 60.0))
    tab.root.locator(".caption-line b", has_text="long.wav").wait_for()
    tab.pick("Separator", "tiny-cone")
    tab.set(LENGTH, "60")
    tab.separate.click()
    tab.wait("e => e.dataset.kind === 'look' && +e.dataset.looks >= 2", tab.polar)
    tab.stop.click()
    tab.root.locator(".status.stopped").wait_for()
    assert tab.separate.is_enabled() and tab.root.locator(".caption-line b").inner_text() == "long.wav"
    tab.set(LENGTH, "1")
    tab.pick("Method", "SRP-PHAT")
    tab.pick("Separator", "Automatic")
    tab.separate.click()
    tab.root.locator(".status.done").wait_for()
    assert page.faults == []


@contextmanager
def relayed(url: str, token: str):
    """The example recording, sent again and again as an array elsewhere does."""
    samples, _ = soundfile.read("assets/sounds/two-voices-respeaker-4.flac", dtype="float32")
    client = RelayClient(url, token, RecordingSource(samples.T, ARRAYS["respeaker-4"], RATE, loop=True))
    over = threading.Event()

    def send():
        with closing(client.run()) as run:
            for _ in run:
                if over.is_set():
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_live_sound_comes_from_here_or_from_an_array_elsewhere(visit, server):
    page = visit()
    tab = Around(page)
    tab.root.get_by_text("Live", exact=True).click()
    tab.root.locator(".steps li").nth(4).wait_for()
    assert "1 to 4 are the microphones" in tab.root.locator(".steps").inner_text()
    tab.pick("Listen to", "Stand-in: two voices, one walks around")
    tab.listen()
    tab.hears(250)
    tab.pick("Listen to", "An array elsewhere, by relay")
    command = tab.root.locator(".command textarea")
    command.wait_for()
    token = re.search(rf"core relay {server.url} .*--token (\S+)$", command.input_value())[1]
    tab.root.get_by_role("button", name="Listen live").click()
    tab.root.locator(".polar-message", has_text="Waiting for the array").wait_for()
    with relayed(server.url, token):
        tab.hears(50)
        tab.root.get_by_role("button", name="Are the channels right?").click()
        tab.root.get_by_role("button", name="Check order").click()
        tab.root.get_by_text("Tap microphone 0 now.").wait_for()
        tab.pick("Method", "SRP-PHAT")
        tab.separate.click()
        tab.root.locator(".status.done").wait_for()
        tab.wait("e => e.classList.contains('filled')", tab.stems)
    assert page.faults == [] and "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_whole_tab_without_sideways_scrolling(visit, artifacts, scheme):
    page = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    tab = Around(page)
    tab.choose(ROOM)
    tab.pick("Method", "SRP-PHAT")
    tab.separate.click()
    tab.root.locator(".status.done").wait_for()
    tab.wait("e => e.classList.contains('filled')", tab.compared)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.screenshot(path=artifacts / f"localization-phone-{scheme}.png", full_page=True)
