"""Separation among codes: two sources are drawn as codes whose sums are the mixture's (Mancusi et al. 2021).

Each source has a prior over an LQ-VAE's codes. Several chains are drawn; the stems are made of what codes are on
average over them (`core.tasks.latent_mixture`). Chains are ranked by what the priors say of them and by what they miss
of the mixture.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.choices import LATENT
from core.errors import InputError
from core.generators import mapped
from core.models.code_parts import CodeParts
from core.models.code_sums import MEANS, CodeSums
from core.models.transformer import Transformer
from core.samplers.code_pairs import CodePairs
from core.samplers.latent import (
    LatentIterate,
    NearPairs,
    latent_posterior,
    pair_posterior,
    squared_misfits,
    typical_distance,
)
from core.samplers.summed_parts import SummedParts
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.tasks.blocks import silent
from core.tasks.code_parts import parts_of_both
from core.tasks.code_sums import code_sums
from core.tasks.drawing import TimeLeft, provenance
from core.tasks.latent_mixture import LatentMixture
from core.tasks.latent_streams import scores, streams_at_the_end, streams_so_far
from core.tasks.loading import load_code_priors
from core.tasks.progress import CodeStreams, Progress, Run, Sounds
from core.tasks.report import Outcome, conclude
from core.tasks.separation import SILENT_MIXTURE, TASK
from core.tasks.separation_baselines import make_baselines, matching_references, separation_metrics
from core.tasks.settings import Settings, resolve_devices
from core.tasks.stems import stem_names
from core.types import Iterate

DEFAULT_PRIORS = ("drums", "bass")
SAMPLES, MOST_SAMPLES = 8, 256
TEMPERED = 3.0  # temperature of the priors beside what is known of mixtures: they are surer than their own draws merit
TIGHTNESS = 1.0  # sigma over the typical distance of a code to the next: the likeliest of held-out pairs of stems
DECODED, COMPRESSED = "decoded codes", "compressed truth"
NOTHING_SAID = np.zeros((2, 0), np.float32)
Said = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Chains:
    """What is drawn.

    Args:
        priors: of both sources.
        parts: what their codes add to mixtures, where that is known.
        samples: how many chains.
        temperature: of the priors.
    """

    priors: Sequence[Transformer]
    parts: CodeParts | None
    samples: int
    temperature: float

    @property
    def sums(self) -> CodeSums | None:
        """Of the codes, where they are kept and nothing better is known."""
        return None if self.parts else self.priors[0].sums


@dataclass(frozen=True)
class Draws:
    """The chains, ranked for each source by itself: the likeliest ones first.

    Args:
        said: what their codes say, `[chains, 2, samples]`.
        weights: how likely a chain's source is the mixture's, `[chains, 2]`; those of a source add up to one.
        log_probs: of chains by their priors, `[chains, 2]`, in nats a code.
        numbers: of the chains as they were drawn, `[chains, 2]`.
        last: the end of the chains, as they were drawn.
    """

    said: np.ndarray
    weights: np.ndarray
    log_probs: np.ndarray
    numbers: np.ndarray
    last: LatentIterate

    def described(self, names: Sequence[str]) -> list[dict]:
        """As reports have them: of every rank the chain of each source."""
        rows = zip(self.numbers.tolist(), self.weights.tolist(), self.log_probs.tolist(), strict=True)
        return [{name: _figures(*own) for name, *own in zip(names, *row, strict=True)} for row in rows]

    def as_drawn(self, ranked: np.ndarray) -> np.ndarray:
        """What is ranked, `[chains, 2, ...]`, in the chains' own order, in which both sources belong together."""
        original = np.empty_like(ranked)
        for source, numbers in enumerate(self.numbers.T):
            original[numbers, source] = ranked[:, source]
        return original


def separate_latent(
    mixture: Clip,
    priors: Sequence[str] = DEFAULT_PRIORS,
    *,
    samples: int = SAMPLES,
    temperature: float | None = None,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    references: Sequence[Clip] | None = None,
) -> Run:
    """Takes a mixture of two sources apart among the codes of an LQ-VAE; the stems add up to it.

    What the codes of the likeliest chains say, which does not, is a baseline of the result; all chains are its draws.

    Args:
        mixture: heard as the mean of its channels.
        priors: names of two priors of one LQ-VAE's codes; one may serve both sources.
        samples: chains.
        temperature: of the priors; with an infinite one they say nothing. None: `TEMPERED` where it is known what their
            codes add to mixtures, else 1.
        settings: nothing but seed and device is looked at.
        references: the truth of each source, in the priors' order, for metrics.

    Yields:
        Progress while codes are drawn (before that, where the first prior has no code sums, while they are made), then
        one Result at the mixture's rate.

    Raises:
        InputError: other models than two priors of one LQ-VAE's codes, samples or a temperature out of range,
            sums in which a source has no share, references that do not fit.
    """
    check_clip("The mixture", mixture)
    names = _checked(priors, samples, temperature)
    truths = {} if references is None else matching_references(references, mixture, names)
    model, own = load_code_priors(priors, resolve_devices(settings)[0])
    parts = parts_of_both(own)
    chains = Chains(own, parts, samples, temperature or (TEMPERED if parts else 1.0))
    shares, spectra = chains.sums.shares if chains.sums else MEANS, parts.spectra if parts else None
    heard = LatentMixture(mixture, names, model, shares, spectra)
    worked, time_left = not silent(heard.known.mono().samples)[0], TimeLeft(1 if chains.parts or chains.sums else 2)
    draws = (yield from _drawn(heard, chains, settings.seed, time_left)) if worked else None
    stems = heard.stems(_on_average(heard, draws.last) if draws else NOTHING_SAID)
    raw = tuple(heard.raw_stems(said) for said in draws.said) if draws else ()
    misses = float(np.abs(sum(stem.samples for stem in stems.values()) - mixture.samples).max())
    facts = {"method": LATENT, "codec": model.name, "samples": samples, "temperature": chains.temperature}
    outcome = Outcome(
        TASK,
        stems,
        mixture,
        provenance(list(priors), LATENT, settings, model.device, 1, time_left.seconds),
        truths=truths,
        baselines=_baselines(heard, raw, truths),
        facts=facts | {"misses_mixture_by": misses, "chains": draws.described(names) if draws else []},
        notes=() if worked else (SILENT_MIXTURE,),
    )
    shown = {"make_streams": partial(_streams, heard, draws)} if draws else {}
    yield replace(conclude(outcome, separation_metrics()), draws=raw, **shown)


def _checked(priors: Sequence[str], samples: int, temperature: float | None) -> tuple[str, ...]:
    """The stems' names."""
    names = stem_names(priors)
    if len(names) != 2:
        raise InputError(f"The latent method takes two sources apart, not {len(names)}; give two priors of codes.")
    if not 1 <= samples <= MOST_SAMPLES:
        raise InputError(f"The number of samples must lie between 1 and {MOST_SAMPLES}, not {samples}.")
    if temperature is not None and not temperature > 0:
        raise InputError(f"The temperature must be greater than 0, not {temperature:g}.")
    return names


def _drawn(heard: LatentMixture, chains: Chains, seed: int, time_left: TimeLeft) -> Generator[Progress, None, Draws]:
    """All chains of the posterior."""
    joint, shown = yield from _posterior(heard, chains, time_left)
    for iterate in latent_posterior(joint, shown, generator=torch.Generator().manual_seed(seed)):
        make_raw = partial(_raw_stems, heard, partial(_likeliest, heard, iterate))
        made = {"make_sounds": partial(_stems, heard, partial(_on_average, heard, iterate)), "make_chains": make_raw}
        made["make_streams"] = partial(streams_so_far, heard, iterate)
        yield Progress(*time_left.update(time_left.blocks - 1, iterate), iterate, **made)
    return _ranked(heard, iterate)


def _posterior(
    heard: LatentMixture, chains: Chains, time_left: TimeLeft
) -> Generator[Progress, None, tuple[CodePairs, Tensor]]:
    """Of the next pair of codes, and the mixture as it takes it: by what codes add to mixtures, where that is known,
    else by the codes of their sums."""
    codebook, priors = heard.model.codebook().k, tuple(own.stepwise(chains.samples) for own in chains.priors)
    if chains.parts is not None:
        return SummedParts(priors, codebook, chains.parts, temperature=chains.temperature), heard.latents
    sums = yield from _summed(heard, chains.priors[0], time_left)
    sigma = TIGHTNESS * typical_distance(codebook)
    return NearPairs(priors, codebook, sums, sigma=sigma, temperature=chains.temperature), heard.vectors


def _summed(heard: LatentMixture, prior: Transformer, time_left: TimeLeft) -> Generator[Progress, None, CodeSums]:
    """The prior's code sums, kept or made on the spot."""
    classes, nothing = len(prior.codebook), partial(np.copy, NOTHING_SAID)
    make_stems, make_raw = partial(_stems, heard, nothing), partial(_raw_stems, heard, nothing)

    def progress(share: float) -> Progress:
        iterate = Iterate(heard.codes, heard.codes, 0.0, round(share * classes), classes, None, 0.0)
        return Progress(*time_left.update(0, iterate), iterate, make_sounds=make_stems, make_chains=make_raw)

    sums = yield from mapped(code_sums(prior, heard.shares), progress)
    if time_left.shares:  # they were not kept
        time_left.change_pace()
    return sums


def _on_average(heard: LatentMixture, iterate: LatentIterate) -> np.ndarray:
    """What codes say that are the mean of all chains so far, `[2, samples]`."""
    return heard.expected(iterate.expected)


def _likeliest(heard: LatentMixture, iterate: LatentIterate) -> np.ndarray:
    """What the chain says that is the likeliest so far, `[2, samples]`."""
    return heard.said(iterate.x[scores(iterate).argmax()])


def _stems(heard: LatentMixture, said: Said) -> Sounds:
    return heard.stems(said())


def _raw_stems(heard: LatentMixture, said: Said) -> Sounds:
    return heard.raw_stems(said())


def _ranked(heard: LatentMixture, iterate: LatentIterate) -> Draws:
    """The original's "rejection": of each source by itself, with any other chain's other source."""
    said = np.stack([heard.said(codes) for codes in iterate.x])  # [chains, 2, samples]
    first, second = torch.from_numpy(said).unbind(dim=1)
    target = torch.from_numpy(heard.said(heard.codes[None]))[0]
    misfits = squared_misfits(first, second, target, heard.shares)
    pairs = pair_posterior(iterate.log_probs.cpu(), misfits, iterate.step)
    weights = torch.stack([pairs.sum(dim=1), pairs.sum(dim=0)], dim=1).numpy()  # [chains, 2]
    order = np.argsort(-weights, axis=0, kind="stable")
    log_probs = iterate.log_probs.cpu().numpy() / iterate.step
    return Draws(
        np.take_along_axis(said, order[..., None], axis=0),
        np.take_along_axis(weights, order, axis=0),
        np.take_along_axis(log_probs, order, axis=0),
        order,
        iterate,
    )


def _streams(heard: LatentMixture, draws: Draws) -> CodeStreams:
    return streams_at_the_end(heard, draws.last, draws.as_drawn(draws.weights), draws.as_drawn(draws.said))


def _baselines(heard: LatentMixture, raw: Sequence[Sounds], truths: Sounds) -> dict[str, Sounds]:
    """What codes say, those that were drawn and those of the truth, and what stands beside every separation."""
    made = {DECODED: raw[0]} if raw else {}
    if truths:
        made[COMPRESSED] = heard.compressed(truths)
        made |= make_baselines(heard.mixture, truths)
    return made


def _figures(number: int, weight: float, log_prob: float) -> dict:
    return {"chain": number + 1, "posterior": round(weight, 4), "nats_per_code": round(-log_prob, 4)}
