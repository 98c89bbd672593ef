"""Localization: where the voices around a microphone array are, and what each of them says."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core import zoo
from core.arrays.cone.finder import ConeFinder
from core.arrays.cone.separator import ConeSeparator
from core.arrays.doa.counting import SURE
from core.arrays.doa.map_finder import MapFinder
from core.arrays.finding import Finder
from core.arrays.geometry import ArrayGeometry, channels_of, microphones_of
from core.choices import METHODS, MOST_VOICES
from core.errors import InputError
from core.generators import finished
from core.signal.clip import Clip
from core.signal.limits import ARRAY_LIMITS, check_clip
from core.tasks.array_notes import notes_on_channels, notes_on_voices
from core.tasks.localization_outcome import BASELINE, Search, conclude, fit_truth
from core.tasks.progress import Run, Voice
from core.tasks.settings import Settings, resolve_devices
from core.tasks.voice_search import Microphones, Request, find_voices
from core.tasks.voices import Truth

TASK = "localize"
CLASSICAL = "srp-phat"  # where no separator fits, and beside the cone search
CHUNK_SECONDS = (3.0, 12.0)  # of voices that stay: the longest chunk of many microphones, and of few
MOVING_CHUNK_SECONDS = 1.5
CHUNK_COVARIANCES = 600.0  # seconds times microphones squared in a chunk: what refinement's memory grows with
SHORTEST_CHUNK, LONGEST_CHUNK = 0.5, 60.0
SHORTEST_SECONDS = 0.25
REFINED_SECONDS = 60.0  # of sound whose voices are refined without being asked; of maps, which are fast otherwise
TOO_LONG = (
    f"The recording is longer than {REFINED_SECONDS:g} s, so its voices were separated by beamformers alone, which is "
    "fast. They come out better from a shorter part, or, on the command line, with --refine yes."
)

Method = Literal["cone", "srp-phat", "music"]


def localize(
    clip: Clip,
    geometry: ArrayGeometry,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    method: Method | None = None,
    voices: int | None = None,
    moving: bool = False,
    chunk_seconds: float | None = None,
    channels: Sequence[int] | None = None,
    angles: Sequence[float] | None = None,
    refine: bool | None = None,
    truth: Truth | None = None,
) -> Run:
    """Finds the voices around an array, and separates them.

    A long recording is looked into in chunks of one length; a voice is followed from one to the next by its direction,
    or, where voices move, along its path.

    Args:
        clip: with a channel for each microphone, or the array's whole stream.
        settings: of these the prior (a separator), the seed and the device.
        method: "cone", the search with a separator, "srp-phat" or "music", a map; None takes the
            search where a separator fits the array, else SRP-PHAT.
        voices: how many there are, 1 to 8; None where nobody knows.
        moving: whether they walk.
        chunk_seconds: at most so long, 0.5 to 60 s; None as `default_chunk_seconds`.
        channels: which channel of the clip each microphone is, counted from 0; None as `microphones_of`.
        angles: where the voices are known to be, in radians; they are not looked for then.
        refine: whether the voices of a map are refined, where they stay; None does up to `REFINED_SECONDS` of sound.
            Those of the search are in any case.
        truth: for metrics.

    Yields:
        Progress for all that is looked into, then one Result at the clip's rate.

    Raises:
        InputError: a recording that is not this array's, a separator for another one, a choice out of range.
    """
    check_clip("The recording", clip, ARRAY_LIMITS)
    longest = default_chunk_seconds(geometry.count, moving) if chunk_seconds is None else chunk_seconds
    request = _checked(clip, voices, moving, longest, angles, refine)
    everything = Microphones(Clip(microphones_of(clip.samples, geometry, channels), clip.sample_rate), geometry)
    live = everything.live()
    means = _choose(method, everything, live, settings, request)
    heard = everything if means.method == "cone" else live
    known = fit_truth(truth, everything, heard, channels) if truth else None
    started = time.monotonic()
    found = yield from find_voices(heard, means.finder, means.sample_rate, request)
    sure, doubtful = _by_confidence(found, request)
    seconds, baselines = time.monotonic() - started, {}
    if known and means.refined:
        beamformer = MapFinder(CLASSICAL, refined=False)
        classical = finished(find_voices(live, beamformer, geometry.sample_rate, request))
        baselines[BASELINE], _ = _by_confidence(classical, request)
    provenance = {
        "array": geometry.name,
        "method": means.method,
        "prior": means.prior,
        "refined": means.refined,
        "moving": moving,
        "chunk_seconds": request.chunk_seconds,
        "seed": settings.seed,
        "device": means.device,
        "seconds": round(seconds, 3),
    }
    notes = (
        *means.notes,
        *notes_on_channels(clip, channels_of(clip.channels, geometry, channels), everything, live),
        *notes_on_voices(len(sure), voices, everything, heard),
        *([TOO_LONG] if refine is None and len(sure) > 1 and not (means.refined or moving) else []),
    )
    search = Search(TASK, sure, heard.first, provenance, notes, live.geometry.axis, doubtful)
    yield conclude(search, known, baselines)


def default_chunk_seconds(microphones: int, moving: bool) -> float:
    """The longest chunk that a recording is cut into, in seconds.

    Where voices stay, longer ones separate better, as far as memory allows; in the longest a voice that says little is
    missed.
    """
    shortest, longest = CHUNK_SECONDS
    return MOVING_CHUNK_SECONDS if moving else min(max(CHUNK_COVARIANCES / microphones**2, shortest), longest)


def _by_confidence(found: tuple[Voice, ...], request: Request) -> tuple[tuple[Voice, ...], tuple[Voice, ...]]:
    """What counts as a voice, and what is doubtful; all count where it is known how many there are."""
    told = request.voices is not None or request.angles is not None
    least = 0.0 if told else SURE
    sure = tuple(voice for voice in found if voice.confidence >= least)
    return sure, tuple(voice for voice in found if voice.confidence < least)


@dataclass(frozen=True)
class _Means:
    """How voices are found: a finder, and the rate that it works at."""

    method: str
    finder: Finder
    sample_rate: int
    refined: bool
    prior: str | None = None
    device: str = "cpu"
    notes: tuple[str, ...] = ()


def choose_separator(geometry: ArrayGeometry, name: str | None = None, device: str = "cpu") -> ConeSeparator | None:
    """The separator of that name, or the first one on offer that fits the array; None where none does.

    Raises:
        InputError: there is none of that name, or it is one for another array.
    """
    if name is None:
        separators = (zoo.load_separator(entry.name, device) for entry in zoo.catalogue(TASK))
        return next((separator for separator in separators if _fits(separator, geometry)), None)
    separator = zoo.load_separator(name, device)
    if not _fits(separator, geometry):
        trained = f"the array {separator.array}" if separator.array else "an array"
        raise InputError(
            f"The separator {name} was trained for {trained} of {separator.microphones} microphones, not for "
            f"{geometry.name} of {geometry.count}; choose another one, or the method {CLASSICAL}."
        )
    return separator


def _fits(separator: ConeSeparator, geometry: ArrayGeometry) -> bool:
    """Whether a separator was trained for an array; an imported one may not say for which."""
    return separator.microphones == geometry.count and separator.array in ("", geometry.name)


def _checked(
    clip: Clip,
    voices: int | None,
    moving: bool,
    chunk_seconds: float,
    angles: Sequence[float] | None,
    refine: bool | None,
) -> Request:
    if clip.seconds < SHORTEST_SECONDS:
        raise InputError(f"The recording lasts {clip.seconds:.3f} s; give at least {SHORTEST_SECONDS:g} s of it.")
    count = voices if angles is None else len(angles)
    if count is not None and not 1 <= count <= MOST_VOICES:
        raise InputError(f"The number of voices must lie between 1 and {MOST_VOICES}, not at {count}.")
    if not SHORTEST_CHUNK <= chunk_seconds <= LONGEST_CHUNK:
        raise InputError(f"Chunks must last {SHORTEST_CHUNK:g} to {LONGEST_CHUNK:g} s, not {chunk_seconds:g} s.")
    return Request(voices, moving, chunk_seconds, None if angles is None else tuple(angles), refine)


def _choose(
    method: str | None, everything: Microphones, live: Microphones, settings: Settings, request: Request
) -> _Means:
    """The finder that is asked for, or the best one there is."""
    if method not in (None, *METHODS):
        raise InputError(f"There is no method {method:.40}; choose one of {', '.join(METHODS)}.")
    if method in METHODS[1:] and settings.prior:
        raise InputError(f"The method {method} needs no separator; leave out the prior, or choose the method cone.")
    geometry, device = everything.geometry, resolve_devices(settings)[0]
    if method == "cone" or settings.prior or (method is None and live is everything):
        separator = choose_separator(geometry, settings.prior, device)
        if separator:
            if request.refine is False:
                raise InputError(f"The cone search refines its voices in any case; choose the method {CLASSICAL}.")
            finder = ConeFinder(separator, separator.pre_shift)
            return _Means("cone", finder, separator.sample_rate, True, separator.name, device)
        if method == "cone":
            raise InputError(
                f"There is no separator for the array {geometry.name} of {geometry.count} microphones; import or train "
                f"one, or choose the method {CLASSICAL}."
            )
    notes = () if method else (f"No separator fits, so {CLASSICAL} found the voices.",)
    chosen, refined = method or CLASSICAL, _refines_map(request, everything.clip.seconds)
    return _Means(chosen, MapFinder(chosen, refined), geometry.sample_rate, refined, notes=notes)


def _refines_map(request: Request, seconds: float) -> bool:
    """Whether the voices of a map are refined."""
    walks = request.moving and request.angles is None
    if walks and request.refine:
        raise InputError("Only the cone search refines voices that walk; do not ask for it where they are on a map.")
    return not walks and (seconds <= REFINED_SECONDS if request.refine is None else request.refine)
