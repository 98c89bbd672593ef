"""Utterances: what is said in a recording, as codes that can be rearranged, and how it is said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.errors import InputError
from core.models.content_encoder import FRAMES_PER_CODE, STEPS_PER_CODE, ContentEncoder
from core.models.converter import VoiceConverter
from core.models.vocoder import Vocoder
from core.models.voice_features import (
    HIGHEST_OCTAVES,
    LOUD_DECADES,
    QUIET_DECADES,
    Delivery,
    Reference,
    delivered_loudness,
    delivery_of,
    frames_of,
    loudness,
    voice_level,
    whole_steps,
)
from core.signal.clip import Clip
from core.signal.log_mel import log_mel
from core.signal.mel import MelFrontEnd
from core.signal.resampling import resample
from core.tasks.loading import load_converter
from core.tasks.settings import Settings
from core.zoo.families import CONTENT_ENCODER
from core.zoo.playing import vocoder_of

FEWEST_CODES, MOST_CODES = 3, 20_000  # that are said at once; a vocoder needs neighbours
FEWEST_PITCHES = 8  # steps with a pitch without which there is no melody
DEVIATION_SHARES = (0.16, 0.5, 0.84)  # of the pitches, that lie under the mean less a deviation, the mean, and more
LEAST_SPREAD = 0.02  # octaves


@dataclass(frozen=True)
class Speech:
    """The networks that hear and speak, on one device."""

    converter: VoiceConverter
    encoder: ContentEncoder
    vocoder: Vocoder

    @property
    def front_end(self) -> MelFrontEnd:
        return self.encoder.front_end

    @property
    def code_samples(self) -> int:
        """That a code stands for."""
        return FRAMES_PER_CODE * self.front_end.hop_length


@dataclass(frozen=True)
class Heard:
    """A recording as the networks hear it.

    Args:
        content: features of every step, `[1, steps, features]`.
        delivery: how it is said.
        frames: of `frames_of`, `[1, steps, ...]`.
        level: of the voice in decades, see `voice_level`.
        silence: decades by which every step is quieter than a delivery can say, `[1, steps]`, at most 0.
        samples: of its waveform, at the rate of the front-end.
    """

    content: Tensor
    delivery: Delivery
    frames: Tensor
    level: float
    silence: Tensor
    samples: int

    @property
    def articulation(self) -> float:
        """Root mean square of the content where it is loud: the less it is like speech, the less there is."""
        loud = self.delivery.loudness > -LOUD_DECADES
        return self.content[loud].square().mean().sqrt().item()

    @property
    def octaves(self) -> Tensor:
        """Pitch of the steps that have one, log2 of Hz, but for what is too high for the voice."""
        octaves = self.delivery.hertz[self.delivery.sung].log2()
        return octaves[octaves < octaves.median() + HIGHEST_OCTAVES] if len(octaves) else octaves

    @property
    def melody(self) -> tuple[float, float]:
        """See `melody_of`."""
        return melody_of(self.octaves)

    @property
    def reference(self) -> Reference:
        loud = self.delivery.loudness
        return Reference(self.content, self.frames, loud, torch.ones_like(loud, dtype=torch.bool))


@dataclass(frozen=True)
class Utterance:
    """What is said, code by code.

    Args:
        codes: int64 `[codes, codebooks]`, the coarse number first.
        delivery, silence: of a batch of one, STEPS_PER_CODE steps a code.
        level, samples: see `Heard`.
        code_samples: that a code stands for.
        height, spread: of the whole recording's melody, see `Heard.melody`; None where it has none.
    """

    codes: np.ndarray
    delivery: Delivery
    level: float
    silence: Tensor
    samples: int
    code_samples: int
    height: float | None
    spread: float | None

    def rearranged(self, order: Sequence[int]) -> "Utterance":
        """Of these codes, by their numbers, in this order; each takes along how it is said.

        Raises:
            InputError: too few codes, too many, or numbers of none.
        """
        if not FEWEST_CODES <= len(order) <= MOST_CODES:
            raise InputError(f"An utterance takes {FEWEST_CODES} to {MOST_CODES} codes, not {len(order)}.")
        if not all(0 <= number < len(self.codes) for number in order):
            raise InputError(f"The codes are numbered from 0 to {len(self.codes) - 1}; leave out other numbers.")
        wanted = np.asarray(order)
        steps = (wanted[:, None] * STEPS_PER_CODE + np.arange(STEPS_PER_CODE)).ravel()
        return replace(
            self,
            codes=self.codes[wanted],
            delivery=self.delivery.at(steps),
            silence=self.silence[:, steps],
            samples=len(wanted) * self.code_samples,
        )

    def runs(self) -> list[tuple[int, int, int]]:
        """Spans in which the coarsest code stays the same, as (code, first, stop)."""
        coarse = self.codes[:, 0]
        edges = [0, *(np.flatnonzero(np.diff(coarse)) + 1).tolist(), len(coarse)]
        return [(int(coarse[first]), first, stop) for first, stop in pairwise(edges)]


def melody_of(octaves: Tensor) -> tuple[float, float]:
    """Median of a pitch, log2 of Hz, and its deviation in octaves, which a few misheard steps leave as it is."""
    low, middle, high = octaves.quantile(torch.tensor(DEVIATION_SHARES).to(octaves)).tolist()
    return middle, max((high - low) / 2, LEAST_SPREAD)


def load_speech(settings: Settings) -> Speech:
    """The converter that the settings ask for, with what it hears and is played by.

    Raises:
        InputError: no such converter or device, or one that cannot convert with any voice.
    """
    converter = load_converter(settings)
    if not isinstance(converter, VoiceConverter):
        raise InputError(f"The VQ-VAE {converter.name} speaks with its own speakers alone; choose another converter.")
    return speech_of(converter)


def speech_of(converter: VoiceConverter) -> Speech:
    """A converter with what it hears and is played by."""
    encoder = zoo.load_model(CONTENT_ENCODER, converter.config.encoder, str(converter.device))
    return Speech(converter, encoder, vocoder_of(converter.front_end, str(converter.device)))


def hear(clip: Clip, speech: Speech) -> Heard:
    """A recording, mixed to mono, as the networks hear it: whole codes, the last of which silence fills.

    Raises:
        InputError: it is shorter than a code.
    """
    front_end, each = speech.front_end, speech.code_samples
    waveform = resample(clip.mono(), front_end.sample_rate).samples[0]
    if len(waveform) < each:
        raise InputError(
            f"The clip lasts {1000 * clip.seconds:.0f} ms, and a code stands for "
            f"{1000 * speech.encoder.code_seconds:.0f} ms; choose a longer one."
        )
    codes = max(FEWEST_CODES, -(-len(waveform) // each))
    padded = np.pad(waveform, (0, codes * each - len(waveform)))
    return replace(listen(torch.from_numpy(padded)[None], speech), samples=len(waveform))


@torch.no_grad()
def listen(waveform: Tensor, speech: Speech, least_level: float = -math.inf) -> Heard:
    """As `hear`, of a waveform `[1, samples]` at the rate of the front-end, of FEWEST_CODES or more whole codes.

    Args:
        least_level: of the voice; what is quieter than a voice of that level is none.
    """
    mel = whole_steps(log_mel(waveform.to(speech.encoder.device), speech.front_end))
    loud = loudness(mel)
    level = voice_level(loud).clamp_min(least_level)
    delivery = delivery_of(speech.vocoder.hear_pitch(mel).softmax(dim=1), delivered_loudness(loud, level))
    silence = (loud - level + QUIET_DECADES).clamp_max(0)
    frames = frames_of(mel, level)
    return Heard(speech.encoder(mel), delivery, frames, level.item(), silence, waveform.shape[1])


def understand(heard: Heard, speech: Speech) -> Utterance:
    """What is said in a recording, as codes."""
    codes = speech.encoder.encode(heard.content)[0].cpu().numpy()
    melody = heard.melody if len(heard.octaves) >= FEWEST_PITCHES else (None, None)
    said = heard.delivery, heard.level, heard.silence, heard.samples
    return Utterance(codes, *said, speech.code_samples, *melody)
