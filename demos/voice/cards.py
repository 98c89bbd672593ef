"""Cards of the voices that one can convert to: a description, the pitch, a sentence to hear; several can be chosen.

`assets/voices.js` draws and plays. Sounds go to the page within the payload, so that none is left on the server's disk.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from core.models.voice_table import Speaker
from core.signal.clip import Clip
from core.tasks.voice import Voice
from demos.page.scope import playback_gain, wav_bytes

OWN_TITLE = "Your own voice"
_SCRIPT = (Path(__file__).parents[2] / "assets" / "voices.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Card:
    """A voice on offer.

    Args:
        name: what choices call it.
        title: a description.
        facts: the name that commands know it by, its pitch.
    """

    name: str
    title: str
    facts: str


def speaker_card(name: str, speaker: Speaker | None) -> Card:
    """Of a model's voice; None where nothing but the name is known."""
    if speaker is None:
        return Card(name, name, "")
    description = speaker.description[:1].upper() + speaker.description[1:]
    return Card(name, description, f"{name}, {pitch_text(speaker.pitch_hz)}")


def own_card(voice: Voice) -> Card:
    """Of a visitor's own."""
    return Card(voice.name, OWN_TITLE, f"as you recorded it, {pitch_text(voice.pitch_hz)}")


def pitch_text(pitch_hz: tuple[float, float, float]) -> str:
    """`166 to 256 Hz`."""
    low, _, high = pitch_hz
    return f"{low:.0f} to {high:.0f} Hz"


def voice_cards(value: dict) -> gr.HTML:
    """The component; its value is made by `offered`.

    Its event `choose` carries the `names` that are chosen, in the order in which they were, its event `hear` the `name`
    of a voice and a `request`; the answer goes into the prop `heard`, as `heard_payload` makes it.
    """
    return gr.HTML(
        html_template='<div class="voices" role="group" aria-label="Voices"></div>',
        js_on_load=_SCRIPT,
        apply_default_css=False,
        value=value,
        heard=None,
    )


def offered(cards: Sequence[Card], chosen: Sequence[str]) -> dict:
    """What `assets/voices.js` gets."""
    return {"voices": [vars(card) for card in cards], "chosen": list(chosen)}


def heard_payload(request: str, clip: Clip | None) -> dict:
    """The answer to a `request` to hear something; None where there is nothing to be heard."""
    return {"request": request, "audio": None if clip is None else sound_address(clip)}


def sound_address(clip: Clip) -> str:
    """A sound as an address that holds all of it, for short ones that no file may be left of."""
    return "data:audio/wav;base64," + base64.b64encode(wav_bytes(clip, playback_gain([clip]))).decode()
