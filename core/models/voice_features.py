"""What voices are made of, as numbers a step: how something is said, and recordings as a converter looks them up.

A step is FRAMES_PER_STEP frames of a log10 mel spectrogram. Loudness is in decades.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from core.models.content_encoder import FRAMES_PER_STEP
from core.models.pitch import expected_pitch

LOUD_DECADES, QUIET_DECADES = 1.0, 2.5  # of frames that count as voice, under the loudest; of the quietest, under those
HIGHEST_OCTAVES = 0.9  # over its median that a voice's pitch lies
VOICED = 0.5  # least probability of a pitch that counts in a voice's median


@dataclass(frozen=True)
class Delivery:
    """How something is said, step by step.

    Args:
        hertz: pitch, `[batch, steps]`, of any value where there is none.
        voiced: probability of a pitch, `[batch, steps]`.
        loudness: of `loudness`, relative to the voice's, `[batch, steps]`.
    """

    hertz: Tensor
    voiced: Tensor
    loudness: Tensor

    def at(self, steps: slice | Sequence[int]) -> "Delivery":
        return Delivery(self.hertz[:, steps], self.voiced[:, steps], self.loudness[:, steps])

    def moved(self, height: Tensor, to: Tensor, width: float = 1.0) -> "Delivery":
        """At the pitch of another voice.

        Args:
            height, to: median of the pitch before and after, log2 of Hz, `[batch]`; NaN where there is none.
            width: factor by which the melody is widened around it.
        """
        octaves, height = self.hertz.log2(), height[:, None]
        hertz = (to[:, None] + width * (octaves - height)).exp2()
        # higher is what is heard in hissing, which no voice moves; and nothing is under NaN
        return Delivery(torch.where(octaves < height + HIGHEST_OCTAVES, hertz, self.hertz), self.voiced, self.loudness)

    @property
    def sung(self) -> Tensor:
        """Which steps have a pitch and are loud enough that it is the voice's, `[batch, steps]`."""
        return (self.voiced > VOICED) & (self.loudness > -LOUD_DECADES)


@dataclass(frozen=True)
class Reference:
    """A voice, as recordings of it.

    Args:
        content: features of every step, `[batch, steps, features]`.
        frames: of `frames_of`, `[batch, steps, FRAMES_PER_STEP * bands]`.
        loudness: of every step, relative to the voice's, `[batch, steps]`.
        known: which steps there are, `[batch, steps]`.
    """

    content: Tensor
    frames: Tensor
    loudness: Tensor
    known: Tensor

    @property
    def steps(self) -> int:
        return self.known.shape[1]

    def cut(self, first: int, stop: int) -> "Reference":
        return self._each(lambda part: part[:, first:stop])

    def rolled(self) -> "Reference":
        """Every one of the batch has the next one's."""
        return self._each(lambda part: part.roll(-1, dims=0))

    def padded(self, steps: int) -> "Reference":
        """With unknown steps up to so many."""
        missing = steps - self.steps
        return self._each(lambda part: torch.cat([part, part.new_zeros(len(part), missing, *part.shape[2:])], dim=1))

    def to(self, device: torch.device | str) -> "Reference":
        return self._each(lambda part: part.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Reference":
        return Reference(*(change(getattr(self, field.name)) for field in fields(self)))


def concatenated(voices: Sequence[Reference], dim: int) -> Reference:
    """Several recordings of one voice (dim 1) or a batch of voices (dim 0) as one."""
    return Reference(*(torch.cat([getattr(v, field.name) for v in voices], dim) for field in fields(Reference)))


def loudness(mel: Tensor) -> Tensor:
    """Log10 of the mean magnitude of the bands of every step, `[batch, steps]`.

    Args:
        mel: log10 magnitudes, `[batch, bands, frames]`, of whole steps.
    """
    return (10**mel).mean(dim=1).unflatten(-1, (-1, FRAMES_PER_STEP)).mean(dim=-1).log10()


def voice_level(loudness: Tensor) -> Tensor:
    """Of a voice in decades, `[batch, 1]`: the mean loudness of the steps that are near the loudest."""
    loud = (loudness > loudness.amax(dim=-1, keepdim=True) - LOUD_DECADES).float()
    return (loudness * loud).sum(dim=-1, keepdim=True) / loud.sum(dim=-1, keepdim=True)


def frames_of(mel: Tensor, level: Tensor) -> Tensor:
    """The frames of every step, relative to the voice's level, `[batch, steps, FRAMES_PER_STEP * bands]`."""
    return steps_of((mel - level[:, None]).clamp_min(-QUIET_DECADES - LOUD_DECADES))


def steps_of(mel: Tensor) -> Tensor:
    """Frames `[batch, bands, frames]` as those of every step, `[batch, steps, FRAMES_PER_STEP * bands]`."""
    return mel.transpose(1, 2).unflatten(1, (-1, FRAMES_PER_STEP)).flatten(2)


def frames_in_time(steps: Tensor) -> Tensor:
    """The inverse of `steps_of`."""
    return steps.unflatten(-1, (FRAMES_PER_STEP, -1)).flatten(1, 2).transpose(1, 2)


def delivered_loudness(loudness: Tensor, level: Tensor) -> Tensor:
    """Relative to the voice's level; what is far under it is as quiet as `QUIET_DECADES`."""
    return (loudness - level).clamp_min(-QUIET_DECADES)


def delivery_of(pitch: Tensor, loudness: Tensor) -> Delivery:
    """Step by step.

    Args:
        pitch: probabilities of the classes at every frame, `[batch, CLASSES, frames]`.
        loudness: of `delivered_loudness`.
    """
    hertz = expected_pitch(pitch).log2().unflatten(-1, (-1, FRAMES_PER_STEP)).mean(dim=-1).exp2()
    return Delivery(hertz, (1 - pitch[:, -1]).unflatten(-1, (-1, FRAMES_PER_STEP)).mean(dim=-1), loudness)


def whole_steps(mel: Tensor) -> Tensor:
    """Frames `[batch, bands, frames]` without the one that stands at the very end, and one that is no whole step's."""
    return mel[..., : (mel.shape[-1] - 1) // FRAMES_PER_STEP * FRAMES_PER_STEP]


def timbre(voice: Reference) -> Tensor:
    """Mean and deviation of the bands of a voice where it is loud, `[batch, 2 * bands]`."""
    loud = (voice.known & (voice.loudness > -LOUD_DECADES)).float()[..., None]
    bands = voice.frames.unflatten(-1, (FRAMES_PER_STEP, -1)).mean(dim=-2)
    mean = (bands * loud).sum(dim=1) / loud.sum(dim=1).clamp_min(1)
    variance = ((bands - mean[:, None]).square() * loud).sum(dim=1) / loud.sum(dim=1).clamp_min(1)
    return torch.cat([mean, (variance + 1e-6).sqrt()], dim=-1)
