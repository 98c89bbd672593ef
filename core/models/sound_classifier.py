"""A small network that tells short sounds with labels apart, such as spoken digits; evaluations judge sounds by it.

It hears nothing over 3.8 kHz, so that recordings at 8 kHz, and what extends their band, are the same to it.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.signal.log_mel import log_mel
from core.signal.mel import MelFrontEnd
from core.signal.short_sounds import at_level, centred, trimmed

HEARD = MelFrontEnd(16000, 512, 128, 40, 60.0, 3800.0, "log10", 1e-3)  # the floor lies about 40 dB under a vowel
WINDOW = 16384  # samples that it hears of a sound
MIDDLE, DECADES = -2.0, 0.7  # about the mean and the deviation of what it hears
HALVINGS = 3  # of bands and frames
DROPOUT = 0.2  # share of the features that is left out in training


class SoundClassifier(nn.Module):
    """Log mel spectrograms of short sounds in, a log probability for each label out.

    Args:
        labels: that it tells apart.
        channels: of the first layer; the others have twice as many.
        features: numbers that a sound is described by before they are weighed for the labels.
    """

    sample_rate = HEARD.sample_rate

    def __init__(self, labels: Sequence[str], channels: int = 24, features: int = 64):
        super().__init__()
        self.labels = tuple(labels)
        sizes = [1, channels, *[2 * channels] * (HALVINGS - 1)]
        self.layers = nn.Sequential(*(_Layer(size, larger) for size, larger in zip(sizes, sizes[1:], strict=False)))
        self.joined = nn.Conv1d(2 * channels * (HEARD.bands >> HALVINGS), features, 3, padding=1)
        self.describe = nn.Linear(2 * features, features)
        self.weigh = nn.Linear(features, len(self.labels))

    def forward(self, mel: Tensor) -> Tensor:
        """As `prepared` makes them, `[batch, bands, frames]` -> log probabilities `[batch, labels]`."""
        return self.log_probabilities(self.features(mel))

    def features(self, mel: Tensor) -> Tensor:
        """What a sound is described by, `[batch, features]`."""
        h = self.layers((mel[:, None] - MIDDLE) / DECADES)  # [batch, channels, bands / 8, frames / 8]
        h = F.gelu(self.joined(h.flatten(1, 2)))
        return F.gelu(self.describe(torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=-1)))

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Of the labels, `[batch, labels]`."""
        return self.weigh(F.dropout(features, DROPOUT, self.training)).log_softmax(dim=-1)


class _Layer(nn.Module):
    """A convolution that halves both axes."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolve = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.normalise = nn.GroupNorm(1, outputs)

    def forward(self, h: Tensor) -> Tensor:
        return F.gelu(self.normalise(self.convolve(h)))


def prepared(waveform: Tensor) -> Tensor:
    """A sound `[frames]` at the classifier's rate as it hears it: trimmed, at one level, centred; `[bands, frames]`.

    What it does not hear is taken away first, so that it counts for nothing.
    """
    spectrum = torch.fft.rfft(waveform)
    spectrum[round(HEARD.highest_hz / HEARD.sample_rate * len(waveform)) + 1 :] = 0
    low = torch.fft.irfft(spectrum, len(waveform))
    sound = centred(at_level(trimmed(low, HEARD.sample_rate)), WINDOW)
    return log_mel(sound[None], HEARD)[0, :, : WINDOW // HEARD.hop_length]


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> SoundClassifier:
    """A classifier from a checkpoint's configuration (labels and sizes) and weights."""
    model = SoundClassifier(config["labels"], config["channels"], config["features"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)
