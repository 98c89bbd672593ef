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
from core.evaluation.recording import Recording
from core.models.compiled.wavenet import WaveNetSteps
from core.models.wavenet import WaveNet
from core.observations.masked import Masked
from core.observations.mixture import Mixture
from core.priors.independent import Independent
from core.priors.wavenet import WaveNetPrior, from_checkpoint
from core.samplers.pnf import pnf_langevin
from core.samplers.pnf_separation import BORDER_CENTRE, pnf_separation
from core.signal.companding import Linear, MuLaw
from core.types import MelCondition, Observation, Prior, Sampler
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


class _Model(Recording):
    """One model with its recorded inputs and outputs; `mel` is its spectrogram where it is conditioned on one."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.prior = load_prior(folder)
        self.network: WaveNet = self.prior.model
        self.originals = load_original(folder / CHECKPOINT)["state_dict"]
        sizes = self.network.config
        self.mel = MelCondition(self.input("c"), sizes.hop_length, sizes.frame_padding) if "c" in self.inputs else None
        self.upsampled = self.network.upsample(self.mel.mel) if self.mel else None
        self.stride = int(self.expected["logits_stride"]) if "logits_stride" in self.expected else 1

    def checks(self) -> Iterator[Check]:
        yield from self.check("receptive_field", self.network.config.receptive_field, atol=0)
        if self.mel:
            yield from self.upsampling()
        yield from self.forward()
        yield from self.likelihood()
        yield from self.training()
        yield from self.incremental()

    def upsampling(self) -> Iterator[Check]:
        """The spectrogram after its first stage, and at the samples' rate (every tenth band)."""
        yield from self.check("conv_in", self.network.upsample.frames(self.mel.mel), atol=2e-5)
        yield from self.check("c_upsampled", self.upsampled.transpose(1, 2)[:, ::10], atol=2e-5)

    @torch.no_grad()
    def forward(self) -> Iterator[Check]:
        """Logits, probabilities, and bits per sample of the nearest classes."""
        x = self.input("x")[:, 0]
        logits = self.network(x, condition=self.upsampled)
        yield from self.check("logits", logits[:, :: self.stride].transpose(1, 2), atol=2e-5)
        yield from self.check("softmax_last", logits[:, -1].softmax(-1), atol=1e-5)
        classes = x[:, 1:].clamp(0, 255).round().long()
        nats = F.cross_entropy(logits[:, :-1].double().flatten(0, 1), classes.flatten())
        yield from self.check("binary_softmax_loss", nats / math.log(2), atol=1e-5)

    def likelihood(self) -> Iterator[Check]:
        """Smoothed log-likelihood of every sample, and the gradient of its sum."""
        xs, sigmas = self.input("xs")[:, 0], self.inputs["sigmas"].tolist()
        for n, sigma in enumerate(sigmas):
            log_prob, _ = self.prior.network(xs, sigma, condition=self.upsampled)
            yield from self.check(f"log_prob_{n}", log_prob, atol=2e-5)
            gradient = self.prior.score(xs, sigma, self.mel).gradient
            yield from self.check(f"grad_{n}", gradient[:, None], rtol=1e-4, atol=1e-6)
        if "log_prob_unbatched" in self.expected:
            upsampled = None if self.upsampled is None else self.upsampled[:1]
            log_prob, _ = self.prior.network(xs[:1], sigmas[1], condition=upsampled)
            yield from self.check("log_prob_unbatched", log_prob, atol=2e-5)

    def training(self) -> Iterator[Check]:
        """Cross-entropy of clean classes given noisy ones, and its gradients through the weight norm."""
        weights = {name: weight.clone().requires_grad_() for name, weight in self.originals.items()}
        folded = fold_pnf(weights)
        upsampled = None
        if self.mel:
            own = {name.removeprefix("upsample."): w for name, w in folded.items() if name.startswith("upsample.")}
            upsampled = torch.func.functional_call(self.network.upsample, own, (self.mel.mel,))
        classes, sigma = self.input("train_y")[..., 0], self.input("train_sigma")
        noisy = classes + sigma * self.input("train_noise")[:, 0]
        logits = torch.func.functional_call(self.network, folded, (noisy,), {"condition": upsampled})
        losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), classes[:, 1:], reduction="none")
        counted = torch.arange(1, classes.shape[1]) < self.input("train_lengths")[:, None]
        loss = losses[counted].mean()
        yield from self.check("train_loss", loss, atol=1e-5)
        names = [name.removeprefix("train_grad.") for name in self.expected if name.startswith("train_grad.")]
        for name, gradient in zip(names, torch.autograd.grad(loss, [weights[name] for name in names]), strict=True):
            yield from self.check(f"train_grad.{name}", gradient, rtol=1e-4, atol=1e-7)

    def incremental(self) -> Iterator[Check]:
        """Sample by sample, compiled: with recorded inputs, and with the original's own draws."""
        steps, stride = int(self.inputs["incremental_T"]), int(self.inputs["incremental_stride"])
        logits = self.decode(self.input("x")[:1, 0, :steps])
        yield from self.check("incremental_logits", logits[:, ::stride].transpose(1, 2), atol=2e-5)
        drawn = torch.cat([self.input("gen_initial_input").flatten(), self.input("gen_samples")[:-1].float()])
        yield from self.check("gen_probs", self.decode(drawn[None])[0, ::stride].softmax(-1), atol=1e-5)

    def decode(self, x: Tensor) -> Tensor:
        """Logits after each of x `[1, time]`, one at a time; a spectrogram's first frames stand alone there."""
        steps = WaveNetSteps(self.network, streams=1, start=x[0, 0].item())
        steps.begin(self.mel.window(0, math.ceil(x.shape[1] / self.mel.hop_length)).mel[:1] if self.mel else None)
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


class _Run(Recording):
    """A recorded chain: its draws say how many updates a level has, and how many windows an update."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.levels = tuple(self.inputs["sigmas"].tolist())
        _, self.updates, self.batch = self.inputs["j_raw"].shape

    def states(self, sampler: Sampler, prior: Prior, observation: Observation, start: Tensor, **options) -> Tensor:
        """The chain's state after every level, `[levels, rows, frames]`."""
        past, border = int("condition" in options), options.get("border", 0)
        window, frames = self.inputs["eps"].shape[-1] - past, start.shape[1] - past - 2 * border
        steps = (self.updates + 0.5) * window * self.batch / frames  # samplers round the updates down
        sizes = {"sigmas": self.levels, "window": window, "batch": self.batch, "steps": steps}
        run = sampler(prior, observation, start, generator=Generator(), **sizes, **options)
        return torch.stack([iterate.x for iterate in run])[self.updates - 1 :: self.updates]

    def check_states(self, name: str, states: Tensor, later: float = 2e-3) -> Iterator[Check]:
        """Within 2e-4 classes after the first update, and `later` times the root of their number after others."""
        updates = self.updates * np.arange(1, len(self.levels) + 1)
        atol = np.where(updates == 1, 2e-4, later * np.sqrt(updates))[:, None]
        yield from self.check(name, states, atol=atol)


def check_superres(folder: Path, run: str) -> Iterator[Check]:
    """A whole run of super-resolution: classes at every r-th sample are known, the others start anywhere."""
    recorded = _Run(folder / run)
    classes = MuLaw().encode(_normalised(recorded.inputs["audio"]))
    free = torch.ones_like(classes)
    free[:, :: int(recorded.inputs["downsample_interval"])] = 0
    yield from recorded.check("mask", free[0], atol=0)
    start = torch.where(free.bool(), recorded.input("uniform_init").float()[None], classes)
    yield from _check_masked(folder, recorded, Masked(classes, free == 0, MuLaw()), start)


def check_inpainting(folder: Path, run: str) -> Iterator[Check]:
    """A whole run of inpainting: the gap starts as silence."""
    recorded = _Run(folder / run)
    audio, gap = _normalised(recorded.inputs["audio"]), slice(*recorded.inputs["gap_samples"].tolist())
    audio[:, gap] = 0
    known = torch.ones(audio.shape, dtype=torch.bool)
    known[:, gap] = False
    start = MuLaw().encode(audio)
    yield from _check_masked(folder, recorded, Masked(start, known, MuLaw()), start)


def _check_masked(folder: Path, recorded: _Run, observation: Masked, start: Tensor) -> Iterator[Check]:
    """The start, the state after every level, and the audio."""
    yield from recorded.check("x_init", start[0], atol=1e-6)
    prior, draws = _priors(folder, MuLaw)[0], RecordedDraws(recorded.inputs["j_raw"], recorded.inputs["eps"])
    states = recorded.states(pnf_langevin, prior, observation, start, draws=draws)[:, 0]
    yield from recorded.check_states("x_after_level", states)
    yield from recorded.check("final_audio", prior.decode(states[-1]), atol=1e-3)


def check_separation(folder: Path, run: str) -> Iterator[Check]:
    """A whole run of separation with a model for each source, borders included."""
    recorded = _Run(folder / run)
    inputs, count = recorded.inputs, recorded.inputs["eps"].shape[-2]
    mixture = sum(inputs[f"source{n + 1}"] for n in range(count))
    mixture = torch.from_numpy(mixture / np.abs(mixture).max() * np.float32(1.4))
    quantized = Linear().encode(mixture + (count - 1))  # every source's zero is in it
    yield from recorded.check("mixed_quantized", quantized, atol=0)
    prior, border = Independent(_priors(folder, Linear)[:count]), inputs["boundary"].shape[-1]
    start = torch.full((count, len(quantized) + 2 * border), BORDER_CENTRE)
    start[0, border:-border] = quantized - BORDER_CENTRE * (count - 1)
    observation = Mixture((quantized[None] - Linear.zero * count) / Linear.unit, (1.0,) * count, Linear())
    draws = RecordedBorders(inputs["j_raw"] - border, inputs["eps"], (inputs["boundary"], inputs["sigmas"]))
    states = recorded.states(pnf_separation, prior, observation, start, border=border, draws=draws)
    for n in range(count):
        yield from recorded.check_states(f"x{n}_after_level", states[:, n], later=1e-2)
        yield from recorded.check(f"out{n}", prior.decode(states[-1, n]), atol=1e-3)


def check_spectrogram(folder: Path, run: str) -> Iterator[Check]:
    """A whole run of vocoding: nothing but the spectrogram is known."""
    recorded = _Run(folder / run)
    inputs, padding = recorded.inputs, int(recorded.inputs["cin_pad"])
    prior = _priors(folder, MuLaw, conditioned=True)[0]
    mel = MelCondition(recorded.input("c"), int(inputs["hop_size"]), padding)
    draws = RecordedDraws(inputs["j_raw"] - padding, inputs["eps"])
    start, options = recorded.input("uniform_init").float(), {"condition": mel, "draws": draws, "step_scale": 0.1}
    states = recorded.states(pnf_langevin, prior, Observation(), start, **options)[:, 0, 1:]
    yield from recorded.check_states("x_after_level_without_first", states)
    yield from recorded.check("final_audio", prior.decode(states[-1]), atol=1e-3)


def load_prior(folder: Path) -> WaveNetPrior:
    """The model of a golden folder in float32, as `import-checkpoint` reads it."""
    _, config, state = read_original(folder / CHECKPOINT, "pnf_wavenet")
    return from_checkpoint(folder.name, config, state, "cpu", precision="float32")


def _model_folders(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{CHECKPOINT}"))


def _priors(folder: Path, domain: type, conditioned: bool = False) -> list[WaveNetPrior]:
    """The models in a domain that are conditioned on a spectrogram, or that are not, by name."""
    priors = map(load_prior, _model_folders(folder))
    return [p for p in priors if isinstance(p.domain, domain) and bool(p.model.config.bands) == conditioned]


def _normalised(audio: np.ndarray) -> Tensor:
    """Audio at full scale, `[1, frames]`."""
    return torch.from_numpy(audio / np.abs(audio).max())[None]


def _check_model(folder: Path, model: str) -> Iterator[Check]:
    return _Model(folder / model).checks()


RUNS = {  # what the names of runs start with
    "sgld_superres": check_superres,
    "sgld_inpainting": check_inpainting,
    "sgld_separation": check_separation,
    "sgld_spectrogram": check_spectrogram,
}
INPUTS = ("quantizers/x", "quantizers/codes", "*/logits_stride")


def groups(folder: Path) -> dict[str, Group]:
    """The quantisers, every model and every run of the folder."""
    models = {path.name: partial(_check_model, model=path.name) for path in _model_folders(folder)}
    runs = {
        path.name: partial(check, run=path.name)
        for start, check in RUNS.items()
        for path in sorted(folder.glob(f"{start}*/"))
    }
    return {"quantizers": check_quantizers, **models, **runs}
