"""Models that are drawn step by step: WaveNets and WaveRNNs by samples, PixelCNNs by pixels, transformers by codes."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from core.models.categorical import pick


class StepwiseModel(ABC):
    """A network and the pasts of several streams, which grow together.

    A step is one class. What falls into several (the halves of a 16-bit sample, the colours of a pixel) takes several
    steps; what is drawn jointly (the codes of two sources) is one class, a number for each combination.
    """

    streams: int

    @abstractmethod
    def begin(self, condition: Tensor | None = None) -> None:
        """Forgets the past.

        Args:
            condition: what the network is conditioned on, in its own form, `[streams, ...]`.
        """

    @abstractmethod
    def logits(self) -> Tensor:
        """Of the next step given all so far, float32 `[streams, classes]`; asking again changes nothing."""

    @abstractmethod
    def advance(self, classes: Tensor) -> None:
        """Takes `[streams]` as the next step, drawn or given; also as the last one that the condition reaches."""

    @torch.no_grad()
    def draw(self, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        """Draws the next steps, each given those before; arguments as `pick`'s.

        Args:
            uniforms: `[streams, steps]`.

        Returns:
            Classes, int64, and their log-probabilities, `[streams, steps]`.
        """
        picked = []
        for uniform in uniforms.unbind(dim=1):
            picked.append(pick(self.logits(), uniform, temperature, top_k))
            self.advance(picked[-1][0])
        classes, log_probs = zip(*picked, strict=True)
        return torch.stack(classes, dim=1), torch.stack(log_probs, dim=1)

    @torch.no_grad()
    def force(self, x: Tensor) -> Tensor:
        """Takes x `[streams, steps]` as the next steps: the logits of each before it, `[streams, steps, classes]`."""
        logits = []
        for classes in x.unbind(dim=1):
            logits.append(self.logits())
            self.advance(classes)
        return torch.stack(logits, dim=1)
