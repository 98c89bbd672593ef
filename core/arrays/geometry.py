"""Microphone arrays: where the microphones stand, and which channels of a recording they are.

The plane's origin is the array's centre, angles run counter-clockwise from +x, and microphone 0 is the reference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.json_files import read_json
from core.signal.limits import LIMITS

SPEED_OF_SOUND = 343.0  # metres per second, dry air at 20 degrees Celsius
MOST_MICROPHONES = 64
FARTHEST_METRES = 10.0  # from the centre
NEAREST_METRES = 0.001  # two microphones to each other
LARGEST_FILE_BYTES = 1_000_000
LONGEST_NAME = 64
FIELDS = ("sample_rate", "raw_channels", "stream_channels")


@dataclass(frozen=True)
class ArrayGeometry:
    """Where the microphones of an array stand.

    Args:
        name: of the array.
        positions: (x, y) of every microphone in metres, from the array's centre.
        sample_rate: the device's own, in Hz.
        raw_channels: the channels of the device's stream that are the microphones, in order, from 0; empty if the
            stream has no others.
        stream_channels: of the device's stream; 0 if unknown.

    Raises:
        InputError: the array cannot be used; the message says why.
    """

    name: str
    positions: tuple[tuple[float, float], ...]
    sample_rate: int = 16000
    raw_channels: tuple[int, ...] = ()
    stream_channels: int = 0

    def __post_init__(self):
        _check_name(self.name)
        _check_positions(self.name, self.positions)
        lowest, highest = LIMITS.lowest_rate, LIMITS.highest_rate
        if type(self.sample_rate) is not int or not lowest <= self.sample_rate <= highest:
            raise InputError(f"The array {self.name} needs a sample_rate of {lowest} to {highest} Hz, a whole number.")
        _check_raw_channels(self)

    @property
    def count(self) -> int:
        """Microphones."""
        return len(self.positions)

    @property
    def xy(self) -> np.ndarray:
        """Positions in metres, `[mics, 2]`."""
        return np.array(self.positions)

    @property
    def radius(self) -> float:
        """Metres from the centre to the farthest microphone."""
        return float(np.linalg.norm(self.xy, axis=1).max())

    @cached_property
    def axis(self) -> float | None:
        """Direction of the line that all microphones stand on within 1 mm, in radians from 0 to pi; None without one.

        Such an array hears a direction and its mirror image about that line alike.
        """
        offsets = self.xy - self.xy.mean(axis=0)
        along = np.linalg.svd(offsets)[2][0]
        if np.abs(offsets @ [-along[1], along[0]]).max() >= NEAREST_METRES:
            return None
        angle = math.atan2(along[1], along[0]) % math.pi
        return 0.0 if math.isclose(angle, math.pi, abs_tol=1e-9) else angle


def circular(name: str, count: int, radius: float, **fields) -> ArrayGeometry:
    """Microphones at equal distances on a circle: microphone k at k * 360 / count degrees.

    Args:
        radius: in metres.
        fields: further ones of `ArrayGeometry`.

    Raises:
        InputError: as `ArrayGeometry`.
    """
    _check_name(name)
    if type(count) is not int or not 2 <= count <= MOST_MICROPHONES:
        raise InputError(f"The array {name} needs a count of 2 to {MOST_MICROPHONES} microphones.")
    if not radius > 0:
        raise InputError(f"The array {name} needs a radius in metres, over 0.")
    angles = [2 * math.pi * k / count for k in range(count)]
    return ArrayGeometry(name, tuple((radius * math.cos(a), radius * math.sin(a)) for a in angles), **fields)


def read_array(name_or_path: str | Path) -> ArrayGeometry:
    """A known array by its name, or one that a JSON file describes.

    The file holds `{"name": ..., "positions": [[x, y], ...]}` or `{"name": ..., "count": M, "radius": R}`, in metres,
    and where they are known `sample_rate`, `raw_channels` and `stream_channels` (see `ArrayGeometry`).

    Raises:
        InputError: no such array or file, not JSON, or not an array that could be used.
    """
    if str(name_or_path) in ARRAYS:
        return ARRAYS[str(name_or_path)]
    path = Path(name_or_path)
    content = _read_json(path)
    name = content.get("name", path.stem)
    fields = {field: content[field] for field in FIELDS if field in content}
    if isinstance(fields.get("raw_channels"), list):
        fields["raw_channels"] = tuple(fields["raw_channels"])
    if "positions" in content:
        return ArrayGeometry(name, _positions(path, content["positions"]), **fields)
    if "count" in content and "radius" in content:
        return circular(name, content["count"], _metres(path, content["radius"]), **fields)
    raise InputError(f"{path.name} describes no array; give positions [[x, y], ...], or count and radius, in metres.")


def microphones_of(samples: np.ndarray, geometry: ArrayGeometry, channels: Sequence[int] | None = None) -> np.ndarray:
    """The microphones among a recording's channels, in the array's order: `[channels, frames]` -> `[mics, frames]`.

    Args and errors as `channels_of`.
    """
    chosen = channels_of(len(samples), geometry, channels)
    return samples if chosen == tuple(range(len(samples))) else samples[list(chosen)]


def channels_of(present: int, geometry: ArrayGeometry, channels: Sequence[int] | None = None) -> tuple[int, ...]:
    """Which channels of a recording are the microphones, in the array's order.

    Args:
        present: channels of the recording.
        channels: which channel each microphone is, from 0. None takes the raw channels of a whole stream, and a
            recording with as many channels as microphones as it is.

    Raises:
        InputError: channels that do not exist or are not one per microphone, or a recording of another array.
    """
    if channels is not None:
        _check_map(channels, present, geometry)
        return tuple(channels)
    if geometry.raw_channels and _is_stream(present, geometry):
        return geometry.raw_channels
    if present == geometry.count:
        return tuple(range(present))
    stream = f" or all {geometry.stream_channels} channels of its stream" if geometry.stream_channels else ""
    raise InputError(
        f"The recording has {_count(present, 'channel')}, but the array {geometry.name} has "
        f"{_count(geometry.count, 'microphone')}: give one channel for each{stream}, or say which channels they are."
    )


def mirror_note(geometry: ArrayGeometry) -> str:
    """A sentence on the directions that an array cannot tell apart; empty if there are none."""
    if geometry.axis is None:
        return ""
    return (
        f"Microphones on one line, here at {math.degrees(geometry.axis):.0f} degrees, cannot tell a direction from its "
        "mirror image about that line: both are one, and the voice may stand on the other side."
    )


def _is_stream(present: int, geometry: ArrayGeometry) -> bool:
    """Whether so many channels are a device's whole stream."""
    if geometry.stream_channels:
        return present == geometry.stream_channels
    return present > max(geometry.raw_channels)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"An array needs a name of 1 to {LONGEST_NAME} printable characters.")


def _check_positions(name: str, positions: tuple[tuple[float, float], ...]) -> None:
    if not 2 <= len(positions) <= MOST_MICROPHONES:
        raise InputError(f"The array {name} needs 2 to {MOST_MICROPHONES} microphones; it has {len(positions)}.")
    for k, position in enumerate(positions):
        if not all(math.isfinite(metres) for metres in position) or math.hypot(*position) > FARTHEST_METRES:
            raise InputError(
                f"Microphone {k} of the array {name} is not within {FARTHEST_METRES:g} m of its centre; "
                "give positions in metres."
            )
    for (i, one), (k, other) in combinations(enumerate(positions), 2):
        if math.dist(one, other) < NEAREST_METRES:
            raise InputError(
                f"Microphones {i} and {k} of the array {name} stand at the same place (less than 1 mm apart); "
                "give every microphone a position of its own, in metres."
            )


def _check_raw_channels(array: ArrayGeometry) -> None:
    stream = array.stream_channels
    if type(stream) is not int or stream < 0 or 0 < stream < array.count:
        raise InputError(
            f"The array {array.name} needs stream_channels of at least its {array.count} microphones, or 0 if unknown."
        )
    raw, present = array.raw_channels, stream or math.inf
    there = isinstance(raw, tuple) and all(type(channel) is int and 0 <= channel < present for channel in raw)
    if not there or (raw and not len(raw) == len(set(raw)) == array.count):
        among = f" of 0 to {stream - 1}" if stream else ""
        raise InputError(
            f"The raw_channels of the array {array.name} are no map of its microphones; "
            f"give {array.count} different channels{among}, counted from 0."
        )


def _check_map(channels: Sequence[int], present: int, geometry: ArrayGeometry) -> None:
    outside = [channel for channel in channels if not 0 <= channel < present]
    if outside:
        raise InputError(
            f"There is no channel {outside[0]}; the recording has channels 0 to {present - 1}, counted from 0."
        )
    if len(set(channels)) != len(channels) or len(channels) != geometry.count:
        raise InputError(
            f"The array {geometry.name} has {geometry.count} microphones; name {geometry.count} different channels."
        )


def _read_json(path: Path) -> dict:
    known = ", ".join(ARRAYS)
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError:  # a name that no file can have
        size = None
    if size is None:
        raise InputError(
            f"There is no array or file {str(path)[:LONGEST_NAME]!r}; choose one of {known}, or a JSON file of yours."
        )
    if size > LARGEST_FILE_BYTES:
        raise InputError(f"{path.name} is too large to describe an array; give a JSON file of under 1 MB.")
    try:
        content = read_json(path, LARGEST_FILE_BYTES)
    except (OSError, ValueError):
        raise InputError(f"{path.name} is no readable JSON file; give one, or choose one of {known}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name} describes no array; it must hold one JSON object with positions.")
    return content


def _positions(path: Path, positions: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(positions, list) or not all(isinstance(p, list) and len(p) == 2 for p in positions):
        raise InputError(f"The positions in {path.name} are no list of [x, y] in metres; give one for each microphone.")
    return tuple((_metres(path, x), _metres(path, y)) for x, y in positions)


def _metres(path: Path, value: object) -> float:
    if type(value) not in (int, float) or not abs(value) <= FARTHEST_METRES:
        shown = str(value)[:LONGEST_NAME]
        raise InputError(f"{path.name} gives {shown}, where metres of at most {FARTHEST_METRES:g} belong.")
    return float(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


ARRAYS = {
    "respeaker-4": circular("respeaker-4", 4, 0.03231, raw_channels=(1, 2, 3, 4), stream_channels=6),
    "circle-6": circular("circle-6", 6, 0.0725),
}
