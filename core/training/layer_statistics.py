"""How large layers' outputs and weights' gradients are, to see where a network dies down or blows up."""

from functools import partial

from torch import Tensor, nn


class LayerStatistics:
    """Watches a network from now on.

    Args:
        model: whose layers with weights of their own are watched.
    """

    def __init__(self, model: nn.Module):
        self._model, self._outputs = model, {}
        for name, layer in model.named_modules():
            if any(True for _ in layer.parameters(recurse=False)):
                layer.register_forward_hook(partial(self._keep, name))

    def figures(self) -> dict[str, float]:
        """Root mean squares: of every layer's last output, of every weight's last gradient."""
        gradients = {
            f"gradient/{name}": _root_mean_square(weight.grad)
            for name, weight in self._model.named_parameters()
            if weight.grad is not None
        }
        return {f"output/{name}": value.item() for name, value in self._outputs.items()} | gradients

    def _keep(self, name: str, layer: nn.Module, inputs: tuple, output) -> None:
        if isinstance(output, Tensor):
            self._outputs[name] = output.detach().square().mean().sqrt()


def _root_mean_square(x: Tensor) -> float:
    return x.square().mean().sqrt().item()
