"""Sentences that come up over the page. Gradio shows them as HTML, and names that visitors chose stand in them."""

from html import escape

import gradio as gr


def warn(sentence: str) -> None:
    """Says what is wrong, as plain text."""
    gr.Warning(escape(sentence, quote=False))


def inform(sentence: str) -> None:
    """Says what is good to know, as plain text."""
    gr.Info(escape(sentence, quote=False))
