"""Weights of our networks as the original systems save them."""

import torch

from core.models.cone import ConeNetwork
from core.models.wavenet import WaveNet
from core.zoo.importers.cone_of_silence import LAYERS


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
