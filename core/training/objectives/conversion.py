"""Objective of the voice converter: moments of recordings from their codes, told the rest of what the same voice says.

Later on every moment is said by another voice as well, of which no recording exists: a discriminator that is told whose
voice it should be judges both (Goodfellow et al. 2014, conditioned as in Mirza & Osindero 2014), the content encoder
says whether the words have stayed, and a judge of voices, which learns from the recordings, whether the voice is that.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from core import zoo
from core.models import converter
from core.models.content_encoder import FRAMES_PER_STEP, ContentEncoder
from core.models.converter import VoiceConverter
from core.models.mel_discriminator import MelDiscriminator
from core.models.vocoder import Vocoder
from core.models.voice_features import (
    Delivery,
    Reference,
    delivered_loudness,
    delivery_of,
    frames_in_time,
    frames_of,
    loudness,
    steps_of,
    timbre,
    voice_level,
    whole_steps,
)
from core.models.voice_judge import VoiceJudge
from core.signal.log_mel import log_mel
from core.training.objective import Objective
from core.training.objectives.content import unexplained
from core.training.objectives.conversion_examples import ConversionData, ConversionExamples
from core.training.objectives.mel_perturbation import LARGEST_WARP, equaliser, narrow, say_otherwise, warp
from core.zoo.families import CONTENT_ENCODER, VOCODER

CLEAN_SHARE = 0.3  # of examples whose content is taken of the recording as it is
CHANGE_WEIGHT = 1.0  # of the differences between neighbouring frames
FEATURE_WEIGHT, VERDICT_WEIGHT, CONTENT_WEIGHT, VOICE_WEIGHT = 0.5, 0.1, 0.5, 1.0
OTHERS_WEIGHT = 0.5  # of what is still like the voice that said it before
JUDGED_FRAMES = 192  # of every moment
LEARNING_RATE, BETAS = 2e-3, (0.8, 0.99)  # of the discriminator
Losses = tuple[Tensor, dict[str, float]]


class ConversionObjective(Objective):
    """Loss and validation of a `VoiceConverter`.

    Args:
        vocoder: a checkpoint, which hears the pitch.
        adversarial_from: share of the training time from which on other voices speak and are judged; 1 for never.
    """

    architecture = "voice-converter"
    encoder: ContentEncoder

    def __init__(self, vocoder: str = "voice-vocoder", adversarial_from: float = 0.4):
        self.vocoder: Vocoder = zoo.load_model(VOCODER, vocoder)
        self.adversarial_from = adversarial_from
        self.critic = MelDiscriminator()
        self.optimizer = torch.optim.AdamW(self.critic.parameters(), LEARNING_RATE, BETAS)
        self.judge = VoiceJudge(FRAMES_PER_STEP * self.vocoder.front_end.bands)
        self.judge_optimizer = torch.optim.AdamW(self.judge.parameters(), LEARNING_RATE)

    def build(self, config: dict) -> VoiceConverter:
        model = converter.build(config)
        self.encoder = zoo.load_model(CONTENT_ENCODER, model.config.encoder)
        return model

    def open_data(self, folder: Path, split: str) -> ConversionData:
        return ConversionData(folder, split, lambda: self.encoder)

    def loss(self, model: VoiceConverter, examples: ConversionExamples, generator: Generator) -> Losses:
        """Distance to the recordings' frames and to their changes; later on with what is said of other voices."""
        moment = _Moment(self, examples)
        content, delivery = self._heard(moment, generator)
        made = torch.where(moment.known, model(content, delivery, examples.voices), moment.frames)
        near, changes = (made - moment.frames).abs().mean(), (made - moment.frames).diff(dim=-1).abs().mean()
        loss = near + CHANGE_WEIGHT * changes
        figures = {"near": near.item(), "confusion": self.learn_voices(moment.frames, examples.voices, generator)}
        if self.progress >= self.adversarial_from:
            voices = examples.voices.rolled()
            converted = model(content, moment.raised(delivery, moment.height.roll(-1)), voices)
            said = self._dispute(made, converted, moment, examples.voices, voices, generator)
            kept = unexplained(self.encoder(converted), content)
            alike, before = self._alike(converted, voices), self._alike(converted, examples.voices)
            wrong = (1 - alike + OTHERS_WEIGHT * before.relu()).mean()
            loss = loss + said[0] + CONTENT_WEIGHT * kept + VOICE_WEIGHT * wrong
            figures |= said[1] | {"content": kept.item(), "alike": alike.mean().item(), "before": before.mean().item()}
        return loss, figures

    @torch.no_grad()
    def _heard(self, moment: "_Moment", generator: Generator) -> tuple[Tensor, Delivery]:
        """What the codes say and how, of recordings most of which another voice might have made, at another microphone:
        loudness may lack what a narrow band leaves out."""
        front_end = self.encoder.front_end
        clean = torch.rand(len(moment.mel), 1, 1, generator=generator).to(moment.mel.device) < CLEAN_SHARE
        other = narrow(say_otherwise(moment.mel, front_end, generator), front_end, generator)
        mel = torch.where(clean, moment.mel, other)
        loud = loudness(mel)
        delivery = replace(moment.delivery, loudness=delivered_loudness(loud, voice_level(loud)))
        return self.encoder.decode(self.encoder.encode(self.encoder(mel)))[:, : loud.shape[1]], delivery

    def learn_voices(self, frames: Tensor, voices: Reference, generator: Generator) -> float:
        """Teaches the judge to tell whose voice moments [batch, bands, frames] are of, by other microphones, from all
        voices and from somebody's of other height and size; returns its confusion."""
        self.judge.to(frames.device)
        front_end, own = self.encoder.front_end, frames_in_time(voices.frames)
        factors = LARGEST_WARP ** (2 * torch.rand(len(own), 1, generator=generator).to(own) - 1).sign()
        factors = factors ** (0.5 + torch.rand(len(own), 1, generator=generator).to(own))
        sounds = [frames, own, warp(own, factors, front_end)]
        loud = loudness(frames), voices.loudness, voices.loudness
        moments, *candidates = (
            self.judge(steps_of(sound + equaliser(sound, generator)), quiet)
            for sound, quiet in zip(sounds, loud, strict=True)
        )
        confusion = self.judge.confusion(moments, torch.cat(candidates))
        self.judge_optimizer.zero_grad(set_to_none=True)
        confusion.backward()
        self.judge_optimizer.step()
        return confusion.item()

    def _alike(self, frames: Tensor, voices: Reference) -> Tensor:
        """Cosines of the embeddings of moments and voices, [batch]; no gradient reaches the judge."""
        self.judge.requires_grad_(False)
        cosines = (self._embedded(frames) * self.judge(voices.frames, voices.loudness)).sum(dim=-1)
        self.judge.requires_grad_(True)
        return cosines

    def _embedded(self, frames: Tensor) -> Tensor:
        return self.judge(steps_of(frames), loudness(frames))

    def _dispute(
        self,
        made: Tensor,
        converted: Tensor,
        moment: "_Moment",
        own: Reference,
        others: Reference,
        generator: Generator,
    ) -> Losses:
        """Teaches the discriminator to tell recordings from what was made, then asks it."""
        self.critic.to(made.device)
        first = int(torch.randint(made.shape[-1] - JUDGED_FRAMES + 1, (1,), generator=generator))
        made, converted, real = (m[..., first : first + JUDGED_FRAMES] for m in (made, converted, moment.frames))
        own, others = timbre(own), timbre(others)
        fakes, whose = torch.cat([made, converted]), torch.cat([own, others])
        verdict, features = self.critic(real, own)
        told = (1 - verdict).relu().mean() + (1 + self.critic(fakes.detach(), whose)[0]).relu().mean()
        self.optimizer.zero_grad(set_to_none=True)
        told.backward()
        self.optimizer.step()
        self.critic.requires_grad_(False)
        verdicts, seen = self.critic(fakes, whose)
        self.critic.requires_grad_(True)
        pairs = zip(seen, features, strict=True)
        unlike = torch.stack([_relative(a[: len(real)], b.detach()) for a, b in pairs]).mean()
        figures = {"told": told.item(), "unlike": unlike.item()}
        return FEATURE_WEIGHT * unlike - VERDICT_WEIGHT * verdicts.mean(), figures

    def state(self) -> dict:
        trained = {"critic": self.critic, "judge": self.judge}
        optimizers = {"optimizer": self.optimizer, "judge_optimizer": self.judge_optimizer}
        return {name: part.state_dict() for name, part in (trained | optimizers).items()}

    def restore(self, state: dict) -> None:
        for name in ("critic", "optimizer", "judge", "judge_optimizer"):
            getattr(self, name).load_state_dict(state[name])

    @torch.no_grad()
    def validate(
        self, model: VoiceConverter, examples: Sequence[ConversionExamples], generator: Generator
    ) -> dict[str, float]:
        """Distance to the recordings' frames; of what neighbouring examples' voices say the content lost, and how much
        the judge finds it like them."""
        found = []
        for example, other in zip(examples, [*examples[1:], examples[0]], strict=True):
            moment, next_moment = _Moment(self, example), _Moment(self, other)
            content = self.encoder.decode(self.encoder.encode(self.encoder(moment.mel)))[:, : moment.steps]
            made = torch.where(moment.known, model(content, moment.delivery, example.voices), moment.frames)
            converted = model(content, moment.raised(moment.delivery, next_moment.height), other.voices)
            lost = unexplained(self.encoder(converted), content)
            alike = self._alike(converted, other.voices).mean()
            found.append(torch.stack([(made - moment.frames).abs().mean(), lost, alike]))
        return dict(zip(("near", "lost", "alike"), torch.stack(found).mean(dim=0).tolist(), strict=True))


class _Moment:
    """What recordings hold: frames, which of them there are, how things are said and how high the voices are."""

    def __init__(self, objective: ConversionObjective, examples: ConversionExamples):
        front_end = objective.encoder.front_end
        self.mel = whole_steps(log_mel(examples.waveforms, front_end))
        loud = loudness(self.mel)
        level = voice_level(loud)
        self.frames = frames_in_time(frames_of(self.mel, level))
        places = torch.arange(self.mel.shape[-1], device=self.mel.device)
        self.known = (places < examples.lengths[:, None] // front_end.hop_length)[:, None]
        with torch.no_grad():
            pitch = objective.vocoder.hear_pitch(self.mel).softmax(dim=1)
        self.delivery = delivery_of(pitch, delivered_loudness(loud, level))
        pitches = torch.where(self.delivery.sung, self.delivery.hertz.log2(), torch.nan)
        self.height = pitches.nanmedian(dim=1).values

    @property
    def steps(self) -> int:
        return self.delivery.hertz.shape[1]

    def raised(self, delivery: Delivery, heights: Tensor) -> Delivery:
        """A delivery at the pitch of other voices, log2 [batch]; where either has none, at its own."""
        return delivery.moved(self.height, torch.where(heights.isnan(), self.height, heights))


def _relative(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference, relative to the mean magnitude of b."""
    return (a.float() - b.float()).abs().mean() / b.float().abs().mean().clamp_min(1e-6)
