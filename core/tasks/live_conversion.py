"""Live voice conversion: sound goes in as it comes, and is said with another voice a fixed delay later.

Of every piece the last seconds are heard, so that what the networks know of the past is what they know of a whole
recording; of the future they know AHEAD_STEPS, and the vocoder VOCODER_AHEAD frames. Frames of the voice that have been
made stay as they are, and the phase of its pulses goes on, so waveforms join; what little they differ is faded over.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.models.content_encoder import FRAMES_PER_STEP, STEPS_PER_CODE
from core.models.pitch import LOWEST_HZ, as_classes
from core.models.vocoder import Vocoder
from core.models.voice_features import HIGHEST_OCTAVES, Delivery
from core.tasks.blocks import silent
from core.tasks.utterance import Heard, Speech, Utterance, listen, melody_of, understand
from core.tasks.voice import Voice
from core.tasks.voice_conversion import Manner, at_frames, converted_frames, delivered

HEARD_CODES = 128  # of the past and present, that are heard at once: four seconds
MOST_CODES = 32  # that are new among them; more go piece by piece
AHEAD_STEPS, VOCODER_AHEAD = 6, 8  # steps, and frames after those, that are known of the future
FADE_SAMPLES = 256
LEAST_LEVEL = -2.5  # of a voice, decades; what is quieter is none
FADING_DECADES = 0.1  # a second, by which the level of a voice is forgotten that pauses
MELODY_STEPS, SPREAD_STEPS = 1250, 64  # with a pitch, that a melody is taken from, and that its width needs


class LiveConversion:
    """Somebody who speaks, said with a voice while they do. For one thread at a time.

    Args:
        manner: how it is to be said; the melody's height and width are those of the last seconds.
        seed: of the vocoder's noise.

    Raises:
        InputError: a transposition out of range.
    """

    def __init__(self, voice: Voice, speech: Speech, manner: Manner, seed: int = 0):
        manner.check()
        self._voice, self._speech, self._manner = voice, speech, manner
        self._heard = np.zeros(HEARD_CODES * speech.code_samples, dtype=np.float32)
        self._melody = _Melody(voice)
        self._player = _Player(speech.vocoder, seed)
        self._level = LEAST_LEVEL
        self._coming = np.zeros(0, dtype=np.float32)  # no whole code yet
        self._ready = np.zeros(speech.code_samples, dtype=np.float32)

    @property
    def sample_rate(self) -> int:
        """Of what goes in and comes out."""
        return self._speech.front_end.sample_rate

    @property
    def delay_samples(self) -> int:
        """By which what comes out lies behind what goes in."""
        ahead = AHEAD_STEPS * FRAMES_PER_STEP + VOCODER_AHEAD
        return ahead * self._speech.front_end.hop_length + self._speech.code_samples

    @property
    def delay_seconds(self) -> float:
        return self.delay_samples / self.sample_rate

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The next samples, float32 `[frames]`, and as many of the voice, which lie `delay_samples` behind them; before
        the first of those there is silence."""
        self._coming, each = np.concatenate([self._coming, samples]), self._speech.code_samples
        while codes := min(len(self._coming) // each, MOST_CODES):
            new, self._coming = np.split(self._coming, [codes * each])
            self._ready = np.concatenate([self._ready, self._said(new)])
        out, self._ready = np.split(self._ready, [len(samples)])
        return out

    @torch.no_grad()
    def _said(self, new: np.ndarray) -> np.ndarray:
        """As many samples of the voice as there are new ones, of whole codes."""
        self._heard = np.concatenate([self._heard[len(new) :], new])
        if silent(self._heard):
            return np.zeros_like(new)
        steps = len(new) // self._speech.code_samples * STEPS_PER_CODE
        heard = self._listen(len(new) / self.sample_rate)
        utterance = understand(heard, self._speech)
        settled = slice(-AHEAD_STEPS - steps, -AHEAD_STEPS)
        delivery = self._melody.follow(utterance, settled, self._manner)
        mel = converted_frames(utterance, delivery, self._voice, self._speech)
        frames = slice(FRAMES_PER_STEP * settled.start, FRAMES_PER_STEP * settled.stop)
        return self._player.play(mel[..., frames], delivery.at(settled))

    def _listen(self, seconds: float) -> Heard:
        """The last seconds; a voice that pauses is not forgotten at once, or silence would become voice."""
        least = max(LEAST_LEVEL, self._level - FADING_DECADES * seconds)
        heard = listen(torch.from_numpy(self._heard)[None], self._speech, least)
        self._level = heard.level
        return heard


class _Melody:
    """The melody of the last seconds, as a voice follows it.

    Args:
        voice: which follows; as wide as its melody counts the one of which too little was heard.
    """

    def __init__(self, voice: Voice):
        self._voice, self._octaves, self._known = voice, torch.zeros(0), None

    def follow(self, utterance: Utterance, settled: slice, manner: Manner) -> Delivery:
        """How the voice says an utterance; where the melody has moved, it gets there on the way through the steps that
        settle, and does not jump."""
        heard = utterance.delivery.at(settled)
        self._octaves = torch.cat([self._octaves, heard.hertz[heard.sung].log2().cpu()])[-MELODY_STEPS:]
        before, self._known = self._known, self._melody()
        delivery = self._said(utterance, self._known, manner)
        if before is None or self._known is None:
            return delivery
        place = torch.arange(-delivery.hertz.shape[1], 0).to(delivery.hertz)
        share = ((place - settled.start) / (settled.stop - settled.start)).clamp(0, 1)
        left = self._said(utterance, before, manner).hertz
        return replace(delivery, hertz=left ** (1 - share) * delivery.hertz**share)

    def _melody(self) -> tuple[float, float] | None:
        """Median and deviation, see `melody_of`."""
        octaves = self._octaves
        if not len(octaves):
            return None
        height, spread = melody_of(octaves[octaves < octaves.median() + HIGHEST_OCTAVES])
        return height, spread if len(octaves) >= SPREAD_STEPS else self._voice.spread

    def _said(self, utterance: Utterance, melody: tuple[float, float] | None, manner: Manner) -> Delivery:
        height, spread = melody or (None, None)
        return delivered(replace(utterance, height=height, spread=spread), self._voice, manner)


class _Player:
    """Frames as they come, as a waveform that lies VOCODER_AHEAD frames behind them.

    Args:
        seed: of the noise.
    """

    def __init__(self, vocoder: Vocoder, seed: int):
        self._vocoder, self._past = vocoder, vocoder.context - vocoder.pitch_context  # the pitch is given
        self._generator = torch.Generator().manual_seed(seed)
        kept, device = self._past + VOCODER_AHEAD, vocoder.device
        floor = math.log10(vocoder.front_end.floor)
        self._mel = torch.full((1, vocoder.front_end.bands, kept), floor, device=device)
        self._hertz = torch.full((1, kept), LOWEST_HZ, device=device)
        self._voiced = torch.zeros(1, kept, device=device)
        self._phase = torch.zeros(1, device=device)
        self._noise = self._drawn((kept - 1) * vocoder.hop_length)
        self._faded = torch.zeros(FADE_SAMPLES, device=device)

    def play(self, mel: Tensor, delivery: Delivery) -> np.ndarray:
        """The waveform of as many frames as come, float32 `[frames * hop_length]`.

        Args:
            mel: log10 magnitudes, `[1, bands, frames]`.
            delivery: of their steps.
        """
        vocoder, new, hop = self._vocoder, mel.shape[-1], self._vocoder.hop_length
        mel = torch.cat([self._mel, mel], dim=-1)
        hertz = torch.cat([self._hertz, at_frames(delivery.hertz)], dim=-1)
        voiced = torch.cat([self._voiced, at_frames(delivery.voiced)], dim=-1)
        noise = torch.cat([self._noise, self._drawn(new * hop)], dim=-1)
        pitch = as_classes(hertz, voiced)
        turns = vocoder.turns(pitch, (0, self._phase))
        made = vocoder(mel, pitch, turns, noise)[0, self._past * hop : (self._past + new) * hop + FADE_SAMPLES]
        share = torch.arange(FADE_SAMPLES, device=made.device) / FADE_SAMPLES
        made[:FADE_SAMPLES] = torch.lerp(self._faded, made[:FADE_SAMPLES], share)
        self._mel, self._hertz, self._voiced = (part[..., new:] for part in (mel, hertz, voiced))
        self._noise, self._phase, self._faded = noise[:, new * hop :], turns[:, new], made[new * hop :]
        return made[: new * hop].cpu().numpy()

    def _drawn(self, samples: int) -> Tensor:
        """White noise, [1, samples]."""
        return torch.randn(1, samples, generator=self._generator).to(self._vocoder.device)
