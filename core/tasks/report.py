"""How a run ends: figures of what was made against the truth, those of the baselines, and the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.limits import LIMITS, Limits, check_clip
from core.signal.metrics import lsd_db, psnr_db, si_sdr_db
from core.signal.resampling import resample
from core.tasks.progress import SOUND, Figures, Result, Sounds

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, float]]
FRAME = 1024  # samples; shorter sounds have no log-spectral distance


@dataclass(frozen=True)
class Outcome:
    """What a task made, before it is measured.

    Args:
        task: the command's name.
        sounds, observed, truths, baselines, notes: see `Result`.
        provenance: what the report says of how they were made.
        facts: what it says beside that.
    """

    task: str
    sounds: Sounds
    observed: Clip
    provenance: Mapping
    truths: Sounds = field(default_factory=dict)
    baselines: Mapping[str, Sounds] = field(default_factory=dict)
    facts: Mapping = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metrics:
    """How the sounds of a task are measured.

    Args:
        names: of the figures that stand in every report, null where there is no truth.
        measure: (reference, estimate, what was observed) of one channel, [frames] each -> figures by name.
        without_truth: further figures of a sound, which need none.
        of_sounds: what the report calls the figures of each sound, where there are several.
    """

    names: Sequence[str]
    measure: Measure
    without_truth: Callable[[Clip], Figures] = lambda clip: {}
    of_sounds: str = ""


def fidelity(more: Callable[[np.ndarray, np.ndarray], Mapping[str, float]] | None = None) -> Metrics:
    """How near restored sounds are to the truth.

    Args:
        more: (reference, estimate) of one channel -> figures of one task alone.
    """

    def measure(reference: np.ndarray, estimate: np.ndarray, _observed: np.ndarray) -> dict[str, float]:
        row = {"psnr_db": psnr_db(reference, estimate), "si_sdr_db": si_sdr_db(reference, estimate)}
        row["lsd_db"] = lsd_or_nan(reference, estimate)
        return row | (more(reference, estimate) if more else {})

    return Metrics(("psnr_db", "si_sdr_db", "lsd_db"), measure)


def lsd_or_nan(reference: np.ndarray, estimate: np.ndarray) -> float:
    """The log-spectral distance in dB; NaN of sounds that are too short for one."""
    return lsd_db(reference, estimate) if len(reference) >= FRAME else float("nan")


def conclude(outcome: Outcome, metrics: Metrics) -> Result:
    """Measures sounds and baselines against the truth, where there is one, and writes the report."""
    figures = _measured(outcome.sounds, outcome, metrics)
    of_baselines = {method: _measured(own, outcome, metrics) for method, own in outcome.baselines.items()}
    means = {method: mean_figures(own) for method, own in of_baselines.items()}
    facts = {metrics.of_sounds: figures} if metrics.of_sounds else {}
    report = compose_report(replace(outcome, facts={**facts, **outcome.facts}), mean_figures(figures), means)
    return Result(
        outcome.sounds,
        outcome.observed,
        report,
        outcome.truths,
        outcome.baselines,
        figures,
        of_baselines,
        notes=outcome.notes,
        observed_figures=_of_observed(outcome, metrics),
    )


def compose_report(outcome: Outcome, metrics: Figures, baselines: Mapping[str, Figures]) -> dict:
    """What `--report` writes, without the file names.

    Args:
        metrics: of all sounds together.
        baselines: method -> the same.
    """
    clip = next(iter(outcome.sounds.values()), outcome.observed)
    return {
        "task": outcome.task,
        **outcome.provenance,
        "duration_seconds": clip.seconds,
        "sample_rate": clip.sample_rate,
        "metrics": metrics,
        "baselines": baselines,
        **outcome.facts,
        "notes": list(outcome.notes),
    }


def _measured(sounds: Sounds, outcome: Outcome, metrics: Metrics) -> dict[str, Figures]:
    """Figures of every sound."""
    figures = {}
    for name, clip in sounds.items():
        known = _of_channels(outcome.truths[name], clip, outcome.observed, metrics) if outcome.truths else {}
        figures[name] = dict.fromkeys(metrics.names) | known | metrics.without_truth(clip)
    return figures


def _of_observed(outcome: Outcome, metrics: Metrics) -> Figures:
    """Figures of the input; none where it is the truth itself, or no sound of its length and rate."""
    observed, truth = outcome.observed, outcome.truths.get(SOUND)
    if truth is None or observed.sample_rate != truth.sample_rate or observed.samples.shape != truth.samples.shape:
        return {}
    if np.array_equal(observed.samples, truth.samples):
        return {}
    return _of_channels(truth, observed, observed, metrics)


def _of_channels(truth: Clip, estimate: Clip, observed: Clip, metrics: Metrics) -> Figures:
    """Averaged over the channels in which they are finite."""
    channels = zip(truth.samples, estimate.samples, observed.samples, strict=True)
    rows = [metrics.measure(*channel) for channel in channels]
    return {name: mean_of_finite([row[name] for row in rows]) for name in rows[0]}


def mean_figures(of_sounds: Mapping[str, Figures]) -> Figures:
    """Each figure averaged over the sounds that have it."""
    if len(of_sounds) == 1:
        return dict(*of_sounds.values())
    names = dict.fromkeys(name for figures in of_sounds.values() for name in figures)
    known = {name: [own[name] for own in of_sounds.values() if own.get(name) is not None] for name in names}
    return {name: mean_of_finite(values) for name, values in known.items()}


def mean_of_finite(values: Sequence[float]) -> float | None:
    """A channel that is silent or perfect has no finite figure, and no say."""
    finite = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(finite)), 3) if finite else None


def match_reference(reference: Clip, result: Clip, limits: Limits = LIMITS) -> Clip:
    """The reference at the result's rate and length.

    Raises:
        InputError: it has other channels, or is shorter or longer by more than 10 ms.
    """
    check_clip("The reference", reference, limits)
    reference = resample(reference, result.sample_rate)
    if reference.channels not in (1, result.channels):
        raise InputError(
            f"The reference has {reference.channels} channels, the result {result.channels}; give one that matches."
        )
    if abs(reference.frames - result.frames) > 0.01 * result.sample_rate:
        raise InputError(
            f"The reference lasts {reference.seconds:.3f} s, the result {result.seconds:.3f} s; give one as long."
        )
    samples = np.zeros_like(result.samples)
    frames = min(reference.frames, result.frames)
    samples[:, :frames] = reference.samples[:, :frames]
    return Clip(samples, result.sample_rate)
