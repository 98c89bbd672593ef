"""Speaking live with another voice: a button, what the microphone hears and the voice says, and how far it is behind.

`assets/live_voice.js` holds the microphone, sends what it hears to the routes of `demos/voice/live_routes.py`, and
plays what comes back.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.live_conversion import LiveConversion
from demos.page.runner import APOLOGY
from demos.page.toasts import warn
from demos.voice.live_routes import LiveVoiceRoutes

CHUNK_SECONDS = 0.448  # fourteen codes

_SCRIPT = (Path(__file__).parents[2] / "assets" / "live_voice.js").read_text(encoding="utf-8")
_TEMPLATE = '<div class="speak" data-live="no" data-chunks="0"></div>'

log = logging.getLogger(__name__)


def live_voice() -> gr.HTML:
    """The component. Its event `listen` asks for a session; its value, made by `live_view`, begins one."""
    return gr.HTML(html_template=_TEMPLATE, js_on_load=_SCRIPT, apply_default_css=False)


def live_view(token: str, conversion: LiveConversion) -> dict:
    """A session that the page begins with a token: Hz, samples of a chunk, and seconds that the voice lies behind."""
    rate = conversion.sample_rate
    return {
        "token": token,
        "rate": rate,
        "chunk": round(CHUNK_SECONDS * rate),
        "behind": conversion.delay_seconds,
    }


class LiveVoicePanel:
    """The button.

    Args:
        component: of `live_voice`.
        routes: which convert.
        read: the conversion that is chosen, by the values of the inputs and the visitor; raises InputError.
        inputs: the widgets that it is read of.
    """

    def __init__(
        self,
        component: gr.HTML,
        routes: LiveVoiceRoutes,
        read: Callable[[Mapping[Component, Any], str], LiveConversion],
        inputs: set[Component],
    ):
        self._routes, self._read = routes, read
        component.listen(self._open, inputs, component, show_progress="hidden", api_visibility="private")

    def _open(self, values: dict, request: gr.Request):
        """Opens a session with the chosen voice."""
        try:
            conversion = self._read(values, request.session_hash)
            return live_view(self._routes.open(request.session_hash, conversion), conversion)
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("speaking live failed")
            warn(APOLOGY)
        return gr.skip()
