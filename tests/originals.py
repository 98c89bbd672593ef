"""Weights of our networks as the original systems save them."""

import numpy as np
import torch

from core.models.cone import ConeNetwork
from core.models.diffwave import DiffWave
from core.models.lqvae import LQVAE
from core.models.onehot_wavenet import OneHotWaveNet
from core.models.pixelcnn import PixelCNN
from core.models.pixelcnnpp import PixelCNNPP
from core.models.sashimi import Block, Down, SaShiMi, Up
from core.models.transformer import Transformer
from core.models.wavenet import WaveNet
from core.models.wavernn import WaveRNN
from core.zoo.importers.cone_of_silence import LAYERS
from core.zoo.importers.sashimi import PARTS


def wavenet_state(model: WaveNet) -> dict:
    """The model as r9y9's code saves it: weight-normalised convolutions, with gains that are not the norms' own."""
    state = {}

    def normed(name, v):
        state[f"{name}.weight_g"] = v.flatten(1).norm(dim=1).view(-1, *(1,) * (v.dim() - 1))
        state[f"{name}.weight_v"] = 3 * v

    def put(name, weight, bias, taps=1):
        normed(name, weight.unflatten(1, (taps, -1)).transpose(1, 2).contiguous())
        state[f"{name}.bias"] = bias.clone()

    put("first_conv", model.first.weight, model.first.bias)
    for n, layer in enumerate(model.layers):
        put(f"conv_layers.{n}.conv", layer.gates.weight, layer.gates.bias, layer.kernel_size)
        weight, bias, residual = layer.outputs.weight, layer.outputs.bias, layer.residual
        put(f"conv_layers.{n}.conv1x1_out", weight[:residual], bias[:residual])
        put(f"conv_layers.{n}.conv1x1_skip", weight[residual:], bias[residual:])
        if layer.local is not None:
            normed(f"conv_layers.{n}.conv1x1c", layer.local.weight[..., None])
    put("last_conv_layers.1", model.head.weight, model.head.bias)
    put("last_conv_layers.3", model.logits.weight, model.logits.bias)
    if model.upsample is not None:
        state["upsample_net.conv_in.weight"] = model.upsample.frames.weight.clone()
        for n, smooth in enumerate(model.upsample.smooth):
            normed(f"upsample_net.upsample.up_layers.{2 * n + 1}", smooth.weight)
    return state


def cone_state(network: ConeNetwork) -> dict:
    """The network as its authors' code saves it: with the bias of the window that is never used."""
    state = {}
    for key, weight in network.state_dict().items():
        part, *place = key.split(".")
        if part in LAYERS:
            level, layer, kind = place
            layer = {ours: theirs for theirs, ours in LAYERS[part].items()}[layer]
            key = f"{part}.{level}.{layer}.{kind}"
            weight = weight[..., None] if layer.startswith("gc_embed") and kind == "weight" else weight
        state[key] = weight
    last, outputs = network.config.depth - 1, 2 * network.config.microphones
    state[f"decoder.{last}.gc_embed2.weight"] = torch.ones(outputs, network.config.windows, 1)
    state[f"decoder.{last}.gc_embed2.bias"] = torch.ones(outputs)
    return state


class Normed(dict):
    """A state dict with weight-normalised layers in it, whose gains are not the norms' own."""

    def normed(self, name: str, v: torch.Tensor, bias: torch.Tensor) -> None:
        self[f"{name}.weight_g"] = v.flatten(1).norm(dim=1).view(-1, *(1,) * (v.dim() - 1))
        self[f"{name}.weight_v"], self[f"{name}.bias"] = 3 * v, bias.clone()

    def convolution(self, name: str, weight: torch.Tensor, bias: torch.Tensor, taps: int = 1) -> None:
        """Of a linear layer over taps side by side."""
        self.normed(name, weight.unflatten(1, (taps, -1)).transpose(1, 2).contiguous(), bias)

    def plain(self, name: str, layer: torch.nn.Linear) -> None:
        self[f"{name}.weight"], self[f"{name}.bias"] = layer.weight.clone(), layer.bias.clone()

    def ends(self, model, embedding: str) -> None:
        """What both backbones of DiffWave begin and end with."""
        self.convolution("init_conv.0.conv", model.first.weight, model.first.bias)
        self.plain(f"{embedding}fc_t1", model.embed.layers[0])
        self.plain(f"{embedding}fc_t2", model.embed.layers[2])
        self.convolution("final_conv.0.conv", model.head.weight, model.head.bias)
        self.plain("final_conv.2.conv", model.noise)
        self["final_conv.2.conv.weight"] = self["final_conv.2.conv.weight"][..., None]

    def mel(self, name: str, mel) -> None:
        if mel is not None:
            for n, stage in enumerate(mel.upsample.stages):
                self.normed(f"{name}.upsample_conv2d.{n}", stage.weight, stage.bias)
            self.convolution(f"{name}.mel_conv.conv", mel.linear.weight, mel.linear.bias)


def diffwave_state(model: DiffWave) -> dict:
    """The model as DiffWave's authors save it."""
    state, width = Normed(), model.config.residual
    state.ends(model, "residual_layer.")
    for n, layer in enumerate(model.layers):
        block, (weight, bias) = f"residual_layer.residual_blocks.{n}", (layer.outputs.weight, layer.outputs.bias)
        state.plain(f"{block}.fc_t", layer.step)
        state.convolution(f"{block}.dilated_conv_layer.conv", layer.gates.weight, layer.gates.bias, 3)
        state.convolution(f"{block}.res_conv", weight[:width], bias[:width])
        state.convolution(f"{block}.skip_conv", weight[width:], bias[width:])
        state.mel(block, layer.mel)
    return dict(state)


def sashimi_state(model: SaShiMi) -> dict:
    """The model as the SaShiMi repository saves it: of `master` after a forward pass, or of `checkpoints`."""
    state = Normed()
    state.ends(model, "")
    state["norm.m"], state["norm.s"] = model.norm.m.clone(), model.norm.s.clone()
    for theirs, part in PARTS.items():
        for n, layer in enumerate(getattr(model, part)):
            put = _put_block if isinstance(layer, Block) else _put_pool
            put(state, f"{theirs}.{n}", layer)
    return dict(state)


def _put_pool(state: Normed, name: str, layer: Down | Up) -> None:
    weight, bias, pool = layer.mix.weight, layer.mix.bias, layer.pool
    if isinstance(layer, Down):
        weight = weight.unflatten(1, (pool, -1)).transpose(1, 2).flatten(1)
    else:
        weight, bias = (t.unflatten(0, (pool, -1)).transpose(0, 1).flatten(0, 1) for t in (weight, bias))
    state.convolution(f"{name}.linear.conv", weight, bias)


def _put_block(state: Normed, name: str, block: Block) -> None:
    state.plain(f"{name}.fc_t", block.step)
    for norm in ("norm1", "norm2"):
        state[f"{name}.{norm}.m"], state[f"{name}.{norm}.s"] = getattr(block, norm).m, getattr(block, norm).s
    for n in (0, 2):
        state.convolution(f"{name}.ff.ff.{n}.conv", block.feed[n].weight, block.feed[n].bias)
    state.mel(name, block.mel)
    s4, kernel = block.s4, block.s4.kernel
    if kernel.gated:
        own = {"C": "C", "log_dt": "log_step", "inv_w_real": "log_decay", "w_imag": "frequency"}
        state |= {f"{name}.layer.kernel.kernel.{key}": getattr(kernel, ours) for key, ours in own.items()}
        state |= {f"{name}.layer.kernel.kernel.{key}": getattr(kernel, key)[None] for key in ("B", "P")}
        state[f"{name}.layer.kernel.kernel.L"] = torch.tensor(kernel.length)
        state[f"{name}.layer.D"] = s4.D[None]
        state.plain(f"{name}.layer.output_linear.0", s4.mix)
        state[f"{name}.layer.output_linear.0.weight"] = s4.mix.weight[..., None]
        return
    own = {"C": "C", "B": "B", "w": "poles", "nodes": "nodes", "z": "z", "log_dt": "log_step"}
    for way, krylov in enumerate(("kernel", "kernel2")):
        state |= {f"{name}.layer.{krylov}.krylov.{key}": getattr(kernel, ours)[way] for key, ours in own.items()}
    state[f"{name}.layer.D"], state[f"{name}.layer.output_linear.weight"] = s4.D, s4.mix.weight
    state[f"{name}.layer.output_linear.bias"] = s4.mix.bias[:, None]


def masked_state(model: torch.nn.Module) -> dict:
    """Any network with a WaveRNN in it as the original saves it: with its mask."""
    masks = {f"{name}.mask": part.mask for name, part in model.named_modules() if isinstance(part, WaveRNN)}
    return {**model.state_dict(), **masks}


def lqvae_settings(model: LQVAE) -> dict:
    """Sizes as the LQ-VAE's system calls them."""
    own = model.config
    sizes = {"downs_t": own.downs, "strides_t": own.strides, "hvqvae_multipliers": own.multipliers}
    sizes = {key: list(value) for key, value in sizes.items()} | {"levels": len(own.levels), "sr": model.sample_rate}
    sizes |= {"width": own.width, "depth": own.depth, "emb_width": own.code_width, "l_bins": own.classes}
    sizes |= {"m_conv": own.residual_factor, "dilation_growth_rate": own.dilation_base, "l_mu": own.decay}
    return sizes | {
        "dilation_cycle": own.dilation_cycle,
        "vqvae_reverse_decoder_dilation": own.reversed_dilation,
    }


def lqvae_state(model: LQVAE) -> dict:
    """The networks of all levels as their system saves them."""
    names = {f"codebooks.{level}.k": f"bottleneck.level_blocks.{level}.k" for level in model.config.levels}
    return {names.get(key, key): weight for key, weight in model.state_dict().items()}


def code_prior_settings(model: Transformer) -> dict:
    """Those that an import reads; its weights say the others."""
    own = model.config
    return {"level": 2, "heads": own.heads, "attn_order": own.order, "blocks": own.blocks, "sr": model.sample_rate}


def code_prior_state(model: Transformer) -> dict:
    """A prior as its system saves it: with the codebooks of all levels."""
    state = model.state_dict()
    top = state.pop("codebook")
    books = {f"prior.bottleneck.level_blocks.{level}.k": top if level == 2 else top + 1 for level in range(3)}
    names = {"pos_emb": "pos_emb.pos_emb"}
    layers = {key: key.replace("layers.", "transformer._attn_mods.", 1) for key in state if key.startswith("layers.")}
    return {f"prior.{(names | layers).get(key, key)}": weight for key, weight in state.items()} | books


def pixelcnn_state(model: PixelCNN) -> dict[str, np.ndarray]:
    """The network as rampage644/wavenet saves it; its labels' halves are taken to be alike."""
    state = {}

    def put(name, weight, bias):
        state[f"{name}/W"], state[f"{name}/b"] = weight, bias

    convolutions = {"vertical": "vertical_conv", "link": "v_to_h_conv", "horizontal": "horizontal_conv"}
    for n, block in enumerate(model.blocks):
        own = f"blocks/{n - 1}" if n else "conv1"
        for ours, theirs in convolutions.items():
            layer = getattr(block, ours)
            for half, weight, bias in zip("ts", layer.weight.chunk(2), layer.bias.chunk(2), strict=True):
                put(f"{own}/{theirs}_{half}", weight, bias)
        put(f"{own}/horizontal_output", block.output.weight, block.output.bias)
        state[f"{own}/label/W"] = block.label.weight.chunk(2, dim=1)[0]
    put("conv2", model.head.weight, model.head.bias)
    put("conv4", model.logits.weight, model.logits.bias)
    return {name: weight.numpy() for name, weight in state.items()}


def onehot_wavenet_state(model: OneHotWaveNet) -> dict[str, np.ndarray]:
    """The network as rampage644/wavenet saves it."""
    state = {}

    def put(name, weight, bias, taps=1):
        state[f"{name}/W"] = weight.unflatten(1, (taps, -1)).transpose(1, 2)[:, :, None]
        state[f"{name}/b"] = bias

    put("conv1", model.first.weight, model.first.bias, taps=2)
    put("conv2", model.head.weight, model.head.bias)
    put("conv3", model.logits.weight, model.logits.bias)
    for n, layer in enumerate(model.layers):
        own = "stacks/{}/{}".format(*divmod(n, model.config.layers))
        (residual, skip), biases = layer.outputs.weight.chunk(2), layer.outputs.bias.chunk(2)
        put(f"{own}/gated_conv", layer.gates.weight, layer.gates.bias, taps=2)
        put(f"{own}/res_conv", residual, biases[0])
        put(f"{own}/skip_conv", skip, biases[1])
        if layer.label is not None:
            state[f"{own}/conditioning/W"] = layer.label.weight
    return {name: weight.numpy() for name, weight in state.items()}


def pixelcnnpp_state(model: PixelCNNPP, prefix: str = "") -> dict[str, torch.Tensor]:
    """The network as pclucas14/pixel-cnn-pp saves it: weight-normalised."""
    state = Normed()
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            kind = "lin_a" if isinstance(layer, torch.nn.Linear) else "conv"
            kind = "deconv" if isinstance(layer, torch.nn.ConvTranspose2d) else kind
            state.normed(f"{prefix}{name}.{kind}", layer.weight, layer.bias)
    return dict(state)
