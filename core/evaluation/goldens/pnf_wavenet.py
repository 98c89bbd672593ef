"""PnF's WaveNet (Jayaram & Thickstun 2021): quantisers, networks, and whole runs of its four tasks."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.evaluation.parity import Check, Group, compare
from core.models.compiled.wavenet import WaveNetSteps
from core.models.wavenet import WaveNet
from core.observations.masked import Masked
from core.observations.mixture import Mixture
from core.priors.independent import Independent
from core.priors.wavenet import WaveNetPrior, from_checkpoint
from core.samplers.pnf import original_langevin
from core.samplers.pnf_separation import BORDER_CENTRE, original_separation
from core.signal.companding import Linear, MuLaw
from core.types import MelCondition, Observation
from core.zoo.importers.originals import load_original
from core.zoo.importers.pnf_wavenet import fold_pnf
from core.zoo.importing import read_original

CHECKPOINT = "checkpoint_latest_ema.pth"


def check_quantizers(folder: Path) -> Iterator[Check]:
    """Classes of waveforms and waveforms of classes, also outside of the tables."""
    golden = np.load(folder / "quantizers.npz")
    x, codes = torch.from_numpy(golden["x"]), torch.from_numpy(golden["codes"])
    exact, close = partial(compare, atol=0), partial(compare, atol=1e-6)
    yield exact("mulaw_quantize", MuLaw().encode(x), golden["mulaw_quantize"])
    yield exact("linear_quantize", Linear().encode(x), golden["linear_quantize"])
    yield exact("linear_quantize_mix", Linear().encode(1.4 * x + 1), golden["linear_quantize_mix"])
    inverse = golden["inv_mulaw_quantize"]
    yield compare("inv_mulaw_quantize", MuLaw().decode(codes), inverse, atol=1e-6, rtol=1e-6)
    yield close("inv_mulaw_quantize_all256", MuLaw().decode(torch.arange(256.0)), golden["inv_mulaw_quantize_all256"])
    yield close("inv_linear_quantize", Linear().decode(codes), golden["inv_linear_quantize"])


class _Model:
    """One model with its recorded inputs and outputs; `c` is its spectrogram where it is told one."""

    def __init__(self, folder: Path):
        self.inputs, self.expected = np.load(folder / "inputs.npz"), np.load(folder / "expected.npz")
        self.prior = load_prior(folder)
        self.network: WaveNet = self.prior.model
        self.originals = load_original(folder / CHECKPOINT)["state_dict"]
        sizes = self.network.config
        self.mel = MelCondition(self.input("c"), sizes.hop_length, sizes.frame_padding) if "c" in self.inputs else None
        self.told = self.network.upsample(self.mel.mel) if self.mel else None
        self.stride = int(self.expected["logits_stride"]) if "logits_stride" in self.expected else 1

    def input(self, name: str) -> Tensor:
        return torch.from_numpy(self.inputs[name])

    def check(self, name: str, actual: Tensor, **tolerance) -> Check:
        return compare(name, actual.detach().numpy(), self.expected[name], **tolerance)

    def checks(self) -> Iterator[Check]:
        yield compare("receptive_field", self.network.config.receptive_field, self.expected["receptive_field"], atol=0)
        if self.mel:
            yield from self.upsampling()
        yield from self.forward()
        yield from self.likelihood()
        yield from self.training()
        yield from self.incremental()

    def upsampling(self) -> Iterator[Check]:
        """The spectrogram after its first stage, and at the samples' rate (every tenth band)."""
        yield self.check("conv_in", self.network.upsample.frames(self.mel.mel), atol=2e-5)
        yield self.check("c_upsampled", self.told.transpose(1, 2)[:, ::10], atol=2e-5)

    @torch.no_grad()
    def forward(self) -> Iterator[Check]:
        """Logits, probabilities, and bits per sample of the nearest classes."""
        x = self.input("x")[:, 0]
        logits = self.network(x, condition=self.told)
        yield self.check("logits", logits[:, :: self.stride].transpose(1, 2), atol=2e-5)
        yield self.check("softmax_last", logits[:, -1].softmax(-1), atol=1e-5)
        classes = x[:, 1:].clamp(0, 255).round().long()
        nats = F.cross_entropy(logits[:, :-1].double().flatten(0, 1), classes.flatten())
        yield self.check("binary_softmax_loss", nats / math.log(2), atol=1e-5)

    def likelihood(self) -> Iterator[Check]:
        """Smoothed log-likelihood of every sample, and the gradient of its sum."""
        xs, sigmas = self.input("xs")[:, 0], self.inputs["sigmas"].tolist()
        for n, sigma in enumerate(sigmas):
            log_prob, _ = self.prior.network(xs, sigma, condition=self.told)
            yield self.check(f"log_prob_{n}", log_prob, atol=2e-5)
            gradient = self.prior.score(xs, sigma, self.mel).gradient
            yield self.check(f"grad_{n}", gradient[:, None], rtol=1e-4, atol=1e-6)
        if "log_prob_unbatched" in self.expected:
            yield self.check("log_prob_unbatched", self.prior.network(xs[:1], sigmas[1])[0], atol=2e-5)

    def training(self) -> Iterator[Check]:
        """Cross-entropy of clean classes given noisy ones, and its gradients through the weight norm."""
        weights = {name: weight.clone().requires_grad_() for name, weight in self.originals.items()}
        folded = fold_pnf(weights)
        told = None
        if self.mel:
            own = {name.removeprefix("upsample."): w for name, w in folded.items() if name.startswith("upsample.")}
            told = torch.func.functional_call(self.network.upsample, own, (self.mel.mel,))
        classes, sigma = self.input("train_y")[..., 0], self.input("train_sigma")
        noisy = classes + sigma * self.input("train_noise")[:, 0]
        logits = torch.func.functional_call(self.network, folded, (noisy,), {"condition": told})
        losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), classes[:, 1:], reduction="none")
        counted = torch.arange(1, classes.shape[1]) < self.input("train_lengths")[:, None]
        loss = losses[counted].mean()
        yield self.check("train_loss", loss, atol=1e-5)
        names = [name.removeprefix("train_grad.") for name in self.expected if name.startswith("train_grad.")]
        for name, gradient in zip(names, torch.autograd.grad(loss, [weights[name] for name in names]), strict=True):
            yield self.check(f"train_grad.{name}", gradient, rtol=1e-4, atol=1e-7)

    def incremental(self) -> Iterator[Check]:
        """Sample by sample, compiled: with recorded inputs, and with the original's own draws."""
        steps, stride = int(self.inputs["incremental_T"]), int(self.inputs["incremental_stride"])
        logits = self.decode(self.input("x")[:1, 0, :steps])
        yield self.check("incremental_logits", logits[:, ::stride].transpose(1, 2), atol=2e-5)
        drawn = torch.cat([self.input("gen_initial_input").flatten(), self.input("gen_samples")[:-1].float()])
        yield self.check("gen_probs", self.decode(drawn[None])[0, ::stride].softmax(-1), atol=1e-5)

    def decode(self, x: Tensor) -> Tensor:
        """Logits after each of x `[1, time]`, one at a time; a spectrogram's first frames stand alone there."""
        steps = WaveNetSteps(self.network, streams=1, start=x[0, 0].item())
        steps.begin(self.mel.window(0, x.shape[1] // self.mel.hop_length).mel[:1] if self.mel else None)
        return steps.force(F.pad(x[:, 1:], (0, 1)))


class RecordedDraws:
    """The original's own random numbers, in their order."""

    def __init__(self, positions: np.ndarray, noise: np.ndarray):
        self.starts = iter(positions.reshape(-1, positions.shape[-1]))
        self.noises = iter(torch.from_numpy(noise.reshape(-1, noise.shape[-1])))

    def positions(self, batch: int, window: int, frames: int) -> list[int]:
        return next(self.starts).tolist()

    def noise(self, window: int) -> Tensor:
        return next(self.noises)


class RecordedBorders(RecordedDraws):
    """The same of a run of separation: before the noise of each update comes that of its four borders."""

    def __init__(self, positions: np.ndarray, noise: np.ndarray, borders: tuple[np.ndarray, np.ndarray]):
        super().__init__(positions, noise)
        values, sigmas = borders  # absolute, around the centre
        borders = torch.from_numpy((values - BORDER_CENTRE) / sigmas[:, None, None, None]).float().flatten(0, 1)
        windows = torch.from_numpy(noise).flatten(0, 1).flatten(1, 2)
        self.noises = (row for update in zip(borders, windows, strict=True) for part in update for row in part)


def check_superres(folder: Path) -> Iterator[Check]:
    """A whole run of super-resolution: classes at every r-th sample are known, the others start anywhere."""
    inputs, expected = _arrays(folder / "sgld_superres")
    classes = MuLaw().encode(_normalised(inputs["audio"]))
    free = torch.ones_like(classes)
    free[:, :: int(inputs["downsample_interval"])] = 0
    yield compare("mask", free[0], expected["mask"], atol=0)
    start = torch.where(free.bool(), torch.from_numpy(inputs["uniform_init"]).float()[None], classes)
    yield from _check_run(folder, inputs, expected, Masked(classes, free == 0, MuLaw()), start)


def check_inpainting(folder: Path) -> Iterator[Check]:
    """A whole run of inpainting: the gap starts as silence."""
    inputs, expected = _arrays(folder / "sgld_inpainting")
    audio, gap = _normalised(inputs["audio"]), slice(*inputs["gap_samples"].tolist())
    audio[:, gap] = 0
    known = torch.ones(audio.shape, dtype=torch.bool)
    known[:, gap] = False
    start = MuLaw().encode(audio)
    yield from _check_run(folder, inputs, expected, Masked(start, known, MuLaw()), start)


def _check_run(folder: Path, inputs, expected, observation: Masked, start: Tensor) -> Iterator[Check]:
    """The state after every level, in tolerances (2e-4 classes at the first, 2e-3 at the others), and the audio."""
    yield compare("x_init", start[0], expected["x_init"], atol=1e-6)
    prior = load_prior(folder / "uncond_mulaw")
    prior.levels = tuple(inputs["sigmas"].tolist())
    draws = RecordedDraws(inputs["j_raw"], inputs["eps"])
    sizes = {"window": int(inputs["window"]), "batch": int(inputs["batch_size"])}
    run = original_langevin(prior, observation, start, steps=1, generator=Generator(), draws=draws, **sizes)
    states = torch.cat([iterate.x for iterate in run])
    yield _check_states("x_after_level", states, expected, later=2e-3)
    yield compare("final_audio", prior.decode(states[-1]), expected["final_audio"], atol=1e-3)


def check_separation(folder: Path) -> Iterator[Check]:
    """A whole run of separation with two models, borders included."""
    inputs, expected = _arrays(folder / "sgld_separation")
    mixture = inputs["source1"] + inputs["source2"]
    mixture = torch.from_numpy(mixture / np.abs(mixture).max() * np.float32(1.4))
    quantized = Linear().encode(mixture + 1)
    yield compare("mixed_quantized", quantized, expected["mixed_quantized"], atol=0)
    prior = Independent([load_prior(folder / f"uncond_linear_source{n}") for n in range(2)])
    prior.levels = tuple(inputs["sigmas"].tolist())
    border = prior.receptive_field
    start = torch.nn.functional.pad(torch.stack([quantized - 127, quantized * 0 + 127]), (border, border), value=127)
    observation = Mixture((quantized[None] - 255) / Linear.unit, (1.0, 1.0), Linear())
    draws = RecordedBorders(inputs["j_raw"] - border, inputs["eps"], (inputs["boundary"], inputs["sigmas"]))
    sizes = {"window": int(inputs["window"]), "batch": int(inputs["batch_size"]), "border": border}
    run = original_separation(prior, observation, start, steps=1, generator=Generator(), draws=draws, **sizes)
    states = torch.stack([iterate.x for iterate in run], dim=1)
    for n, states_of_source in enumerate(states):
        yield _check_states(f"x{n}_after_level", states_of_source, expected, later=1e-2)
        yield compare(f"out{n}", prior.decode(states_of_source[-1]), expected[f"out{n}"], atol=1e-3)


def check_spectrogram(folder: Path) -> Iterator[Check]:
    """A whole run of vocoding: nothing but the spectrogram is known."""
    inputs, expected = _arrays(folder / "sgld_spectrogram")
    prior = load_prior(folder / "spectrogram_mulaw")
    prior.levels = tuple(inputs["sigmas"].tolist())
    padding = int(inputs["cin_pad"])
    mel = MelCondition(torch.from_numpy(inputs["c"]), int(inputs["hop_size"]), padding)
    draws = RecordedDraws(inputs["j_raw"] - padding, inputs["eps"])
    start = torch.from_numpy(inputs["uniform_init"]).float()
    sizes = {"window": int(inputs["window"]), "batch": int(inputs["batch_size"]), "step_scale": 0.1}
    run = original_langevin(
        prior, Observation(), start, steps=1, generator=Generator(), condition=mel, draws=draws, **sizes
    )
    states = torch.cat([iterate.x for iterate in run])[:, 1:]
    yield _check_states("x_after_level_without_first", states, expected, later=2e-3)
    yield compare("final_audio", prior.decode(states[-1]), expected["final_audio"], atol=1e-3)


def _check_states(name: str, states: Tensor, expected, later: float) -> Check:
    """The state after every level, within 2e-4 classes at the first and `later` at the others."""
    tolerances = np.array([2e-4] + [later] * (len(states) - 1))[:, None]
    errors = (states.numpy() - expected[name]) / tolerances
    return compare(name, errors, np.zeros_like(expected[name]), atol=1)


def load_prior(folder: Path) -> WaveNetPrior:
    """The model of a golden folder in float32, as `import-checkpoint` reads it."""
    _, config, state = read_original(folder / CHECKPOINT, "pnf_wavenet")
    return from_checkpoint(folder.name, config, state, "cpu", precision="float32")


def _arrays(folder: Path):
    return np.load(folder / "inputs.npz"), np.load(folder / "expected.npz")


def _normalised(audio: np.ndarray) -> Tensor:
    """Audio at full scale, `[1, frames]`."""
    return torch.from_numpy(audio / np.abs(audio).max())[None]


def _model_group(name: str) -> Group:
    return lambda folder: _Model(folder / name).checks()


MODELS = ("uncond_mulaw", "uncond_linear_source0", "uncond_linear_source1", "spectrogram_mulaw")
GROUPS: dict[str, Group] = {
    "quantizers": check_quantizers,
    **{name: _model_group(name) for name in MODELS},
    "sgld_superres": check_superres,
    "sgld_inpainting": check_inpainting,
    "sgld_separation": check_separation,
    "sgld_spectrogram": check_spectrogram,
}
INPUTS = ("quantizers/x", "quantizers/codes", "spectrogram_mulaw/logits_stride")
