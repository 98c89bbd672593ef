"""DiffWave with the WaveNet (Kong et al. 2021): schedules, both forms of the residual, reverse processes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.evaluation.diffusion_recording import DiffusionRecording
from core.evaluation.parity import Check, Group, compare
from core.evaluation.recording import numbered
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.noise_schedule import NoiseSchedule
from core.models.waveform_diffusion import StepEmbedding
from core.zoo.importers.diffwave import fold_diffwave
from core.zoo.importers.originals import ImportOptions
from core.zoo.importers.waveform_diffusions import read_weights
from core.zoo.importing import read_original

OTHER_LAYOUT = "config_sashimi_repo.json"
FORMS = {"inplace": True, "inplace_ckptbranch": True, "outofplace": False}  # start of the names: leaky residual
INPUTS = ("schedules/*_beta", "schedules/embed_steps")


def check_schedules(folder: Path) -> Iterator[Check]:
    """Schedules of evenly spaced betas and of a list, and embeddings of steps."""
    golden = np.load(folder / "schedules.npz")
    for name in sorted({key.removesuffix("_Alpha") for key in golden if key.endswith("_Alpha")}):
        if f"{name}_Beta" in golden:
            betas = golden[f"{name}_Beta"]
            schedule = NoiseSchedule.linear(len(betas), betas[0].item(), betas[-1].item())
            yield compare(f"{name}_Beta", schedule.betas, betas, atol=0, rtol=1e-6)
        else:
            schedule = NoiseSchedule(golden[f"{name}_beta"])
        yield compare(f"{name}_Alpha", 1 - schedule.betas, golden[f"{name}_Alpha"], atol=0, rtol=1e-6)
        yield compare(f"{name}_Alpha_bar", schedule.alpha_bars, golden[f"{name}_Alpha_bar"], atol=0, rtol=1e-6)
        yield compare(f"{name}_Sigma", schedule.deviations, golden[f"{name}_Sigma"], atol=0, rtol=1e-6)
        if f"{name}_T" in golden:
            yield compare(f"{name}_T", len(schedule), golden[f"{name}_T"], atol=0)
    steps = torch.from_numpy(golden["embed_steps"])[:, 0]
    for key, size in numbered(golden.files, "embed_dim"):
        embedding = StepEmbedding((size, 1, 1))
        yield compare(key, embedding.sinusoids(steps), golden[key], atol=1e-6)
        fractional = f"{key}_float_steps"
        if fractional in golden:
            yield compare(fractional, embedding.sinusoids(steps.float()), golden[fractional], atol=1e-6)


class _Model(DiffusionRecording):
    """One checkpoint, whose weights are sampled in both forms."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.folder = folder

    def checks(self) -> Iterator[Check]:
        for form, leaky in FORMS.items():
            yield from self.form(form, self.load(form, leaky))
        upsampled = "block0_mel_upsampled_row0"
        if upsampled in self.expected:
            stage = self.load("outofplace", False).layers[0].mel
            rows = stage.upsample(self.mel)[0, : self.input("x").shape[-1]].T[:: len(self.mel[0]) // 10]
            yield from self.check(upsampled, rows, atol=1e-6)

    def load(self, form: str, leaky: bool) -> DiffWave:
        """As `import-checkpoint` reads it, by either layout of its hyper-parameters."""
        authors = form == "inplace"
        residual = None if authors or not leaky else "leaky"
        options = ImportOptions(hparams=None if authors else self.folder / OTHER_LAYOUT, residual=residual)
        _, config, state = read_original(self.folder, "diffwave_wavenet", options)
        sizes = {name: config[name] for name in DiffWaveConfig.__dataclass_fields__}
        if sizes["leaky"] != leaky:
            raise ValueError(f"{form} was read as leaky = {sizes['leaky']}")
        network = DiffWave(DiffWaveConfig(**sizes)).eval().requires_grad_(False)
        network.load_state_dict(state)
        return network

    def form(self, form: str, network: DiffWave) -> Iterator[Check]:
        x, step = self.input("x"), self.input("t")
        yield from self.check(f"{form}_eps", self.noise(network, x, step), atol=1e-5)
        yield from self.check(f"{form}_eps_float_t", self.noise(network, x, step.float()), atol=1e-5)
        cropped = f"{form}_eps_cropped"
        if cropped in self.expected:
            frames = self.expected[cropped].shape[-1]
            yield from self.check(cropped, self.noise(network, x[..., :frames], step), atol=1e-5)
        yield from self.check(f"{form}_sampled", self.sampled(network), atol=1e-4)
        originals = read_weights(self.folder, ImportOptions())[1][0]
        tolerances = {"atol": (1e-5, 1e-7), "rtol": (0.0, 1e-4)}
        yield from self.check_training(network, originals, fold_diffwave, f"{form}_", **tolerances)
        yield from self.check(f"{form}_backward_raises", _backward_raises(network, x, step), atol=0)


def _backward_raises(network: DiffWave, x: Tensor, step: Tensor) -> int:
    """Whether gradients fail in the original's code, which adds the first embedding in place.

    That overwrites what the rectifier before it needs for its own gradient; ours adds it to a copy.
    """
    first = network.first.weight.clone().requires_grad_()
    h = F.relu(F.linear(x.transpose(1, 2), first, network.first.bias))
    h += network.layers[0].step(network.embed(step[:, 0]))
    try:
        h.sum().backward()
    except RuntimeError:
        return 1
    return 0


def _check_model(folder: Path, model: str) -> Iterator[Check]:
    return _Model(folder / model).checks()


def groups(folder: Path) -> dict[str, Group]:
    """The schedules, and every model of the folder."""
    models = sorted({path.parent.name for path in folder.glob("*/*.pkl")})
    return {"schedules": check_schedules, **{name: partial(_check_model, model=name) for name in models}}
