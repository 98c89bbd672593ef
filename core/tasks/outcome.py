"""How a restoration ends: metrics against the truth, those of the baselines, and the report."""

from collections.abc import Callable, Mapping

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.limits import LIMITS, Limits, check_clip
from core.signal.metrics import lsd_db, psnr_db, si_sdr_db
from core.signal.resampling import resample
from core.tasks.progress import Result, Settings
from core.tasks.restoration import Restored
from core.types import Prior

Measure = Callable[[np.ndarray, np.ndarray], dict[str, float]]
NOISE_LEVELS = np.geomspace(1e-5, 3e-2, 15)  # relative to the peak
FRAME = 1024  # shorter clips have no log-spectral distance


def conclude(
    task: str,
    restored: Clip,
    run: Restored,
    prior: Prior,
    settings: Settings,
    baselines: Mapping[str, Clip],
    observed: Clip,
    reference: Clip | None,
    extras: Mapping,
    measure: Measure | None = None,
) -> Result:
    """Measures a restored clip and its baselines and writes the report.

    Args:
        extras: what the report says beside what all tasks say.
        measure: metrics of this task alone, (reference, estimate) of one channel -> name -> value.

    Raises:
        InputError: a reference of another length than the result.
    """
    truth = match_reference(reference, restored) if reference is not None else None
    metrics = _metrics(restored, truth, measure)
    of_baselines = {name: _metrics(clip, truth, measure) for name, clip in baselines.items()}
    report = {
        "task": task,
        "prior": prior.name,
        "sampler": run.sampler,
        "quality": settings.quality,
        "seed": settings.seed,
        "device": str(prior.device),
        "score_evaluations": run.score_evaluations,
        "seconds": round(run.seconds, 3),
        "duration_seconds": restored.seconds,
        "sample_rate": restored.sample_rate,
        "metrics": metrics,
        "baselines": of_baselines,
        **extras,
        "notes": list(run.notes),
    }
    return Result(restored, dict(baselines), metrics, of_baselines, report, observed, truth, run.notes)


def best_noise(baseline: Clip, truth: Clip, known: np.ndarray) -> Clip:
    """The baseline with that much white noise on its unknown samples which brings its spectrum nearest to the truth.

    A log-spectral distance rewards any noise in empty bins; a result counts only against the better of the two
    baselines.
    """
    truth = match_reference(truth, baseline)
    noise = np.random.default_rng(0).standard_normal(baseline.samples.shape, dtype=np.float32) * ~known
    peak = max(float(np.abs(truth.samples).max()), 1e-9)
    best, best_distance = baseline, np.inf
    for level in (0.0, *NOISE_LEVELS) if baseline.frames >= FRAME else ():
        candidate = Clip(baseline.samples + np.float32(level * peak) * noise, baseline.sample_rate)
        distance = np.mean([lsd_db(t, c) for t, c in zip(truth.samples, candidate.samples, strict=True)])
        if distance < best_distance:
            best, best_distance = candidate, distance
    return best


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


def _metrics(clip: Clip, truth: Clip | None, measure: Measure | None) -> dict[str, float | None]:
    """Metrics averaged over channels; all None without a truth."""
    if truth is None:
        return dict.fromkeys(("psnr_db", "lsd_db", "si_sdr_db"))
    rows = []
    for reference, estimate in zip(truth.samples, clip.samples, strict=True):
        row = {"psnr_db": psnr_db(reference, estimate), "si_sdr_db": si_sdr_db(reference, estimate)}
        row["lsd_db"] = lsd_db(reference, estimate) if len(reference) >= FRAME else float("nan")
        rows.append(row | (measure(reference, estimate) if measure else {}))
    return {name: mean_of_finite([row[name] for row in rows]) for name in rows[0]}


def mean_of_finite(values: list[float]) -> float | None:
    """A channel that is silent or perfect has no finite figure, and no say."""
    finite = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(finite)), 3) if finite else None
