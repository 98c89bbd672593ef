"""How good a localization is where the truth is known: angles, voices, and the oracles that bound them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from core.arrays.angles import angular_distance, fold
from core.arrays.doa.counting import count_probabilities
from core.arrays.doa.matching import TOLERANCE, Matching, match_distances
from core.arrays.geometry import microphones_of
from core.arrays.oracles import ideal_ratio_mask, multichannel_wiener_filter
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.limits import ARRAY_LIMITS
from core.signal.metrics import si_sdr_db
from core.tasks.progress import Figures, Result, Voice
from core.tasks.report import Outcome, compose_report, match_reference, mean_figures
from core.tasks.voice_search import Microphones
from core.tasks.voices import Truth

SEPARATION = ("si_sdr_db", "si_sdr_improvement_db")
ANGULAR = ("angular_error_degrees",)
COUNTS = ("precision", "recall")
RATIO, WIENER = "ratio mask (oracle)", "multichannel Wiener filter (oracle)"
ORACLE_LONGEST_SECONDS = 60.0  # a bound is not worth more memory than the work itself
WORST_DB = -1000.0  # what silence counts where voices are matched
BASELINE = "SRP-PHAT and beamformer"


@dataclass(frozen=True, eq=False)
class Known:
    """The truth as an array's microphones heard it.

    Args:
        truth: with references of one channel, at the first microphone.
        images: of the voices, and of all the rest, [voices + 1, mics, frames]; None where they are not known.
    """

    truth: Truth
    images: np.ndarray | None


@dataclass(frozen=True)
class Search:
    """What was found.

    Args:
        task: the command's name.
        voices: from loud to quiet.
        mixture: what the first microphone heard.
        provenance: what the report says of how they were found.
        notes: plain sentences a user should read.
        axis: of an array that cannot tell mirror images apart, see `ArrayGeometry`: a voice at either is right.
        doubtful: what may be a voice and does not count as one, from loud to quiet.
    """

    task: str
    voices: tuple[Voice, ...]
    mixture: Clip
    provenance: Mapping
    notes: tuple[str, ...] = ()
    axis: float | None = None
    doubtful: tuple[Voice, ...] = ()

    @property
    def count_confidence(self) -> float:
        """How likely there are as many voices as were found."""
        confidences = [voice.confidence for voice in (*self.voices, *self.doubtful)]
        return float(count_probabilities(confidences)[len(self.voices)])

    def at(self, least: float) -> "Search":
        """The same where what is at least so sure, 0 to 1, counts as a voice; nothing is looked for anew."""
        found = sorted((*self.voices, *self.doubtful), key=lambda voice: -voice.energy)
        sure, doubtful = ([v for v in found if (v.confidence >= least) == counts] for counts in (True, False))
        return replace(self, voices=tuple(sure), doubtful=tuple(doubtful))


def conclude(search: Search, known: Known | None, baselines: Mapping[str, tuple[Voice, ...]]) -> Result:
    """Measures voices, baselines and oracles against the truth, where there is one, and writes the report.

    Args:
        baselines: method -> the voices that it found.
    """
    mixture, axis = search.mixture, search.axis
    measured = {name: measure(own, known.truth, mixture, axis) for name, own in baselines.items()}
    if known and known.images is not None:
        oracles = measure_oracles(known.images, mixture)
        measured |= {name: (mean_figures(_numbered(own)), own) for name, own in oracles.items()}
    return _result(search, known.truth if known else Truth(), measured)


def _result(search: Search, truth: Truth, measured: Mapping[str, tuple[Figures, tuple[Figures, ...]]]) -> Result:
    """The result of a search.

    Args:
        measured: method -> its figures as `measure` gives them.
    """
    mixture, axis = search.mixture, search.axis
    metrics, rows = measure(search.voices, truth, mixture, axis)
    means, of_voices = ({name: pair[k] for name, pair in measured.items()} for k in (0, 1))
    sounds = {name: voice.clip for name, voice in _numbered(search.voices).items()}
    facts = {
        "voices": [_described(voice, axis) for voice in search.voices],
        "doubtful_voices": [_described(voice, axis) for voice in search.doubtful],
        "count_confidence": round(search.count_confidence, 3),
        "true_voices": rows,
    }
    outcome = Outcome(search.task, sounds, mixture, search.provenance, facts=facts, notes=search.notes)
    return Result(
        sounds,
        mixture,
        compose_report(outcome, metrics, means),
        figures=_numbered(rows),
        baseline_figures={name: _numbered(own) for name, own in of_voices.items()},
        voices=search.voices,
        doubtful=search.doubtful,
        notes=search.notes,
        at_confidence=partial(_result_at, search, truth, measured),
    )


def _result_at(search: Search, truth: Truth, measured: Mapping, least: float) -> Result:
    """As `Result.at_confidence`; a function of its own, since results are pickled."""
    return _result(search.at(least), truth, measured)


def _numbered(of_voices: Sequence) -> dict[str, Any]:
    """By the names of voices."""
    return {f"voice-{k}": own for k, own in enumerate(of_voices, start=1)}


def fit_truth(truth: Truth, whole: Microphones, heard: Microphones, channels: Sequence[int] | None) -> Known:
    """The truth as some of an array's microphones heard it.

    Args:
        channels: which channel each microphone of the whole array is, as `microphones_of` takes them.

    Raises:
        InputError: references that do not fit the recording, or the angles.
    """
    if truth.references and truth.paths and len(truth.references) != len(truth.paths):
        raise InputError(f"There are {len(truth.references)} references, but angles of {len(truth.paths)} voices.")
    images = [_image(reference, whole, heard, channels) for reference in truth.references]
    references = tuple(Clip(image[:1], heard.clip.sample_rate) for image in images)
    if not images or min(map(len, images)) == 1:
        return Known(replace(truth, references=references), None)
    rest = heard.clip.samples - np.sum(images, axis=0)
    return Known(replace(truth, references=references), np.stack([*images, rest]))


def _image(reference: Clip, whole: Microphones, heard: Microphones, channels: Sequence[int] | None) -> np.ndarray:
    """A reference at the microphones, [mics, frames], or at the first one alone, [1, frames]."""
    if reference.channels == 1:
        return match_reference(reference, heard.first).samples
    samples = heard.of(microphones_of(reference.samples, whole.geometry, channels))
    return match_reference(Clip(samples, reference.sample_rate), heard.clip, ARRAY_LIMITS).samples


def _described(voice: Voice, axis: float | None) -> dict:
    """What a report says of a voice, angles in degrees; with its mirror image where that sounds alike."""
    described = {
        "angle_degrees": _degrees(voice.angle),
        "energy": float(f"{voice.energy:.4g}"),
        "confidence": round(voice.confidence, 3),
    }
    if axis is not None:
        described["mirror_degrees"] = _degrees(2 * axis - voice.angle)
    if voice.track:
        described["track"] = [[round(seconds, 3), _degrees(angle)] for seconds, angle in voice.track]
    return described


def _degrees(angle: float) -> float:
    """In [0, 360)."""
    return round(math.degrees(angle), 2) % 360


def measure(
    voices: Sequence[Voice], truth: Truth, mixture: Clip, axis: float | None = None
) -> tuple[Figures, tuple[Figures, ...]]:
    """Figures of what was found, and of every true voice; one that was not found has none.

    SI-SDR is that of the matching with the highest sum, angles are matched by themselves.

    Args:
        truth: with references of one channel, as long as the mixture.
        mixture: what the first microphone heard.
        axis: see `Search`.
    """
    rows = [dict.fromkeys((*SEPARATION, *ANGULAR)) for _ in range(truth.count)]
    if truth.references:
        for k, voice in _most_alike(voices, truth.references):
            rows[k] |= separation_figures(truth.references[k], voice.clip, mixture)
    if truth.paths:
        distances = angular_distances(voices, truth, mixture.seconds, axis)
        for k, found in match_distances(distances).pairs:
            rows[k]["angular_error_degrees"] = _figure(math.degrees(distances[k, found]))
    means = mean_figures(_numbered(rows)) or dict.fromkeys((*SEPARATION, *ANGULAR))
    return means | _counts(voices, truth, mixture.seconds, axis), tuple(rows)


def measure_oracles(images: np.ndarray, mixture: Clip) -> dict[str, tuple[Figures, ...]]:
    """Figures of what a ratio mask and a Wiener filter that know the truth reach.

    Args:
        images: of the voices at every microphone, then of all the rest, [voices + 1, mics, frames].
        mixture: what the first microphone heard.
    """
    if mixture.seconds > ORACLE_LONGEST_SECONDS:
        return {}
    references = [Clip(image[0], mixture.sample_rate) for image in images[:-1]]
    oracles = {RATIO: ideal_ratio_mask(images), WIENER: multichannel_wiener_filter(images)}
    return {
        name: tuple(
            separation_figures(reference, Clip(estimate, mixture.sample_rate), mixture)
            for reference, estimate in zip(references, estimates, strict=False)
        )
        for name, estimates in oracles.items()
    }


def separation_figures(reference: Clip, estimate: Clip, mixture: Clip) -> Figures:
    """SI-SDR and by how much it is over the mixture's; None where it is not finite."""
    of_estimate, of_mixture = (si_sdr_db(reference.samples[0], clip.samples[0]) for clip in (estimate, mixture))
    values = (of_estimate, of_estimate - of_mixture)
    return dict(zip(SEPARATION, map(_figure, values), strict=True))


def match_directions(voices: Sequence[Voice], truth: Truth, seconds: float, axis: float | None = None) -> Matching:
    """Which voices are within 10 degrees of which true ones, or of their mirror images about an array's axis."""
    return match_distances(angular_distances(voices, truth, seconds, axis), TOLERANCE)


def angular_distances(voices: Sequence[Voice], truth: Truth, seconds: float, axis: float | None = None) -> np.ndarray:
    """From every true voice to every voice, the mean over its track, in radians: [truth, voices].

    Args:
        axis: see `Search`.
    """
    distances = np.zeros((len(truth.paths), len(voices)))
    for j, voice in enumerate(voices):
        times, angles = np.array(voice.track or [(seconds / 2, voice.angle)]).T
        for i, path in enumerate(truth.paths):
            true = _angles_at(path, times / seconds)
            distances[i, j] = angular_distance(fold(angles, axis), fold(true, axis)).mean()
    return distances


def _angles_at(path: Sequence[float], times: np.ndarray) -> np.ndarray:
    """The angles of a path at times from 0 to 1; between the middles of its parts they are interpolated."""
    return np.interp(times * len(path) - 0.5, np.arange(len(path)), np.unwrap(path))


def _counts(voices: Sequence[Voice], truth: Truth, seconds: float, axis: float | None) -> Figures:
    if not truth.paths:
        return dict.fromkeys(COUNTS)
    matching = match_directions(voices, truth, seconds, axis)
    return dict(zip(COUNTS, map(_figure, (matching.precision, matching.recall)), strict=True))


def _figure(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def _most_alike(voices: Sequence[Voice], references: Sequence[Clip]) -> list[tuple[int, Voice]]:
    """Pairs of a reference's number and a voice whose SI-SDR has the highest sum."""
    from scipy.optimize import linear_sum_assignment

    ratios = [[si_sdr_db(r.samples[0], v.clip.samples[0]) for v in voices] for r in references]
    gains = np.clip(np.array(ratios).reshape(len(references), len(voices)), WORST_DB, -WORST_DB)
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return [(int(i), voices[j]) for i, j in zip(rows, columns, strict=True)]
