"""A prior of an LQ-VAE's codes as a prior that sound is drawn from, code by code (Mancusi et al. 2021)."""

import math

import torch
from torch import Tensor

from core.errors import InputError
from core.models.lqvae import LQVAE
from core.models.lqvae_pieces import decode
from core.models.transformer import Transformer, TransformerSteps
from core.types import AnyCondition, AutoregressivePrior, Score


class CodePrior(AutoregressivePrior):
    """What a transformer knows about a kind of sound, in codes; x are their numbers, `[batch, steps]`.

    Codes are no waveform that noise could be added to: they have no score, and nothing is restored with it.
    """

    rms, levels, start_level, usual_seconds = 1.0, (), 0.0, 4.0

    def __init__(self, codec: LQVAE, network: Transformer):
        self.codec, self.network = codec, network
        self.name, self.sample_rate, self.device = network.name, codec.sample_rate, network.device
        self.step_samples = codec.hop()
        self.receptive_field = network.config.context * self.step_samples

    def encode(self, waveform: Tensor) -> Tensor:
        """Of whole codes alone: what is left over at the end is not heard.

        Raises:
            InputError: it is shorter than a code.
        """
        whole = waveform.shape[-1] // self.step_samples * self.step_samples
        if not whole:
            raise InputError(f"{self.name} hears codes of {self.step_samples} samples; give it a longer sound.")
        return self.codec.encode(waveform[:, :whole].to(self.device))

    def decode(self, x: Tensor) -> Tensor:
        return decode(self.codec, x.long().to(self.device))

    def event(self, seconds: float) -> tuple[int, ...]:
        return (math.ceil(seconds * self.sample_rate / self.step_samples),)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Raises:
        InputError: codes have none.
        """
        raise InputError(f"{self.name} knows codes, which have no score; it can be drawn from, and no more.")

    @torch.no_grad()
    def predict(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        """As `AutoregressivePrior.predict`, of up to a context less one; there is no noise on codes."""
        return self.network(torch.cat([x, x[:, -1:]], dim=1).long())[:, 1:]  # the last code is not looked at

    def stepwise(self, streams: int = 1) -> TransformerSteps:
        return self.network.stepwise(streams)
