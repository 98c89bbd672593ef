"""What the server keeps of a visitor's page from the first event on: nothing before it changes.

Gradio writes the configuration of every component of the page for each visitor, so that links to a state of the page
could be made (a route that is closed here): a tenth of a second in which nobody else is answered, and most of what a
session takes in memory.
"""

from types import SimpleNamespace

from gradio import Blocks, state_holder


def begin_sessions_empty() -> None:
    """Puts `Session` in the place of Gradio's own: it has no setting for that."""
    state_holder.SessionState = Session


class Session(state_holder.SessionState):
    """A visitor's state; the configuration of a component is written when it is changed."""

    def __init__(self, blocks: Blocks):
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks=()))
