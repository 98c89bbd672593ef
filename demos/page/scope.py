"""The scope: one player for several tracks that share a time axis, with waveform, spectrogram and selectable regions.

It serves every place of the page where sound is heard. `assets/scope/` draws and plays; this file prepares what it
gets: int16 WAV files (Gradio would normalise floats, and levels must stay true), outlines and spectrogram images.
"""

import base64
import io
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from core.signal.clip import Clip
from core.signal.limits import LIMITS
from core.signal.loudness import loudness_db
from demos.page import plots
from demos.page.cache import cached

_FOLDER = Path(__file__).parents[2] / "assets"
# in this order one script
_OWN = ("stage", "sound", "axis", "drawing", "cutoff", "tracks", "comparing", "arrivals", "hands")
_FILES = (_FOLDER / "ticks.js", *(_FOLDER / "scope" / f"{name}.js" for name in _OWN))
_SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in _FILES)
HARDLY_HEARD_DB = 30.0

_TEMPLATE = '<div class="scope" data-updates="0"><p class="scope-placeholder">${placeholder}</p></div>'


@dataclass(frozen=True)
class Track:
    """One thing to hear, with the name that its switch shows.

    Args:
        difference: it is what two others differ by: it has no part in what `View.compares` says.
    """

    name: str
    clip: Clip
    difference: bool = False


@dataclass(frozen=True)
class View:
    """What a scope shows.

    Args:
        tracks: of one comparison; they share duration, dB range and frequency axis.
        key: playback goes on at the same position while the key stays the same.
        top_db: the brightest level, see `plots.spectrogram_png`; the first track's loudest when not given.
        top_hz: the upper edge of the spectrogram; half the highest sample rate when not given.
        offset: seconds at the left edge of the axis.
        file_seconds: of the whole file of which the tracks are a stretch; to their end when not given.
        autoplay: whether the first track starts at once.
        initial: the track that is heard first.
        peak: the highest that anything reaches with which the tracks are compared, beside themselves.
        together: whether they sound at once, so that their sum must fit as well.
        stretched: whether tracks of different lengths are the same sound, slower or faster, so that one who switches
            between them stays at the same moment of it.
        arrives: whether the page scrolls to it, as to the result of a run.
        grows: whether more of the tracks is still being made: playback waits at their end for it.
        compares: whether one can match the tracks in loudness, tell them apart blindly and turn the volume.
    """

    tracks: Sequence[Track]
    key: str
    top_db: float | None = None
    top_hz: float | None = None
    offset: float = 0.0
    file_seconds: float | None = None
    autoplay: bool = False
    initial: int = 0
    peak: float = 0.0
    together: bool = False
    stretched: bool = False
    arrives: bool = False
    grows: bool = False
    compares: bool = False


def scope(
    *,
    placeholder: str = "",
    size: str = "large",
    selectable: bool = False,
    cuts: bool = False,
    loop: bool = False,
    elem_classes: str = "",
) -> gr.HTML:
    """A scope component; its value is what `payload` makes of a view.

    Its props `regions` ([[start, stop], ...]) and `part` ([start, stop]) are set with `gr.update`: selected spans, and
    the span that is worked on (the rest is drawn dimmed), in seconds of the file. Where there is a part it can be moved
    and its ends be dragged; then the event `choose` carries its `start` and `length`. The prop `cutoff` is where the
    sound's own band ends, in Hz.

    Args:
        placeholder: shown while there is nothing to hear.
        size: "small" for inputs, "large" for results, "stacked" for stems, which sound together.
        selectable: whether dragging selects regions; then the event `select` carries them.
        cuts: whether the cut-off can be dragged; then the event `cut` carries its `hertz`.
        loop: whether playback starts over at the end.
    """
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_classes=elem_classes,
        placeholder=placeholder,
        size=size,
        selectable=selectable,
        loop=loop,
        regions=[],
        cuts=cuts,
        part=None,
        cutoff=None,
        most_seconds=LIMITS.seconds,
        gradient=plots.gradient_css(),
        range_db=plots.RANGE_DB,
    )


def payload(view: View) -> dict:
    """What `assets/scope/` gets; the WAV files go to Gradio's cache.

    All tracks are played, and their waveforms drawn, with one gain that keeps the highest peak within full scale.
    """
    clips = [track.clip for track in view.tracks]
    gain = playback_gain(clips, view.peak, view.together)
    top_db = plots.loudest_db(clips[0]) if view.top_db is None else view.top_db
    top_hz = max(clip.sample_rate for clip in clips) / 2 if view.top_hz is None else view.top_hz
    seconds = max(clip.seconds for clip in clips)
    return {
        "key": view.key,
        "tracks": [_track(track, gain, top_db, top_hz) for track in view.tracks],
        "gain_db": round(20 * math.log10(gain), 1),
        "seconds": seconds,
        "offset": view.offset,
        "file_seconds": view.file_seconds or view.offset + seconds,
        "top_db": round(top_db),
        "top_khz": top_hz / 1000,
        "autoplay": view.autoplay,
        "initial": view.initial,
        "stretched": view.stretched,
        "arrives": view.arrives,
        "grows": view.grows,
        "matches_db": matching_gains(view.tracks) if view.compares else None,
    }


def playback_gain(clips: Sequence[Clip], peak: float = 0.0, together: bool = False) -> float:
    """At most 1: what clips are multiplied by to be played, so that none, nor a `peak`, exceeds full scale.

    Args:
        together: the clips, of one length, must fit as a sum as well.
    """
    peaks = [1.0, peak, *map(peak_of, clips)]
    if together:
        peaks.append(float(np.abs(sum(clip.samples for clip in clips)).max(initial=0.0)))
    return 1 / max(peaks)


def matching_gains(tracks: Sequence[Track]) -> list[float]:
    """In dB, at most 0 so that nothing is clipped: what brings each track to the loudness of the faintest.

    Differences, and what is hardly heard beside the loudest, are left as they are.
    """
    loudness = [-math.inf if track.difference else loudness_db(track.clip) for track in tracks]
    heard = [level > max(loudness) - HARDLY_HEARD_DB for level in loudness]
    faintest = min((level for level, is_heard in zip(loudness, heard, strict=True) if is_heard), default=0.0)
    return [round(faintest - level, 1) if is_heard else 0.0 for level, is_heard in zip(loudness, heard, strict=True)]


def peak_of(clip: Clip) -> float:
    """The largest magnitude of a sample."""
    return float(np.abs(clip.samples).max(initial=0.0))


def _track(track: Track, gain: float, top_db: float, top_hz: float) -> dict:
    audio = cached(wav_bytes(track.clip, gain), "clip.wav")
    outline = (plots.outline(track.clip, gain) * 127).round().astype(np.int8)
    image = plots.spectrogram_png(track.clip, top_db=top_db, top_hz=top_hz)
    return {
        "name": track.name,
        "difference": track.difference,
        "audio": FileData(path=audio, mime_type="audio/wav").model_dump(),
        "outline": base64.b64encode(outline.tobytes()).decode(),
        "image": "data:image/png;base64," + base64.b64encode(image).decode(),
        "seconds": track.clip.seconds,
    }


def wav_bytes(clip: Clip, gain: float = 1.0) -> bytes:
    """The clip as a 16-bit WAV file, multiplied by a gain; what exceeds full scale is clipped."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(clip.channels)
        out.setsampwidth(2)
        out.setframerate(clip.sample_rate)
        out.writeframes(((gain * clip.samples.T).clip(-1, 1) * 32767).round().astype("<i2").tobytes())
    return file.getvalue()
