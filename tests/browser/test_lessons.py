"""The lessons in Chromium: their list, their links, which set tab, example and settings, and their questions."""

import pytest

from tests.browser.tab import Tab
from tests.browser.test_links import asked, shown

PATIENCE = 60_000  # milliseconds, of a machine that has much else to do
OPENS = {  # lesson -> the tab that it opens, and what of its settings stands in a field or, None, is chosen there
    1: ("Prior inspector", "Rung of the noise ladder", "16"),
    2: ("Inpainting", "Draft", None),
    3: ("Inpainting", "Gaps (s)", "1.400-1.600"),
    4: ("Separation", "Draft", None),
    5: ("Localization", "Recording", None),
    6: ("Generation", "What is said", "seven"),
}


def lesson_of(page):
    """The lesson that is open."""
    page.locator(".lesson h2").wait_for()
    return page.locator(".lesson")


def test_a_lesson_sets_the_page_asks_and_is_closed(visit):
    page = visit()
    assert not page.locator(".lesson").is_visible()
    page.get_by_role("link", name="Lessons", exact=True).click()
    chosen = page.get_by_role("navigation", name="Lessons").get_by_role("link", name="Evidence")
    page.wait_for_function("e => e.getBoundingClientRect().top < innerHeight", arg=chosen.element_handle())
    chosen.click()
    lesson = lesson_of(page)
    assert lesson.locator("h2").inner_text() == "Lesson 2: Evidence"
    tab = shown(page, "Inpainting")
    page.locator(".caption-line b:visible", has_text="Piano, 200 ms gone").wait_for()
    assert tab.root.get_by_label("Draft").is_checked()
    question = lesson.locator("details").first
    assert not question.locator("p").is_visible()
    question.locator("summary").click()
    question.locator("p").wait_for()
    lesson.get_by_role("link", name="every eighth").click()
    page.wait_for_url("**tab=super-resolve**")
    page.faults.clear()  # what the page before still waited for
    assert len(page.context.pages) == 1  # it is the same tab of the browser
    tab = shown(page, "Super-resolution")
    page.locator(".caption-line b:visible", has_text="Piano, every 8th sample").wait_for()
    lesson = lesson_of(page)
    lesson.get_by_role("button", name="Close the lesson").click()
    lesson.wait_for(state="hidden")
    page.wait_for_function("!new URL(location).searchParams.has('lesson')")
    assert asked(page)["super-resolve.example"] == "Piano, every 8th sample" and page.faults == []


@pytest.mark.parametrize("number", OPENS)
def test_a_lesson_opens_its_tab_with_its_settings(visit, number):
    from playwright.sync_api import expect  # here: where it is not installed `visit` skips the test

    page, (title, label, value) = visit(), OPENS[number]
    page.goto(page.locator("#lessons a").nth(number - 1).evaluate("a => a.href"))
    assert lesson_of(page).locator("h2").inner_text().startswith(f"Lesson {number}: ")
    field = shown(page, title).root.get_by_label(label).first
    restored = expect(field)  # it may be made anew meanwhile
    restored.to_be_checked(timeout=PATIENCE) if value is None else restored.to_have_value(value, timeout=PATIENCE)
    assert not page.locator(".toast-body").is_visible()  # which would say that the link asks for something else


def test_lessons_fit_a_phone(visit):
    page = visit(viewport={"width": 390, "height": 844})
    page.goto(f"{page.url}?lesson=5")
    lesson_of(page)
    Tab(page, "Inpainting")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.locator(".lesson summary, #lessons a").evaluate_all("all => all.map(e => e.offsetHeight)")
    assert min(sizes) >= 40
