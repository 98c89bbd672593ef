"""Voice converter: the mel frames of one voice for what another one says, its pitch and loudness.

A regression over frames that looks up the spectra with which the wanted voice says the like in a recording of it, as
kNN-VC does (Baas et al. 2023), here by attention: several averages of the recording's spectra, from broad to sharp. A
ConvNeXt then says what else the frames hold: the harmonics, above all. So any recording is a voice, and none of
them has to be fitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.models.content_encoder import FRAMES_PER_STEP
from core.models.convnext import ConvNeXt
from core.models.pitch import LOWEST_HZ, OCTAVE, PITCHES, class_of, pulses, turns_at_frames
from core.models.voice_features import Delivery, Reference, frames_in_time, timbre
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, MelFrontEnd

FEATURE_SCALE = 2.0  # about the standard deviation of content features
PITCH_WAVES = 6
SHARPNESS = (8.0, 16.0, 32.0)  # of a fresh network's averages, which are softmaxes of cosines
PITCH_FRAMES = 32  # of the sounds that harmonics are measured of


@dataclass(frozen=True)
class ConverterConfig:
    """Sizes of a voice converter.

    Args:
        front_end: of the spectrograms, a name in `FRONT_ENDS`.
        channels, blocks: of the network.
        features: of the content, numbers a step.
        encoder: the checkpoint that tells the content.
    """

    front_end: str = "resound-16k"
    channels: int = 192
    blocks: int = 6
    features: int = 64
    encoder: str = "voice-content"


class VoiceConverter(nn.Module):
    """Content, a delivery and a voice in; log10 magnitudes out, `[batch, bands, FRAMES_PER_STEP * steps]`, relative to
    the voice's level.

    Args:
        name: of its checkpoint.
    """

    def __init__(self, config: ConverterConfig, name: str = ""):
        super().__init__()
        self.config, self.name = config, name
        self.fast = True
        self.front_end: MelFrontEnd = FRONT_ENDS[config.front_end]
        size, bands = FRAMES_PER_STEP * self.front_end.bands, self.front_end.bands
        self.match = nn.Linear(config.features, len(SHARPNESS) * config.features, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS))
        told = config.features + len(SHARPNESS) * size + bands + 2 * PITCH_WAVES + 2 + 2 * bands
        self.embed = nn.Linear(told, config.channels)
        self.body = ConvNeXt(config.channels, config.blocks)
        self.norm = nn.LayerNorm(config.channels)
        self.head = nn.Linear(config.channels, size)
        with torch.no_grad():
            self.match.weight.copy_(torch.eye(config.features).repeat(len(SHARPNESS), 1))
            self.head.weight.zero_(), self.head.bias.zero_()
        self.register_buffer("harmonics", harmonic_bands(self.front_end), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @property
    def context(self) -> int:
        """Steps on either side that a step depends on."""
        return self.body.context

    def forward(self, content: Tensor, delivery: Delivery, voice: Reference) -> Tensor:
        """content: features of every step, `[batch, steps, features]`."""
        found = self.look_up(content, voice)
        told = torch.cat([content / FEATURE_SCALE, *found, self._sound(delivery)], -1)
        told = torch.cat([told, timbre(voice)[:, None].expand(-1, told.shape[1], -1)], dim=-1)
        with torch.autocast(content.device.type, torch.bfloat16, enabled=self.fast):
            answer = self.head(self.norm(self.body(self.embed(told)))).float()
        frames = found[-1] + answer + delivery.loudness[..., None]
        return frames_in_time(frames)

    def look_up(self, content: Tensor, voice: Reference) -> list[Tensor]:
        """Averages of the voice's spectra, less their loudness, where it says the like of each step; `[batch, steps,
        FRAMES_PER_STEP * bands]` each, from broad to sharp."""
        spectra = voice.frames - voice.loudness[..., None]
        with torch.autocast(content.device.type, torch.bfloat16, enabled=self.fast):
            asked, answers = (self._matched(features) for features in (content, voice.content))
            likeness = asked @ answers.transpose(2, 3) * self.sharpness[:, None, None]
            weights = likeness.float().masked_fill(~voice.known[:, None, None], -torch.inf).softmax(dim=-1)
            return list((weights @ spectra[:, None]).float().unbind(dim=1))

    def _matched(self, features: Tensor) -> Tensor:
        """What each head compares, of unit length, [batch, heads, steps, features]."""
        heads = self.match(features).unflatten(-1, (len(SHARPNESS), -1)).transpose(1, 2)
        return nn.functional.normalize(heads.float(), dim=-1)

    def _sound(self, delivery: Delivery) -> Tensor:
        """Pitch, harmonics and loudness as numbers around 1, [batch, steps, bands + 2 * PITCH_WAVES + 2]."""
        place = class_of(delivery.hertz.clamp_min(LOWEST_HZ)).clamp(0, PITCHES - 1)
        below = place.floor().long().clamp_max(PITCHES - 2)
        share = (place - below)[..., None]
        voiced = delivery.voiced[..., None]
        harmonics = torch.lerp(self.harmonics[below], self.harmonics[below + 1], share) * voiced
        phase = place[..., None] / PITCHES * (torch.pi * 2 ** torch.arange(PITCH_WAVES, device=place.device))
        waves = torch.cat([phase.sin(), phase.cos()], dim=-1) * voiced
        return torch.cat([harmonics, waves, voiced, delivery.loudness[..., None]], dim=-1)


def harmonic_bands(front_end: MelFrontEnd) -> Tensor:
    """Log10 mel bands of pulses of every class of pitch, less their mean over the bands, `[PITCHES, bands]`."""
    hertz = LOWEST_HZ * 2 ** (torch.arange(PITCHES) / OCTAVE)
    hertz = hertz[:, None].expand(-1, PITCH_FRAMES)
    turns = turns_at_frames(hertz, front_end.hop_length, front_end.sample_rate)
    mel = log_mel(pulses(hertz, turns, front_end.hop_length, front_end.sample_rate), front_end)
    bands = mel[..., PITCH_FRAMES // 2]
    return bands - bands.mean(dim=1, keepdim=True)


def build(config: Mapping, name: str = "") -> VoiceConverter:
    """A fresh network from a checkpoint's or a recipe's configuration."""
    return VoiceConverter(ConverterConfig(**config), name)


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> VoiceConverter:
    """A voice converter from a checkpoint's configuration (the network's sizes, `sample_rate`) and weights."""
    model = build({key: value for key, value in config.items() if key != "sample_rate"}, name)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)
