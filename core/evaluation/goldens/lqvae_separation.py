"""What the LQ-VAE's system draws of mixtures; its faults live here, and nowhere else.

It reads the table of code sums with the sources the wrong way round, which matters for unequal shares and for ties,
and its constant window of decoded codes is shorter than it should be, until it is full.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.evaluation.parity import Check
from core.evaluation.recording import Recording
from core.models import code_sums, lqvae, transformer
from core.models.categorical import likeliest
from core.models.code_sums import CodeSums
from core.models.lqvae import LQVAE
from core.models.transformer import Transformer
from core.samplers.latent import JointPosterior, noise_variance, pair_log_prior, pair_posterior, squared_misfits
from core.zoo.importing import read_original

SYSTEM = "lqvae"
NETWORKS, PRIORS = "checkpoint_step_60001.pth.tar", ("checkpoint_latest.pth.tar", "checkpoint_prior_b.pth.tar")
SUMS = "codebook_precalc_22050_latent.pt"
ACTIVATION = {"atol": 3e-5, "rtol": 1e-4}
PROBABILITY, EXACT = {"atol": 1e-5}, {"atol": 0}
LOSS = {"atol": 0, "rtol": 1e-4}
REJECTED = "latent"  # the run whose chains are chosen from


class TimeDomain(JointPosterior):
    """The likelihood of decoded waveforms: of the last code of a window of past codes and each candidate.

    Args:
        network: what decodes them.
        waveform: the decoded mixture, `[samples]`.
        context, increment: of the window: it begins anew at every multiple of `context`, or is meant to be as long.
    """

    def __init__(self, *arguments, network: LQVAE, waveform: Tensor, context: int, increment: bool, **settings):
        super().__init__(*arguments, **settings)
        self.network, self.waveform, self.context, self.increment = network, waveform, context, increment

    def of_pairs(self) -> Tensor:
        step, hop = self.codes.shape[2], self.network.hop()
        start = step // self.context * self.context if self.increment else step - self.context  # may be negative
        first, second = (self._decoded(past[:, start:step]) for past in self.codes.unbind(dim=1))
        made = self.sums.shares[0] * second[:, :, None] + self.sums.shares[1] * first[:, None]
        missing = made - self.waveform[step * hop : (step + 1) * hop]
        return -missing.norm(dim=-1).square() / (2 * self.sigma**2)

    def of_pairs_drawn(self, first: Tensor, second: Tensor) -> Tensor:
        return self.of_pairs()[torch.arange(self.streams), second, first]

    def _decoded(self, past: Tensor) -> Tensor:
        """The last code's samples of every candidate after the past: `[streams, classes, hop]`."""
        candidates = torch.arange(self.classes).expand(self.streams, -1)
        windows = torch.cat([past[:, None].expand(-1, self.classes, -1), candidates[..., None]], dim=-1)
        decoded = self.network.decode(windows.flatten(0, 1))
        return decoded[:, -self.network.hop() :].unflatten(0, (self.streams, self.classes))


class _Separation(Recording):
    """Chains of two sources."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.settings = json.loads((folder / "config.json").read_text())["cfg"]
        self.network, self.priors = load_networks(folder), [load_prior(folder / file) for file in PRIORS]
        sums = code_sums.from_checkpoint(SYSTEM, *_read(folder / SUMS), "cpu")
        self.sums = CodeSums(sums.table.t(), tuple(self.settings["alpha"]))
        self.sources = [self.input(f"sep_src{n}") for n in (0, 1)]
        self.mixture = sum(a * source for a, source in zip(self.sums.shares, self.sources, strict=True))

    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        yield from self.sounds()
        for run, settings in self.settings["sep_runs"].items():
            yield from self.run(run, settings)
        yield from self.primed()

    def sounds(self) -> Iterator[Check]:
        """Codes of the sources and the mixture, and what they say."""
        for name, sound in (("src0", self.sources[0]), ("src1", self.sources[1]), ("mix", self.mixture)):
            codes = self.network.encode(sound)
            yield from self.check(f"sep_codes_{name}", codes, **EXACT)
            yield from self.check(f"sep_decoded_{name}", self.network.decode(codes), **ACTIVATION)
        yield from self.check("sep_latent_mix", self.latents(), **ACTIVATION)

    def latents(self) -> Tensor:
        """The mixture's codes, `[1, code width, steps]`."""
        return self.network.codebook().look_up(self.network.encode(self.mixture))

    def decoded(self) -> Tensor:
        """The compressed mixture, `[samples]`."""
        return self.network.decode(self.network.encode(self.mixture))[0]

    def joint(self, streams: int, settings: dict) -> JointPosterior:
        """Of a run, begun."""
        priors = tuple(prior.stepwise(streams) for prior in self.priors)
        own = {"sigma": settings["sigma"], "temperature": settings.get("temp", 1.0), "top_k": settings.get("top_k")}
        arguments = (priors, self.network.codebook().k, self.sums)
        if settings.get("time"):
            window = {"context": settings["context"], "increment": settings["window_mode"] == "increment"}
            joint = TimeDomain(*arguments, network=self.network, waveform=self.decoded(), **window, **own)
        else:
            joint = JointPosterior(*arguments, **own)
        joint.begin(self.latents()[0].t())
        return joint

    def run(self, run: str, settings: dict) -> Iterator[Check]:
        uniforms = self.input(f"sep_{run}_u")
        joint, top_k = self.joint(uniforms.shape[1], settings), settings.get("top_k_posterior")
        posteriors, drawn = [], []
        for uniform in uniforms:
            posteriors.append(likeliest(joint.logits(), top_k).softmax(-1))
            drawn.append(joint.draw_pairs(uniform, top_k)[0])
            joint.advance(drawn[-1])
        kept = len(self.expected[f"sep_{run}_posterior"])
        yield from self.check(f"sep_{run}_posterior", torch.stack(posteriors[:kept]), **PROBABILITY)
        yield from self.check(f"sep_{run}_joint", torch.stack(drawn), **EXACT)
        for n in (0, 1):
            yield from self.check(f"sep_{run}_x{n}", joint.codes[:, n], **EXACT)
            yield from self.check(f"sep_{run}_logp{n}", joint.log_probs[:, n], **ACTIVATION)
        if run == REJECTED:
            yield from self.chosen(joint)

    def chosen(self, joint: JointPosterior) -> Iterator[Check]:
        """Which chains are the mixture's best."""
        first, second = (self.network.decode(codes) for codes in joint.codes.unbind(dim=1))
        yield from self.check("sep_res0", first, **ACTIVATION)
        yield from self.check("sep_res1", second, **ACTIVATION)
        steps = joint.codes.shape[2]
        log_prior = pair_log_prior(joint.log_probs, steps)
        misfits = squared_misfits(first, second, self.decoded(), self.sums.shares)
        posterior = pair_posterior(joint.log_probs, misfits, steps)
        yield from self.check("rej_prior_raw", log_prior, **ACTIVATION)
        yield from self.check("rej_l2", misfits, **LOSS)
        yield from self.check("rej_sigma2", noise_variance(log_prior, misfits), **LOSS)
        yield from self.check("rej_posterior", posterior, **PROBABILITY)
        for n, marginal in enumerate((posterior.sum(dim=1), posterior.sum(dim=0))):
            ordered, order = marginal.sort()
            yield from self.check(f"rej_marg{n}_sorted", ordered, **PROBABILITY)
            yield from self.check(f"rej_marg{n}_order", order, **EXACT)
        best = np.unravel_index(posterior.argmax().item(), posterior.shape)
        for n in (0, 1):
            yield from self.check(f"rej_argmax{n}", best[n], **EXACT)

    def primed(self) -> Iterator[Check]:
        """Going on from given codes."""
        uniforms, pasts = self.input("sep_primed_u"), [self.input(f"sep_primed_past{n}") for n in (0, 1)]
        joint = self.joint(uniforms.shape[1], {"sigma": self.settings["primed_sigma"]})
        joint.force(pasts[1] * joint.classes + pasts[0])
        for uniform in uniforms:
            joint.advance(joint.draw_pairs(uniform)[0])
        for n in (0, 1):
            yield from self.check(f"sep_primed_x{n}", joint.codes[:, n], **EXACT)


def load_networks(folder: Path) -> LQVAE:
    return lqvae.from_checkpoint(SYSTEM, *_read(folder / NETWORKS), "cpu")


def load_prior(path: Path) -> Transformer:
    return transformer.from_checkpoint(SYSTEM, *_read(path), "cpu")


def _read(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """Configuration and weights, as `import-checkpoint` reads them."""
    return read_original(path, SYSTEM)[1:]


def check_separation(folder: Path) -> Iterator[Check]:
    yield from _Separation(folder).checks()
