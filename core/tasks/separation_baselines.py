"""What separations are measured by and held against: figures of stems, baselines, and oracles that know the truth."""

import warnings
from collections.abc import Sequence

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.masks import spectrum, waveform_of, wiener_masks
from core.signal.metrics import sdr_db, si_sdr_db
from core.tasks.progress import Sounds
from core.tasks.report import FRAME, Metrics, lsd_or_nan, match_reference

MIXTURE, BINARY, RATIO, NMF = "mixture", "binary mask (oracle)", "ratio mask (oracle)", "NMF (oracle order)"
COMPONENTS_PER_SOURCE = 12
NMF_ITERATIONS = 100
NMF_LONGEST_SECONDS = 60.0  # a baseline is not worth more time than the work itself


def make_baselines(mixture: Clip, truths: Sounds) -> dict[str, Sounds]:
    """The mixture as every stem; masks that know the truth; NMF that is told which component is whose."""
    powers = np.stack([np.abs(spectrum(truth.samples)) ** 2 for truth in truths.values()])
    whole = spectrum(mixture.samples)
    loudest = powers.argmax(axis=0)
    masks = {
        BINARY: [loudest == n for n in range(len(truths))],
        RATIO: list(wiener_masks(powers)),
    }
    if mixture.seconds <= NMF_LONGEST_SECONDS and mixture.frames >= FRAME:
        masks[NMF] = _nmf_masks(np.abs(whole), powers)
    made: dict[str, Sounds] = {MIXTURE: dict.fromkeys(truths, mixture)}
    for method, own in masks.items():
        clips = (Clip(waveform_of(whole * mask, mixture.frames), mixture.sample_rate) for mask in own)
        made[method] = dict(zip(truths, clips, strict=True))
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


def separation_metrics() -> Metrics:
    """How near stems are to the truth, and by how much nearer than the mixture."""

    def measure(reference: np.ndarray, estimate: np.ndarray, mixed: np.ndarray) -> dict[str, float]:
        si_sdr = si_sdr_db(reference, estimate)
        row = {"si_sdr_db": si_sdr, "si_sdr_improvement_db": si_sdr - si_sdr_db(reference, mixed)}
        return row | {"sdr_db": sdr_db(reference, estimate), "lsd_db": lsd_or_nan(reference, estimate)}

    names = ("si_sdr_db", "si_sdr_improvement_db", "sdr_db", "lsd_db")
    return Metrics(names, measure, of_sounds="stems")


def matching_references(references: Sequence[Clip], mixture: Clip, names: Sequence[str]) -> Sounds:
    """The references at the mixture's rate and length, by the names of the stems.

    Raises:
        InputError: they do not fit the stems.
    """
    if len(references) != len(names):
        raise InputError(f"There are {len(names)} stems, but {len(references)} references; give one for each.")
    return {name: match_reference(reference, mixture) for name, reference in zip(names, references, strict=True)}
