"""Judge of voices: whether two sounds are of one voice, from mel frames, for training alone.

An embedding of unit length, learned by contrast (GE2E, Wan et al. 2018; van den Oord et al. 2018): a moment and other
sound of the same voice are to be nearer to each other than to those of other voices.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.convnext import ConvNeXt
from core.models.voice_features import LOUD_DECADES

SHARPNESS = 10.0  # of a fresh network's comparison


class VoiceJudge(nn.Module):
    """Frames of steps `[batch, steps, size]` and their loudness `[batch, steps]` to embeddings, `[batch, channels]`.

    Args:
        size: numbers a step, see `core.models.voice_features.frames_of`.
    """

    def __init__(self, size: int, channels: int = 128, blocks: int = 4):
        super().__init__()
        self.embed, self.body = nn.Linear(size, channels), ConvNeXt(channels, blocks)
        self.norm, self.head = nn.LayerNorm(channels), nn.Linear(2 * channels, channels)
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS))

    def forward(self, frames: Tensor, loudness: Tensor) -> Tensor:
        loud = (loudness > -LOUD_DECADES).float()[..., None]
        with torch.autocast(frames.device.type, torch.bfloat16):
            h = self.norm(self.body(self.embed(frames))).float()
        count = loud.sum(dim=1).clamp_min(1)
        mean = (h * loud).sum(dim=1) / count
        deviation = (((h - mean[:, None]).square() * loud).sum(dim=1) / count + 1e-4).sqrt()
        return F.normalize(self.head(torch.cat([mean, deviation], dim=-1)), dim=-1)

    def confusion(self, moments: Tensor, voices: Tensor) -> Tensor:
        """Cross-entropy of telling which of the voices `[batch, channels]` each of the moments is of: its own."""
        likeness = self.sharpness * moments @ voices.T
        return F.cross_entropy(likeness, torch.arange(len(moments), device=moments.device))
