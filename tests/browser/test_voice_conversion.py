"""The tab of voice conversion in Chromium: several voices, one of one's own, codes that are edited, what is refused."""

import io

import numpy as np
import pytest
import soundfile

from demos.page.examples import SOUNDS
from tests.browser.tab import LENGTH, Tab, seen


def ready(page, chip: str = "Three voices") -> Tab:
    tab = Tab(page, "Voice conversion")
    tab.choose(chip)
    tab.root.locator(".voice-choose[aria-pressed=true]").first.wait_for()
    tab.set(LENGTH, "2")
    return tab


def converted(page, chip: str = "Three voices") -> Tab:
    tab = ready(page, chip)
    tab.run.click()
    tab.finished()
    tab.root.locator(".codes.filled").wait_for()
    return tab


def names(tab: Tab) -> list[str]:
    return tab.compare.locator(".scope-tracks button").all_text_contents()


def codes(tab: Tab) -> int:
    return int(tab.root.locator(".codes").get_attribute("data-codes"))


def give_own_voice(tab: Tab, path) -> None:
    fold = tab.root.get_by_role("button", name="A voice of your own")
    door = tab.root.locator(".door input[type=file]").nth(1)
    if not door.count() or not tab.root.get_by_text("Ten seconds of one person").is_visible():
        fold.click()
    door.set_input_files(path)


def test_several_voices_stand_beside_what_they_are_compared_with(visit, artifacts):
    page = visit()
    tab = converted(page)
    chosen = ["ls1998", "ls2609", "emodb_08"]
    others = ["Source's own voice", "Pitch and formants", "Plain vocoder"]
    assert names(tab) == ["Source", *chosen, *others]
    pitch = tab.root.locator("table.metrics").inner_text()
    assert all(name in pitch for name in ("Source", *chosen)) and "Hz" in pitch
    page.screenshot(path=artifacts / "voice-conversion.png", full_page=True)
    path, name = tab.take("Download voices (ZIP)")
    assert name.endswith(".zip") and path.stat().st_size > 3 * 2 * 16000 * 4
    assert page.faults == [] and page.foreign == []


def test_cards_are_heard_and_chosen_by_keys(visit):
    page = visit()
    tab = Tab(page, "Voice conversion")
    whole = tab.root.locator(".voice-card", has_text="ls2609")
    hear, card = whole.locator(".voice-hear"), whole.locator(".voice-choose")
    assert hear.get_attribute("aria-label") == "Hear Low voice, read English"
    seen(whole, "e.classList.contains('playing')", lambda: hear.press("Enter"))
    tab.wait("e => !e.classList.contains('playing')", whole)
    card.press("Space")
    assert card.get_attribute("aria-pressed") == "true"
    page.wait_for_function("new URL(location).searchParams.get('convert-voice.targets')?.includes('ls2609')")


def test_a_link_brings_the_voices_back(visit, server):
    page = visit()
    page.goto(f"{server.url}/?tab=convert-voice&convert-voice.targets=emodb_10&convert-voice.semitones=3")
    tab = Tab(page, "Voice conversion")
    tab.root.locator(".voice-card", has_text="emodb_10").locator("[aria-pressed=true]").wait_for()
    assert tab.root.locator(".voice-choose[aria-pressed=true]").count() == 1
    assert tab.root.get_by_label("number input for Transpose").input_value() == "3"


def test_codes_are_dropped_stretched_and_come_back(visit):
    page = visit()
    tab = converted(page, "A low voice")
    whole = codes(tab)
    canvas = tab.root.locator(".codes canvas")
    canvas.press("ArrowRight")
    canvas.press("Shift+ArrowRight")
    canvas.press("Delete")
    tab.wait(f"e => Number(e.dataset.codes) < {whole}", tab.root.locator(".codes"))
    fewer = codes(tab)
    tab.compare.get_by_role("radio", name="vctk_p226, edited").wait_for()
    canvas.press("ArrowRight")
    tab.root.get_by_role("button", name="Stretch").click()
    tab.wait(f"e => Number(e.dataset.codes) > {fewer}", tab.root.locator(".codes"))
    tab.root.get_by_role("button", name="Undo").click()
    tab.wait(f"e => Number(e.dataset.codes) === {fewer}", tab.root.locator(".codes"))
    tab.root.get_by_role("button", name="Start over").click()
    tab.wait(f"e => Number(e.dataset.codes) === {whole}", tab.root.locator(".codes"))
    path, _ = tab.take("Download voices (ZIP)")
    assert path.stat().st_size > 2 * 2 * 16000 * 4, "the result and what was edited"
    assert page.faults == []


def test_edits_that_leave_nothing_are_refused_and_nothing_is_lost(visit):
    page = visit()
    tab = converted(page, "A low voice")
    whole = codes(tab)
    canvas = tab.root.locator(".codes canvas")
    canvas.press("ArrowRight")
    for _ in range(whole):
        canvas.press("Shift+ArrowRight")
    canvas.press("Delete")
    page.locator(".toast-body", has_text="codes, not 0").wait_for()
    assert codes(tab) == whole and tab.root.locator(".codes-drop").is_enabled()


def test_the_codebook_says_how_often_and_lets_codes_be_heard(visit):
    page = visit()
    tab = converted(page, "A low voice")
    tab.root.locator(".codes-book summary").click()
    swatches = tab.root.locator(".codes-all button")
    assert swatches.count() == 256
    said = [int(text) for text in swatches.all_text_contents() if text]
    assert sum(said) == codes(tab) and said == sorted(said, reverse=True)
    seen(tab.root.locator(".codes-play"), "e.textContent === 'Stop'", swatches.first.click)
    assert page.faults == []


def test_a_voice_of_ones_own_is_ones_own(visit, server):
    """It is offered and chosen, no file is left of it, and another visitor is not offered it."""
    mine, other = visit(), visit()
    tab = ready(mine, "A low voice")
    recording = {"name": "me-of-all-people.flac", "mimeType": "audio/flac"}
    give_own_voice(tab, recording | {"buffer": (SOUNDS / "speech-garden.flac").read_bytes()})
    card = tab.root.locator(".voice-card", has_text="Your own voice")
    card.wait_for()
    assert card.locator("[aria-pressed=true]").count() == 1
    cache = server.log.parent / "cache"
    assert list(cache.rglob("*me-of-all-people*")) == []
    tab.run.click()
    tab.finished()
    assert names(tab)[1:3] == ["your own", "vctk_p226"]
    seen(card, "e.classList.contains('playing')", card.locator(".voice-hear").click)
    theirs = Tab(other, "Voice conversion")
    theirs.root.locator(".voice-card").first.wait_for()
    assert theirs.root.get_by_text("Your own voice", exact=True).and_(theirs.root.locator("b")).count() == 0


@pytest.mark.parametrize(
    ("sound", "said"),
    [(b"no sound at all", "not audio"), (None, "of speech, of which")],
)
def test_recordings_that_no_voice_can_be_taken_from_are_refused(visit, sound, said):
    tab = ready(visit(), "A low voice")
    if sound is None:
        file = io.BytesIO()
        soundfile.write(file, np.zeros(16000), 16000, format="WAV")
        sound = file.getvalue()
    give_own_voice(tab, {"name": "me.wav", "mimeType": "audio/wav", "buffer": sound})
    tab.page.locator(".toast-body", has_text=said).wait_for()
    assert tab.root.locator(".voice-card", has_text="Your own voice").count() == 0
    assert tab.root.locator(".voice-choose[aria-pressed=true]").count() == 1, "what was chosen stays"


def test_without_a_voice_nothing_runs(visit):
    page = visit()
    tab = ready(page, "A low voice")
    tab.root.locator(".voice-choose[aria-pressed=true]").click()
    page.wait_for_function("new URL(location).searchParams.get('convert-voice.targets') === ''")
    tab.run.click()
    page.locator(".toast-body", has_text="No voice is chosen").wait_for()


def test_music_is_warned_of(visit):
    tab = Tab(visit(), "Voice conversion")
    door = tab.root.locator(".door input[type=file]").first
    door.set_input_files(SOUNDS / "piano.flac")
    tab.root.locator(".caption-line b", has_text="piano.flac").wait_for()
    tab.set(LENGTH, "2")
    tab.run.click()
    tab.finished()
    tab.root.locator(".after .quiet", has_text="well").first.wait_for()
