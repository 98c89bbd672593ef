"""A recording in the form of the goldens of Gated PixelCNN and WaveNet, made with our own networks, drawn from plainly.

Other sizes, levels and lengths; every step of a draw is a pass over all that is drawn, as in the original.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.zoo.importers.pixelcnn_wavenet import fold_pixelcnn
from tests.originals import onehot_wavenet_state, pixelcnn_state

PIXELS = {"levels": 3, "colours": 3, "width": 6, "blocks": 1, "head": 5, "labels": 10, "blind_first": True}
SOUNDS = {"levels": 16, "width": 5, "head": 6, "stacks": 2, "layers": 2, "labels": 3}
SIZE, DRAWN_SIZE, STREAMS, LENGTH, KEPT = (5, 4), (3, 2), 2, 24, 5
LABEL = 2  # of what is drawn
TRAINING = {"lr": 1e-3, "clip": 1.0, "wd": 1e-4}
PREPROCESSING = {"wav_rate": 8000, "pp_rate": 8000, "pp_stacks": 1, "pp_layers": 3, "pp_target": 12}
MU, CURVE_POINTS = 255, np.linspace(-0.99, 0.99, 21)
UPDATES = 2


def record_pixelcnn_wavenet(folder: Path) -> None:
    """Both networks, drawn from; two updates of the first; and recordings that are cut into chunks."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    torch.manual_seed(0)
    inputs, expected = {}, {}
    for taken, made in (_pixels(folder), _sounds(folder), _trained(folder), _preprocessed(folder)):
        inputs |= taken
        expected |= made
    files = {"pixelcnn": {"file": "pixelcnn_3"}, "wavenet_conditioning": {"file": "wavenet_3"}}
    drawn = {"gen_h": DRAWN_SIZE[0], "gen_w": DRAWN_SIZE[1], "gen_label": LABEL}
    lengths = [len(array) for name, array in inputs.items() if name.startswith("wav_")]
    settings = {"pixelcnn": drawn, "wavenet": {"gen_label": LABEL}, "wav_lens": lengths, **TRAINING, **PREPROCESSING}
    (folder / "config.json").write_text(json.dumps({"cfg": settings, "keys": files}))
    for kind, arrays in (("inputs", inputs), ("expected", expected)):
        np.savez(folder / f"{kind}.npz", **{name: np.asarray(array) for name, array in arrays.items()})


def _saved(path: Path, arrays: dict) -> None:
    """Under a name without extension, as Chainer does."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _pixelcnn() -> PixelCNN:
    network = PixelCNN(PixelCNNConfig(**PIXELS)).requires_grad_(False)
    for block in network.blocks:  # the original's label is one vector for both halves
        block.label.weight[:, PIXELS["width"] :] = block.label.weight[:, : PIXELS["width"]]
    return network


def _pixels(folder: Path) -> tuple[dict, dict]:
    network = _pixelcnn()
    _saved(folder / "pixelcnn_3", pixelcnn_state(network))
    classes, label = torch.randint(PIXELS["levels"], (2, 3, *SIZE)), torch.tensor([0, 7])
    x = network.scaled(classes)
    v, h = network.blocks[0](x, x, label)
    last_v, last_h = network.blocks[1](v, h, label)
    logits = network(x, label)
    masks = {"mask_conv2": network.head.mask, "mask_conv4": network.logits.mask}
    for name, block in (("conv1", network.blocks[0]), ("block", network.blocks[1])):
        masks[f"mask_{name}_horizontal_conv_t"] = block.horizontal.mask[: PIXELS["width"]]
        masks[f"mask_{name}_horizontal_output"] = block.output.mask
    seen = {"conv1_v": v, "conv1_h": h, "blocks_v": last_v, "blocks_h": last_h, "logits": logits, **masks}
    taken, drawn = _drawn_pixels(network)
    made = seen | {"nll": F.cross_entropy(logits, classes)} | drawn
    taken |= {"x": x, "labels": label}
    return _named("pixelcnn", taken), _named("pixelcnn", made)


def _drawn_pixels(network: PixelCNN) -> tuple[dict, dict]:
    height, width = DRAWN_SIZE
    classes = torch.zeros(STREAMS, 3, height, width, dtype=torch.int64)
    label, uniforms, levels, probs = torch.full((STREAMS,), LABEL), [], [], []
    for row, column, colour in np.ndindex(height, width, 3):
        logits = network(network.scaled(classes), label)[:, :, colour, row, column]
        uniforms.append(torch.rand(STREAMS, dtype=torch.float64))
        levels.append(_picked(logits, uniforms[-1]))
        probs.append(logits.softmax(-1))
        classes[:, colour, row, column] = levels[-1]
    made = {"gen_levels": torch.stack(levels), "gen_probs": torch.stack(probs), "gen_images": network.scaled(classes)}
    return {"gen_u": torch.stack(uniforms)}, made


def _picked(logits: Tensor, uniform: Tensor) -> Tensor:
    """How many entries of the cumulative sum are not over the uniform number."""
    total = logits.softmax(-1).double().cumsum(-1)
    return (total / total[:, -1:] <= uniform[:, None]).sum(dim=-1)


def _sounds(folder: Path) -> tuple[dict, dict]:
    network = OneHotWaveNet(OneHotWaveNetConfig(**SOUNDS)).requires_grad_(False)
    _saved(folder / "wavenet_3", onehot_wavenet_state(network))
    classes, label = torch.randint(SOUNDS["levels"], (2, LENGTH)), torch.tensor([0, 1])
    x, skips = network.features(network.inputs(classes)), 0
    made = {"conv1": _as_image(x)}
    for layer in network.layers:
        x, skip = layer(x, label)
        skips = skips + skip
    logits = _as_image(network(network.inputs(classes), label))
    ignored = SOUNDS["stacks"] * 2 ** SOUNDS["layers"]
    nats = F.cross_entropy(logits[:, :, 0, ignored:], classes[:, ignored:])
    made |= {"stack_out": _as_image(x), "skip_sum": _as_image(skips), "logits": logits[:, :, None, :, -KEPT:]}
    taken, drawn = _drawn_sounds(network)
    made |= {"receptive_field": ignored, "nll": nats} | drawn
    taken |= {"idx": classes, "labels": label}
    return _named("wavenet_conditioning", taken), _named("wavenet_conditioning", made)


def _drawn_sounds(network: OneHotWaveNet) -> tuple[dict, dict]:
    """From all zeros, which are no class."""
    x, label = torch.zeros(STREAMS, LENGTH, SOUNDS["levels"]), torch.full((STREAMS,), LABEL)
    uniforms, probs, levels = torch.rand(LENGTH, STREAMS, dtype=torch.float64), [], []
    for step in range(LENGTH):
        logits = network(x, label)[:, step]
        levels.append(_picked(logits, uniforms[step]))
        probs.append(logits.softmax(-1))
        x[torch.arange(STREAMS), step, levels[-1]] = 1
    pcm = _pcm(torch.stack(levels, dim=1).numpy(), SOUNDS["levels"])
    heads = {"gen_probs_head": torch.stack(probs[:KEPT]), "gen_probs_tail": torch.stack(probs[-KEPT:])}
    return {"gen_u": uniforms}, {"gen_levels": torch.stack(levels), "gen_pcm": pcm} | heads


def _trained(folder: Path) -> tuple[dict, dict]:
    """Chainer's Adam in numpy: its epsilon is not corrected for bias."""
    network, losses = _pixelcnn(), []
    weights = {name: np.array(weight) for name, weight in pixelcnn_state(network).items()}
    _saved(folder / "train_pixelcnn_init", weights)
    targets, label = torch.randint(PIXELS["levels"], (4, 3, *SIZE)), torch.tensor([1, 2, 3, 4])
    moments = {name: [np.zeros_like(weight), np.zeros_like(weight)] for name, weight in weights.items()}
    for update in range(1, UPDATES + 1):
        batch = slice(2 * update - 2, 2 * update)
        leaves = {name: torch.tensor(weight, requires_grad=True) for name, weight in weights.items()}
        inputs = (network.scaled(targets[batch]), label[batch])
        loss = F.cross_entropy(torch.func.functional_call(network, fold_pixelcnn(leaves), inputs), targets[batch])
        gradients = [gradient.numpy() for gradient in torch.autograd.grad(loss, list(leaves.values()))]
        clip = min(1, TRAINING["clip"] / math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients)))
        rate = TRAINING["lr"] * math.sqrt(1 - 0.999**update) / (1 - 0.9**update)
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            gradient, (m, v) = clip * gradient + TRAINING["wd"] * weight, moments[name]
            m += 0.1 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            weight -= rate * m / (np.sqrt(v) + 1e-8)
        losses.append(loss.item())
    _saved(folder / f"train_pixelcnn_pixelcnn_{UPDATES}", weights)
    taken = {"x": network.scaled(targets), "t": targets, "label": label}
    made = {"nll": losses, "bits_dim": np.array(losses) / targets[0].numel()}
    return _named("train_pixelcnn", taken), _named("train_pixelcnn", made)


def _preprocessed(folder: Path) -> tuple[dict, dict]:
    """Two recordings, which do not quite fill their last chunk; and a stream that ends with an empty record."""
    before = PREPROCESSING["pp_stacks"] * 2 ** PREPROCESSING["pp_layers"]
    length, random = before + PREPROCESSING["pp_target"], np.random.default_rng(0)
    curve = np.sign(CURVE_POINTS) * np.log1p(MU * np.abs(CURVE_POINTS)) / np.log(MU + 1)
    inverse = np.sign(CURVE_POINTS) * ((MU + 1) ** np.abs(CURVE_POINTS) - 1) / MU
    taken = {"mulaw_in": CURVE_POINTS, "quantise_in": np.linspace(0.01, 0.99, 15)}
    made = {"mulaw": curve, "inverse_mulaw": inverse, "decode_pcm_256": _pcm(np.arange(256), 256)}
    made |= {"rf_table": [[3, 1, 8], [2, 4, 16]], "quantised_7": np.floor(taken["quantise_in"] * 7)}
    made |= {"mulaw01_quantised_5": np.floor((curve / 2 + 0.5) * 5)}
    for number, samples in enumerate((3 * length + 5, 2 * length - 1)):
        pcm = random.integers(-20000, 20000, samples).astype(np.int16)
        share = np.sign(pcm) * np.log1p(MU * np.abs(pcm / 2**15)) / np.log(MU + 1) / 2 + 0.5
        cut = [share[start : start + length] for start in range(0, samples - length + 1, length)]
        lapping = [share[start : start + length] for start in range(0, samples - length + 1, length - before)]
        levels, lapped = (np.floor(np.reshape(own, (-1, length)) * 256) for own in (cut, lapping))
        taken[f"wav_{number}"] = pcm
        made |= {f"pp_chunks_{number}": np.array(cut), f"pp_levels_{number}": levels}
        made[f"pp_cond_levels_{number}"] = lapped
    with (folder / "vctk_stream_example").open("wb") as file:
        np.save(file, made["pp_chunks_0"])
        np.save(file, np.zeros(0))
    first = made["pp_levels_0"][:1]
    targets = np.where(np.arange(length) < before, -1, first)[None]
    example = {"dataset_example_shape_x": [256, 1, length], "dataset_example_argmax": first}
    return taken, made | example | {"dataset_example_labels": targets}


def _named(part: str, arrays: dict) -> dict:
    return {f"{part}_{name}": array for name, array in arrays.items()}


def _as_image(x: Tensor) -> Tensor:
    """`[batch, time, channels]` -> `[batch, channels, 1, time]`."""
    return x.transpose(1, 2)[:, :, None]


def _pcm(classes: np.ndarray, levels: int) -> np.ndarray:
    y = 2 * classes / (levels - 1) - 1
    return np.trunc(np.sign(y) * ((MU + 1) ** np.abs(y) - 1) / MU * 32767)
