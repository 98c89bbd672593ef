"""LQ-VAE (michelemancusi/LQVAE-separation): its networks, losses, an update, code sums, priors, and the full sizes.

What is drawn of mixtures is in `core.evaluation.goldens.lqvae_separation`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.evaluation.goldens.lqvae_separation import PRIORS, SYSTEM, check_separation, load_networks, load_prior
from core.evaluation.parity import Check, Group
from core.evaluation.recording import Recording, numbered
from core.models import lqvae, transformer
from core.models.categorical import likeliest, pick
from core.models.code_sums import sum_codes
from core.models.lqvae import LQVAE
from core.models.lqvae_losses import SPECTRUM, Level, LossWeights, linearise, losses_of, magnitudes
from core.models.transformer import Dense, Transformer, TransformerSteps
from core.signal.metrics import median_sdr_db, sdr_of_frames_db
from core.zoo.importers.lqvae import read_networks, read_prior

HALF = "checkpoint_prior_fp16.pth.tar"
ACTIVATION = {"atol": 3e-5, "rtol": 1e-4}
HALF_ACTIVATION = {"atol": 3e-2}
LOSS, GRADIENT = 1e-4, 2e-3  # relative
EXACT, DECIBELS = {"atol": 0}, {"atol": 1e-3}
CLEAR = 1e-5  # difference of squared distances from which on the nearest code is one
LOUD = 2e-3  # norm of a spectrogram over which the original's spectral convergence counts
SCALES = {"l1": "l1", "l2": "l2", "spectral": "spec"}  # ours: the original's
ALONE = {"l1": "l1", "l2": "l2", "linf": "worst"}  # the original's: ours
VQVAE_SETTINGS = {  # of the original's set `vqvae`
    "levels": 3,
    "downs_t": [2, 2, 2],
    "strides_t": [2, 2, 2],
    "hvqvae_multipliers": [2, 1, 1],
    "width": 32,
    "depth": 4,
    "emb_width": 64,
    "l_bins": 2048,
    "m_conv": 1.0,
    "dilation_growth_rate": 3,
    "dilation_cycle": None,
    "vqvae_reverse_decoder_dilation": True,
    "l_mu": 0.99,
}
PRIOR_SETTINGS = {"level": 2, "heads": 1, "attn_order": 2, "blocks": 64}  # of `small_prior`, but what weights say
BOTTLENECK = ".bottleneck."


class _Networks(Recording):
    """The VQ-VAE: forward, its losses and an update."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.network = load_networks(folder)

    def checks(self) -> Iterator[Check]:
        yield from _forward(self, self.network)
        yield from self.sums()
        for level in self.network.config.levels:
            self.network.codebook(level).k.copy_(self.input(f"lin_k_l{level}"))
        yield from self.evaluated()
        yield from self.trained()

    def sums(self) -> Iterator[Check]:
        """Of the top level's codes; where several are nearest, any of them is right."""
        codebook = self.network.codebook().k
        for name, shares in (("codebook_sum", "alpha"), ("codebook_sum_asym", "alpha2")):
            shares = tuple(self.config["cfg"][shares])
            made = torch.stack(list(sum_codes(codebook, shares))).flatten()
            k = codebook.double()
            sums = (shares[0] * k[:, None] + shares[1] * k).flatten(0, 1)
            distances = torch.cdist(sums, k).square()
            least, second = distances.topk(2, largest=False).values.unbind(-1)
            right = self.expected[f"{name}_table"]
            tie = (second - least <= CLEAR) & (distances.gather(1, made[:, None])[:, 0] - least <= CLEAR)
            yield from self.check(f"{name}_table", np.where(tie.numpy(), right, made.numpy()), **EXACT)
            yield from self.check(f"{name}_gap", (second - least)[None], **ACTIVATION)

    @torch.no_grad()
    def evaluated(self) -> Iterator[Check]:
        """Codes of sums and mixtures, and every loss."""
        waveform = self.input("lin_x")[..., 0]
        made = linearise(self.network, waveform)
        for level, one in made.items():
            parts = {"": one.sources, "_sum": one.sums, "_mix": one.mixtures}
            for part, quantised in parts.items():
                yield from self.check(f"lin_codes{part}_l{level}", quantised.codes, **EXACT)
        yield from self.check("eval_x_out", made[0].waveform[..., None], **ACTIVATION)
        for kind, weights in self.weights().items():
            yield from self.losses(f"eval_{kind}_", f"eval_loss_{kind}", waveform, made, weights)

    def trained(self) -> Iterator[Check]:
        """A forward pass that moves the codes, and its gradients."""
        network, waveform = self.network.requires_grad_().train(), self.input("lin_x")[..., 0]
        for level in network.config.levels:
            network.codebook(level).restore(self.config["cfg"]["restore_tokens"])
        made, weights = linearise(network, waveform), self.weights()["lmix"]
        losses_of(waveform, made, weights).total(weights).backward()
        yield from self.losses("train_", "train_loss", waveform, made, weights)
        sources = [one.sources for one in made.values()]
        usages = [one.usage for one in sources]
        means = {"fit": [one.fit for one in sources], "pn": [one.spread for one in sources]}
        ours = {"entropy": "entropy", "used_curr": "present", "usage": "alive", "dk": "moved"}
        means |= {theirs: [getattr(usage, own).float() for usage in usages] for theirs, own in ours.items()}
        for name, values in means.items():
            yield from self.relative(f"train_{name}", torch.stack(values).mean())
        for level in network.config.levels:
            book = network.codebook(level)
            for name, state in (("after", book.k), ("elem", book.counts), ("sum", book.sums)):
                yield from self.check(f"train_k_{name}_l{level}", state, **ACTIVATION)
        gradients = {name: weight.grad for name, weight in network.named_parameters()}
        for name, gradient in gradients.items():
            yield from self.relative(f"grad/{name}", gradient, GRADIENT)
        norm = torch.stack([gradient.double().norm() for gradient in gradients.values()]).norm()
        yield from self.relative("grad_l2_norm", norm, GRADIENT)

    def weights(self) -> dict[str, LossWeights]:
        """Of every loss by the original's name."""
        settings = self.config["vqvae_hps"]
        scales = {f"scale_{ours}": settings["bandwidth"][theirs] for ours, theirs in SCALES.items()}
        kept = {"l1": settings["lmix_l1"], "l2": settings["lmix_l2"], "worst": settings["lmix_linf"]}
        alone = {name: dict.fromkeys(kept, 0.0) | {own: 1.0} for name, own in ALONE.items()}
        shares = {name: settings[name] for name in ("spectral", "multispectral", "commit")}
        common = scales | shares | {"worst_count": settings["linf_k"]}
        return {name: LossWeights(**one, **common) for name, one in (alone | {"lmix": kept}).items()}

    def losses(
        self, prefix: str, total: str, waveform: Tensor, made: dict[int, Level], weights: LossWeights
    ) -> Iterator[Check]:
        """The total, its parts by level, and what is reported of the lowest level alone."""
        losses, lowest = losses_of(waveform, made, weights), min(made)
        yield from self.relative(total, losses.total(weights))
        parts = {"recons": losses.reconstruction, "latent": losses.latent}
        parts |= {"spectral": losses.spectral, "multispectral": losses.multispectral}
        for name, by_level in parts.items():
            for level, loss in by_level.items():
                yield from self.relative(f"{prefix}{name}_loss_l{level + 1}", loss)
            reported = by_level[lowest] if name == "latent" else sum(by_level.values())
            yield from self.relative(f"{prefix}{name}_loss", reported)
        said = made[lowest].waveform
        for name in ALONE:
            alone = self.weights()[name].reconstruction(waveform, said)
            yield from self.relative(f"{prefix}{name}_loss", alone)
        yield from self.relative(f"{prefix}spectral_convergence", spectral_convergence(waveform, said))
        yield from self.relative(f"{prefix}commit_loss_standard", losses.commit)
        yield from self.relative(f"{prefix}commit_loss_sum", losses.commit_sums)
        yield from self.relative(f"{prefix}commit_loss", losses.commit + losses.commit_sums)

    def relative(self, name: str, actual: Tensor, tolerance: float = LOSS) -> Iterator[Check]:
        """To the largest entry."""
        if name in self.expected:
            yield from self.check(name, actual, atol=tolerance * float(np.abs(self.expected[name]).max()))


class _Priors(Recording):
    """Transformers over whole sequences, step by step, primed, and in half precision."""

    @torch.no_grad()
    def checks(self, folder: Path) -> Iterator[Check]:
        settings = json.loads((folder / "config.json").read_text())["cfg"]
        networks, codes = [load_prior(folder / file) for file in PRIORS], self.input("prior_tokens")
        for number, network in enumerate(networks):
            logits = network(codes)
            bits = F.cross_entropy(logits.flatten(0, 1), codes.flatten()) / np.log(2)
            yield from self.check(f"prior{number}_logits", logits, **ACTIVATION)
            yield from self.check(f"prior{number}_acts", network.activations(codes), **ACTIVATION)
            for name in ("loss_bits", "z_forward_loss"):
                yield from self.check(f"prior{number}_{name}", bits, atol=0, rtol=LOSS)
        yield from self.layers(networks[0], codes)
        yield from self.drawn(networks[0], settings)
        yield from self.primed(networks[1], codes, settings["prime"])
        for name, top_k in numbered(self.expected, "filter_top"):
            yield from self.check(name, likeliest(self.input("filter_in"), top_k or None), **EXACT)
        half = load_prior(folder / HALF)
        yield from self.check("prior_fp16_logits_fp32act", half(codes), **ACTIVATION)
        for part in half.modules():
            if isinstance(part, Dense):
                part.w.data = part.w.half()
        yield from self.check("prior_fp16_logits_fp16act", half(codes), **HALF_ACTIVATION)

    def layers(self, network: Transformer, codes: Tensor) -> Iterator[Check]:
        x = network.embedded(codes)
        yield from self.check("prior0_block_in", x, **ACTIVATION)
        for number, layer in enumerate(network.layers):
            x = layer(x)
            yield from self.check(f"prior0_block{number}_out", x, **ACTIVATION)

    def drawn(self, network: Transformer, settings: dict) -> Iterator[Check]:
        for name, temperature, top_k in (("sample", settings["temp"], None), ("sample_topk", 1.0, 3)):
            uniforms = self.input(f"{name}_u")[..., 0].t()
            codes, logits = _drawn(network.stepwise(len(uniforms)), uniforms, temperature, top_k)
            yield from self.check(f"{name}_tokens", codes, **EXACT)
            yield from self.check(f"{name}_logits", logits, **ACTIVATION)

    def primed(self, network: Transformer, codes: Tensor, prime: int) -> Iterator[Check]:
        uniforms = self.input("primed_u")[..., 0].t()
        first, steps = codes[: len(uniforms), :prime], network.stepwise(len(uniforms))
        known = steps.force(first)
        drawn, logits = _drawn(steps, uniforms)
        yield from self.check("primed_tokens", torch.cat([first, drawn], dim=1), **EXACT)
        yield from self.check("primed_logits", torch.cat([known, logits], dim=1), **ACTIVATION)


class _FullSize(Recording):
    """The published sizes, with weights by a rule."""

    def __init__(self, folder: Path):
        super().__init__(folder, "fullsize_")
        rule, base = json.loads((folder / "fullsize.json").read_text()), folder / "fullsize.json"
        state = ruled(rule["vqvae"], rule["fill_seed_base"], 1.0)
        settings = VQVAE_SETTINGS | rule["vqvae_overrides"]
        config, own = read_networks(base, state, settings)[1:]
        self.network = lqvae.from_checkpoint(SYSTEM, config | {"sample_rate": 22050}, own, "cpu")
        keys = {key: shape for key, shape in rule["prior"].items() if BOTTLENECK not in key}
        prior = ruled(keys, rule["fill_seed_base"] + 1000, 0.7)
        prior |= {f"prior.{key}": weight for key, weight in state.items() if key.startswith(BOTTLENECK[1:])}
        config, own = read_prior(base, prior, PRIOR_SETTINGS | rule["prior_overrides"])[1:]
        self.prior = transformer.from_checkpoint(SYSTEM, config | {"sample_rate": 22050}, own, "cpu")

    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        yield from _forward(self, self.network)
        codes = self.input("prior_tokens")
        steps = self.prior.stepwise(len(codes))
        logits = [steps.logits()]
        for code in codes.unbind(dim=1):
            steps.advance(code)
            logits.append(steps.logits())
        yield from self.check("prior_logits", torch.stack(logits, dim=1), **ACTIVATION)


@torch.no_grad()
def _forward(recording: Recording, network: LQVAE) -> Iterator[Check]:
    """What is heard of a waveform, its codes, and what they say, at every level."""
    waveform = recording.input("x")[..., 0]
    for level in network.config.levels:
        codes = network.encode(waveform, level)
        yield from recording.check(f"enc_l{level}", network.latents(waveform, level), **ACTIVATION)
        yield from recording.check(f"codes_l{level}", codes, **EXACT)
        yield from recording.check(f"dequant_l{level}", network.codebook(level).look_up(codes), **ACTIVATION)
        yield from recording.check(f"decode_l{level}", network.decode(codes, level)[..., None], **ACTIVATION)


def _drawn(
    steps: TransformerSteps, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None
) -> tuple[Tensor, Tensor]:
    """Codes and the logits that they were drawn from."""
    codes, logits = [], []
    for uniform in uniforms.unbind(dim=1):
        logits.append(steps.logits())
        codes.append(pick(logits[-1], uniform, temperature, top_k)[0])
        steps.advance(codes[-1])
    return torch.stack(codes, dim=1), torch.stack(logits, dim=1)


def spectral_convergence(target: Tensor, made: Tensor) -> Tensor:
    """The norm of the difference of magnitudes over that of the target's, which the original reports."""
    wanted, found = (magnitudes(waveform, SPECTRUM).flatten(1) for waveform in (target, made))
    norm = wanted.norm(dim=1)
    return ((wanted - found).norm(dim=1) * (norm > LOUD) / norm.clamp_min(LOUD)).mean()


def ruled(keys: dict[str, list[int]], seed: int, spread: float) -> dict[str, Tensor]:
    """Weights by the rule of the full-size recording."""
    state = {}
    for n, (key, shape) in enumerate(sorted(keys.items())):
        if key.endswith(".k"):
            scale = 1.0
        elif key.endswith(".w"):
            scale = spread / np.sqrt(shape[0])
        else:
            scale = spread / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.05
        numbers = np.random.RandomState(seed + n).standard_normal(shape)
        state[key] = torch.from_numpy((scale * numbers).astype(np.float32))
        if key.endswith(("ln_0.weight", "ln_1.weight")):
            state[key] += 1
    return state


def _check_sdr(recording: Recording) -> Iterator[Check]:
    sounds = [recording.inputs[f"sdr_{name}"] for name in ("ref", "est")]
    yield from recording.check("sdr_frames", sdr_of_frames_db(*sounds)[None], **DECIBELS)
    yield from recording.check("sdr_median", median_sdr_db(*sounds), **DECIBELS)


def _check_recorded(folder: Path) -> Iterator[Check]:
    """Everything at the sizes of the files of weights."""
    yield from _Networks(folder).checks()
    yield from _Priors(folder).checks(folder)
    yield from check_separation(folder)
    yield from _check_sdr(Recording(folder))


def groups(folder: Path) -> dict[str, Group]:
    """What stands directly in the folder, and the published sizes."""
    return {"": _check_recorded, "fullsize": lambda folder: _FullSize(folder).checks()}
