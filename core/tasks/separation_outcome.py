"""How a separation ends: each stem's figures, those of the baselines and oracles, and the report."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.signal import istft, stft

from core.errors import InputError
from core.priors.independent import Independent
from core.signal.clip import Clip
from core.signal.metrics import lsd_db, sdr_db, si_sdr_db
from core.tasks.outcome import match_reference, mean_of_finite
from core.tasks.progress import Settings
from core.tasks.stems import Separation

FRAME = 1024
MIXTURE, BINARY, RATIO, NMF = "mixture", "binary mask (oracle)", "ratio mask (oracle)", "NMF (oracle order)"
COMPONENTS_PER_SOURCE = 12
NMF_ITERATIONS = 100
NMF_LONGEST_SECONDS = 60.0  # a baseline is not worth more time than the work itself


def conclude(
    task: str,
    names: tuple[str, ...],
    stems: tuple[Clip, ...],
    mixture: Clip,
    run,
    prior: Independent,
    settings: Settings,
    truths: Sequence[Clip] | None,
    extras: Mapping,
) -> Separation:
    """Measures stems and baselines against the truth, where there is one, and writes the report.

    Args:
        run: the evaluations, seconds, sampler and notes of what made the stems.
        truths: of `matching_references`, where there are any.
        extras: what the report says beside what all tasks say.
    """
    baselines = {} if truths is None else make_baselines(mixture, truths)
    methods = {"": stems} | baselines
    figures = {method: _figures(names, clips, truths, mixture) for method, clips in methods.items()}
    metrics = figures.pop("")
    misses = float(np.abs(sum(stem.samples for stem in stems) - mixture.samples).max())
    report = {
        "task": task,
        "prior": [own.name for own in prior.priors],
        "sampler": run.sampler,
        "quality": settings.quality,
        "seed": settings.seed,
        "device": str(prior.device),
        "score_evaluations": run.score_evaluations,
        "seconds": round(run.seconds, 3),
        "duration_seconds": mixture.seconds,
        "sample_rate": mixture.sample_rate,
        "metrics": mean_figures(metrics),
        "stems": metrics,
        "baselines": {method: mean_figures(stems_of) for method, stems_of in figures.items()},
        "misses_mixture_by": misses,
        **extras,
        "notes": list(run.notes),
    }
    named = None if truths is None else dict(zip(names, truths, strict=True))
    return Separation(
        dict(zip(names, stems, strict=True)), mixture, misses, baselines, metrics, figures, report, named, run.notes
    )


def mean_figures(of_stems: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """Each figure averaged over the stems that have it."""
    keys = next(iter(of_stems.values())).keys()
    values = {key: [stem[key] for stem in of_stems.values() if stem[key] is not None] for key in keys}
    return {key: round(float(np.mean(found)), 3) if found else None for key, found in values.items()}


def make_baselines(mixture: Clip, truths: Sequence[Clip]) -> dict[str, tuple[Clip, ...]]:
    """The mixture as every stem; masks that know the truth; NMF that is told which component is whose."""
    rate = mixture.sample_rate
    spectra = [_spectrum(truth.samples) for truth in truths]
    powers = np.stack([np.abs(spectrum) ** 2 for spectrum in spectra])
    whole = _spectrum(mixture.samples)
    loudest = powers.argmax(axis=0)
    masks = {
        BINARY: [loudest == n for n in range(len(truths))],
        RATIO: list(powers / (powers.sum(axis=0) + 1e-20)),
    }
    if mixture.seconds <= NMF_LONGEST_SECONDS and mixture.frames >= FRAME:
        masks[NMF] = _nmf_masks(np.abs(whole), powers)
    made: dict[str, tuple[Clip, ...]] = {MIXTURE: (mixture,) * len(truths)}
    for method, own in masks.items():
        made[method] = tuple(Clip(_waveform(whole * mask, mixture.frames), rate) for mask in own)
    return made


def _nmf_masks(magnitude: np.ndarray, powers: np.ndarray) -> list[np.ndarray]:
    """Ratio masks of non-negative matrix factors (Lee & Seung 1999); each factor goes to the source it fits best.

    Args:
        magnitude: of the mixture, [channels, bins, frames].
        powers: of the true sources, [sources, channels, bins, frames].
    """
    import librosa

    masks = np.zeros(powers.shape)
    for channel, mixed in enumerate(magnitude):
        if not mixed.any():
            continue
        count = min(COMPONENTS_PER_SOURCE * len(powers), *mixed.shape)  # a short mixture has no more
        with warnings.catch_warnings(action="ignore"):  # a bounded effort need not converge
            bases, activations = librosa.decompose.decompose(
                mixed, n_components=count, init="nndsvd", max_iter=NMF_ITERATIONS, tol=1e-3
            )
        shares = bases[:, None, :] * activations.T[None]  # [bins, frames, components]
        fits = np.einsum("sbt,btk->sk", np.sqrt(powers[:, channel]), shares)
        owner = (fits / np.sqrt(powers[:, channel].sum(axis=(1, 2)) + 1e-20)[:, None]).argmax(axis=0)
        total = shares.sum(axis=-1) + 1e-12
        for source in range(len(powers)):
            masks[source, channel] = shares[..., owner == source].sum(axis=-1) / total
    return list(masks)


def _spectrum(samples: np.ndarray) -> np.ndarray:
    length = min(FRAME, samples.shape[-1])
    return stft(samples, nperseg=length, noverlap=length - max(1, length // 4))[2]


def _waveform(spectrum: np.ndarray, frames: int) -> np.ndarray:
    length = 2 * (spectrum.shape[-2] - 1)
    samples = istft(spectrum, nperseg=length, noverlap=length - max(1, length // 4))[1][:, :frames]
    return np.pad(samples, ((0, 0), (0, frames - samples.shape[1])))


def _figures(names, stems, truths, mixture: Clip) -> dict[str, dict[str, float | None]]:
    if truths is None:
        return {name: dict.fromkeys(("si_sdr_db", "si_sdr_improvement_db", "sdr_db", "lsd_db")) for name in names}
    return {
        name: _figures_of(truth.samples, stem.samples, mixture.samples)
        for name, stem, truth in zip(names, stems, truths, strict=True)
    }


def _figures_of(truth: np.ndarray, stem: np.ndarray, mixture: np.ndarray) -> dict[str, float | None]:
    """Averaged over the channels in which they are finite."""
    rows = []
    for reference, estimate, mixed in zip(truth, stem, mixture, strict=True):
        si_sdr = si_sdr_db(reference, estimate)
        row = {"si_sdr_db": si_sdr, "si_sdr_improvement_db": si_sdr - si_sdr_db(reference, mixed)}
        row |= {"sdr_db": sdr_db(reference, estimate)}
        rows.append(row | {"lsd_db": lsd_db(reference, estimate) if len(reference) >= FRAME else np.nan})
    return {key: mean_of_finite([row[key] for row in rows]) for key in rows[0]}


def matching_references(references: Sequence[Clip], mixture: Clip, names: tuple[str, ...]) -> list[Clip]:
    """The references at the mixture's rate and length.

    Raises:
        InputError: they do not fit the stems.
    """
    if len(references) != len(names):
        raise InputError(f"There are {len(names)} stems, but {len(references)} references; give one for each.")
    return [match_reference(reference, mixture) for reference in references]
