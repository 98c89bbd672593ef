"""A table of voices: what a converter looks up of speakers, without their recordings.

Of every speaker a number of steps, evenly chosen from recordings: the content of each, its spectrum and loudness, each
the mean over the few steps of that speaker that say the most alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from core.models.content_encoder import FRAMES_PER_STEP
from core.models.voice_features import Reference

ALIKE = 3  # steps that one of the table is the mean of
CONTENT_UNIT, SPECTRUM_UNIT, LOUDNESS_UNIT = 0.08, 0.03, 0.02  # what numbers from -127 to 127 are multiplied by


@dataclass(frozen=True)
class Speaker:
    """A voice of the table.

    Args:
        name: what `--speaker` calls it.
        description: for those who do not know it.
        licence: of the recordings, with the attribution that it asks for.
        pitch_hz: its measured range, and between both the median.
        height, spread: of its melody: median, log2 of Hz, and deviation in octaves.
    """

    name: str
    description: str
    licence: str
    pitch_hz: tuple[float, float, float]
    height: float
    spread: float


@dataclass(frozen=True, eq=False)
class VoiceTable:
    """Voices by name.

    Args:
        encoder: the checkpoint that told the content.
        speakers: by name, in order.
        content: int8 `[speakers, steps, features]`.
        spectra: int8 `[speakers, steps, bands]`.
        loudness: int8 `[speakers, steps]`.
    """

    encoder: str
    speakers: Mapping[str, Speaker]
    content: Tensor
    spectra: Tensor
    loudness: Tensor

    def reference(self, name: str) -> Reference:
        """The voice of a speaker, a batch of one."""
        number = list(self.speakers).index(name)
        content, spectra, loudness = (
            part[number][None].float() for part in (self.content, self.spectra, self.loudness)
        )
        frames = (spectra * SPECTRUM_UNIT).repeat(1, 1, FRAMES_PER_STEP)
        loudness = loudness * LOUDNESS_UNIT
        return Reference(content * CONTENT_UNIT, frames, loudness, torch.ones_like(loudness, dtype=torch.bool))

    def state(self) -> dict[str, Tensor]:
        """The tensors of its checkpoint."""
        return {"content": self.content, "spectra": self.spectra, "loudness": self.loudness}

    def config(self) -> dict:
        """The configuration of its checkpoint."""
        return {"encoder": self.encoder, "speakers": [asdict(speaker) for speaker in self.speakers.values()]}


def table_of(encoder: str, speakers: Sequence[Speaker], voices: Sequence[Reference], steps: int) -> VoiceTable:
    """A table of voices, so many steps of each.

    Args:
        voices: of the speakers, each a batch of one with at least so many steps.
    """
    rows = [_pooled(voice, steps) for voice in voices]
    content, spectra, loudness = (torch.cat(parts) for parts in zip(*rows, strict=True))
    return VoiceTable(encoder, {speaker.name: speaker for speaker in speakers}, content, spectra, loudness)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> VoiceTable:
    """A table from a checkpoint's configuration (`encoder`, `speakers`) and tensors."""
    rows = [Speaker(**{**row, "pitch_hz": tuple(row["pitch_hz"])}) for row in config["speakers"]]
    parts = {part: tensor.to(device) for part, tensor in state.items()}
    return VoiceTable(config["encoder"], {row.name: row for row in rows}, **parts)


def _pooled(voice: Reference, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Content, spectra and loudness of evenly chosen steps, int8 [1, steps, ...]."""
    chosen = torch.linspace(0, voice.steps - 1, steps).round().long()
    content = torch.nn.functional.normalize(voice.content[0], dim=-1)
    alike = (content[chosen] @ content.T).topk(ALIKE, dim=-1).indices
    spectra = voice.frames[0].unflatten(-1, (FRAMES_PER_STEP, -1)).mean(dim=1)
    units = (voice.content[0], CONTENT_UNIT), (spectra, SPECTRUM_UNIT), (voice.loudness[0, :, None], LOUDNESS_UNIT)
    means = (part[alike].mean(dim=1) / unit for part, unit in units)
    content, spectra, loudness = (mean.round().clamp(-127, 127).to(torch.int8)[None] for mean in means)
    return content, spectra, loudness[..., 0]
