"""The plan of the simulated room: a top view in which voices are dragged, added and removed.

`assets/room.js` draws it; the server bounds the positions (`demos.array.room.read_voices`).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import gradio as gr

from demos.array import room

_SCRIPT = (Path(__file__).parents[2] / "assets" / "room.js").read_text(encoding="utf-8")


def room_plan(voices: Sequence[room.PlacedVoice]) -> gr.HTML:
    """The component; its value is made by `plan`. Its event `edit` carries `voices` after every change."""
    return gr.HTML(
        html_template='<div class="room"></div>',
        js_on_load=_SCRIPT,
        apply_default_css=False,
        value=plan(voices),
        size=room.SIZE[:2],
        wall=room.WALL_METRES,
        nearest=room.NEAREST_METRES,
        most=room.MOST_VOICES,
        speech=list(room.SPEECH.items()),
    )


def plan(voices: Sequence[room.PlacedVoice]) -> dict:
    """The value for `assets/room.js`."""
    return {"voices": [asdict(voice) for voice in voices]}
