"""The polar view: directions around an array, live or during a run, on one canvas.

`assets/polar_drawing.js` draws it, `assets/polar.js` sends clicked directions; `assets/live.js` keeps the connection of
a live view.
Angles are in degrees here, counter-clockwise from +x; microphones as `demos.array.live_session.array_message` has them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from core.arrays.finding import Stage
from core.arrays.geometry import ArrayGeometry
from core.signal.clip import Clip
from core.tasks.progress import DirectionsLook, Voice
from demos.array.live_session import array_message, packed
from demos.page.cache import cached
from demos.page.scope import playback_gain, wav_bytes

FAINTEST_DB = -40.0  # of windows, relative to the loudest one of their stage
MOST_LOOKS = 200  # steps that can be replayed after a run
SILENCE = 1e-6

_SCRIPTS = ("live.js", "polar_drawing.js", "polar.js")
_ASSETS = Path(__file__).parents[2] / "assets"
_SCRIPT = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
_TEMPLATE = '<div class="polar" data-updates="0" data-looks="0"></div>'


def polar(array: ArrayGeometry) -> gr.HTML:
    """The component; its value is made by the functions below.

    Its events: `listen`, the button for a live view; `select` with `angle`, a direction that was clicked. Its prop
    `least` is set with `gr.update`: voices of less confidence, 0 to 1, are drawn faintly.
    """
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        value=rest_view(array),
        least=0.0,
    )


def rest_view(array: ArrayGeometry) -> dict:
    """The array alone."""
    return {"kind": "rest", "array": array_message(array)}


def live_view(array: ArrayGeometry, token: str, sound: Clip | None = None, movable: bool = False) -> dict:
    """A live view that the page opens with a token.

    Args:
        sound: is played meanwhile, looped; None for live microphones.
        movable: the source is the simulated room, whose voices can be dragged.
    """
    audio = None if sound is None else _audio(sound)
    return {"kind": "live", "array": array_message(array), "token": token, "sound": audio, "movable": movable}


def progress_view(array: ArrayGeometry, look: DirectionsLook, key: str) -> dict:
    """A step of a run."""
    return {"kind": "look", "array": array_message(array), "key": key, "look": step_payload(look)}


def result_view(
    array: ArrayGeometry,
    voices: Mapping[int, Voice],
    looks: Sequence[Mapping],
    truth: Sequence[float],
    key: str,
) -> dict:
    """The result of a run.

    Args:
        voices: all that may be voices by number; numbers determine colours.
        looks: the run's steps, for replay.
        truth: true angles in radians, if they are known.
    """
    return {
        "kind": "found",
        "array": array_message(array),
        "key": key,
        "looks": list(looks[:MOST_LOOKS]),
        "voices": [
            {
                "number": number,
                "angle": _degrees(voice.angle),
                "level": round(level_db(voice.clip), 1),
                "track": [_degrees(angle) for _, angle in voice.track],
                "confidence": round(voice.confidence, 3),
            }
            for number, voice in voices.items()
        ],
        "truth": [_degrees(angle) for angle in truth],
    }


def step_payload(look: DirectionsLook) -> dict:
    """A step's windows, with levels from 0 to 1, or its map of powers."""
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
    path = cached(wav_bytes(clip, playback_gain([clip])), "heard.wav")
    return FileData(path=path, mime_type="audio/wav").model_dump()


def _degrees(angle: float) -> float:
    return round(float(np.rad2deg(angle)), 1) % 360
