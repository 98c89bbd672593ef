"""The codes of an utterance as a coloured strip between the spectrograms of what was said and of what became of it.

`assets/codes.js` draws, plays and lets codes be rearranged; this file prepares what it gets.
"""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from core.signal.clip import Clip
from core.tasks.code_editing import Take
from demos.page import plots
from demos.page.cache import cached
from demos.page.scope import playback_gain, wav_bytes
from demos.voice.cards import heard_payload

PLACEHOLDER = "After a run the codes of what was said stand here, between the spectrograms of both voices."
_FOLDER = Path(__file__).parents[2] / "assets"
_SCRIPT = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("player.js", "codes.js"))


@dataclass(frozen=True)
class StripView:
    """What a strip shows.

    Args:
        key: names the run; edits can be undone while it stays the same.
        voice: the name of the voice.
        take: what is said now.
        source: what was said.
        colours: of every coarse code, see `demos.page.code_colours`.
    """

    key: str
    voice: str
    take: Take
    source: Clip
    colours: Sequence[str]


def code_strip() -> gr.HTML:
    """The component; its value is what `payload` makes of a view.

    Its event `edit` carries the `order` that codes are wanted in; where that is refused, the prop `refused` gets
    something new. Its event `hear` carries a `code` and a `request`, the answer goes into the prop `heard`.
    """
    return gr.HTML(
        html_template='<div class="codes"><p class="scope-placeholder">${placeholder}</p></div>',
        js_on_load=_SCRIPT,
        apply_default_css=False,
        placeholder=PLACEHOLDER,
        heard=None,
        refused=None,
    )


def payload(view: StripView) -> dict:
    """What `assets/codes.js` gets; the WAV file goes to Gradio's cache."""
    take, rate = view.take, view.source.sample_rate
    result = Clip(take.waveform[None], rate)
    each = take.utterance.code_samples
    filled = np.pad(view.source.samples, ((0, 0), (0, len(take.utterance.codes) * each - view.source.frames)))
    audio = cached(wav_bytes(result, playback_gain([result])), "clip.wav")
    return {
        "key": view.key,
        "voice": view.voice,
        "codes": take.utterance.codes[:, 0].tolist(),
        "order": list(take.order),
        "seconds": each / rate,
        "colours": list(view.colours),
        "source": _picture(Clip(filled, rate)),
        "result": _picture(result),
        "audio": FileData(path=audio, mime_type="audio/wav").model_dump(),
    }


def heard(request: str, clip: Clip | None):
    """An update with the sound of a code."""
    return gr.update(heard=heard_payload(request, clip))


def refused():
    """An update after an edit that could not be made."""
    return gr.update(refused=uuid.uuid4().hex)


def _picture(clip: Clip) -> str:
    image = plots.spectrogram_png(clip, top_db=plots.loudest_db(clip), top_hz=clip.sample_rate / 2)
    return "data:image/png;base64," + base64.b64encode(image).decode()
