"""The simulated room of the page: its voices, and the recording of an array in its middle, rendered or live."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.live.sources import BLOCK_SECONDS, Clock, SourceStatus, in_real_time
from core.arrays.scenes.files import BACKGROUND, RecordedScene, SourceImage, recorded
from core.arrays.scenes.random_scene import shoebox
from core.arrays.scenes.scene import Scene, SoundSource, render
from core.errors import InputError
from core.signal.files import read_clip
from core.signal.limits import ARRAY_LIMITS
from core.signal.resampling import resample
from demos.page.job import SOUNDS

SIZE = (6.0, 4.5, 2.7)  # metres
CENTRE = (3.0, 2.25, 0.9)  # the array, on a table
LIFT = 0.3  # of the voices over the array, in metres
WALL_METRES, NEAREST_METRES = 0.3, 0.4  # least distances of a voice to walls and array
SECONDS = 4.0
PEAK = 0.5  # of a voice one metre away
MOST_VOICES = 4
MOST_MICROPHONES, HIGHEST_RATE = ARRAY_LIMITS.channels, 48_000  # bound the memory of live sound
KEPT_SCENES = 6

# file -> label
SPEECH = {"speech": "Harbour", "speech-garden": "Garden", "speech-train": "Train", "speech-kettle": "Kettle"}
T60 = {"Dry": 0.15, "Living room": 0.3, "Hall": 0.5}  # seconds
NOISE = {"None": -math.inf, "Faint": -60.0, "Loud": -45.0}  # dB of full scale, at every microphone


@dataclass(frozen=True)
class PlacedVoice:
    """A voice: (x, y) in metres from the array, and the name of its sound file."""

    x: float
    y: float
    sound: str


@dataclass(frozen=True)
class Arrangement:
    """The visitor's settings of the room.

    Args:
        t60, noise: names in `T60` and `NOISE`.
    """

    voices: tuple[PlacedVoice, ...]
    t60: str = "Living room"
    noise: str = "Faint"


FIRST_VOICES = (PlacedVoice(1.0, 1.0, "speech"), PlacedVoice(-1.4, -0.8, "speech-garden"))


def read_voices(content: object) -> tuple[PlacedVoice, ...]:
    """Parses voices from the page, `[{"x": ..., "y": ..., "sound": ...}, ...]`, and moves them inside the room.

    Raises:
        InputError: none or too many voices, or not such a list.
    """
    if not isinstance(content, list) or not 1 <= len(content) <= MOST_VOICES:
        raise InputError(f"The room holds 1 to {MOST_VOICES} voices.")
    try:
        return tuple(_placed(float(voice["x"]), float(voice["y"]), voice["sound"]) for voice in content)
    except (TypeError, KeyError, ValueError, OverflowError):  # the last from a whole number of 400 digits
        raise InputError("The room's voices need a place each, and something to say.") from None


def decode_voices(body: bytes) -> tuple[PlacedVoice, ...]:
    """As `read_voices`, from JSON."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("The room's voices are no JSON.") from None
    return read_voices(content)


def render_room(arrangement: Arrangement, array: ArrayGeometry) -> RecordedScene:
    """A recording of an array in the room's middle: every voice, and the microphones' noise as background.

    Raises:
        InputError: the array has too many microphones, or too high a rate.
    """
    if array.count > MOST_MICROPHONES or array.sample_rate > HIGHEST_RATE:
        raise InputError(
            f"The simulated room is for arrays of at most {MOST_MICROPHONES} microphones and {HIGHEST_RATE} Hz."
        )
    return _rendered(arrangement, array)


class RoomSource:
    """The room in real time, looped; changes are cross-faded within a block.

    Args:
        array: in the middle of the room.
    """

    def __init__(self, arrangement: Arrangement, array: ArrayGeometry, clock: Clock | None = None):
        self.geometry, self.sample_rate = array, array.sample_rate
        self._wanted, self._clock = arrangement, clock or Clock()

    @property
    def arrangement(self) -> Arrangement:
        """The present settings."""
        return self._wanted

    @property
    def status(self) -> SourceStatus:
        """Nothing is ever lost."""
        return SourceStatus()

    def arrange(self, arrangement: Arrangement) -> None:
        """Changes the room; may be called from another thread."""
        self._wanted = arrangement

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends."""
        return in_real_time(self._cut(), self.sample_rate, self._clock)

    def _cut(self) -> Iterator[np.ndarray]:
        step, place, shown = round(BLOCK_SECONDS * self.sample_rate), 0, self._wanted
        samples, fade = render_room(shown, self.geometry).mixture, np.linspace(0, 1, step, dtype=np.float32)
        while True:
            wanted, places = self._wanted, np.arange(place, place + step) % samples.shape[1]
            block = samples[:, places]
            if wanted != shown:
                shown, samples = wanted, render_room(wanted, self.geometry).mixture
                block = (1 - fade) * block + fade * samples[:, places]
            yield block
            place = (place + step) % samples.shape[1]


def _placed(x: float, y: float, sound: str) -> PlacedVoice:
    """A voice moved inside the room, away from the array and the walls."""
    if not (math.isfinite(x) and math.isfinite(y) and sound in SPEECH):
        raise ValueError
    distance = math.hypot(x, y)
    if distance < NEAREST_METRES:
        x, y = (NEAREST_METRES * v / distance for v in (x, y)) if distance else (NEAREST_METRES, 0.0)
    x, y = (
        min(max(value, WALL_METRES - centre), side - WALL_METRES - centre)
        for value, centre, side in zip((x, y), CENTRE, SIZE, strict=False)
    )
    return PlacedVoice(round(x, 3), round(y, 3), sound)


@lru_cache(maxsize=KEPT_SCENES)
def _rendered(arrangement: Arrangement, array: ArrayGeometry) -> RecordedScene:
    room, frames = shoebox(SIZE, CENTRE, T60[arrangement.t60]), round(SECONDS * array.sample_rate)
    sources = tuple(
        SoundSource(
            f"voice{k:02d}", room, ((voice.x, voice.y, LIFT),), PEAK / math.hypot(voice.x, voice.y), voice.sound
        )
        for k, voice in enumerate(arrangement.voices)
    )
    scene = Scene(array, sources, frames, array.sample_rate)
    voices = recorded(scene, render(scene, [_speech(voice.sound, array.sample_rate) for voice in arrangement.voices]))
    level = 10 ** (NOISE[arrangement.noise] / 20)
    noise = level * np.random.default_rng(0).standard_normal((array.count, frames))
    behind = SourceImage(BACKGROUND, noise.astype(np.float32), ((0.0, 0.0),))
    return RecordedScene((*voices.images, behind), array.sample_rate)


@lru_cache(maxsize=2 * len(SPEECH))
def _speech(name: str, sample_rate: int) -> np.ndarray:
    """[frames]."""
    return resample(read_clip(SOUNDS / f"{name}.flac").clip, sample_rate).samples[0]
