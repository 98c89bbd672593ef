"""The page's address in Chromium: a link or a reload brings tab, example and settings back, and nothing else."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.browser.tab import LENGTH, Tab, wav


def asked(page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()}


def said(page, name: str, value: str) -> None:
    """Waits until the address says it."""
    page.wait_for_function("([name, value]) => new URL(location).searchParams.get(name) === value", arg=[name, value])


def opened(page, server, **query) -> None:
    page.goto("about:blank")
    page.faults.clear()  # what the page before still waited for
    page.goto(f"{server.url}/?{urlencode(query)}")
    page.wait_for_selector(".scope-placeholder", state="attached")


def shown(page, title: str) -> Tab:
    """The tab of that name, once the page shows it by itself."""
    page.get_by_role("tab", name=title, selected=True).wait_for()
    return Tab(page, title)


def test_a_reload_and_a_link_bring_tab_example_and_settings_back(visit, server):
    first, other = visit(), visit()
    tab = Tab(first, "Inpainting")
    tab.choose("Voice, 100 ms gone")
    tab.set("Seed", "7")
    said(first, "inpaint.seed", "7")
    tab.root.get_by_text("Fine", exact=True).click()
    said(first, "inpaint.quality", "fine")
    tab.pick("Sampler", "Annealed Langevin")
    said(first, "inpaint.sampler", "langevin")
    example = {"tab": "inpaint", "inpaint.example": "Voice, 100 ms gone"}
    assert asked(first) == example | {"inpaint.seed": "7", "inpaint.quality": "fine", "inpaint.sampler": "langevin"}
    address = first.url
    first.reload()
    other.goto(address)
    first.faults.clear(), other.faults.clear()  # what the pages before still waited for
    for page in (first, other):
        page.locator(".caption-line b:visible", has_text="Voice, 100 ms gone").wait_for()
        tab = shown(page, "Inpainting")
        assert tab.root.get_by_label("Gaps (s)").input_value() == "1.250-1.350"
        assert tab.root.get_by_label("Prior").input_value() == "Voice"
        assert tab.root.get_by_label("Fine").is_checked()
        tab.root.get_by_role("button", name="Advanced").click()
        assert tab.root.get_by_label("Seed").input_value() == "7"
        assert tab.root.get_by_label("Sampler").input_value() == "Annealed Langevin"
        assert float(tab.root.get_by_label(LENGTH).input_value()) > 5
        assert page.url == address and page.faults == []


def test_settings_of_other_tabs_wait_there(visit, server):
    page = visit()
    opened(page, server, **{"tab": "separate", "declip.seed": "5", "separate.example": "Voice, quiet piano"})
    page.locator(".caption-line b:visible", has_text="piano + speech").wait_for()
    assert shown(page, "Separation").root.get_by_label("Second sound louder").first.input_value() == "8"
    tab = Tab(page, "Declipping")
    tab.root.get_by_role("button", name="Advanced").click()
    assert tab.root.get_by_label("Seed").input_value() == "5"
    assert asked(page)["tab"] == "declip"
    tab.choose("Overloaded piano")
    tab.set("Seed", "0")
    page.wait_for_function("!location.search.includes('declip.seed')")
    assert asked(page)["declip.example"] == "Overloaded piano"


def test_what_a_link_asks_for_in_vain_is_left_out_and_said_as_plain_text(visit, server):
    page = visit()
    wanted = {"tab": "nowhere", "inpaint.prior": "<img src=x onerror=alert(1)>", "inpaint.seed": "soon"}
    opened(page, server, **wanted, **{"inpaint.gaps": "1-2" * 1000, "inpaint.steps": "3"})
    tab = Tab(page, "Inpainting")
    toast = page.locator(".toast-body", has_text="left out")
    toast.wait_for()
    assert "prior “<img src=x" in toast.inner_text() and "seed “soon”" in toast.inner_text()
    assert len(toast.inner_text()) < 400 and page.locator(".toast-body img").count() == 0
    tab.root.get_by_role("button", name="Advanced").click()
    assert tab.root.get_by_label("Steps").input_value() == "3"
    assert tab.root.get_by_label("Gaps (s)").input_value() == "" and page.faults == []


def test_a_sound_of_ones_own_is_missed_after_a_reload(visit):
    page = visit()
    tab = Tab(page, "Declipping")
    door = tab.root.locator(".door input[type=file]").first
    door.set_input_files({"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(1.0)})
    tab.root.locator(".caption-line b", has_text="mine.wav").wait_for()
    tab.set("Seed", "9")
    said(page, "declip.seed", "9")
    page.reload()
    page.locator(".toast-body", has_text="choose it once more").wait_for()
    assert shown(page, "Declipping").root.get_by_label("Threshold").is_visible()
    tab.choose("Overloaded piano")
    said(page, "declip.example", "Overloaded piano")
    page.reload()
    page.locator(".caption-line b:visible", has_text="Overloaded piano").wait_for()
    page.wait_for_timeout(500)
    assert not page.locator(".toast-body").is_visible()


def test_localization_comes_back_with_its_room_or_its_recording(visit, server):
    page = visit()
    opened(page, server, tab="localize", **{"localize.example": "Four voices, six microphones", "localize.count": "3"})
    page.locator(".caption-line b:visible", has_text="Four voices").wait_for()
    root = shown(page, "Localization").root
    assert root.locator(".room").get_attribute("data-voices") == "4"
    assert root.get_by_label("How many voices").input_value() == "3"
    opened(page, server, tab="localize", **{"localize.kind": "recording", "localize.method": "music"})
    shown(page, "Localization").root.locator(".door").wait_for()
    for _ in range(5):  # what is still being restored closes the fold again
        if not root.get_by_label("Method").is_visible():
            root.get_by_role("button", name="Advanced").click()
        page.wait_for_timeout(400)
    assert root.get_by_label("Method").input_value() == "MUSIC" and page.faults == []


def test_a_tab_that_is_opened_before_the_page_is_ready_stands_in_the_address(visit, server):
    page = visit()
    held = []
    page.route("**/gradio_api/queue/join*", lambda route: held.append(route))
    page.goto(server.url)
    page.wait_for_selector(".scope-placeholder")
    Tab(page, "Vocoding")
    page.get_by_role("tab", name="Vocoding", selected=True).wait_for()
    assert held and "tab" not in asked(page)
    page.unroute("**/gradio_api/queue/join*")  # and what was held goes on
    said(page, "tab", "vocode")


@pytest.mark.parametrize("permissions", [["clipboard-read", "clipboard-write"], []])
def test_the_link_is_copied(visit, permissions):
    page = visit(permissions=permissions)
    Tab(page, "Vocoding")
    said(page, "tab", "vocode")
    button = page.get_by_role("button", name="Copy link")
    button.press("Enter")
    page.get_by_role("status").filter(has_text="Copied").wait_for()
    if permissions:
        assert page.evaluate("navigator.clipboard.readText()") == page.url
