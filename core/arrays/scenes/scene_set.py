"""A set of scenes: each depends on the set's settings and its own number alone, not on order or machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.scenes.files import RecordedScene, SourceImage, read_scene, recorded, scene_folder, write_scene
from core.arrays.scenes.random_scene import VOICE_PEAKS, ConeOfSilenceRooms, RealisticRooms, draw_scene
from core.arrays.scenes.scene import Scene, render, scaled
from core.arrays.scenes.speech import Utterance, read_background, read_speech
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.resampling import resample

DRAWING = 2  # number of the way in which scenes are drawn: sets of another one are not gone on with
SPARE = 4  # candidates for every voice, as some may be unreadable
ROOMS = {"realistic": RealisticRooms(), "original": ConeOfSilenceRooms()}

Candidate = TypeVar("Candidate", Utterance, Path)
Read = TypeVar("Read")


@dataclass(frozen=True)
class SceneSettings:
    """The settings that all scenes of a set share.

    Args:
        voices: in a scene.
        frames: samples per microphone.
        rooms: a name of `ROOMS`.
        moving: voices walk.
        composite: scenes are mixed from recordings of single voices instead of rendered.
    """

    array: ArrayGeometry
    voices: int
    frames: int
    sample_rate: int
    seed: int
    rooms: str = "realistic"
    moving: bool = False
    composite: bool = False


@dataclass(frozen=True)
class SceneRequest:
    """A scene to be made.

    Args:
        index: its number.
        parent: where its folder goes.
        candidates: utterances, or folders of recorded scenes to be mixed, in the order in which they are tried.
        backgrounds: files to be tried for the background; empty for no background.
    """

    settings: SceneSettings
    index: int
    parent: Path
    candidates: tuple[Utterance, ...] | tuple[Path, ...]
    backgrounds: tuple[Path, ...] = ()


@dataclass(frozen=True)
class SceneOutcome:
    """The outcome of a request.

    Args:
        failure: one sentence; empty where the scene was written.
        refused: a sentence for every recording that could not be read and was replaced.
    """

    index: int
    failure: str
    refused: tuple[str, ...]


def scene_requests(
    settings: SceneSettings,
    indices: Sequence[int],
    parent: Path,
    sources: Sequence[Candidate],
    backgrounds: Sequence[Path],
) -> Iterator[SceneRequest]:
    """The requests for some scenes of a set, each with candidates of its own."""
    for index in indices:
        rng = _generator(settings, index, 0)
        voices = _candidates(rng, sources, SPARE * settings.voices)
        yield SceneRequest(settings, index, parent, voices, _candidates(rng, backgrounds, SPARE))


def save_scene(request: SceneRequest) -> SceneOutcome:
    """Makes one scene and writes its folder; an error is recorded as this scene's failure, not raised."""
    refused: list[str] = []
    try:
        write_scene(scene_folder(request.parent, request.index), make_scene(request, refused))
        failure = ""
    except InputError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 (one bad scene never stops the rest)
        failure = f"Something went wrong on our side ({type(error).__name__}: {error})."
    return SceneOutcome(request.index, failure, tuple(refused))


def make_scene(request: SceneRequest, refused: list[str]) -> RecordedScene:
    """The scene of a request.

    Args:
        refused: gets a sentence for every candidate that could not be read.

    Raises:
        InputError: too few candidates could be read.
    """
    rng = _generator(request.settings, request.index, 1)
    return (_mixed if request.settings.composite else _rendered)(request, rng, refused)


def _generator(settings: SceneSettings, index: int, purpose: int) -> np.random.Generator:
    """Of one scene: sets of other numbers of voices have other rooms, so that their figures are independent."""
    return np.random.default_rng((settings.seed, settings.voices, index, purpose))


def _rendered(request: SceneRequest, rng: np.random.Generator, refused: list[str]) -> RecordedScene:
    s = request.settings
    spoken = _readable(
        request.candidates, lambda u: read_speech(u.path, s.frames, s.sample_rate, rng, u.part), s.voices, refused
    )
    scene = draw_scene(
        rng,
        ROOMS[s.rooms],
        s.array,
        [utterance.speaker for utterance, _ in spoken],
        frames=s.frames,
        sample_rate=s.sample_rate,
        background=bool(request.backgrounds),
        moving=s.moving,
    )
    behind = _backgrounds(request, len(scene.sources) - s.voices, rng, refused)
    return recorded(scene, render(scene, [*(sound for _, sound in spoken), *behind]))


def _mixed(request: SceneRequest, rng: np.random.Generator, refused: list[str]) -> RecordedScene:
    """A sum of recordings of single voices at new levels, with a rendered background."""
    s = request.settings
    recordings = _readable(request.candidates, lambda folder: _single_voice(folder, s, rng), s.voices, refused)
    images = scaled(np.stack([voice.samples for _, voice in recordings]), rng.uniform(*VOICE_PEAKS, s.voices))
    mixed = [
        SourceImage(f"voice{k:02d}", image, voice.positions, voice.speaker)
        for k, (image, (_, voice)) in enumerate(zip(images, recordings, strict=True))
    ]
    if request.backgrounds:
        rooms = ROOMS[s.rooms]
        scene = Scene(s.array, tuple(rooms.background(rng, rooms.room(rng))), s.frames, s.sample_rate)
        behind = _backgrounds(request, len(scene.sources), rng, refused)
        mixed += recorded(scene, render(scene, behind)).images
    return RecordedScene(tuple(mixed), s.sample_rate)


def _single_voice(folder: Path, settings: SceneSettings, rng: np.random.Generator) -> SourceImage:
    """The voice of a recorded scene at the set's rate: a random excerpt, or all of it where it moves."""
    scene = read_scene(folder)
    if len(scene.voices) != 1 or len(scene.voices[0].samples) != settings.array.count:
        raise InputError(f"{folder} is no recording of one voice with {settings.array.count} microphones.")
    voice = scene.voices[0]
    samples = resample(Clip(voice.samples, scene.sample_rate), settings.sample_rate).samples
    if len(voice.positions) > 1 and samples.shape[1] != settings.frames:
        raise InputError(f"{folder} holds a moving voice; mix it into scenes that are as long as it is.")
    start = int(rng.integers(max(samples.shape[1] - settings.frames, 0) + 1))
    image = np.zeros((len(samples), settings.frames), dtype=np.float32)
    excerpt = samples[:, start : start + settings.frames]
    image[:, : excerpt.shape[1]] = excerpt
    return SourceImage(voice.name, image, voice.positions, voice.speaker)


def _backgrounds(request: SceneRequest, count: int, rng: np.random.Generator, refused: list[str]) -> list[np.ndarray]:
    """`count` excerpts of one background, one for each of its sources."""
    if not count:
        return []
    s = request.settings

    def read(path: Path) -> list[np.ndarray]:
        return [read_background(path, s.frames, s.sample_rate, rng) for _ in range(count)]

    return _readable(request.backgrounds, read, 1, refused)[0][1]


def _readable(
    candidates: Sequence[Candidate], read: Callable[[Candidate], Read], count: int, refused: list[str]
) -> list[tuple[Candidate, Read]]:
    """The first candidates that can be read, with what they hold."""
    found = []
    for candidate in candidates:
        if len(found) == count:
            break
        try:
            found.append((candidate, read(candidate)))
        except InputError as error:
            refused.append(str(error))
    if len(found) < count:
        raise InputError(f"Of {len(candidates)} recordings that were tried only {len(found)} can be used, not {count}.")
    return found


def _candidates(rng: np.random.Generator, sources: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """Random sources, of different speakers as far as possible."""
    speakers, first, others = set(), [], []
    for k in rng.permutation(len(sources)):
        speaker = getattr(sources[k], "speaker", k)
        (others if speaker in speakers else first).append(sources[k])
        speakers.add(speaker)
        if len(first) == count:
            break
    return tuple([*first, *others][:count])
