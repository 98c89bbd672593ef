"""Sessions: a visitor costs nothing before something changes, and each has what is the own."""

import gradio as gr
import pytest
from gradio import state_holder

from demos.server import sessions


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)  # as it was, afterwards
    sessions.begin_sessions_empty()
    with gr.Blocks() as page:
        gr.Textbox("as it was", label="text")
        gr.State([])
    holder = state_holder.StateHolder()
    holder.set_blocks(page)
    return page


def test_nothing_is_written_for_a_visitor_before_it_changes(page):
    text = next(number for number, block in page.blocks.items() if isinstance(block, gr.Textbox))
    anna, bert = (page.state_holder[name] for name in ("anna", "bert"))
    assert anna.config_values == {} and anna[text].value == "as it was"
    anna._update_value_in_config(text, "changed")
    assert [own["props"]["value"] for own in anna.components] == ["changed"] and bert.config_values == {}
    bert[text] = gr.Textbox("another", label="text", render=False)
    assert bert[text].value == "another" and anna[text].value == "as it was"


def test_states_are_each_visitor_s_own(page):
    state = next(number for number, block in page.blocks.items() if isinstance(block, gr.State))
    anna, bert = (page.state_holder[name] for name in ("anna", "bert"))
    anna[state].append(1)
    assert anna[state] == [1] and bert[state] == []
