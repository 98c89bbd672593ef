"""Gated PixelCNN and WaveNet (rampage644/wavenet): three versions of both, preprocessing, short trainings."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.evaluation.parity import Check, Group
from core.evaluation.recording import Recording
from core.models.compiled.onehot_wavenet import OneHotWaveNetSteps
from core.models.compiled.pixelcnn import PixelCNNSteps
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.signal.companded_chunks import chunks, companded, context, read_stream
from core.signal.companding import MuLawBins
from core.zoo.importers.originals import State
from core.zoo.importers.pixelcnn_wavenet import fold_pixelcnn, fold_wavenet, load_weights
from core.zoo.importing import read_original

SYSTEM = "pixelcnn_wavenet"
NETWORKS = {"pixelcnn": (PixelCNN, PixelCNNConfig), "onehot-wavenet": (OneHotWaveNet, OneHotWaveNetConfig)}
STREAM = "vctk_stream_example"
PCM_SCALE = {False: 32767, True: 16383}  # of legacy networks
ACTIVATION, LOSS = {"atol": 1e-5, "rtol": 1e-4}, {"atol": 0, "rtol": 1e-5}
EXACT, CURVE = {"atol": 0}, {"atol": 1e-12}
WEIGHT = 1e-5


class _Recorded(Recording):
    """The arrays of one part, whose names start with it."""

    def __init__(self, folder: Path, part: str):
        super().__init__(folder)
        self.folder, self.part = folder, part
        self.config = json.loads((folder / "config.json").read_text())

    def own(self, name: str) -> Tensor:
        return self.input(f"{self.part}_{name}")

    def check_own(self, name: str, actual, **tolerance) -> Iterator[Check]:
        return self.check(f"{self.part}_{name}", actual, **tolerance)

    def network(self, name: str) -> nn.Module:
        """Of a file, as `import-checkpoint` reads it."""
        architecture, config, state = read_original(self.folder / name, SYSTEM)
        network, sizes = NETWORKS[architecture]
        made = network(sizes(**{key: config[key] for key in sizes.__dataclass_fields__}))
        made.load_state_dict(state)
        return made


class _PixelCNN(_Recorded):
    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        network = self.network(self.config["keys"][self.part]["file"])
        x, label = self.own("x"), self.own("labels").long()
        v = h = x
        for n, block in enumerate(network.blocks):
            v, h = block(v, h, label)
            name = "blocks" if n else "conv1"
            if n in (0, len(network.blocks) - 1):
                yield from self.check_own(f"{name}_v", v, **ACTIVATION)
                yield from self.check_own(f"{name}_h", h, **ACTIVATION)
        yield from self.check_own("logits", network(x, label), **ACTIVATION)
        classes = (x * (network.config.levels - 1)).round().long()
        yield from self.check_own("nll", -network.log_prob(classes, label).mean(), **LOSS)
        yield from self.masks(network)
        yield from self.drawn(network)

    def masks(self, network: PixelCNN) -> Iterator[Check]:
        first, block = network.blocks[0], network.blocks[-1]
        for name, own in (("conv1", first), ("block", block)):
            of_tanh = own.horizontal.mask[: network.config.width]
            yield from self.check_own(f"mask_{name}_horizontal_conv_t", of_tanh, **EXACT)
            yield from self.check_own(f"mask_{name}_horizontal_output", own.output.mask, **EXACT)
        yield from self.check_own("mask_conv2", network.head.mask, **EXACT)
        yield from self.check_own("mask_conv4", network.logits.mask, **EXACT)

    def drawn(self, network: PixelCNN) -> Iterator[Check]:
        """Pixel by pixel, compiled, with the original's own random numbers."""
        sizes = self.config["cfg"]["pixelcnn"]
        uniforms, height, width = self.own("gen_u").t(), sizes["gen_h"], sizes["gen_w"]
        steps = PixelCNNSteps(network, len(uniforms), height, width)
        label = torch.full((len(uniforms),), sizes["gen_label"])
        steps.begin(label)
        classes, _ = steps.draw(uniforms)
        yield from self.check_own("gen_levels", classes.t(), **EXACT)
        steps.begin(label)
        yield from self.check_own("gen_probs", steps.force(classes).softmax(-1).transpose(0, 1), **ACTIVATION)
        images = classes.view(-1, height, width, network.config.colours).permute(0, 3, 1, 2)
        yield from self.check_own("gen_images", network.scaled(images), **ACTIVATION)


class _WaveNet(_Recorded):
    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        network = self.network(self.config["keys"][self.part]["file"])
        config, classes, label = network.config, self.own("idx"), self.own("labels").long()
        x, skips = network.features(network.inputs(classes)), 0
        yield from self.check_own("conv1", _as_image(x), **ACTIVATION)
        for layer in network.layers:
            x, skip = layer(x, label)
            skips = skips + skip
        yield from self.check_own("stack_out", _as_image(x), **ACTIVATION)
        yield from self.check_own("skip_sum", _as_image(skips), **ACTIVATION)
        logits = _as_image(network(network.inputs(classes), label))
        kept = self.expected[f"{self.part}_logits"].shape[-1]
        yield from self.check_own("logits", logits[:, :, None, :, -kept:], **ACTIVATION)
        ignored = 0 if config.legacy else context(config.stacks, config.layers)  # targets that no loss is taken of
        yield from self.check_own("receptive_field", ignored, **EXACT)
        nats = -network.log_prob(classes, label)[:, ignored:]
        yield from self.check_own("nll", nats.sum() / len(nats) if config.legacy else nats.mean(), **LOSS)
        yield from self.drawn(network)

    def drawn(self, network: OneHotWaveNet) -> Iterator[Check]:
        """Sample by sample, compiled, with the original's own random numbers."""
        uniforms, label = self.own("gen_u").t(), None
        if network.config.labels:
            label = torch.full((len(uniforms),), self.config["cfg"]["wavenet"]["gen_label"])
        steps = OneHotWaveNetSteps(network, len(uniforms))
        steps.begin(label)
        classes, _ = steps.draw(uniforms)
        yield from self.check_own("gen_levels", classes.t(), **EXACT)
        steps.begin(label)
        probs, kept = (
            steps.force(classes).softmax(-1).transpose(0, 1),
            len(self.expected[f"{self.part}_gen_probs_head"]),
        )
        yield from self.check_own("gen_probs_head", probs[:kept], **ACTIVATION)
        yield from self.check_own("gen_probs_tail", probs[-kept:], **ACTIVATION)
        yield from self.check_own("gen_pcm", _pcm(classes, network.config.levels, network.config.legacy), **EXACT)


class _Preprocessing(_Recorded):
    def checks(self) -> Iterator[Check]:
        bins, x = MuLawBins(), self.input("mulaw_in")
        yield from self.check("mulaw", bins.curve(x), **CURVE)
        yield from self.check("inverse_mulaw", bins.inverse(x), **CURVE)
        for name in self.expected.files:
            start, _, levels = name.partition("quantised_")
            if levels:
                share = bins.curve(x) / 2 + 0.5 if start else self.input("quantise_in")
                yield from self.check(name, MuLawBins(int(levels)).bins(share), **EXACT)
        yield from self.check("decode_pcm_256", _pcm(torch.arange(256), 256), **EXACT)
        table = self.expected["rf_table"]
        sizes = [[layers, stacks, context(stacks, layers)] for layers, stacks, _ in table.tolist()]
        yield from self.check("rf_table", sizes, **EXACT)
        yield from self.recordings()
        yield from self.example()

    def recordings(self) -> Iterator[Check]:
        """Chunks one after the other, and those that overlap by the context."""
        sizes, bins = self.config["cfg"], MuLawBins()
        before = context(sizes["pp_stacks"], sizes["pp_layers"])
        length = before + sizes["pp_target"]
        for n in range(len(sizes["wav_lens"])):
            values = companded(self.inputs[f"wav_{n}"], sizes["wav_rate"], sizes["pp_rate"])
            cut = chunks(values, length, length)
            recorded = cut if len(cut) else cut.ravel()
            yield from self.check(f"pp_chunks_{n}", recorded, atol=1e-6)
            yield from self.check(f"pp_levels_{n}", bins.bins(torch.from_numpy(cut)), **EXACT)
            overlapping = torch.from_numpy(chunks(values, length, length - before))
            yield from self.check(f"pp_cond_levels_{n}", bins.bins(overlapping), **EXACT)

    def example(self) -> Iterator[Check]:
        """The first item of a stream of chunks."""
        sizes = self.config["cfg"]
        classes = MuLawBins().bins(torch.from_numpy(read_stream(self.folder / STREAM)[:1]))
        shape = (MuLawBins().levels, 1, classes.shape[1])
        yield from self.check("dataset_example_shape_x", shape, **EXACT)
        yield from self.check("dataset_example_argmax", classes, **EXACT)
        targets = classes.clone()
        targets[:, : context(sizes["pp_stacks"], sizes["pp_layers"])] = -1
        yield from self.check("dataset_example_labels", targets[None], **EXACT)


class _Training(_Recorded):
    """Updates from the recorded weights; beside the losses the weights after them, as `<part>_weights`."""

    def checks(self) -> Iterator[Check]:
        start = self.folder / f"{self.part}_init"
        network, weights = self.network(start.name), load_weights(start)
        settings, losses, count = self.config["cfg"], [], len(self.expected[f"{self.part}_nll"])
        optimizer = _ChainerAdam(weights, settings["lr"], settings["clip"], settings["wd"])
        x, targets, label = self.own("x"), self.own("t").long(), self.own("label").long()
        for batch in torch.arange(2 * count).remainder(len(x)).split(2):
            loss = _loss(network, weights, x[batch], targets[batch], label[batch])
            optimizer.update(torch.autograd.grad(loss, list(weights.values())))
            losses.append(loss.item())
        yield from self.check_own("nll", losses, **LOSS)
        # what the original reports, which is neither in bits nor of a dimension
        yield from self.check_own("bits_dim", np.array(losses) / targets[0].numel(), **LOSS)
        model = self.part.removeprefix("train_")
        after = load_weights(self.folder / f"{self.part}_{model}_{count}")
        error = max((weights[key] - own).abs().max().item() for key, own in after.items())
        yield Check(f"{self.part}_weights", error, WEIGHT)


def _loss(network: nn.Module, weights: State, x: Tensor, targets: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy with the original's weights; of WaveNets, x is one-hot, `[batch, levels, 1, time]`."""
    if isinstance(network, PixelCNN):
        logits = torch.func.functional_call(network, fold_pixelcnn(weights), (x, label))
    else:
        x = x[:, :, 0].transpose(1, 2)
        logits = _as_image(torch.func.functional_call(network, fold_wavenet(weights), (x,)))[:, :, None]
    return F.cross_entropy(logits, targets, ignore_index=-1)


class _ChainerAdam:
    """Chainer's Adam after its two hooks: gradients are clipped together, then the decay is added to them.

    Unlike PyTorch's, epsilon is not corrected for bias: alpha sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon).
    """

    def __init__(self, weights: State, rate: float, clip: float, decay: float, betas=(0.9, 0.999)):
        self.weights = [weight.requires_grad_() for weight in weights.values()]
        self.rate, self.clip, self.decay, self.betas, self.time = rate, clip, decay, betas, 0
        self.moments = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in self.weights]

    @torch.no_grad()
    def update(self, gradients: tuple[Tensor, ...]) -> None:
        self.time += 1
        (b1, b2), norm = self.betas, torch.stack([g.norm() for g in gradients]).norm()
        rate = self.rate * (1 - b2**self.time) ** 0.5 / (1 - b1**self.time)
        for weight, gradient, (m, v) in zip(self.weights, gradients, self.moments, strict=True):
            gradient = gradient * (self.clip / norm).clamp(max=1) + self.decay * weight
            m.lerp_(gradient, 1 - b1)
            v.lerp_(gradient.square(), 1 - b2)
            weight -= rate * m / (v.sqrt() + 1e-8)


def _as_image(x: Tensor) -> Tensor:
    """`[batch, time, channels]` -> `[batch, channels, 1, time]`."""
    return x.transpose(1, 2)[:, :, None]


def _pcm(classes: Tensor, levels: int, legacy: bool = False) -> Tensor:
    return (MuLawBins(levels).decode(classes.double()) * PCM_SCALE[legacy]).trunc()


PARTS = {  # what the names of their arrays start with
    "pixelcnn": _PixelCNN,
    "pixelcnn_legacy": _PixelCNN,
    "wavenet": _WaveNet,
    "wavenet_conditioning": _WaveNet,
    "wavenet_legacy": _WaveNet,
    "train_pixelcnn": _Training,
    "train_wavenet": _Training,
}


def _check_all(folder: Path) -> Iterator[Check]:
    """The parts that were recorded, and the preprocessing."""
    losses = set(Recording(folder).expected.files)
    for part, recorded in PARTS.items():
        if f"{part}_nll" in losses:
            yield from recorded(folder, part).checks()
    yield from _Preprocessing(folder, "").checks()


def groups(folder: Path) -> dict[str, Group]:
    """Everything stands directly in the folder."""
    return {"": _check_all}
