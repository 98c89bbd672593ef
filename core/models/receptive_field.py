"""What each layer of a causal network sees of its input, found by gradient.

At one place the channels of a layer's output are added up with random weights, and the sum is differentiated with
respect to the network's whole input. Where a layer cannot look the gradient is zero; elsewhere it almost surely is not,
and says how much an input matters there. Nothing of it is derived from kernel sizes or dilations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.models.onehot_wavenet import OneHotWaveNet
from core.models.pixelcnn import PixelCNN
from core.models.wavenet import WaveNet

PREDICTION = "Prediction"


@dataclass(frozen=True)
class Sight:
    """What one layer sees.

    Args:
        layer: what it is called.
        weight: magnitude of the gradient at every sample `[time]` or pixel `[height, width]`, its channels added up;
            exactly 0 where the layer does not look.
    """

    layer: str
    weight: Tensor


def of_wavenet(network: WaveNet, x: Tensor, sigma: Tensor | None = None) -> Iterator[Sight]:
    """What the layers see from which the sample after x is predicted, in their order.

    Args:
        x: real-valued classes, `[1, time]`.
        sigma: as `WaveNet.forward`'s.
    """
    layers = _dilated(network.layers) | {PREDICTION: network.logits}
    for layer, gradient in _seen(layers, lambda x: network(x, sigma), x, lambda output: _first(output)[0, -1]):
        yield Sight(layer, gradient[0].abs())


def of_onehot_wavenet(network: OneHotWaveNet, classes: Tensor, label: Tensor | None = None) -> Iterator[Sight]:
    """As `of_wavenet`, from which the sample after `classes` int64 `[1, time]` is predicted.

    Args:
        label: as `OneHotWaveNet.forward`'s.
    """
    layers = {"First layer": network.first} | _dilated(network.layers) | {PREDICTION: network.logits}
    x = network.inputs(torch.cat([classes, classes[:, -1:]], dim=1))  # the last of x is what is predicted
    for layer, gradient in _seen(layers, lambda x: network(x, label), x, lambda output: _first(output)[0, -1]):
        yield Sight(layer, gradient[0, :-1].abs().sum(dim=-1))


def of_pixelcnn(
    network: PixelCNN, classes: Tensor, row: int, column: int, label: Tensor | None = None
) -> Iterator[Sight]:
    """What the blocks see from which a pixel's first colour is predicted, in their order.

    Args:
        classes: of the image, `[1, colours, height, width]`.
        label: as `PixelCNN.forward`'s.
    """
    blocks = {f"Block {number}": block for number, block in enumerate(network.blocks, start=1)}

    def at(output: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Of a block the horizontal stack, which the prediction is made of; channels are of colours by their index."""
        horizontal = output[-1] if isinstance(output, tuple) else output
        return horizontal[0, :: network.config.colours, row, column]

    x = network.scaled(classes)
    for layer, gradient in _seen(blocks | {PREDICTION: network.logits}, lambda x: network(x, label), x, at):
        yield Sight(layer, gradient[0].abs().sum(dim=0))


def _dilated(layers: Sequence[nn.Module]) -> dict[str, nn.Module]:
    return {f"Layer {number}, dilation {layer.dilation}": layer for number, layer in enumerate(layers, start=1)}


def _first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Of a layer the residual, which the next one is given."""
    return output[0] if isinstance(output, tuple) else output


def _seen(
    layers: Mapping[str, nn.Module], run: Callable[[Tensor], Tensor], x: Tensor, at: Callable[..., Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """The gradient of each layer's output at one place with respect to x, one layer after the other.

    Args:
        layers: by what they are called.
        at: takes an output to its channels at the place.
    """
    seen_from, random = {}, torch.Generator().manual_seed(0)
    with torch.enable_grad(), ExitStack() as hooks:
        x = x.detach().requires_grad_()
        for name, layer in layers.items():
            hooks.callback(layer.register_forward_hook(_keeper(seen_from, name, at)).remove)
        run(x)
    for name, channels in seen_from.items():
        weights = torch.randn(channels.shape, generator=random).to(channels)
        (gradient,) = torch.autograd.grad(channels, x, weights, retain_graph=True)
        yield name, gradient


def _keeper(kept: dict[str, Tensor], name: str, at: Callable[..., Tensor]) -> Callable[..., None]:
    def keep(layer: nn.Module, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
        kept[name] = at(output)

    return keep
