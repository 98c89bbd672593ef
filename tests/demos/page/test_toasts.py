"""What comes up over the page is text, whatever stands in it."""

import ast
from pathlib import Path

import gradio as gr
import pytest

import demos
from demos.page import toasts

SENTENCE = "“<img src=x onerror=alert(1)>” is not a gap & 'that' is all."


@pytest.mark.parametrize(("say", "kind"), [(toasts.warn, "Warning"), (toasts.inform, "Info")])
def test_nothing_in_a_sentence_is_markup(say, kind, monkeypatch):
    said = []
    monkeypatch.setattr(gr, kind, said.append)
    say(SENTENCE)
    assert said == ["“&lt;img src=x onerror=alert(1)&gt;” is not a gap &amp; 'that' is all."]


def test_there_is_no_other_way_to_say_something():
    """Gradio's own functions take HTML: no file of the page but one calls them."""
    for path in Path(demos.__file__).parent.rglob("*.py"):
        called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "toasts.py" or not called & {"Warning", "Info", "Success"}, path
