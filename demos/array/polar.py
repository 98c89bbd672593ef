"""The polar view: what comes from where around an array, live or while a search narrows down, on one canvas.

`assets/polar.js` draws it and says which direction was clicked; `assets/live.js` keeps the connection of a live view.
Angles are in degrees here, counter-clockwise from +x; microphones as `demos.array.live_session.described` has them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from core.arrays.finding import Stage
from core.arrays.geometry import ArrayGeometry
from core.signal.clip import Clip
from core.tasks.progress import DirectionsLook, Voice
from demos.array.live_session import described, packed
from demos.page.scope import wav_bytes

FAINTEST_DB = -40.0  # of windows, against the loudest one of their stage
MOST_LOOKS = 200  # that can be gone through after a run
SILENCE = 1e-6

_ASSETS = Path(__file__).parents[2] / "assets"
_SCRIPT = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in ("live.js", "polar.js"))
_TEMPLATE = '<div class="polar" data-updates="0" data-looks="0"></div>'


def polar(array: ArrayGeometry) -> gr.HTML:
    """A polar view; its value is what the functions below make.

    Its events: `listen`, the button for a live view; `select` with `angle`, a direction that was chosen.
    """
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        value=at_rest(array),
    )


def at_rest(array: ArrayGeometry) -> dict:
    """The array alone."""
    return {"kind": "rest", "array": described(array)}


def live(array: ArrayGeometry, token: str, sound: Clip | None = None, movable: bool = False) -> dict:
    """A view that the page opens with a token.

    Args:
        sound: what is played again and again meanwhile; None where the visitor sits beside the array.
        movable: whether the voices of the simulated room are heard, and follow when they are dragged.
    """
    heard = None if sound is None else _audio(sound)
    return {"kind": "live", "array": described(array), "token": token, "sound": heard, "movable": movable}


def looking(array: ArrayGeometry, look: DirectionsLook, key: str) -> dict:
    """What a run looks at."""
    return {"kind": "look", "array": described(array), "key": key, "look": look_of(look)}


def found(
    array: ArrayGeometry,
    voices: Mapping[int, Voice],
    looks: Sequence[Mapping],
    truth: Sequence[float],
    key: str,
) -> dict:
    """What a run ended with.

    Args:
        voices: by their numbers, which give them their colours.
        looks: of the run, to be gone through.
        truth: true angles in radians, where they are known.
    """
    return {
        "kind": "found",
        "array": described(array),
        "key": key,
        "looks": list(looks[:MOST_LOOKS]),
        "voices": [
            {
                "number": number,
                "angle": _degrees(voice.angle),
                "level": round(level_db(voice.clip), 1),
                "track": [_degrees(angle) for _, angle in voice.track],
            }
            for number, voice in voices.items()
        ],
        "truth": [_degrees(angle) for angle in truth],
    }


def look_of(look: DirectionsLook) -> dict:
    """Windows of the search, with how loud they are from 0 to 1, or a map of powers."""
    drawn = {"chunk": look.chunk, "chunks": look.chunks, "stage": None, "power": None}
    if look.stage is not None:
        return drawn | {"stage": _stage(look.stage)}
    if look.power is None:
        return drawn
    power = look.power - look.power.min()
    return drawn | {"power": packed(power / max(power.max(), SILENCE))}


def level_db(clip: Clip) -> float:
    """Root mean square in dB of full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))) + SILENCE))


def _stage(stage: Stage) -> dict:
    energies = np.array([candidate.energy for candidate in stage.candidates])
    shares = 1 - 20 * np.log10(np.maximum(energies, SILENCE) / max(energies.max(initial=0), SILENCE)) / FAINTEST_DB
    windows = [
        [_degrees(candidate.angle), round(float(share), 2), candidate.kept]
        for candidate, share in zip(stage.candidates, shares.clip(0, 1), strict=True)
    ]
    return {"level": stage.level, "levels": stage.levels, "width": float(np.rad2deg(stage.window)), "windows": windows}


def _audio(clip: Clip) -> dict:
    path = save_bytes_to_cache(wav_bytes(clip), "heard.wav", get_upload_folder())
    return FileData(path=path, mime_type="audio/wav").model_dump()


def _degrees(angle: float) -> float:
    return round(float(np.rad2deg(angle)), 1) % 360
