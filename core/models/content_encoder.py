"""Content encoder: what is said, with little of who says it, from the log mel frames of a voice, as codes.

A student of a speech recogniser's encoder (distillation, Hinton et al. 2015): it predicts what that one makes of a
recording, less the recording's own mean, and hears voices moved up and down in pitch and formants, so that those say
nothing. Codes stand for pairs of its steps: a coarse number of one codebook, and further ones that say what it left of
some of the features each (residual and product quantization, Juang & Gray 1982; Jégou et al. 2011).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.models.convnext import KERNEL, ConvNeXt
from core.signal.mel import FRONT_ENDS, MelFrontEnd

FRAMES_PER_STEP, STEPS_PER_CODE = 2, 2
FRAMES_PER_CODE = FRAMES_PER_STEP * STEPS_PER_CODE
ENTRIES = 256  # of each codebook
LOUD_DECADES, QUIET_DECADES = 1.5, 2.0  # of frames that count as voice, under the loudest; of the quietest, under those


@dataclass(frozen=True)
class ContentConfig:
    """Sizes of a content encoder.

    Args:
        front_end: of the spectrograms, a name in `FRONT_ENDS`.
        channels, blocks: of the network.
        features: numbers a step.
        details: codebooks that say what the coarse one left of the mean of a code's steps, each of some features.
        changes: as many of the difference between its steps.
    """

    front_end: str = "resound-16k"
    channels: int = 192
    blocks: int = 8
    features: int = 64
    details: int = 16
    changes: int = 4


class ContentEncoder(nn.Module):
    """Spectrograms as log10 magnitudes `[batch, bands, frames]` to `[batch, steps, features]`; step s stands at frame
    FRAMES_PER_STEP * s, and steps = ceil(frames / FRAMES_PER_STEP).

    Args:
        name: of its checkpoint.
    """

    def __init__(self, config: ContentConfig, name: str = ""):
        super().__init__()
        self.config, self.name = config, name
        self.fast = True
        self.front_end: MelFrontEnd = FRONT_ENDS[config.front_end]
        self.embed = nn.Conv1d(self.front_end.bands, config.channels, KERNEL, FRAMES_PER_STEP, KERNEL // 2)
        self.first_norm, self.norm = nn.LayerNorm(config.channels), nn.LayerNorm(config.channels)
        self.body = ConvNeXt(config.channels, config.blocks)
        self.head = nn.Linear(config.channels, config.features)
        size = config.features
        self.parts = [
            list(range(2 * size)),
            *(list(range(n, size, config.details)) for n in range(config.details)),
            *(list(range(size + n, 2 * size, config.changes)) for n in range(config.changes)),
        ]
        self.codebooks = nn.ParameterList(nn.Parameter(torch.zeros(ENTRIES, len(part)), False) for part in self.parts)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @property
    def code_seconds(self) -> float:
        """How long the sound is that a code stands for."""
        return FRAMES_PER_CODE * self.front_end.hop_length / self.front_end.sample_rate

    def forward(self, mel: Tensor) -> Tensor:
        with torch.autocast(mel.device.type, torch.bfloat16, enabled=self.fast):
            h = self.first_norm(self.embed(without_channel(mel)).transpose(1, 2))
            return self.head(self.norm(self.body(h))).float()

    def encode(self, features: Tensor) -> Tensor:
        """Codes of features `[batch, steps, features]`, `[batch, codes, codebooks]`, the coarse number first; a last
        odd step is repeated."""
        left, codes = pairs_of(features), []
        for part, codebook in zip(self.parts, self.codebooks, strict=True):
            codes.append(nearest(left[..., part], codebook))
            left[..., part] -= codebook[codes[-1]]
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Features `[batch, steps, features]` of codes `[batch, codes, codebooks]`; the coarse numbers alone are enough
        for coarse features."""
        pairs = self.codebooks[0].new_zeros(*codes.shape[:-1], len(self.parts[0]))
        for part, codebook, numbers in zip(self.parts, self.codebooks, codes.unbind(dim=-1), strict=False):
            pairs[..., part] += codebook[numbers]
        mean, change = pairs.chunk(2, dim=-1)
        return torch.stack([mean + change, mean - change], dim=2).flatten(1, 2) / 2**0.5


def without_channel(mel: Tensor) -> Tensor:
    """Log mel frames `[batch, bands, frames]` less the mean of those that are loud; what is far under it is cut off.

    The mean of a recording's frames is mostly its microphone, and the voice's timbre.
    """
    level = mel.mean(dim=1, keepdim=True)
    loud = (level > level.amax(dim=-1, keepdim=True) - LOUD_DECADES).float()
    mean = (mel * loud).sum(dim=-1, keepdim=True) / loud.sum(dim=-1, keepdim=True)
    return (mel - mean).clamp_min(-QUIET_DECADES)


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Index of the entry that is nearest to each vector, `[...]` for `[..., size]`."""
    return (codebook.square().sum(dim=-1) - 2 * vectors @ codebook.T).argmin(dim=-1)


def pairs_of(features: Tensor) -> Tensor:
    """What codes stand for, the sum of two steps and their difference, over the root of 2, `[batch, codes,
    STEPS_PER_CODE * features]`; a last odd step is repeated."""
    if features.shape[1] % STEPS_PER_CODE:
        features = torch.cat([features, features[:, -1:]], dim=1)
    first, second = features[:, ::2], features[:, 1::2]
    return torch.cat([first + second, first - second], dim=-1) / 2**0.5


def build(config: Mapping, name: str = "") -> ContentEncoder:
    """A fresh network from a checkpoint's or a recipe's configuration."""
    return ContentEncoder(ContentConfig(**config), name)


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> ContentEncoder:
    """A content encoder from a checkpoint's configuration (the network's sizes, `sample_rate`) and weights."""
    model = build({key: value for key, value in config.items() if key != "sample_rate"}, name)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)
