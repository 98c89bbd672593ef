"""Objective of the content encoder: to predict what a large speech recogniser's encoder makes of recordings.

The data are a pack, and beside its index a `features.npz` of what the teacher makes of each file: int8 `[frames,
features]` by the file's path, times the entry `scale`; frame j covers the time from j / 50 s to (j + 1) / 50 s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models import content_encoder
from core.models.content_encoder import ENTRIES, FRAMES_PER_STEP, ContentEncoder, nearest, pairs_of
from core.signal.log_mel import log_mel
from core.training.data import PackedData
from core.training.objective import Objective
from core.training.objectives.mel_perturbation import perturb

FEATURES_FILE, FEATURE_RATE = "features.npz", 50
CLEAN_SHARE = 0.2  # of examples that are not perturbed
CODES_FROM = 0.5  # share of the training time from which on the codebooks are fitted
CODEBOOK_DECAY = 0.99
FEWEST_USES = 0.05  # of an entry in a batch, on average, under which it is revived


@dataclass(frozen=True)
class ContentExamples:
    """Waveforms [batch, samples], and what the teacher makes of them [batch, frames, features], NaN after their end."""

    waveforms: Tensor
    features: Tensor

    def to(self, device: torch.device) -> "ContentExamples":
        return ContentExamples(self.waveforms.to(device), self.features.to(device))


class ContentData(PackedData):
    """One split of a pack with the teacher's features.

    Raises:
        InputError: no pack, or no features of one of its recordings.
    """

    def __init__(self, folder: Path, split: str):
        super().__init__(folder, split)
        try:
            with np.load(folder / FEATURES_FILE, allow_pickle=False) as found:
                self._scale = float(found["scale"])
                self._features = [found[recording.path] for recording in self.recordings]
        except (OSError, ValueError, KeyError, BadZipFile):
            raise InputError(
                f"{folder} lacks the content of its recordings; put a {FEATURES_FILE} there that has an entry for each."
            ) from None

    def batch(self, training: Mapping, generator: Generator) -> ContentExamples:
        """Random segments of different recordings."""
        rows, taken = [], set()
        for _ in range(training["batch"]):
            number = self.choose(generator, but=taken)
            taken.add(number)
            rows.append(self._segment(number, training["segment"], generator))
        return ContentExamples(*(torch.stack(parts) for parts in zip(*rows, strict=True)))

    def held_out(self, count: int, segment: int, generator: Generator) -> list[ContentExamples]:
        rows = (self._segment(self.choose(generator), segment, generator) for _ in range(count))
        return [ContentExamples(waveform[None], features[None]) for waveform, features in rows]

    def _segment(self, number: int, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """One that begins where a frame of the teacher's does."""
        each = self.sample_rate // FEATURE_RATE
        room = max(self.recordings[number].length - length, 0) // each
        first, frames = int(torch.randint(room + 1, (1,), generator=generator)), length // each
        features = np.full((frames, self._features[number].shape[1]), np.nan, np.float32)
        known = self._features[number][first : first + frames]
        features[: len(known)] = known * self._scale
        return self.read(number, first * each, length), torch.from_numpy(features)


class ContentObjective(Objective):
    """Loss and validation of a `ContentEncoder`."""

    architecture = "content-encoder"

    def __init__(self):
        self._uses = self._sums = None  # of the codebooks' entries: running means

    def build(self, config: dict) -> ContentEncoder:
        return content_encoder.build(config)

    def open_data(self, folder: Path, split: str) -> ContentData:
        return ContentData(folder, split)

    def loss(
        self, model: ContentEncoder, examples: ContentExamples, generator: Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The share of the teacher's variance that is not explained."""
        mel = _mel(model, examples)
        clean = torch.rand(len(mel), 1, 1, generator=generator) < CLEAN_SHARE
        found = model(torch.where(clean.to(mel.device), mel, perturb(mel, model.front_end, generator)))
        loss = unexplained(found, _wanted(examples, found.shape[1], model))
        figures = {"unexplained": loss.item()}
        if self.progress >= CODES_FROM:
            figures["coarser"] = self._fit_codebooks(model, found.detach(), generator)
        return loss, figures

    @torch.no_grad()
    def _fit_codebooks(self, model: ContentEncoder, features: Tensor, generator: Generator) -> float:
        """Moves every entry to the mean of what it stands for (van den Oord et al. 2017, appendix A.1); those that
        hardly stand for anything are put where something is.

        Returns:
            The share of the variance that the codes lose.
        """
        pairs = pairs_of(features).flatten(0, 1)
        if self._uses is None:
            self._uses = [pairs.new_zeros(ENTRIES) for _ in model.codebooks]
            self._sums = [torch.zeros_like(codebook) for codebook in model.codebooks]
        left = pairs.clone()
        for part, uses, sums, codebook in zip(model.parts, self._uses, self._sums, model.codebooks, strict=True):
            own = left[:, part]
            chosen = torch.nn.functional.one_hot(nearest(own, codebook), ENTRIES).to(own)
            uses.lerp_(chosen.sum(dim=0), 1 - CODEBOOK_DECAY)
            sums.lerp_(chosen.T @ own, 1 - CODEBOOK_DECAY)
            dead = uses < FEWEST_USES
            drawn = torch.randint(len(own), (int(dead.sum()),), generator=generator).to(own.device)
            sums[dead], uses[dead] = own[drawn], 1.0
            codebook.copy_(sums / uses[:, None])
            left[:, part] = own - codebook[nearest(own, codebook)]
        return (left.square().mean() / pairs.var(dim=0).mean()).item()

    def state(self) -> dict:
        return {} if self._uses is None else {"uses": self._uses, "sums": self._sums}

    def restore(self, state: dict) -> None:
        self._uses, self._sums = state.get("uses"), state.get("sums")

    @torch.no_grad()
    def validate(
        self, model: ContentEncoder, examples: Sequence[ContentExamples], generator: Generator
    ) -> dict[str, float]:
        """Shares of the variance that are explained: by features, of perturbed sounds, by codes, by the coarsest."""
        explained = []
        for example in examples:
            mel = _mel(model, example)
            found = model(mel)
            codes = model.encode(found)
            answers = found, model(perturb(mel, model.front_end, generator)), model.decode(codes)
            answers = [*answers, model.decode(codes[..., :1])]
            wanted = _wanted(example, found.shape[1], model)
            explained.append(torch.stack([1 - unexplained(a[:, : found.shape[1]], wanted) for a in answers]))
        names = ("explained", "perturbed", "by codes", "by the first")
        return dict(zip(names, torch.stack(explained).mean(dim=0).tolist(), strict=True))


def unexplained(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference over the variance of what is wanted; what is NaN there does not count."""
    known = ~wanted.isnan()
    truth = torch.where(known, wanted, 0.0)
    return ((found - truth).square() * known).sum() / truth.square().sum().clamp_min(1e-6)


def _mel(model: ContentEncoder, examples: ContentExamples) -> Tensor:
    return log_mel(examples.waveforms, model.front_end)[..., :-1]


def _wanted(examples: ContentExamples, steps: int, model: ContentEncoder) -> Tensor:
    """The teacher's features [batch, steps, features], between the middles of whose frames the encoder's steps lie."""
    front_end = model.front_end
    seconds = torch.arange(steps, device=examples.features.device) * (
        FRAMES_PER_STEP * front_end.hop_length / front_end.sample_rate
    )
    places = (seconds * FEATURE_RATE - 0.5).clamp(0, examples.features.shape[1] - 1)
    before = places.floor().long().clamp_max(examples.features.shape[1] - 2)
    share = (places - before)[:, None]
    return torch.lerp(examples.features[:, before], examples.features[:, before + 1], share)
