"""The prior inspector in Chromium: an example draws its pictures, the slider draws them anew."""

from tests.browser.tab import Tab


def test_an_example_is_looked_into_and_the_noise_changed(visit, artifacts):
    page = visit()
    tab = Tab(page, "Prior inspector")
    tab.root.get_by_role("button", name="Piano, WaveNet", exact=True).click()
    page.set_default_timeout(90_000)
    tab.root.locator(".status.done").wait_for()
    assert "bits a sample" in tab.status.inner_text() and "noise 2.56" in tab.status.inner_text()
    assert tab.root.locator(".js-plotly-plot .heatmaplayer image").count() == 1
    page.screenshot(path=artifacts / "prior-inspector.png", full_page=True)
    slider = tab.root.get_by_test_id("range-input")
    slider.focus()
    for _ in range(7):
        slider.press("ArrowLeft")
    tab.root.locator(".status.done", has_text="noise 0.1").wait_for()
    assert page.faults == [] and page.foreign == []


def test_nothing_to_look_at(visit):
    page = visit()
    tab = Tab(page, "Prior inspector")
    waiting = tab.root.locator(".js-plotly-plot .annotation-text")
    waiting.nth(2).wait_for()
    assert waiting.count() == 3 and "is drawn here" in " ".join(waiting.all_text_contents())
    tab.root.get_by_role("button", name="Look", exact=True).click()
    page.get_by_text("There is no sound yet").wait_for()
