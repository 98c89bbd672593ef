"""Discriminator of log mel frames that is told whose voice they should be, for training alone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (3, 32, 48, 64, 64)
KERNELS = ((5, 3), (5, 5), (5, 5), (3, 3))  # over bands and frames
STRIDES = ((2, 1), (2, 2), (2, 2), (1, 1))
SLOPE = 0.1


class MelDiscriminator(nn.Module):
    """Says of every patch of a spectrogram whether it is of a recording of that voice."""

    def __init__(self):
        super().__init__()
        shapes = zip(CHANNELS[:-1], CHANNELS[1:], KERNELS, STRIDES, strict=True)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(a, b, kernel, stride, (kernel[0] // 2, kernel[1] // 2))).to(
                memory_format=torch.channels_last
            )
            for a, b, kernel, stride in shapes
        )
        self.last = nn.Conv2d(CHANNELS[-1], 1, 3, padding=1)

    def forward(self, mel: Tensor, timbre: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The verdicts on log10 magnitudes `[batch, bands, frames]`, above zero for recordings, `[batch, 1, patches,
        frames]`, and the features of every layer.

        Args:
            timbre: of the voice, mean and deviation of its bands, `[batch, 2 * bands]`.
        """
        voice = timbre.unflatten(-1, (2, -1))[..., None].expand(-1, -1, -1, mel.shape[-1])
        h = torch.cat([mel[:, None], voice], dim=1).contiguous(memory_format=torch.channels_last)
        features = []
        with torch.autocast(mel.device.type, torch.bfloat16):
            for layer in self.layers:
                h = F.leaky_relu(layer(h), SLOPE)
                features.append(h)
            return self.last(h).float(), features
