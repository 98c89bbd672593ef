"""What the page says of a conversion: the pitch of what was said, and of what became of it."""

from collections.abc import Mapping
from html import escape

from core.tasks.utterance import FEWEST_PITCHES, Heard
from core.tasks.voice import Voice, pitch_of
from demos.voice.cards import pitch_text


def pitch_table(heard: Mapping[str, Heard], voices: Mapping[str, Voice]) -> str:
    """A row for each sound: where its pitch lies, and where that of its voice usually does.

    Args:
        heard: sounds by their names, as the networks hear them.
        voices: of some of them.
    """
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_pitch_of(own)}</td><td>{_usual(voices.get(name))}</td></tr>'
        for name, own in heard.items()
    )
    head = '<tr><td></td><th scope="col">Pitch here</th><th scope="col">The voice\'s own</th></tr>'
    return f'<table class="metrics"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _pitch_of(heard: Heard) -> str:
    return pitch_text(pitch_of(heard.octaves)) if len(heard.octaves) >= FEWEST_PITCHES else "none"


def _usual(voice: Voice | None) -> str:
    return "–" if voice is None else pitch_text(voice.pitch_hz)
