"""The page for keyboards, screen readers and weak eyes: contrast, headings, names, Tab stops, what keys announce."""

import pytest

from tests.browser.tab import LENGTH, TABS, Tab
from tests.browser.test_localization import ROOM, Around

# every visible text whose contrast to what lies behind it is under that of WCAG 2.2, level AA
FAINT = """async () => {
  const changing = document.getAnimations().filter((one) => one instanceof CSSTransition);
  await Promise.allSettled(changing.map((one) => one.finished));
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const parse = (text) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, k) => v * a + under[k] * (1 - a));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const above = (e) => (e ? [e, ...above(e.parentElement)] : []);
  const behind = (e) => above(e).reverse()
    .reduce((under, one) => over(parse(getComputedStyle(one).backgroundColor), under), [255, 255, 255]);
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const seen = e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    if (!text || !seen || e.closest("script, style, :disabled, .katex-mathml, .unseen")) continue;
    const style = getComputedStyle(e), under = behind(e);
    const color = parse(e instanceof SVGElement ? style.fill : style.color);
    color[3] *= above(e).reduce((all, one) => all * getComputedStyle(one).opacity, 1);
    const [high, low] = [light(over(color, under)), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
HEADINGS = "[...document.querySelectorAll('h1, h2, h3, h4')].filter(e => e.checkVisibility()).map(e => +e.tagName[1])"
NAMELESS = """[...document.querySelectorAll("canvas, input, button, select, textarea, fieldset, [role=figure]")]
  .filter(e => e.checkVisibility() && e.type !== "file")
  .filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.title))
  .map(e => e.outerHTML.slice(0, 120))"""


def opened(page, title: str) -> Tab:
    """A tab with everything in it unfolded."""
    tab = Tab(page, title)
    tab.root.evaluate("e => e.querySelectorAll('button.label-wrap:not(.open)').forEach(fold => fold.click())")
    page.wait_for_timeout(400)
    return tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(visit, scheme):
    page = visit(color_scheme=scheme)
    for title in TABS:
        opened(page, title)
        assert page.evaluate(FAINT) == [], title
    tab = Tab(page, "Declipping")
    tab.choose("Overloaded piano")
    tab.set(LENGTH, "1")
    tab.set("Steps", "2")
    tab.run.click()
    tab.finished()
    tab.root.locator(".ladder .ytick text").first.wait_for()
    tab.root.get_by_text("What the figures mean").click()
    assert page.evaluate(FAINT) == [], "after a run"


def test_headings_are_in_order_and_everything_has_a_name(visit):
    page = visit()
    for title in TABS:
        opened(page, title)
        levels = page.evaluate(HEADINGS)
        assert levels[0] == 1 and levels.count(1) == 1 and len(levels) >= 3, title
        assert all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False)), title
        assert page.evaluate(NAMELESS) == [], title


def test_a_group_of_radios_is_one_tab_stop_with_arrow_keys(visit):
    tab = Tab(visit())
    draft, fine = tab.root.get_by_label("Draft"), tab.root.get_by_label("Fine")
    tab.root.get_by_label("Standard").focus()
    tab.page.keyboard.press("ArrowRight")
    assert fine.is_checked()
    tab.wait("e => new URL(location).searchParams.get('super-resolve.quality') === 'fine'", fine)
    tab.page.keyboard.press("ArrowRight")
    assert draft.is_checked() and draft.evaluate("e => e === document.activeElement")
    tab.page.keyboard.press("Tab")
    assert tab.run.evaluate("e => e === document.activeElement"), "one stop further is no radio of the group"


def test_the_tabs_are_one_tab_stop_with_arrow_keys(visit):
    page = visit()
    stops = "[...document.querySelectorAll('[role=tab]')].filter(e => e.tabIndex === 0).map(e => e.innerText.trim())"
    page.get_by_role("tab", name="Super-resolution").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"({stops}).join() === 'Inpainting'")
    page.keyboard.press("End")
    page.wait_for_function(f"({stops}).join() === 'Prior inspector'")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"({stops}).join() === 'Super-resolution'")
    assert page.evaluate("document.activeElement.innerText.trim()") == "Super-resolution"


def test_arrow_keys_say_what_they_changed(visit):
    tab = Around(visit())
    tab.choose(ROOM)
    tab.plan.press("ArrowUp")
    tab.root.locator(".room [role=status]", has_text="Voice 1 at 48 degrees, 1.5 metres away").wait_for(
        state="attached"
    )
    tab.plan.press("2")
    tab.root.locator(".room [role=status]", has_text="Voice 2 at 210 degrees").wait_for(state="attached")
    tab.dial.press("ArrowLeft")
    tab.root.locator(".polar [role=status]", has_text="5 degrees").wait_for(state="attached")
