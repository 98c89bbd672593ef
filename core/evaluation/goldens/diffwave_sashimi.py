"""DiffWave with SaShiMi (Goel et al. 2022): networks of both branches, their layers, reverse processes."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from core.evaluation.diffusion_recording import DiffusionRecording
from core.evaluation.parity import Check, Group
from core.models.s4 import S4
from core.models.sashimi import Down, SaShiMi, SaShiMiConfig, Up
from core.models.state_space_kernels import S4Kernel, circle
from core.zoo.importers.originals import ImportOptions
from core.zoo.importers.sashimi import fold_sashimi
from core.zoo.importers.waveform_diffusions import iterations, read_weights
from core.zoo.importing import read_original

SYSTEM = "diffwave_sashimi"
NAIVE = "eps_with_shipped_naive_fallback"


class _Model(DiffusionRecording):
    """One checkpoint, and others in its folder that are the same network."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.folder = folder
        self.network = _load(folder)

    def checks(self) -> Iterator[Check]:
        yield from self.forward()
        yield from self.layers()
        yield from self.check("sampled", self.sampled(self.network), atol=3e-4)
        originals = read_weights(self.folder, ImportOptions())[1][0]
        fold = partial(fold_sashimi, config=self.network.config)
        yield from self.check_training(self.network, originals, fold, "", atol=(0.0, 1e-5), rtol=(1e-5, 1e-3))

    def forward(self) -> Iterator[Check]:
        """Of the training length and others, of files from before the first forward pass, as the fallback had it."""
        x, step = self.input("x"), self.input("t")
        yield from self.check("eps", self.noise(self.network, x, step), atol=1e-4)
        named = iterations(self.folder).values()
        for path in sorted(set(self.folder.glob("*.pkl")) - set(named)):
            for check in self.check("eps", self.noise(_load(path), x, step), atol=1e-4):
                yield replace(check, name=f"eps_of_{path.stem}")
        if "short_length" in self.inputs:
            short = x[:1, :, : int(self.inputs["short_length"])]
            yield from self.check("eps_short", self.noise(self.network, short, step[:1]), atol=1e-4)
        if "x_long" in self.inputs:
            yield from self.check("eps_long", self.noise(self.network, self.input("x_long"), step[:1]), atol=1e-4)
        if NAIVE in self.expected:
            yield from self.check(NAIVE, self.noise(_with_naive_sums(self.network), x, step), atol=1e-4)

    @torch.no_grad()
    def layers(self) -> Iterator[Check]:
        """The first block of the centre, the first pooling and the last; there channels come before time."""
        block, u = copy.deepcopy(self.network.centre[0]), self.input("s4_u").transpose(1, 2)
        kernels, names = block.s4.kernel(), ("c0_kernel", "c0_kernel2")
        for name, kernel in zip(names, kernels, strict=True) if names[1] in self.expected else [(names[0], kernels)]:
            yield from self.check(name, kernel, atol=2e-5)
        yield from self.check("c0_s4_out", block.s4(u).transpose(1, 2), atol=1e-4)
        yield from self.check("c0_norm1", block.norm1(u).transpose(1, 2), atol=1e-6)
        block.mel = None
        embedding = torch.ones(len(u), 1, self.network.config.embedding[-1])
        yield from self.check("c0_block_out", block(u, embedding, None).transpose(1, 2), atol=1e-4)
        first = next(layer for layer in self.network.down if isinstance(layer, Down))
        last = [layer for layer in self.network.up if isinstance(layer, Up)][-1]
        for name, layer in (("downpool", first), ("uppool", last)):
            out = layer(self.input(f"{name}_in").transpose(1, 2)).transpose(1, 2)
            yield from self.check(f"{name}_out", out, atol=1e-6)


def _load(source: Path) -> SaShiMi:
    """As `import-checkpoint` reads it."""
    _, config, state = read_original(source, SYSTEM)
    sizes = {name: config[name] for name in SaShiMiConfig.__dataclass_fields__}
    network = SaShiMi(SaShiMiConfig(**sizes)).eval().requires_grad_(False)
    network.load_state_dict(state)
    return network


def _with_naive_sums(network: SaShiMi) -> SaShiMi:
    """The network as the original's fallback computes it, which leaves the conjugate poles out: another model."""
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, S4):
            layer.kernel.forward = partial(_naive_responses, layer.kernel)
    return network


def _naive_responses(kernel: S4Kernel) -> Tensor:
    """As `S4Kernel.forward`, over one of each pair of poles."""
    nodes, z = circle(kernel.length)
    C, B, P = map(torch.view_as_complex, (kernel.C, kernel.B, kernel.P))
    step = kernel.log_step.exp()[:, None]
    poles = torch.complex(-kernel.log_decay.exp(), kernel.frequency) * step
    numerators = torch.stack([B, P])[:, None] * torch.cat([C, P.conj()[None]])
    r = (numerators[..., None] / (z - poles[..., None])).sum(dim=-2) * step
    values = r[0, :-1] - r[0, -1:] * r[1, :-1] / (1 + r[1, -1:])
    return torch.fft.irfft(values * 2 / (1 + nodes), n=kernel.length)


def _check_model(folder: Path, model: str) -> Iterator[Check]:
    return _Model(folder / model).checks()


def groups(folder: Path) -> dict[str, Group]:
    """Every model of the folder."""
    models = sorted({path.parent.name for path in folder.glob("*/*.pkl")})
    return {name: partial(_check_model, model=name) for name in models}
