"""The recordings that the tab works on: of the simulated room, of a file, or the last seconds of live sound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.arrays.geometry import ARRAYS, ArrayGeometry, channels_of, microphones_of
from core.arrays.phase_check import check_stream
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import probe, read_clip
from core.signal.limits import ARRAY_LIMITS
from core.tasks.voices import Truth, truth_of
from demos.array.live_session import LiveSession
from demos.array.room import SPEECH, Arrangement, render_room
from demos.page.source import Loaded, load

MOST_SAMPLES = 80_000_000  # of all channels together; ten minutes of six microphones at 16 kHz are 58 million
MOST_SAMPLES_AT_ONCE = 8_000_000  # of a beamformed direction or a live view: half a gigabyte of spectra


@dataclass(frozen=True, eq=False)
class ArrayRecording:
    """A recording by an array, or a part of one.

    Args:
        name: of the recording, for files and captions.
        clip: a channel for each microphone.
        array: its geometry; its microphones are exactly the clip's channels.
        stream: the same with `raw_channels` of the stream that the microphones were taken from.
        truth: if it is known.
        truth_names: labels of the true voices.
        start: seconds of the recording before the clip.
        seconds: of the whole recording; 0 if the clip is all of it.
    """

    name: str
    clip: Clip
    array: ArrayGeometry
    stream: ArrayGeometry
    truth: Truth | None = None
    truth_names: tuple[str, ...] = ()
    start: float = 0.0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Clip:
        """The channel of microphone 0."""
        return Clip(self.clip.samples[:1], self.clip.sample_rate)


def from_room(arrangement: Arrangement, array: ArrayGeometry) -> ArrayRecording:
    """A recording of the simulated room, with the truth."""
    scene = render_room(arrangement, array)
    clip, names = Clip(scene.mixture, scene.sample_rate), tuple(SPEECH[voice.sound] for voice in arrangement.voices)
    return ArrayRecording("Simulated room", clip, _picked(array), _picked(array), truth_of(scene), names)


def load_recording(path: str | None, array: ArrayGeometry, channels: Sequence[int] | None, name: str | None) -> Loaded:
    """Checks the header of an array's recording.

    Raises:
        InputError: no readable audio, or not of this array; see `microphones_of`.
    """
    loaded = load(path, name, limits=ARRAY_LIMITS)
    present = probe(loaded.path, limits=ARRAY_LIMITS).channels
    microphones_of(np.zeros((present, 1)), array, channels)
    return loaded


def from_file(
    loaded: Loaded | None, array: ArrayGeometry, channels: Sequence[int] | None, start: float, length: float | None
) -> ArrayRecording:
    """The microphones of a part of a file, in seconds.

    Raises:
        InputError: nothing is loaded, a part outside the recording or too large, or not of this array.
    """
    if loaded is None:
        raise InputError("There is no recording yet: choose an example, or upload one of an array.")
    if not Path(loaded.path).exists():
        raise InputError("The server no longer holds this file: load it again.")
    _check_size(loaded, start, length)
    decoded = read_clip(loaded.path, start=start, length=length or None, limits=ARRAY_LIMITS)
    clip = decoded.clip
    microphones = Clip(microphones_of(clip.samples, array, channels), clip.sample_rate)
    stream, notes = _stream(clip.channels, array, channels), list(decoded.notes)
    if stream.raw_channels and not channels:
        numbers = ", ".join(map(str, stream.raw_channels))
        notes.append(f"Of the {clip.channels} channels the raw ones are the microphones: {numbers}, counted from 0.")
    chosen = channels_of(clip.channels, array, channels)
    notes += [fault.sentence for fault in check_stream(clip.samples, clip.sample_rate, array, chosen)]
    facts = {"start": start, "seconds": loaded.seconds, "notes": tuple(notes)}
    return ArrayRecording(loaded.name, microphones, _picked(array), stream, **facts)


def from_session(session: LiveSession | None, channels: Sequence[int] | None) -> ArrayRecording:
    """The last seconds of a live session.

    Raises:
        InputError: there is no sound.
    """
    clip = session.recent() if session else None
    if clip is None:
        raise InputError("Nothing was heard yet: press “Listen live” first; what was heard last is then worked on.")
    array = session.source.geometry
    stream = ARRAYS.get(array.name, array)  # a relay sends the microphones alone
    return ArrayRecording("Live", clip, _picked(array), _taken_from(stream, channels) if channels else stream)


def beginning_of(recording: ArrayRecording) -> ArrayRecording:
    """The beginning that fits MOST_SAMPLES_AT_ONCE, at its own rate and at the array's; all of most recordings."""
    clip, rate = recording.clip, max(recording.clip.sample_rate, recording.array.sample_rate)
    frames = MOST_SAMPLES_AT_ONCE * clip.sample_rate // (clip.channels * rate)
    return recording if clip.frames <= frames else replace(recording, clip=clip.cut(0, frames))


def _check_size(loaded: Loaded, start: float, length: float | None) -> None:
    """Refuses a part that would take too much time or memory, before it is decoded."""
    header = probe(loaded.path, limits=ARRAY_LIMITS)
    longest = min(ARRAY_LIMITS.seconds, MOST_SAMPLES / (header.sample_rate * header.channels))
    if min(length or loaded.seconds, loaded.seconds - start) > longest:
        raise InputError(
            f"{loaded.name} has {header.channels} channels at {header.sample_rate} Hz; at most {longest:.0f} s are "
            "worked on at once, so choose a shorter part of it."
        )


def _picked(array: ArrayGeometry) -> ArrayGeometry:
    """The array for a recording of exactly its microphones."""
    return _taken_from(array, ())


def _taken_from(array: ArrayGeometry, channels: Sequence[int]) -> ArrayGeometry:
    """The array with these channels of a stream, of any size, as its microphones.

    Raises:
        InputError: not one channel for each microphone.
    """
    return replace(array, raw_channels=tuple(channels), stream_channels=0)


def _stream(present: int, array: ArrayGeometry, channels: Sequence[int] | None) -> ArrayGeometry:
    """The array for a recording of so many channels."""
    if channels:
        return _taken_from(array, channels)
    return _picked(array) if present == array.count else array
