"""A recording in the form of PnF's goldens, made with our own code: other sizes, names and numbers of everything."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.models.wavenet import WaveNet, WaveNetConfig
from core.observations.masked import Masked
from core.observations.mixture import Mixture
from core.priors.independent import Independent
from core.priors.wavenet import WaveNetPrior, from_checkpoint
from core.samplers.pnf import GeneratorDraws, pnf_langevin
from core.samplers.pnf_separation import pnf_separation
from core.signal.companding import Linear, MuLaw
from core.types import MelCondition, Observation
from core.zoo.importers.pnf_wavenet import LEVEL_FILE, fold_pnf
from core.zoo.importing import read_original
from tests.originals import wavenet_state

SIGMAS = np.array([60.0, 10.0, 0.5])
HOP, PADDING, BANDS = 4, 1, 12


def record_pnf(folder: Path) -> None:
    """Six models, and runs of one to three windows an update, one to three updates a level."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    _record_quantizers(folder)
    conditioned = {"bands": BANDS, "frame_padding": PADDING, "upsampling": (2, 2)}
    mu_law, *linear, mel = (
        _Model(folder / name, seed, input_type, **sizes)
        for seed, (name, input_type, sizes) in enumerate(
            (
                ("free", "mulaw-quantize", {}),
                *((f"instrument{n}", "linear-quantize", {}) for n in range(3)),
                ("vocoder", "mulaw-quantize", conditioned),
            )
        )
    )
    for model in (mu_law, *linear, mel):
        model.record()
    _record_superres(folder / "sgld_superres", mu_law.prior, window=16, batch=3, updates=2)
    _record_superres(folder / "sgld_superres_short", mu_law.prior, window=100, batch=1, updates=3)
    _record_inpainting(folder / "sgld_inpainting", mu_law.prior, window=30, batch=1, updates=1)
    _record_separation(folder / "sgld_separation", [model.prior for model in linear], window=12, batch=3, updates=2)
    _record_separation(folder / "sgld_separation_two", [m.prior for m in linear[:2]], window=48, batch=1, updates=1)
    _record_spectrogram(folder / "sgld_spectrogram", mel.prior, window=24, batch=3, updates=2)


def _record_quantizers(folder: Path) -> None:
    x, codes = torch.linspace(-1.1, 1.1, 37), torch.linspace(-20, 280, 23)
    tables = {"x": x, "codes": codes, "mulaw_quantize": MuLaw().encode(x), "linear_quantize": Linear().encode(x)}
    tables |= {"linear_quantize_mix": Linear().encode(1.4 * x + 1), "inv_linear_quantize": Linear().decode(codes)}
    tables |= {"inv_mulaw_quantize_all256": MuLaw().decode(torch.arange(256.0))}
    np.savez(folder / "quantizers.npz", inv_mulaw_quantize=MuLaw().decode(codes), **tables)


class _Model:
    """A network of random weights, saved as the original does."""

    def __init__(self, folder: Path, seed: int, input_type: str, **conditioned):
        self.folder, self.random = folder, Generator().manual_seed(seed)
        sizes = WaveNetConfig(layers=3, stacks=1, residual=5, gate=6, skip=4, kernel_size=2, **conditioned)
        torch.manual_seed(seed)
        self.weights = wavenet_state(WaveNet(sizes).requires_grad_(False))
        folder.mkdir()
        torch.save({"state_dict": self.weights, "optimizer": None, "global_step": 1}, folder / LEVEL_FILE)
        (folder / "hparams.json").write_text(json.dumps(_hparams(sizes, input_type)))
        _, config, state = read_original(folder / LEVEL_FILE, "pnf_wavenet")
        self.prior: WaveNetPrior = from_checkpoint(folder.name, config, state, "cpu", precision="float32")
        self.network = self.prior.model

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.random)

    def classes(self, *shape: int) -> Tensor:
        return torch.randint(256, shape, generator=self.random)

    def record(self) -> None:
        """Of 3 sequences of 40 samples."""
        sequences, frames, stride, drawn = 3, 40, 3, self.classes(17)
        x, xs = self.classes(sequences, frames).float(), 255 * torch.rand(sequences, frames + 1, generator=self.random)
        inputs = {"x": x[:, None], "xs": xs[:, None], "sigmas": torch.tensor([90.0, 3.0])}
        inputs |= {"incremental_T": frames, "incremental_stride": stride}
        inputs |= {"gen_initial_input": torch.full((1, 1, 1), 127.0), "gen_samples": drawn}
        mel, upsampled = self._spectrogram(sequences, frames)
        expected = {"receptive_field": self.network.config.receptive_field}
        if mel is not None:
            inputs["c"], expected["logits_stride"] = mel.mel, np.float32(stride)
            expected |= {"conv_in": self.network.upsample.frames(mel.mel)}
            expected |= {"c_upsampled": upsampled.transpose(1, 2)[:, ::10]}
        logits = self.network(x, condition=upsampled)
        bits = F.cross_entropy(logits[:, :-1].flatten(0, 1), x[:, 1:].flatten().long()) / math.log(2)
        expected |= {"logits": logits[:, :: stride if mel else 1].transpose(1, 2), "binary_softmax_loss": bits}
        expected |= {
            "softmax_last": logits[:, -1].softmax(-1),
            **self._likelihoods(xs, inputs["sigmas"], mel, upsampled),
        }
        first = None if upsampled is None else upsampled[:1]
        expected["incremental_logits"] = self.network(x[:1], condition=first)[:, ::stride].transpose(1, 2)
        past = torch.cat([torch.tensor([127.0]), drawn[:-1].float()])[None]
        expected["gen_probs"] = self.network(past, condition=self._start_of(mel, 17))[0, ::stride].softmax(-1)
        _save(self.folder, inputs | self._training(expected, sequences, frames, mel), expected)

    def _spectrogram(self, sequences: int, frames: int) -> tuple[MelCondition | None, Tensor | None]:
        if self.network.upsample is None:
            return None, None
        mel = MelCondition(self.normal(sequences, BANDS, frames // HOP + 2 * PADDING), HOP, PADDING)
        return mel, self.network.upsample(mel.mel)

    def _start_of(self, mel: MelCondition | None, samples: int) -> Tensor | None:
        if mel is None:
            return None
        return self.network.upsample(mel.window(0, math.ceil(samples / HOP)).mel[:1])[:, :samples]

    def _likelihoods(self, xs: Tensor, sigmas: Tensor, mel: MelCondition | None, upsampled: Tensor | None) -> dict:
        found = {}
        for n, sigma in enumerate(sigmas.tolist()):
            found[f"log_prob_{n}"], _ = self.prior.network(xs, sigma, condition=upsampled)
            found[f"grad_{n}"] = self.prior.score(xs, sigma, mel).gradient[:, None]
        return found | {"log_prob_unbatched": found["log_prob_1"][:1]}

    def _training(self, expected: dict, sequences: int, frames: int, mel: MelCondition | None) -> dict:
        """Adds the loss and its gradients to what is expected; returns what goes in."""
        classes, noise, sigma = self.classes(sequences, frames), self.normal(sequences, 1, frames), 5.0
        lengths = torch.tensor([40, 31, 8])
        weights = {name: weight.clone().requires_grad_() for name, weight in self.weights.items()}
        folded, upsampled = fold_pnf(weights), None
        if mel is not None:
            own = {k.removeprefix("upsample."): w for k, w in folded.items() if k.startswith("upsample.")}
            upsampled = torch.func.functional_call(self.network.upsample, own, (mel.mel,))
        noisy = classes + sigma * noise[:, 0]
        logits = torch.func.functional_call(self.network, folded, (noisy,), {"condition": upsampled})
        rows = [(logits[i, : n - 1], classes[i, 1:n]) for i, n in enumerate(lengths.tolist())]
        expected["train_loss"] = loss = F.cross_entropy(*map(torch.cat, zip(*rows, strict=True)))
        for name, gradient in zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True):
            expected[f"train_grad.{name}"] = gradient
        inputs = {"train_y": classes[..., None], "train_noise": noise, "train_lengths": lengths}
        return inputs | {"train_sigma": np.float32(sigma)}


def _hparams(sizes: WaveNetConfig, input_type: str) -> dict:
    return {
        "input_type": input_type,
        "manual_scalar_input": True,
        "quantize_channels": sizes.classes,
        "sample_rate": 22050,
        "layers": sizes.layers,
        "stacks": sizes.stacks,
        "residual_channels": sizes.residual,
        "gate_channels": sizes.gate,
        "skip_out_channels": sizes.skip,
        "kernel_size": sizes.kernel_size,
        "cin_channels": sizes.bands or -1,
        "cin_pad": sizes.frame_padding,
        "upsample_params": {"upsample_scales": list(sizes.upsampling)},
    }


class _Kept(GeneratorDraws):
    """Draws that are kept."""

    def __init__(self):
        super().__init__(Generator().manual_seed(1))
        self.starts, self.noises = [], []

    def positions(self, batch: int, window: int, frames: int) -> list[int]:
        self.starts.append(super().positions(batch, window, frames))
        return self.starts[-1]

    def noise(self, window: int) -> Tensor:
        self.noises.append(super().noise(window))
        return self.noises[-1]


def _run(sampler: Callable, prior, observation: Observation, start: Tensor, sizes: dict, frames: int, **options):
    """States after every level, `[levels, rows, frames]`, and the draws."""
    draws = _Kept()
    window, batch, updates = min(sizes["window"], frames), sizes["batch"], sizes["updates"]
    options |= {"steps": math.ceil(updates * window * batch / frames), "generator": draws.generator, "draws": draws}
    options |= {"sigmas": SIGMAS.tolist(), "window": window, "batch": batch}
    iterates = list(sampler(prior, observation, start, **options))
    assert len(iterates) == updates * len(SIGMAS)
    ends = [max(n for n, iterate in enumerate(iterates) if iterate.level == level) for level in SIGMAS]
    return torch.stack([iterates[n].x for n in ends]), draws


def _draws(draws: _Kept, updates: int, window: int, batch: int) -> dict:
    shape = (len(SIGMAS), updates, batch)
    sizes = {"sigmas": SIGMAS, "window": window, "batch_size": batch}
    return {"j_raw": np.reshape(draws.starts, shape), "eps": torch.stack(draws.noises).view(*shape, -1), **sizes}


def _record_superres(folder: Path, prior: WaveNetPrior, **sizes: int) -> None:
    audio, rate, random = _audio(50, 2), 3, Generator().manual_seed(5)
    classes = MuLaw().encode(audio / audio.abs().max())[None]
    known = torch.arange(50)[None] % rate == 0
    anywhere = 256 * torch.rand(50, generator=random, dtype=torch.float64)
    start, observation = classes.where(known, anywhere.float()), Masked(classes, known, MuLaw())
    inputs = {"audio": audio, "downsample_interval": rate, "uniform_init": anywhere}
    _record_masked(folder, prior, observation, start, inputs, sizes, mask=(~known[0]).float())


def _record_inpainting(folder: Path, prior: WaveNetPrior, **sizes: int) -> None:
    audio, gap = _audio(50, 3), (11, 30)
    known = torch.ones(1, 50, dtype=torch.bool)
    known[:, slice(*gap)] = False
    start = MuLaw().encode(audio / audio.abs().max() * known)
    inputs = {"audio": audio, "gap_samples": np.array(gap)}
    _record_masked(folder, prior, Masked(start, known, MuLaw()), start, inputs, sizes)


def _record_masked(folder: Path, prior, observation: Masked, start: Tensor, inputs: dict, sizes: dict, **expected):
    states, draws = _run(pnf_langevin, prior, observation, start, sizes, frames=50)
    expected |= {"x_init": start[0], "x_after_level": states[:, 0], "final_audio": prior.decode(states[-1, 0])}
    _save(folder, inputs | _draws(draws, **sizes), expected)


def _record_separation(folder: Path, priors: list[WaveNetPrior], **sizes: int) -> None:
    count, rf, prior = len(priors), 8, Independent(priors)
    assert prior.receptive_field == rf
    sources = [_audio(48, n) for n in range(count)]
    mixture = sum(sources) / sum(sources).abs().max() * 1.4
    quantized = Linear().encode(mixture + (count - 1))
    start = torch.stack([quantized - 127 * (count - 1), *[torch.full((48,), 127.0)] * (count - 1)])
    start = F.pad(start, (rf, rf), value=127.0)
    observation = Mixture((quantized[None] - 127.5 * count) / 127.5, (1.0,) * count, Linear())
    states, draws = _run(pnf_separation, prior, observation, start, sizes, frames=48, border=rf)
    borders, draws.noises = ([noise for noise in draws.noises if len(noise) == n] for n in (rf, sizes["window"]))
    borders = torch.stack(borders).view(len(SIGMAS), sizes["updates"], 2 * count, rf)
    inputs = {f"source{n + 1}": source for n, source in enumerate(sources)} | _draws(draws, **sizes)
    inputs["eps"] = inputs["eps"].unflatten(-1, (count, sizes["window"]))
    inputs["boundary"] = (127 + torch.from_numpy(SIGMAS)[:, None, None, None] * borders).float()
    inputs["j_raw"] += rf
    expected = {"mixed_quantized": quantized}
    for n in range(count):
        expected |= {f"x{n}_after_level": states[:, n], f"out{n}": prior.decode(states[-1, n])}
    _save(folder, inputs, expected)


def _record_spectrogram(folder: Path, prior: WaveNetPrior, **sizes: int) -> None:
    frames, random = 60, Generator().manual_seed(9)
    c = torch.randn(1, BANDS, frames // HOP + 2 * PADDING, generator=random)
    start = 256 * torch.rand(1, frames + 1, generator=random, dtype=torch.float64)
    options = {"condition": MelCondition(c, HOP, PADDING), "step_scale": 0.1}
    states, draws = _run(pnf_langevin, prior, Observation(), start.float(), sizes, frames=frames, **options)
    inputs = {"c": c, "uniform_init": start, "cin_pad": PADDING, "hop_size": HOP, **_draws(draws, **sizes)}
    inputs["j_raw"] += PADDING
    states = states[:, 0, 1:]
    _save(folder, inputs, {"x_after_level_without_first": states, "final_audio": prior.decode(states[-1])})


def _audio(frames: int, seed: int) -> Tensor:
    return 0.3 * torch.randn(frames, generator=Generator().manual_seed(seed))


def _save(folder: Path, inputs: dict, expected: dict) -> None:
    folder.mkdir(exist_ok=True)
    for name, arrays in {"inputs": inputs, "expected": expected}.items():
        np.savez(folder / f"{name}.npz", **{key: np.asarray(torch.as_tensor(a).detach()) for key, a in arrays.items()})
