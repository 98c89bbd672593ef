"""Separation among codes: two sources are drawn as codes whose sums are the mixture's (Mancusi et al. 2021).

Each source has a prior over an LQ-VAE's codes. Several chains are drawn, and weighed by what the priors say of them and
by what they miss of the mixture; the stems are made of all of them, by these weights (`core.tasks.latent_mixture`).
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import torch

from core.choices import LATENT
from core.errors import InputError
from core.generators import mapped
from core.models.code_sums import MEANS, CodeSums
from core.models.transformer import Transformer
from core.samplers.latent import (
    LatentIterate,
    NearPairs,
    latent_posterior,
    pair_posterior,
    squared_misfits,
    typical_distance,
)
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.tasks.blocks import silent
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
TIGHTNESS = 1.0  # sigma over the typical distance of a code to the next: the likeliest of held-out pairs of stems
DECODED, COMPRESSED = "decoded codes", "compressed truth"
NOTHING_SAID = np.zeros((2, 0), np.float32)
Said = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Chains:
    """How many are drawn, and by which temperature of the priors."""

    samples: int
    temperature: float


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
    temperature: float = 1.0,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    references: Sequence[Clip] | None = None,
) -> Run:
    """Takes a mixture of two sources apart among the codes of an LQ-VAE; the stems add up to it.

    What the codes of the likeliest chains say, which does not, is a baseline of the result; all chains are its draws.

    Args:
        mixture: heard as the mean of its channels, which share the masks.
        priors: names of two priors of one LQ-VAE's codes; one may serve both sources.
        samples: chains.
        temperature: of the priors; with an infinite one they say nothing.
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
    names, chains = _checked(priors, samples, temperature)
    truths = {} if references is None else matching_references(references, mixture, names)
    model, own = load_code_priors(priors, resolve_devices(settings)[0])
    heard = LatentMixture(mixture, names, model, own[0].sums.shares if own[0].sums else MEANS)
    worked, time_left = not silent(heard.known.mono().samples)[0], TimeLeft(1 if own[0].sums else 2)
    draws = (yield from _drawn(heard, own, chains, settings.seed, time_left)) if worked else None
    stems = heard.stems(_expected_powers(heard, draws) if draws else heard.powers(NOTHING_SAID))
    raw = tuple(heard.raw_stems(said) for said in draws.said) if draws else ()
    misses = float(np.abs(sum(stem.samples for stem in stems.values()) - mixture.samples).max())
    facts = {"method": LATENT, "codec": model.name, **asdict(chains), "misses_mixture_by": misses}
    outcome = Outcome(
        TASK,
        stems,
        mixture,
        provenance(list(priors), LATENT, settings, model.device, 1, time_left.seconds),
        truths=truths,
        baselines=_baselines(heard, raw, truths),
        facts=facts | {"chains": draws.described(names) if draws else []},
        notes=() if worked else (SILENT_MIXTURE,),
    )
    shown = {"make_streams": partial(_streams, heard, draws)} if draws else {}
    yield replace(conclude(outcome, separation_metrics()), draws=raw, **shown)


def _checked(priors: Sequence[str], samples: int, temperature: float) -> tuple[tuple[str, ...], Chains]:
    """The stems' names, and what is drawn."""
    names = stem_names(priors)
    if len(names) != 2:
        raise InputError(f"The latent method takes two sources apart, not {len(names)}; give two priors of codes.")
    if not 1 <= samples <= MOST_SAMPLES:
        raise InputError(f"The number of samples must lie between 1 and {MOST_SAMPLES}, not {samples}.")
    if not temperature > 0:
        raise InputError(f"The temperature must be greater than 0, not {temperature:g}.")
    return names, Chains(samples, temperature)


def _drawn(
    heard: LatentMixture, own: Sequence[Transformer], chains: Chains, seed: int, time_left: TimeLeft
) -> Generator[Progress, None, Draws]:
    """All chains of the posterior."""
    codebook, block = heard.model.codebook().k, time_left.blocks - 1
    sums = yield from _summed(heard, own[0], time_left)
    sigma = TIGHTNESS * typical_distance(codebook)
    priors = tuple(prior.stepwise(chains.samples) for prior in own)
    joint = NearPairs(priors, codebook, sums, sigma=sigma, temperature=chains.temperature)
    for iterate in latent_posterior(joint, heard.vectors, generator=torch.Generator().manual_seed(seed)):
        likeliest = partial(_likeliest, heard, iterate)
        made = {"make_sounds": partial(_stems, heard, likeliest), "make_chains": partial(_raw_stems, heard, likeliest)}
        made["make_streams"] = partial(streams_so_far, heard, iterate)
        yield Progress(*time_left.update(block, iterate), iterate, **made)
    return _ranked(heard, iterate)


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


def _likeliest(heard: LatentMixture, iterate: LatentIterate) -> np.ndarray:
    """What the chain says that is the likeliest so far, `[2, samples]`."""
    return heard.said(iterate.x[scores(iterate).argmax()])


def _stems(heard: LatentMixture, said: Said) -> Sounds:
    return heard.stems(heard.powers(said()))


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


def _expected_powers(heard: LatentMixture, draws: Draws) -> np.ndarray:
    """Of both sources, over all chains by their weights."""
    chains = zip(draws.weights, draws.said, strict=True)
    return sum(weights[:, None, None] * heard.powers(said) for weights, said in chains)


def _baselines(heard: LatentMixture, raw: Sequence[Sounds], truths: Sounds) -> dict[str, Sounds]:
    """What codes say, those that were drawn and those of the truth, and what stands beside every separation."""
    made = {DECODED: raw[0]} if raw else {}
    if truths:
        made[COMPRESSED] = heard.compressed(truths)
        made |= make_baselines(heard.mixture, truths)
    return made


def _figures(number: int, weight: float, log_prob: float) -> dict:
    return {"chain": number + 1, "posterior": round(weight, 4), "nats_per_code": round(-log_prob, 4)}
