"""Objective of the LQ-VAE: sounds come back from their codes, and the codes of two sounds add up to their mean's.

Losses are relative to the scales of the data, as in the original (Mancusi et al. 2021). Where there are `others`, the
second sound of every pair is one of theirs: drums with basses, say.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models import lqvae
from core.models.lqvae import LQVAE
from core.models.lqvae_losses import SPECTRUM, Level, LossWeights, linearise, losses_of, magnitudes
from core.signal.metrics import si_sdr_db
from core.training.data import PackedData
from core.training.objective import Objective

MEASURED = 64  # segments that the scales are of
SMALLEST = 1e-6  # a scale


class LQVAEObjective(Objective):
    """Loss and validation of an `LQVAE`; arguments as `LossWeights`."""

    architecture = "lqvae"
    float32 = ("codebooks.*",)

    def __init__(
        self,
        l1: float = 0.0,
        l2: float = 1.0,
        worst: float = 0.02,
        worst_count: int = 2048,
        spectral: float = 0.0,
        multispectral: float = 1.0,
        commit: float = 1.0,
        latent: float = 1.0,
    ):
        self.weights = LossWeights(l1, l2, worst, worst_count, spectral, multispectral, commit, latent)
        self._pack: PackedData | None = None
        self._scaled: LossWeights | None = None
        self._model: LQVAE | None = None

    def open_data(self, folder: Path, split: str) -> PackedData:
        """Of a pack; the split that is opened first, that of training, says the scales."""
        pack = super().open_data(folder, split)
        self._pack = self._pack or pack
        return pack

    def build(self, config: dict) -> LQVAE:
        """A fresh network.

        Raises:
            InputError: sizes that do not fit each other.
        """
        try:
            self._model = lqvae.build(config, sample_rate=self.sample_rate)
        except (ValueError, IndexError, ZeroDivisionError) as error:
            raise InputError(f"The recipe's model section does not fit together: {error}.") from None
        return self._model

    def loss(self, model: LQVAE, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Of a batch `[batch, samples]`; to log are its parts and how many of the top level's codes live."""
        if examples.shape[1] % model.hop():
            raise InputError(f"training.segment must be a multiple of {model.hop()}, not {examples.shape[1]}.")
        model.train()
        waveform = self._paired(examples, generator)
        made, weights = linearise(model, waveform), self._weights(examples.shape[1])
        losses = losses_of(waveform, made, weights)
        figures = {"reconstruction": sum(losses.reconstruction.values()), "latent": sum(losses.latent.values())}
        figures |= {"multispectral": sum(losses.multispectral.values()), "commit": losses.commit}
        figures |= {"alive": made[model.top].sources.usage.alive}
        return losses.total(weights), {name: value.item() for name, value in figures.items()}

    def state(self) -> dict:
        """Running sums and counts of the codes."""
        books = self._model.codebooks.items()
        return {"books": {level: {"sums": book.sums, "counts": book.counts} for level, book in books}}

    def restore(self, state: dict) -> None:
        for level, book in state["books"].items():
            for name, values in book.items():
                getattr(self._model.codebooks[level], name).copy_(values)

    @torch.no_grad()
    def validate(self, model: LQVAE, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Of the top level: SI-SDR in dB, the share of sums that are the mean's code, and the codes' perplexity."""
        model.eval()
        together = torch.cat(examples[: len(examples) // 2 * 2] or examples * 2)
        made = linearise(model, self._paired(together, generator))[model.top]
        said = model.decode(model.encode(together))
        shares = made.sources.codes.flatten().bincount() / made.sources.codes.numel()
        return {
            "si_sdr_db": _si_sdr(together, said),
            "sums_right": (made.sums.codes == made.mixtures.codes).float().mean().item(),
            "perplexity": torch.xlogy(shares, shares).sum().neg().exp().item(),
        }

    @torch.no_grad()
    def sounds(self, model: LQVAE, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A sound and what its codes say; the mean of two, and what the sums of their codes say."""
        model.eval()
        pair = self._paired(examples[:1].repeat(2, 1), generator)
        made: Level = linearise(model, pair)[model.top]
        said = model.decode(made.sources.codes)[:1]
        mean, summed = pair.mean(dim=0, keepdim=True), model.decode(made.sums.codes)
        return {"target": pair[:1], "generated": said, "mean": mean, "sum of codes": summed}

    def _paired(self, examples: Tensor, generator: Generator) -> Tensor:
        """A batch whose second half is of `others`, where there are some."""
        if not self.others:
            return examples
        chosen = torch.randint(len(self.others), (len(examples) // 2,), generator=generator).tolist()
        seconds = [self.others[number].sample(examples.shape[1], generator) for number in chosen]
        return torch.cat([examples[: len(examples) - len(seconds)], torch.stack(seconds).to(examples)])

    def _weights(self, length: int) -> LossWeights:
        """With the scales of segments of the training data, always the same ones."""
        if self._scaled is None:
            generator = torch.Generator().manual_seed(0)
            segments = torch.stack([self._pack.sample(length, generator) for _ in range(MEASURED)])
            spectra = magnitudes(segments, SPECTRUM).flatten(1).norm(dim=1).mean()
            scales = {"l1": segments.abs().mean(), "l2": segments.var(), "spectral": spectra}
            scales = {f"scale_{name}": max(scale.item(), SMALLEST) for name, scale in scales.items()}
            self._scaled = replace(self.weights, **scales)
        return self._scaled


def _si_sdr(target: Tensor, made: Tensor) -> float:
    """Mean over the sounds that are not silent, in dB."""
    pairs = zip(target.cpu().numpy(), made.cpu().numpy(), strict=True)
    figures = [si_sdr_db(own, said) for own, said in pairs if own.any()]
    return sum(figures) / max(1, len(figures))
