"""Recordings in the form of the goldens of waveform diffusions, made with our own code: other sizes and names."""

import copy
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.evaluation.goldens.diffwave_sashimi import NAIVE, _with_naive_sums
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.noise_schedule import NoiseSchedule
from core.models.sashimi import Down, SaShiMi, SaShiMiConfig, Up
from core.models.waveform_diffusion import StepEmbedding
from core.zoo.importers.diffwave import fold_diffwave
from core.zoo.importers.sashimi import fold_sashimi
from tests.originals import diffwave_state, sashimi_state

NOISE = {"T": 4, "beta_0": 0.001, "beta_T": 0.4}
SCHEDULE = NoiseSchedule.linear(*NOISE.values())
BANDS, HOP = 20, 8


def record_wavenets(folder: Path) -> None:
    """A network with a spectrogram and one without, and two schedules."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    _record_schedules(folder)
    for seed, (name, mel) in enumerate((("free", {}), ("told", {"bands": BANDS, "upsampling": (4, 2)}))):
        torch.manual_seed(seed)
        sizes = DiffWaveConfig(layers=3, cycle=2, residual=6, skip=5, embedding=(8, 10, 12), **mel)
        _WaveNet(folder / name, sizes).record()


def record_sashimis(folder: Path) -> None:
    """Networks of both branches, with and without blocks on the way down and a spectrogram."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    shared = {"channels": 4, "layers": 1, "pooling": (2,), "embedding": (8, 10, 512), "length": 48, "state": 8}
    mel = {"bands": BANDS, "upsampling": (4, 2), "truncated_mel": True}
    kinds = {
        "new": {"kernel": "s4", "unet": True},
        "new_told": {"kernel": "s4", "unet": False} | mel,
        "old": {"kernel": "s4-older", "unet": True},
    }
    for seed, (name, sizes) in enumerate(kinds.items()):
        torch.manual_seed(seed)
        _Sashimi(folder / name, SaShiMiConfig(**shared | sizes)).record()


def _record_schedules(folder: Path) -> None:
    linear, short = NoiseSchedule.linear(7, 0.002, 0.1), NoiseSchedule([0.01, 0.3, 0.6])
    arrays = {"long_Beta": linear.betas, "long_T": len(linear), "short_beta": short.betas}
    for name, schedule in (("long", linear), ("short", short)):
        arrays |= {f"{name}_Alpha": 1 - schedule.betas, f"{name}_Alpha_bar": schedule.alpha_bars}
        arrays |= {f"{name}_Sigma": schedule.deviations}
    steps = torch.tensor([[0], [3], [5]])
    embedded = StepEmbedding((16, 1, 1)).sinusoids(steps[:, 0])
    arrays |= {"embed_steps": steps, "embed_dim16": embedded, "embed_dim16_float_steps": embedded}
    np.savez(folder / "schedules.npz", **arrays)


class _Recorded:
    """A network of random weights, and what goes into it."""

    frames = 48

    def __init__(self, folder: Path, network):
        self.folder, self.network, self.random = folder, network, Generator().manual_seed(3)
        folder.mkdir()
        for weight in (network.noise.weight, network.noise.bias):
            torch.nn.init.normal_(weight, std=0.3)
        network.requires_grad_(False).eval()
        bands = network.config.bands
        self.mel = self.normal(2, bands, self.frames // HOP) if bands else None
        self.inputs = {"x": self.normal(2, 1, self.frames), "t": torch.tensor([[1], [3]])}
        self.inputs |= {"loss_audio": self.normal(2, 1, self.frames), "loss_noise": self.normal(2, 1, self.frames)}
        self.inputs |= {"loss_t": torch.tensor([0, 2]), "sampling_noises": self.normal(4, 1, 1, self.frames)}
        self.inputs |= {"sampling_T": 4, "sampling_beta_0_T": np.array([NOISE["beta_0"], NOISE["beta_T"]])}
        self.inputs |= {} if self.mel is None else {"mel": self.mel}

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.random)

    def noise(self, network, x: Tensor, step: Tensor) -> Tensor:
        return network(x[:, 0], step[:, 0], None if self.mel is None else self.mel[: len(x)])[:, None]

    def sampled(self, network) -> Tensor:
        """The reverse process in the originals' own terms."""
        x, *noises = self.inputs["sampling_noises"]
        for t, fresh in zip(reversed(range(len(SCHEDULE))), [*noises, torch.zeros_like(x)], strict=True):
            beta, alpha_bar = SCHEDULE.betas[t], SCHEDULE.alpha_bars[t]
            eps = self.noise(network, x, torch.full((len(x), 1), t))
            x = (x - beta / (1 - alpha_bar).sqrt() * eps) / (1 - beta).sqrt() + SCHEDULE.deviations[t] * fresh
        return x

    def training(self, network, originals: dict, fold) -> tuple[Tensor, dict]:
        weights = {key: w.clone().requires_grad_(w.is_floating_point()) for key, w in originals.items()}
        kept = SCHEDULE.alpha_bars[self.inputs["loss_t"]][:, None, None]
        noisy = kept.sqrt() * self.inputs["loss_audio"] + (1 - kept).sqrt() * self.inputs["loss_noise"]
        arguments = (noisy[:, 0], self.inputs["loss_t"], self.mel)
        predicted = torch.func.functional_call(network, fold(weights), arguments)
        loss = F.mse_loss(predicted, self.inputs["loss_noise"][:, 0])
        names = [
            "init_conv.0.conv.weight_g",
            *(n for n in weights if n.endswith(("fc_t1.bias", "kernel.C", "krylov.C"))),
        ]
        return loss.detach(), dict(
            zip(names, torch.autograd.grad(loss, [weights[name] for name in names]), strict=True)
        )

    def save(self, originals: dict, expected: dict, configs: dict[str, dict]) -> None:
        torch.save({"model_state_dict": originals, "optimizer_state_dict": {}}, self.folder / "1200.pkl")
        for name, config in configs.items():
            (self.folder / name).write_text(json.dumps(config))
        for kind, arrays in (("inputs", self.inputs), ("expected", expected)):
            np.savez(self.folder / f"{kind}.npz", **{k: np.asarray(torch.as_tensor(v)) for k, v in arrays.items()})


class _WaveNet(_Recorded):
    def __init__(self, folder: Path, sizes: DiffWaveConfig):
        super().__init__(folder, DiffWave(sizes))

    def record(self) -> None:
        originals, expected = diffwave_state(self.network), {}
        for form, leaky in (("inplace", True), ("inplace_ckptbranch", True), ("outofplace", False)):
            network = copy.deepcopy(self.network)
            for layer in network.layers:
                layer.leaky = leaky
            x, step = self.inputs["x"], self.inputs["t"]
            expected[f"{form}_eps"] = expected[f"{form}_eps_float_t"] = self.noise(network, x, step)
            expected[f"{form}_sampled"] = self.sampled(network)
            if self.mel is not None:
                expected[f"{form}_eps_cropped"] = self.noise(network, x[..., :43], step)
            loss, gradients = self.training(network, originals, fold_diffwave)
            expected |= {f"{form}_train_loss": loss, f"{form}_backward_raises": 1}
            expected |= {f"{form}_grad.{name}": gradient for name, gradient in gradients.items()}
        if self.mel is not None:
            upsampled = self.network.layers[0].mel.upsample(self.mel)[0]
            expected["block0_mel_upsampled_row0"] = upsampled.T[:: BANDS // 10]
        self.save(
            originals, expected, {"config.json": self.config(True), "config_sashimi_repo.json": self.config(False)}
        )

    def config(self, by_authors: bool) -> dict:
        sizes = self.network.config
        network = {"res_channels": sizes.residual, "skip_channels": sizes.skip, "num_res_layers": sizes.layers}
        network |= {"dilation_cycle": sizes.cycle} | _embedding(sizes)
        network |= {"mel_upsample": list(sizes.upsampling)} if sizes.bands else {}
        if by_authors:
            return {"wavenet_config": network, "diffusion_config": NOISE}
        return {"model": network | {"_name_": "wavenet", "unconditional": not sizes.bands}, "diffusion": NOISE}


class _Sashimi(_Recorded):
    def __init__(self, folder: Path, sizes: SaShiMiConfig):
        super().__init__(folder, SaShiMi(sizes))

    def record(self) -> None:
        network, sizes, x, step = self.network, self.network.config, self.inputs["x"], self.inputs["t"]
        originals, expected = sashimi_state(network), {"eps": self.noise(network, x, step)}
        expected |= self.layers() | {"sampled": self.sampled(network)}
        if sizes.kernel == "s4":
            expected[NAIVE] = self.noise(_with_naive_sums(network), x, step)
            if not sizes.bands:
                self.inputs |= {"short_length": 30, "x_long": self.normal(1, 1, 60)}
                expected["eps_short"] = self.noise(network, x[:1, :, :30], step[:1])
                expected["eps_long"] = self.noise(network, self.inputs["x_long"], step[:1])
        loss, gradients = self.training(network, originals, lambda weights: fold_sashimi(weights, sizes))
        expected |= {"train_loss": loss} | {f"grad.{name}": gradient for name, gradient in gradients.items()}
        config = {"_name_": "sashimi", "unconditional": not sizes.bands, "d_model": sizes.channels, "L": sizes.length}
        config |= {"n_layers": sizes.layers, "pool": list(sizes.pooling), "expand": sizes.expand, "ff": sizes.widening}
        config |= {"unet": sizes.unet, "mel_upsample": list(sizes.upsampling)} | _embedding(sizes)
        self.save(originals, expected, {"config.json": {"model": config, "diffusion": NOISE}})

    def layers(self) -> dict:
        block = copy.deepcopy(self.network.centre[0])
        block.mel = None
        width, frames = len(block.s4.D), self.frames // self.network.config.pooling[0]
        u = self.normal(2, width, frames)
        kernels = block.s4.kernel()
        found = {"c0_kernel": kernels} if block.s4.kernel.gated else {"c0_kernel": kernels[0], "c0_kernel2": kernels[1]}
        found |= {"c0_s4_out": block.s4(u.mT).mT, "c0_norm1": block.norm1(u.mT).mT}
        found["c0_block_out"] = block(u.mT, torch.ones(2, 1, 512), None).mT
        down = next(layer for layer in self.network.down if isinstance(layer, Down))
        up = [layer for layer in self.network.up if isinstance(layer, Up)][-1]
        pools = {"downpool": (down, self.normal(1, 4, 12)), "uppool": (up, self.normal(1, 8, 6))}
        self.inputs |= {"s4_u": u} | {f"{name}_in": x for name, (_, x) in pools.items()}
        return found | {f"{name}_out": layer(x.mT).mT for name, (layer, x) in pools.items()}


def _embedding(sizes: DiffWaveConfig | SaShiMiConfig) -> dict:
    return {f"diffusion_step_embed_dim_{k}": n for k, n in zip(("in", "mid", "out"), sizes.embedding, strict=True)}
