"""Every lesson is whole, its links are what the page knows, and its notebook is its text, and runs (slow)."""

import importlib.util
import json
import re
from urllib.parse import parse_qsl

import gradio as gr
import pytest

import app
from demos.page import links
from demos.page.lessons import FOLDER, HERE, lessons, list_html

LINK = re.compile(re.escape(HERE) + r"\?([^)\s]+)")
TEXTS = sorted(FOLDER.glob("[0-9]-*.md"))


def load_maker():
    spec = importlib.util.spec_from_file_location("make_notebooks", FOLDER / "make_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shared():
    """What stands in links, by tab and section, of the page as it is built."""
    found = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(links, "wire", lambda page, tabs, every, sections: found.update((s.task, s) for s in every))
        app.build()
    return found


def test_there_are_six_lessons_short_enough_and_each_asks_questions():
    assert [lesson.number for lesson in lessons()] == [1, 2, 3, 4, 5, 6]
    for path, lesson in zip(TEXTS, lessons(), strict=True):
        assert len(path.read_text().splitlines()) < 150
        assert lesson.questions.count("<details><summary>") == lesson.questions.count("</details>") >= 3
        assert lesson.link.startswith(f"?lesson={lesson.number}&tab=") and lesson.steps.strip()
        assert "```" not in lesson.steps + lesson.questions


def test_the_list_links_to_all_of_them():
    assert re.findall(r'href="\?lesson=(\d)', list_html()) == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_link_asks_for_what_the_page_offers(path, shared):
    found = LINK.findall(path.read_text())
    assert found
    for query in found:
        asked = dict(parse_qsl(query, strict_parsing=True))
        assert asked.pop("lesson") == path.name[0]
        tab = shared[asked.pop("tab")]
        assert all(name.startswith(f"{tab.task}.") for name in asked)
        _, settings, unknown = links._asked_of(tab, asked)
        assert not unknown and all(isinstance(widget, gr.components.Component) for widget in settings)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_is_its_text_without_outputs(path):
    made = load_maker().notebook_of(path.read_text())
    assert path.with_suffix(".ipynb").read_text() == made, "run docs/lessons/make_notebooks.py"
    cells = json.loads(made)["cells"]
    assert sum(cell["cell_type"] == "code" for cell in cells) >= 2
    assert all(not cell.get("outputs") for cell in cells)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    nbformat = pytest.importorskip("nbformat", reason="nbclient and ipykernel are not installed")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbclient.NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(FOLDER)}}).execute()
    nbformat.validate(notebook)
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code" and "print(" in cell.source)
