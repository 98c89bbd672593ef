"""Selection: which directions of a recording hold voices, and how likely each one does.

A network leaks: a loud voice is also heard faintly in other directions. It does not resolve voices that are near each
other, either, which maps of the recording do; but maps have peaks for noises and echoes as well. So both propose
directions. A first look asks the maps and how loud the network hears each direction; what may be a voice is then
refined together, and a second look asks what is left of each: an echo or a leak goes like a louder voice, and comes
from everywhere.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.special import logit

from core.arrays.angles import angular_distance
from core.arrays.beamforming import directional_images
from core.arrays.doa.counting import DOUBTFUL, SURE, LogisticModel
from core.arrays.doa.proposals import DirectionMaps, Proposal
from core.arrays.doa.spatial_spectra import SteeredResponse
from core.arrays.energy import rms
from core.arrays.geometry import ArrayGeometry
from core.arrays.refinement import ITERATIONS, refining
from core.arrays.spectra import stft
from core.choices import MOST_VOICES
from core.generators import part

# Fitted to 8,563 directions in 540 rooms, wide, small and noisy ones, of speakers of no training and of no table, by
# `benchmarks.selection`.
FIRST_LOOK = LogisticModel(
    7.44,
    {
        "turns": 1.84,
        "waves": -0.715,
        "prominence": 2.63,
        "shadow": -12.5,
        "extra": -1.31,
        "overtopped": -0.177,
        "level": 0.166,
        "diffuse": -14.1,
        "clarity": 1.26,
        "clear_turns": 0.401,
        "clear_shadow": -2.95,
        "clear_overtopped": 3.95,
    },
)
SECOND_LOOK = LogisticModel(
    1.66,
    {
        "first": 0.967,
        "likeness": -3.88,
        "coherence": 2.93,
        "level": 0.0968,
        "diffuse": -8.84,
        "overtopped": -12.2,
        "overtopped_coherence": 14.1,
        "overtopped_first": -1.27,
    },
)
MOST_HEARD = 14  # directions that the network is asked about
POSSIBLE, MOST_POSSIBLE = 0.03, 12  # confidence of a first look that gets a second one, and how many do
ROUNDS = 8  # of refinement for a second look
LISTENED, LOOKED = 0.1, 0.5  # shares of the work that are done after both looks
ASTRAY = np.deg2rad(5)  # by which a refined voice may seem to come from elsewhere
ROOT = 1 / 4  # of powers that are compared: loud bins do not outweigh all others
SILENCE, TINY = 1e-6, 1e-30  # level, relative to the loudest; divisor


@dataclass(frozen=True, eq=False)
class DirectionCandidate:
    """A direction that may be a voice's.

    Args:
        angle: in radians.
        image: of the sound from there, [mics, frames].
        confidence: how likely there is a voice, 0 to 1.
        evidence: what that comes from, by name; after a second look with that of the first.
    """

    angle: float
    image: np.ndarray
    confidence: float
    evidence: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Heard:
    """What is looked into.

    Args:
        signals: the recording, [mics, frames].
        sample_rate: of the signals, in Hz.
        geometry: of the array.
        listen: angles in radians -> what the network hears from each, images [angles, mics, frames].
    """

    signals: np.ndarray
    sample_rate: int
    geometry: ArrayGeometry
    listen: Callable[[Sequence[float]], np.ndarray]

    def refining(
        self, angles: Sequence[float], images: np.ndarray, rounds: int = ITERATIONS
    ) -> Generator[float, None, np.ndarray]:
        """Images of voices, [voices, mics, frames], refined from them or from the recording shared out by direction.

        The network's ones are the better start in small rooms with long echoes, the others in wide rooms and in crowds.
        Yields as `core.arrays.refinement.refining`.
        """
        shared = directional_images(self.signals, self.geometry, angles, self.sample_rate)
        return refining(self.signals, np.asarray(images), self.sample_rate, rounds, [shared])


def select(
    heard: Heard, found: Sequence[float], maps: DirectionMaps, voices: int | None = None
) -> Generator[float, None, list[DirectionCandidate]]:
    """Selects the voices of a recording, and refines them.

    Args:
        found: directions that a search found, in radians.
        maps: of the array.
        voices: how many there are; None if that is unknown.

    Yields:
        The share of the work that is done.

    Returns:
        From likely to unlikely: at most `voices`, or, where their number is unknown, all that may be one; what is
        doubtful is not refined to the end. None where the search found nothing.
    """
    if not len(found):
        return []
    rough = listen_and_look(heard, found, maps)[:MOST_POSSIBLE]
    rough = [own for k, own in enumerate(rough) if k < (voices or 0) or own.confidence >= POSSIBLE]
    yield LISTENED
    looked = yield from part(look_again(heard, rough, maps.response), LISTENED, LOOKED)
    order = sorted(range(len(looked)), key=lambda k: -looked[k].confidence)[: voices or MOST_VOICES]
    sure = [k for k in order if voices is not None or looked[k].confidence >= SURE]
    doubtful = [k for k in order[len(sure) :] if looked[k].confidence >= DOUBTFUL]
    if not sure:
        return [looked[k] for k in doubtful]
    rounds = heard.refining([looked[k].angle for k in sure], [rough[k].image for k in sure])
    images = yield from part(rounds, LOOKED, 1.0)
    likely = [replace(looked[k], image=image) for k, image in zip(sure, images, strict=True)]
    return likely + [looked[k] for k in doubtful]


def listen_and_look(heard: Heard, found: Sequence[float], maps: DirectionMaps) -> list[DirectionCandidate]:
    """The first look at whatever may be a voice, from likely to unlikely; arguments as of `select`.

    Listening takes longer than the maps, so the network is asked only about what they think most of.
    """

    def before_listening(own: Proposal) -> float:
        return FIRST_LOOK(level=0.0, diffuse=maps.response.diffuse, **own.evidence)

    proposals = sorted(maps.propose(heard.signals, found), key=before_listening, reverse=True)[:MOST_HEARD]
    return look(proposals, heard.listen([own.angle for own in proposals]), maps.response.diffuse)


def look(proposals: Sequence[Proposal], images: np.ndarray, diffuse: float) -> list[DirectionCandidate]:
    """The proposals, rated by what maps say of them and how loud the network hears them, from likely to unlikely.

    Args:
        images: what the network hears from each, [proposals, mics, frames].
        diffuse: see `SteeredResponse`.
    """
    rated = []
    for own, image, level in zip(proposals, images, _levels_db(images), strict=True):
        evidence = {**own.evidence, "level": level, "diffuse": diffuse}
        rated.append(DirectionCandidate(own.angle, image, FIRST_LOOK(**evidence), evidence))
    return sorted(rated, key=lambda candidate: -candidate.confidence)


def look_again(
    heard: Heard, candidates: Sequence[DirectionCandidate], response: SteeredResponse
) -> Generator[float, None, list[DirectionCandidate]]:
    """Refines the candidates together.

    Yields:
        The share of the work that is done.

    Returns:
        The candidates in their order, with what is thought of them then.
    """
    if not candidates:
        return []
    images = yield from heard.refining([own.angle for own in candidates], [own.image for own in candidates], ROUNDS)
    coherences, powers = zip(*map(partial(_coherence_and_powers, response), images, candidates), strict=True)
    likenesses, levels = _likeness(np.stack(powers)), _levels_db(images)
    looked = []
    for own, image, *seen in zip(candidates, images, coherences, likenesses, levels, strict=True):
        evidence = second_evidence(own.evidence, own.confidence, *map(float, seen))
        looked.append(DirectionCandidate(own.angle, image, SECOND_LOOK(**evidence), evidence))
    return looked


def second_evidence(
    first: Mapping[str, float], confidence: float, coherence: float, likeness: float, level: float
) -> dict[str, float]:
    """The evidence of a second look: that of the first, its confidence, and what is left of the refined voice."""
    odds, overtopped = float(logit(confidence)), first["overtopped"]
    return {
        **first,
        "first": odds,
        "likeness": likeness,
        "coherence": coherence,
        "level": level,
        "overtopped_coherence": overtopped * coherence,
        "overtopped_first": overtopped * odds,
    }


def _coherence_and_powers(
    response: SteeredResponse, image: np.ndarray, candidate: DirectionCandidate
) -> tuple[float, np.ndarray]:
    """Of a refined image: SRP-PHAT's power near where it should come from, and the power of every bin and time."""
    spectrum = stft(image)
    near = angular_distance(response.angles, candidate.angle) < ASTRAY
    return response.power(spectrum)[near].max(), np.mean(np.abs(spectrum) ** 2, axis=0).ravel().astype(np.float32)


def _levels_db(images: np.ndarray) -> np.ndarray:
    """Of images [voices, mics, frames], relative to the loudest."""
    levels = np.array([rms(image) for image in images])
    return 20 * np.log10(levels / max(levels.max(initial=0), TINY) + SILENCE)


def _likeness(powers: np.ndarray) -> np.ndarray:
    """How alike the course of each voice is to that of a louder one: the highest correlation of fourth roots of powers.

    Args:
        powers: [voices, bins x times].

    Returns:
        [voices]; 0 of the loudest.
    """
    levels, roots = powers.mean(axis=1), powers**ROOT
    roots -= roots.mean(axis=1, keepdims=True)
    roots /= np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), TINY)
    return np.where(levels > levels[:, None], roots @ roots.T, 0).max(axis=1)
