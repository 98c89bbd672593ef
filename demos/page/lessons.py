"""The lessons of `docs/lessons` on the page: a list under the tabs, and the one that the address asks for above them.

A lesson's links set tab, example and settings (`demos/page/links.py`). Its section "In code" is for notebooks alone.
"""

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components import Component

from demos.page.layout import FORMULAS
from demos.page.links import PRIVATE, read_query

FOLDER = Path(__file__).parents[2] / "docs" / "lessons"
HERE = "http://127.0.0.1:7860/"  # how the texts write the page's address, so that their links work outside it, too
QUIET = PRIVATE | {"queue": False, "show_progress": "hidden"}


@dataclass(frozen=True)
class Lesson:
    """A lesson as its file has it.

    Args:
        number: from 1.
        title: without the number.
        summary: its first paragraph.
        link: opens it, relative to the page.
        steps, questions: Markdown of these sections.
    """

    number: int
    title: str
    summary: str
    link: str
    steps: str
    questions: str


@cache
def lessons() -> tuple[Lesson, ...]:
    """All of them, in their order; none where Resound was installed without its docs."""
    return tuple(_read(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("[0-9]-*.md")))


def _read(text: str) -> Lesson:
    head, *sections = re.split(r"^## ", text.replace(HERE, ""), flags=re.MULTILINE)
    title, summary, opener = head.strip().split("\n\n")
    number, _, name = title.removeprefix("# ").partition(". ")
    link = re.match(r"\[[^\]]+\]\(([^)]+)\)", opener)[1]
    named = dict(section.split("\n", 1) for section in sections)
    return Lesson(int(number), name, " ".join(summary.split()), link, named["On the page"], named["Questions"])


def build_open() -> list[Component | gr.Column]:
    """Where the lesson that is open stands: the place, its steps, its questions, the button that closes it."""
    with gr.Column(visible=False, elem_classes="pane lesson") as place:
        with gr.Row():
            steps, questions = (
                gr.Markdown(latex_delimiters=FORMULAS, elem_classes="how", min_width=280) for _ in range(2)
            )
        close = gr.Button("Close the lesson", size="sm", min_width=0)
    return [place, steps, questions, close]


def list_html() -> str:
    """The list of all lessons, each a link that opens it; empty where there are none."""
    items = "".join(
        f'<li><a href="{escape(lesson.link)}"><b>{escape(lesson.title)}</b><span>{escape(lesson.summary)}</span></a>'
        for lesson in lessons()
    )
    if not items:
        return ""
    return f'<nav id="lessons" class="lessons" aria-label="Lessons"><h2>Lessons</h2><ol>{items}</ol></nav>'


def wire(page: gr.Blocks, place: gr.Column, steps: Component, questions: Component, close: gr.Button) -> None:
    """Opens the lesson that the address asks for, and closes it; call it in the page's context."""
    asked = gr.Textbox(visible=False)
    page.load(_opened, asked, [place, steps, questions], js="() => resoundLink.query()", **QUIET)
    close.click(lambda: gr.Column(visible=False), None, place, js="() => resoundLink.leave('lesson')", **QUIET)


def _opened(query: str) -> tuple:
    wanted = read_query(query).get("lesson")
    lesson = next((lesson for lesson in lessons() if str(lesson.number) == wanted), None)
    if lesson is None:
        return gr.skip(), gr.skip(), gr.skip()
    steps = f"## Lesson {lesson.number}: {lesson.title}\n\n{lesson.summary}\n\n### On the page\n{lesson.steps}"
    return gr.Column(visible=True), steps, f"### Questions\n{lesson.questions}"
