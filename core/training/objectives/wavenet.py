"""What a noise-conditional WaveNet learns: the clean class of the next sample from the noisy past (PnF, sec. 3.2).

PnF fine-tunes one network per noise level on noisy inputs and clean targets; here one network is told sigma.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.models.wavenet import RMS, NoiseEmbedding, WaveNet, WaveNetConfig
from core.models.wavenet_score import WaveNetScore
from core.signal.companding import MuLaw

LISTENING_LEVEL = 10.0  # classes


class WaveNetObjective:
    """Cross-entropy of the clean next class (mu-law), over noise levels spread evenly in ln(sigma).

    Args:
        loudest: highest noise level, in classes.
        quietest: lowest noise level, in classes; counts as noise-free.
        noise_free: share of segments that carry no noise at all.
        gain_spread_db: standard deviation of a segment's level around the level at which the prior knows audio.
        validation_levels: where `validate` looks, in classes.
    """

    def __init__(
        self,
        loudest: float = 175.9,
        quietest: float = NoiseEmbedding.quietest,
        noise_free: float = 0.1,
        gain_spread_db: float = 5.0,
        validation_levels: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0),
    ):
        self.loudest, self.quietest, self.noise_free = loudest, quietest, noise_free
        self.gain_spread_db, self.validation_levels = gain_spread_db, validation_levels
        self.domain = MuLaw()

    def build(self, config: dict) -> nn.Module:
        """An untrained network of these sizes (fields of `WaveNetConfig`)."""
        return WaveNet(WaveNetConfig(**config))

    def loss(self, model: nn.Module, waveform: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats of a batch of waveforms `[batch, frames]` in [-1, 1], and what to log of it."""
        sigma = self._draw_sigma(waveform, generator)
        loss = self._cross_entropy(model, self._draw_gain(waveform, generator), sigma, generator)
        return loss, {"bits_per_sample": loss.item() / math.log(2)}

    @torch.no_grad()
    def validate(self, model: nn.Module, waveforms: list[Tensor], generator: Generator) -> dict[str, float]:
        """Bits per sample of waveforms `[frames]` or `[batch, frames]`, by noise level."""
        return {
            f"bits_per_sample/sigma_{level:g}": self._bits(model, waveforms, level, generator)
            for level in self.validation_levels
        }

    def listen(self, model: nn.Module, waveform: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A waveform `[1, frames]` with noise, and what the network hears in it (Tweedie)."""
        level = LISTENING_LEVEL
        x = self.domain.encode((waveform * (RMS / root_mean_square(waveform))).clamp(-1, 1))
        x = x + level * torch.randn(x.shape, generator=generator, device=generator.device).to(x.device)
        _, gradient = WaveNetScore(model)(x, level)
        return {"noisy": self.domain.decode(x), "denoised": self.domain.decode(x + level**2 * gradient)}

    def _bits(self, model: nn.Module, waveforms: list[Tensor], level: float, generator: Generator) -> float:
        nats = samples = 0.0
        for waveform in map(torch.atleast_2d, waveforms):
            waveform = waveform * (RMS / root_mean_square(waveform))
            sigma = waveform.new_full(waveform.shape[:1], level)
            nats += self._cross_entropy(model, waveform, sigma, generator).item() * waveform.numel()
            samples += waveform.numel()
        return nats / samples / math.log(2)

    def _cross_entropy(self, model: nn.Module, waveform: Tensor, sigma: Tensor, generator: Generator) -> Tensor:
        clean = self.domain.encode(waveform.clamp(-1, 1))
        noise = torch.randn(clean.shape, generator=generator, device=generator.device).to(clean.device)
        noisy = clean + sigma[:, None] * noise
        with torch.autocast(clean.device.type, torch.bfloat16):
            logits = model(noisy[:, :-1], sigma)
        return F.cross_entropy(logits.float().flatten(0, 1), clean[:, 1:].long().flatten())

    def _draw_sigma(self, waveform: Tensor, generator: Generator) -> Tensor:
        """A noise level for every item of a batch, `[batch]`."""
        uniform, coin = torch.rand(2, len(waveform), generator=generator, device=generator.device).to(waveform.device)
        sigma = self.quietest * (self.loudest / self.quietest) ** uniform
        return torch.where(coin < self.noise_free, 0.0, sigma)

    def _draw_gain(self, waveform: Tensor, generator: Generator) -> Tensor:
        """The waveforms at random levels around RMS: parts of a clip are quieter and louder than all of it."""
        spread = torch.randn(len(waveform), 1, generator=generator, device=generator.device).to(waveform.device)
        return waveform * (RMS / root_mean_square(waveform)) * 10 ** (spread * self.gain_spread_db / 20)


def root_mean_square(waveform: Tensor) -> Tensor:
    """Of every row, `[batch, 1]`; silence counts as very quiet."""
    return waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
