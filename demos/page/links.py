"""Links that bring tab, examples and settings back, and reloads that lose none of them.

`assets/link.js` keeps them in the page's address as they change; this file restores what an address asks for. It may be
anybody's, so every value is checked against what its widget offers.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from gradio.components import Component
from gradio.events import EventListener

from demos.page.toasts import inform

LONGEST_QUERY, LONGEST_TEXT, MOST_FIELDS = 16_000, 1000, 200  # characters, and settings, that are read
LARGEST_NUMBER = 1e12
SHOWN, MOST_SHOWN = 40, 3  # characters, and settings, in a sentence about what was left out
OWN_IS_GONE = (
    "Your own sound is not kept when the page is loaded again: choose it once more. Your settings are as they were."
)

PRIVATE = {"api_visibility": "private"}
QUIET = PRIVATE | {"show_progress": "hidden"}

Restore = Callable[[str | None, Mapping[Component, Any], gr.Request], dict]


@dataclass(frozen=True)
class Shared:
    """What of a tab stands in links.

    Args:
        task: the tab's id.
        settings: name in the address -> widget.
        examples: label of a chip -> the settings that it changes, by name.
        chips: the examples' buttons.
        restore: (label of an example or None, settings that a link asks for, request) -> what the tab then shows.
        shows: the widgets that `restore` changes.
        doors: where sounds of the visitor's own come in.
    """

    task: str
    settings: Mapping[str, Component]
    examples: Mapping[str, Mapping[str, Any]]
    chips: Sequence[gr.Button]
    restore: Restore
    shows: set[Component]
    doors: Sequence[Component] = ()


def wire(page: gr.Blocks, tabs: gr.Tabs, shared: Sequence[Shared], sections: Mapping[str, gr.Tabs]) -> None:
    """Connects the address with the page; call it in the page's context, once all tabs are made.

    A tab is restored when it is first opened: Gradio keeps no changes of one that was not.

    Args:
        shared: of every tab, or of each of its sections, in their order.
        sections: id of a tab -> the tabs within it; the first one has the tab's own id.
    """
    asked, missed = gr.Textbox(visible=False), gr.Textbox(visible=False)
    holders = {part.id: tab.id for tab in tabs.children for part in _parts(tab, sections)}
    opened = page.load(partial(_selected, holders), asked, tabs, js="() => resoundLink.query()", **QUIET)
    opened.then(None, js=f"() => resoundLink.begin({json.dumps(tabs.children[0].id)})", **PRIVATE)
    for tab in tabs.children:
        if tab.id in sections:
            _open_section(tab, sections[tab.id], asked)
    parts = [(tab, part) for tab in tabs.children for part in _parts(tab, sections)]
    for number, ((tab, part), of_tab) in enumerate(zip(parts, shared, strict=True)):
        task, holder = json.dumps(of_tab.task), json.dumps(tab.id)
        part.select(None, js=f"() => resoundLink.tab({task}, {holder})", **PRIVATE)
        triggers = [part.select, page.load] if number == 0 else [part.select]
        shown = list(of_tab.shows | set(of_tab.settings.values()))
        restored = gr.on(
            triggers, _restorer(of_tab, shown), [asked, missed], shown, js=f"() => resoundLink.asked({task})", **QUIET
        )
        restored.then(None, js=f"() => resoundLink.ready({task}, {json.dumps(_described(of_tab))})", **PRIVATE)
        _follow(of_tab)


def _parts(tab: gr.Tab, sections: Mapping[str, gr.Tabs]) -> Sequence[gr.Tab]:
    return sections[tab.id].children if tab.id in sections else [tab]


def _open_section(tab: gr.Tab, inside: gr.Tabs, asked: gr.Textbox) -> None:
    """Of a tab that is opened: once the section that the address asked for, then the one that was open last."""
    tab.select(None, js=f"() => resoundLink.back({json.dumps(tab.id)})", **PRIVATE)
    names = {part.id: part.id for part in inside.children}
    tab.select(partial(_selected, names), asked, inside, js="() => resoundLink.first()", **QUIET)


def _selected(holders: Mapping[str, str], query: str) -> gr.Tabs:
    wanted = read_query(query).get("tab")
    return gr.Tabs(selected=holders[wanted]) if wanted in holders else gr.skip()


def _restorer(tab: Shared, shown: Sequence[Component]) -> Callable[..., dict]:
    def restore(query: str, missed: str, request: gr.Request) -> dict:
        """What a tab shows of an address, which is empty once it is restored; and whether a sound is missed in it."""
        label, settings, unknown = _asked_of(tab, read_query(query))
        if unknown:
            inform(f"The link asks for what this page does not offer, and it was left out: {_listed(unknown)}.")
        if missed:
            inform(OWN_IS_GONE)
        found = tab.restore(label, settings, request) if label or settings else {}
        return {shown[0]: gr.skip()} | found | settings

    return restore


def _asked_of(tab: Shared, query: Mapping[str, str]) -> tuple[str | None, dict[Component, Any], list[tuple[str, str]]]:
    """The example and the settings that an address asks for, and what of it the tab does not offer."""
    start, settings, unknown = f"{tab.task}.", {}, []
    given = {key.removeprefix(start): text for key, text in query.items() if key.startswith(start)}
    label = given.pop("example", None)
    if label is not None and label not in tab.examples:
        unknown.append(("example", label))
        label = None
    for name, text in given.items():
        try:
            settings[tab.settings[name]] = read(tab.settings[name], text)
        except (KeyError, ValueError):
            unknown.append((name, text))
    return label, settings, unknown


def _follow(tab: Shared) -> None:
    """Every change goes into the address."""
    task = json.dumps(tab.task)
    widgets = list(tab.settings.values())
    changes = [widget.change for widget in widgets]
    gr.on(changes, None, widgets, js=f"(...values) => resoundLink.write({task}, values)", **PRIVATE)
    for chip, label in zip(tab.chips, tab.examples, strict=True):
        chip.click(None, js=f"() => resoundLink.sound({task}, {json.dumps(label)})", **PRIVATE)
    doors: list[EventListener] = [door.upload for door in tab.doors]
    doors += [door.stop_recording for door in tab.doors if "microphone" in door.sources]
    if doors:
        gr.on(doors, None, js=f"() => resoundLink.sound({task}, null)", **PRIVATE)


def _described(tab: Shared) -> dict:
    """What the script is told of a tab."""
    initial = {name: widget.value for name, widget in tab.settings.items()}
    return {"names": list(tab.settings), "initial": initial, "examples": tab.examples}


def read_query(query: str) -> dict[str, str]:
    """What an address asks for, by name; nothing of one that cannot be read."""
    try:
        return dict(parse_qsl(query.removeprefix("?")[:LONGEST_QUERY], True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def read(widget: Component, text: str) -> Any:
    """A widget's value, as it stands in an address.

    Raises:
        KeyError, ValueError: it has none such.
    """
    takes_text = isinstance(widget, gr.Textbox) or (isinstance(widget, gr.Dropdown) and widget.allow_custom_value)
    if isinstance(widget, gr.Radio | gr.Dropdown) and not takes_text:
        return {str(value): value for _, value in widget.choices}[text]
    if isinstance(widget, gr.Checkbox):
        return {"yes": True, "no": False}[text]
    if takes_text:
        if len(text) > LONGEST_TEXT:
            raise ValueError(text)
        return text
    return _number(widget, text)


def _number(widget: Component, text: str) -> float | None:
    if not text and isinstance(widget, gr.Number):
        return None
    value = float(text[:SHOWN])
    low, high = (widget.minimum, widget.maximum) if isinstance(widget, gr.Slider) else (-LARGEST_NUMBER, LARGEST_NUMBER)
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(text)
    return int(value) if value.is_integer() else value


def _listed(unknown: Sequence[tuple[str, str]]) -> str:
    listed = [f"{name[:SHOWN]} “{text[:SHOWN]}”" for name, text in unknown[:MOST_SHOWN]]
    return ", ".join(listed) + (" and more" if len(unknown) > MOST_SHOWN else "")
