"""A grid of sounds that emerge together: of each a spectrogram, which a click plays.

`assets/grid.js` draws and plays; this file prepares what it gets. The pictures are of mel spectrograms, with one range
of levels for all. While sounds are being drawn pictures come sooner than what can be heard.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from core.signal.clip import Clip
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.progress import Mels, Sounds
from demos.page import plots
from demos.page.cache import cached
from demos.page.scope import playback_gain, wav_bytes

_FOLDER = Path(__file__).parents[2] / "assets"
_SCRIPT = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("player.js", "grid.js"))
OVER_TOP = 0.005
_TEMPLATE = '<div class="grid" data-updates="0"><p class="scope-placeholder">${placeholder}</p></div>'


@dataclass(frozen=True)
class GridView:
    """What a grid shows.

    Args:
        names: of the sounds, by those of the task.
        mels, sounds: of them; without sounds those that were heard last are played.
        key: names the run: what plays goes on while the key stays the same.
        total: how many sounds there will be.
        in_line: the sounds lead from one to the next, and stand close together.
        over: no more is drawn of them: they can be taken along, and their nearest recordings asked for.
    """

    names: Mapping[str, str]
    mels: Mels
    sounds: Sounds
    key: str
    total: int
    in_line: bool = False
    over: bool = False


def sound_grid(placeholder: str, compares: bool) -> gr.HTML:
    """The component; its value is what `payload` makes of a view.

    Its event `nearest` carries the `number` of a sound whose nearest recording is asked for; the answer goes into the
    prop `nearest`, as `nearest_payload` makes it.

    Args:
        placeholder: shown while there is nothing to hear.
        compares: whether there are recordings to compare with.
    """
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        placeholder=placeholder,
        compares=compares,
        nearest=None,
        gradient=plots.gradient_css(),
        range_db=plots.RANGE_DB,
    )


def payload(view: GridView) -> dict:
    """What `assets/grid.js` gets; the WAV files go to Gradio's cache. All are played with one gain."""
    gain, top = playback_gain(list(view.sounds.values())), loudest(list(view.mels.values()))
    seen = next(iter(view.mels.values())).front_end
    return {
        "key": view.key,
        "total": view.total,
        "in_line": view.in_line,
        "over": view.over,
        "top_khz": seen.highest_hz / 1000,
        "sounds": [
            {"name": view.names[name], "image": _picture(mel, top), "audio": _audio(view.sounds.get(name), gain)}
            for name, mel in view.mels.items()
        ],
    }


def nearest_payload(key: str, number: int, clip: Clip, said: str, usual: str) -> dict:
    """The nearest recording to a sound of the run of that key.

    Args:
        said: of the recording and how far it is.
        usual: how far recordings are from each other.
    """
    audio = _audio(clip, playback_gain([clip]))
    return {"key": key, "number": number, "audio": audio, "said": said, "usual": usual}


def loudest(mels: Sequence[MelSpectrogram]) -> float:
    """The top of the range that pictures share, in decades; a few points of noise that lie over it do not count."""
    return float(np.quantile(np.concatenate([mel.decades.ravel() for mel in mels]), 1 - OVER_TOP))


def _picture(mel: MelSpectrogram, top: float) -> str:
    return "data:image/png;base64," + base64.b64encode(plots.mel_png(mel.decades, top)).decode()


def _audio(clip: Clip | None, gain: float) -> dict | None:
    if clip is None:
        return None
    return FileData(path=cached(wav_bytes(clip, gain), "clip.wav"), mime_type="audio/wav").model_dump()
