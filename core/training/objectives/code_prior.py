"""Objective of a prior of codes: each of an LQ-VAE's codes from those before it.

Recordings are coded while it trains, from any sample on, so that codes come in every alignment (the original's
`aug_shift`); packs are mono already, so there is nothing to blend.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core import zoo
from core.errors import InputError
from core.models import transformer
from core.models.lqvae import LQVAE
from core.models.transformer import Transformer
from core.training.objective import Objective
from core.zoo.families import CODEC


class CodePriorObjective(Objective):
    """Loss and validation of a `Transformer` over codes.

    Args:
        codec: name of the LQ-VAE whose top level it learns.
    """

    architecture = "code-prior"
    float32 = ("codebook",)

    def __init__(self, codec: str):
        self.codec: LQVAE = zoo.load_model(CODEC, codec)

    def build(self, config: dict) -> Transformer:
        """A fresh network; the codebook's sizes become part of the configuration.

        Raises:
            InputError: an LQ-VAE of another rate, or sizes that do not fit each other.
        """
        if self.codec.sample_rate != self.sample_rate:
            raise InputError(
                f"{self.codec.name!r} hears {self.codec.sample_rate} Hz, the recipe {self.sample_rate} Hz."
            )
        book = self.codec.codebook().k
        config["classes"], config["code_width"] = book.shape
        try:
            model = transformer.build(config, sample_rate=self.sample_rate)
        except (ValueError, ZeroDivisionError) as error:
            raise InputError(f"The recipe's model section does not fit together: {error}.") from None
        model.codebook.copy_(book)
        return model

    def loss(self, model: Transformer, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Bits a code of waveforms `[batch, samples]`."""
        codes = self._codes(model, examples)
        with torch.autocast(codes.device.type, torch.bfloat16, enabled=codes.is_cuda):
            bits = _bits(model(codes).float(), codes)
        return bits, {"bits_per_code": bits.item()}

    @torch.no_grad()
    def validate(self, model: Transformer, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Bits a code, and of guesses by how often each code occurs in these."""
        codes = [self._codes(model, waveform) for waveform in examples]
        bits = torch.stack([_bits(model(own), own) for own in codes]).mean()
        shares = torch.cat(codes, dim=1).flatten().bincount().float()
        shares = shares / shares.sum()
        blind = -torch.xlogy(shares, shares).sum() / math.log(2)
        return {"bits_per_code": bits.item(), "blind_bits": blind.item()}

    @torch.no_grad()
    def sounds(self, model: Transformer, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A sound, what its codes say, and one that is drawn from the prior."""
        codes = self._codes(model, examples[:1])
        steps = model.stepwise()
        drawn, _ = steps.draw(torch.rand(codes.shape, generator=generator, dtype=torch.float64))
        said, made = (self.codec.decode(own.to(codes)) for own in (codes, drawn))
        return {"target": examples[:1], "compressed": said, "generated": made}

    def _codes(self, model: Transformer, waveform: Tensor) -> Tensor:
        with torch.no_grad():
            codes = self.codec.to(waveform.device).encode(waveform)
        if not 1 <= codes.shape[1] <= model.config.context:
            longest = model.config.context * self.codec.hop()
            raise InputError(f"training.segment must be {self.codec.hop()} to {longest} samples for this context.")
        return codes


def _bits(logits: Tensor, codes: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten()) / math.log(2)
