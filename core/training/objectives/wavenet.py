"""Objective of a noise-conditional WaveNet: predict the clean class of the next sample from the noisy past.

PnF (Jayaram & Thickstun 2021, sec. 3.2) fine-tunes one network per noise level on noisy inputs and clean targets; here
one network is conditioned on sigma, and for vocoding on the clean mel spectrogram of each segment as well.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.errors import InputError
from core.models.wavenet import RMS, NoiseEmbedding, WaveNet, WaveNetConfig
from core.models.wavenet_score import WaveNetScore
from core.signal.companding import DOMAINS, Domain, MuLaw
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, MelFrontEnd, MelScaler
from core.training.data import PackedData
from core.training.objective import Objective

LISTENING_LEVEL = 10.0  # noise level of the logged sounds, in classes
SCALED_BY, QUIETEST = 200, 0.005  # segments that bands are scaled by; standard deviation under which one is skipped


class WaveNetObjective(Objective):
    """Cross-entropy of the clean next class, over noise levels spread evenly in ln(sigma).

    Args:
        loudest: highest noise level, in classes.
        quietest: lowest noise level, in classes; counts as noise-free.
        noise_free: share of segments without noise.
        gain_spread_db: standard deviation of a segment's level around RMS.
        validation_levels: noise levels of `validate`, in classes.
    """

    architecture = "wavenet"

    def __init__(
        self,
        loudest: float = 175.9,
        quietest: float = NoiseEmbedding.sigma_min,
        noise_free: float = 0.1,
        gain_spread_db: float = 5.0,
        validation_levels: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0),
    ):
        self.loudest, self.quietest, self.noise_free = loudest, quietest, noise_free
        self.gain_spread_db, self.validation_levels = gain_spread_db, validation_levels
        self.domain: Domain = MuLaw()
        self.front_end: MelFrontEnd | None = None

    def build(self, config: dict) -> nn.Module:
        """An untrained network.

        Args:
            config: fields of `WaveNetConfig`; optionally `domain` ("mu-law" by default) and `front_end` (of the mel
                spectrogram that it is conditioned on; none by default).
        """
        sizes = dict(config)
        self.domain = DOMAINS[sizes.pop("domain", "mu-law")]()
        front_end = sizes.pop("front_end", None)
        self.front_end = FRONT_ENDS[front_end] if front_end else None
        return WaveNet(WaveNetConfig(**sizes))

    def prepare(self, model: nn.Module, data: PackedData, segment: int, generator: Generator) -> None:
        """Sets the mean and scale of the mel bands from the training data.

        Raises:
            InputError: the data are silent.
        """
        if self.front_end is None:
            return
        segments = [data.sample(segment, generator)[None] for _ in range(SCALED_BY)]
        mels = [
            log_mel(s * (RMS / root_mean_square(s)), self.front_end)[0].numpy() for s in segments if s.std() > QUIETEST
        ]
        if not mels:
            raise InputError(f"Hardly anything in the data is louder than {QUIETEST:g}; choose other recordings.")
        scaler = MelScaler.fit(mels)
        model.upsample.mean.copy_(torch.from_numpy(scaler.mean))
        model.upsample.scale.copy_(torch.from_numpy(scaler.scale))

    def loss(self, model: nn.Module, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats of waveforms `[batch, frames]` in [-1, 1], and the same in bits to log."""
        sigma = self._draw_sigma(examples, generator)
        loss = self._cross_entropy(model, self._draw_gain(examples, generator), sigma, generator)
        return loss, {"bits_per_sample": loss.item() / math.log(2)}

    @torch.no_grad()
    def validate(self, model: nn.Module, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Bits per sample of waveforms `[frames]` or `[batch, frames]`, by noise level."""
        return {
            f"bits_per_sample/sigma_{level:g}": self._bits(model, examples, level, generator)
            for level in self.validation_levels
        }

    @torch.no_grad()
    def sounds(self, model: nn.Module, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A waveform `[1, frames]` with noise, and its denoised estimate (Tweedie)."""
        level = LISTENING_LEVEL
        waveform, condition = self._conditioned(model, examples * (RMS / root_mean_square(examples)))
        x = self.domain.encode(waveform.clamp(-1, 1))
        x = x + level * torch.randn(x.shape, generator=generator, device=generator.device).to(x.device)
        _, gradient = WaveNetScore(model)(x, level, condition=condition)
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
        waveform, condition = self._conditioned(model, waveform)
        clean = self.domain.encode(waveform.clamp(-1, 1))
        noise = torch.randn(clean.shape, generator=generator, device=generator.device).to(clean.device)
        noisy = clean + sigma[:, None] * noise
        with torch.autocast(clean.device.type, torch.bfloat16):
            logits = model(noisy[:, :-1], sigma, condition=condition)
        return F.cross_entropy(logits.float().flatten(0, 1), clean[:, 1:].long().flatten())

    def _conditioned(self, model: nn.Module, waveform: Tensor) -> tuple[Tensor, Tensor | None]:
        """Waveforms without the padding frames at both ends, and their upsampled mel spectrograms, one row for each
        sample but the last; None for a network without spectrograms."""
        if self.front_end is None:
            return waveform, None
        hop, padding = model.config.hop_length, model.config.frame_padding
        frames = waveform.shape[1] // hop
        condition = model.upsample(log_mel(waveform[:, : frames * hop], self.front_end)[..., :frames])
        return waveform[:, padding * hop : (frames - padding) * hop], condition[:, :-1]

    def _draw_sigma(self, waveform: Tensor, generator: Generator) -> Tensor:
        """A noise level for every item of a batch, `[batch]`."""
        uniform, coin = torch.rand(2, len(waveform), generator=generator, device=generator.device).to(waveform.device)
        sigma = self.quietest * (self.loudest / self.quietest) ** uniform
        return torch.where(coin < self.noise_free, 0.0, sigma)

    def _draw_gain(self, waveform: Tensor, generator: Generator) -> Tensor:
        """The waveforms at random levels around RMS, as parts of a clip are quieter or louder than the whole."""
        spread = torch.randn(len(waveform), 1, generator=generator, device=generator.device).to(waveform.device)
        return waveform * (RMS / root_mean_square(waveform)) * 10 ** (spread * self.gain_spread_db / 20)


def root_mean_square(waveform: Tensor) -> Tensor:
    """Root mean square of every row, `[batch, 1]`, at least 1e-4."""
    return waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
