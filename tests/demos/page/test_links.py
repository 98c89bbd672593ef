"""What an address may ask for: values that a widget offers, and nothing else."""

import gradio as gr
import pytest

from demos.page import links

WIDGETS = {
    "radio": gr.Radio([("Find out", "auto"), ("4x", 4)]),
    "menu": gr.Dropdown([("Piano", "piano-16k")]),
    "open menu": gr.Dropdown([("seven", "7")], allow_custom_value=True),
    "flag": gr.Checkbox(),
    "text": gr.Textbox(),
    "slider": gr.Slider(0.5, 2),
    "number": gr.Number(),
}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("radio", "auto", "auto"),
        ("radio", "4", 4),
        ("menu", "piano-16k", "piano-16k"),
        ("open menu", "yes", "yes"),
        ("flag", "yes", True),
        ("flag", "no", False),
        ("text", "1.0-1.2", "1.0-1.2"),
        ("slider", "1.25", 1.25),
        ("number", "-3", -3),
        ("number", "", None),
    ],
)
def test_what_a_widget_offers_is_read(name, text, value):
    read = links.read(WIDGETS[name], text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("radio", "5"),
        ("menu", "Piano"),
        ("open menu", "x" * 1001),
        ("flag", "true"),
        ("text", "x" * 1001),
        ("slider", "2.5"),
        ("slider", ""),
        ("number", "nan"),
        ("number", "1e400"),
        ("number", "soon"),
        ("number", "1" * 100_000),
    ],
)
def test_what_it_does_not_offer_is_not(name, text):
    with pytest.raises((KeyError, ValueError)):
        links.read(WIDGETS[name], text)


def test_a_sentence_about_what_was_left_out_is_bounded():
    said = links._listed([("x" * 1000, "y" * 1000)] * 50)
    assert len(said) < 300 and said.endswith("and more")


@pytest.mark.parametrize("query", ["", "?", "?" + "a=1&" * 1000, "?%ff=%00", "x" * 10**6])
def test_any_query_is_read(query):
    assert len(links.read_query(query)) <= links.MOST_FIELDS
