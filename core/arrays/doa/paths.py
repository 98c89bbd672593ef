"""Paths of voices that walk, each found in the whole of a recording at once: track before detect (Barniv 1985).

Maps of short times are too poor to say how many voices there are and where, so no peaks are picked in them. The best
path through all of them is found by the Viterbi algorithm over direction and angular speed, where every change of
speed has a cost: so it goes on through pauses, and past other voices. What it explains is taken out of the maps, and
the next path is found in the rest. Then each is found again, without what the others explain.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_closing

from core.arrays.angles import angular_distance, fold
from core.arrays.doa.counting import DOUBTFUL, SURE, Calibration
from core.arrays.doa.spatial_spectra import TURN, SteeredResponse, grid
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import HOP_LENGTH, N_FFT, stft_inside
from core.choices import MOST_VOICES

BANDS_HZ = ((300.0, 2000.0), (2000.0, 4500.0), (4500.0, 7900.0))  # at most times a voice is the loudest in one of them
CLARITY = 6  # exponent of powers: lower than for whole recordings, in which weak voices have more time to be seen
TURNS = 8  # blocks in a step of a path
STEP_FRAMES = TURNS * TURN * HOP_LENGTH
FASTEST = 10  # angles of the map in a step: 39 degrees a second at 16 kHz
TURNING_COST = 0.35  # of a change of speed by one angle in a step, in mean heights of a map
REACH = 8  # angles to either side of a path; the height of a map there is its voice's
SHADOW = np.deg2rad(15)  # standard deviation of what is taken out around a path
ROUNDS = 2
LOUD_STEPS = 24  # that say how strong a path is: 6 s at 16 kHz
CONFIDENCE = Calibration(-18.6, 0.0, 2.3)  # of 593 paths in 150 simulated rooms, two arrays
ACTIVE = 0.1  # strength of a step in which a voice is heard, relative to its path's
LONGEST_PAUSE = 12  # steps, 3 s at 16 kHz
SILENCE = 1e-9


@dataclass(frozen=True, eq=False)
class Path:
    """Where a voice is all along a recording.

    Args:
        angles: in radians, without jumps from one turn around the circle to the next, [steps].
        strengths: mean height of the maps there, without what others explain, [steps].
        explained: how high every map is near the path, relative to its highest peak, [steps, pieces].
        confidence: how likely it is a voice's, 0 to 1.
    """

    angles: np.ndarray
    strengths: np.ndarray
    explained: np.ndarray
    confidence: float = 1.0

    @property
    def strength(self) -> float:
        """Mean of the strongest `LOUD_STEPS`."""
        return float(np.sort(self.strengths)[-LOUD_STEPS:].mean())

    def angle_at(self, frame: float) -> float:
        """In radians, at a frame of the recording."""
        middles = np.arange(len(self.angles)) * STEP_FRAMES + (STEP_FRAMES - HOP_LENGTH) / 2
        return float(np.interp(frame, middles, self.angles))

    def heard(self) -> np.ndarray:
        """Whether the voice is there, bool [steps]: from its first sound to its last, but for long silences."""
        active = self.strengths > ACTIVE * self.strength
        return binary_closing(np.pad(active, LONGEST_PAUSE), np.ones(LONGEST_PAUSE + 1))[LONGEST_PAUSE:-LONGEST_PAUSE]


def piecewise_maps(
    signals: np.ndarray, geometry: ArrayGeometry, sample_rate: int
) -> Generator[tuple[int, np.ndarray], None, np.ndarray]:
    """Maps of short blocks, band by band, see `SteeredResponse.turns`.

    Args:
        signals: [mics, frames].

    Yields:
        The number of a step, and its map, [angles].

    Returns:
        float32 [steps, pieces, angles]: pieces are the blocks and bands of a step; the mean height of a band is 1.
    """
    steps, spare = -(-signals.shape[-1] // STEP_FRAMES), N_FFT - HOP_LENGTH
    before = N_FFT // 2  # so that the first window is around frame 0
    after = steps * STEP_FRAMES + spare - before - signals.shape[-1]
    signals = np.pad(signals, ((0, 0), (before, after))).astype(np.float32)
    bands = [band for band in BANDS_HZ if band[0] < sample_rate / 2]
    responses = [SteeredResponse(geometry, sample_rate, band_hz=band) for band in bands]
    maps = np.zeros((steps, len(bands), TURNS, len(responses[0].angles)), dtype=np.float32)
    for step in range(steps):
        start = step * STEP_FRAMES
        spectra = stft_inside(signals[:, start : start + STEP_FRAMES + spare])
        for band, response in enumerate(responses):
            maps[step, band] = list(response.turns(spectra, clarity=CLARITY))
        yield step, maps[step].sum(axis=(0, 1))
    heights = maps.max(axis=3).mean(axis=(0, 2))  # of the bands
    maps /= np.maximum(heights, SILENCE)[:, None, None]
    return maps.reshape(steps, len(bands) * TURNS, -1)


def paths_of_voices(maps: np.ndarray, voices: int | None, axis: float | None = None) -> list[Path]:
    """The paths of voices, with their confidence.

    Args:
        maps: see `piecewise_maps`.
        voices: how many there are; None if that is unknown.
        axis: of an array that cannot tell mirror images apart, see `ArrayGeometry`.

    Returns:
        From likely to unlikely: `voices`, or, where their number is unknown, all that may be one; what is doubtful is
        found in what the others leave.
    """
    if voices is not None:
        return rate(find_paths(maps, voices, axis))
    paths: list[Path] = []
    while len(paths) < MOST_VOICES:
        further = rate([*paths, next_path(maps, paths, axis)])
        if further[-1].confidence < DOUBTFUL:
            break
        paths = further
    sure = sum(path.confidence >= SURE for path in paths)
    return rate(find_paths(maps, sure, axis) + paths[sure:])


def rate(paths: Sequence[Path]) -> list[Path]:
    """The paths with their confidence, of their strength relative to the strongest, from likely to unlikely."""
    strongest = max((path.strength for path in paths), default=0.0) or 1.0
    strengths_db = [10 * np.log10(path.strength / strongest + SILENCE) for path in paths]
    rated = [replace(path, confidence=CONFIDENCE(db, 0.0)) for path, db in zip(paths, strengths_db, strict=True)]
    return sorted(rated, key=lambda path: -path.confidence)


def find_paths(maps: np.ndarray, count: int, axis: float | None = None) -> list[Path]:
    """So many paths, each the best one through what the others do not explain; arguments as `paths_of_voices`."""
    paths: list[Path] = []
    for _ in range(count):
        paths.append(next_path(maps, paths, axis))
    for _ in range(ROUNDS):
        for k in range(count):
            paths[k] = next_path(maps, paths[:k] + paths[k + 1 :], axis)
    return paths


def next_path(maps: np.ndarray, others: Sequence[Path], axis: float | None = None) -> Path:
    """The best path through what others do not explain.

    The maps lose the share that others explain in every piece, and all that is around their paths.
    """
    steps, pieces, count = maps.shape
    left, away = np.ones((steps, pieces), np.float32), np.ones((steps, count), np.float32)
    for other in others:
        left *= 1 - other.explained
        distances = angular_distance(fold(grid(360 / count), axis), fold(other.angles, axis)[:, None])
        away *= 1 - np.exp(-0.5 * (distances / SHADOW) ** 2)
    scores = away * (left[:, None] @ maps)[:, 0] / pieces
    places = best_path(scores)
    near = (places[:, None] + np.arange(-REACH, REACH + 1)) % count
    peaks = np.take_along_axis(maps, near[:, None], axis=2).max(axis=2)
    strengths = np.take_along_axis(scores, places[:, None], axis=1)[:, 0]
    angles = np.unwrap(places * 2 * np.pi / count)
    return Path(angles, strengths, peaks / np.maximum(maps.max(axis=2), SILENCE))


def best_path(scores: np.ndarray) -> np.ndarray:
    """The path through scores [steps, angles], all around, whose sum, less the costs of its turns, is highest.

    Returns:
        Numbers of angles, [steps].
    """
    speeds = np.arange(-FASTEST, FASTEST + 1)
    costs = TURNING_COST * np.abs(speeds[:, None] - speeds)[..., None].astype(np.float32)  # [new, old, 1]
    best, origins = np.tile(scores[0], (len(speeds), 1)), []  # [speeds, angles]
    for score in scores[1:]:
        moved = np.stack([np.roll(row, speed) for row, speed in zip(best, speeds, strict=True)])
        reached = moved - costs  # [new, old, angles]
        origins.append(reached.argmax(axis=1).astype(np.int8))
        best = reached.max(axis=1) + score
    speed, place = np.unravel_index(best.argmax(), best.shape)
    places = [place]
    for origin in reversed(origins):
        speed = origin[speed, place]
        place = (place - speeds[speed]) % scores.shape[1]
        places.append(place)
    return np.array(places[::-1])
