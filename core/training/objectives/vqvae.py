"""Objective of the VQ-VAE with the overtone decoder: both halves of the next sample, and codes that stay near.

As mkotha/WaveRNN has it: negative log-likelihoods, penalties with a scaled share for the encoder at first, noise on
what the encoder hears and a shift of it, so that it does not learn single samples. Ours is that codes which nothing is
near to any more begin anew where the encoder is (as in Jukebox, Dhariwal et al. 2020). In short trainings that is not
enough, as the decoder learns its own past first and meanwhile to do without codes; so the encoder can be taught
(`cepstral_teaching.py`), and then it and the codes stay as they are.
"""

import importlib.util
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate.utils import broadcast
from torch import Generator, Tensor

from core.models import vqvae
from core.models.vqvae import PAD_LEFT, VQVAE, Quantised, encoder_weight, padded, training_window
from core.models.wavernn import HISTORY, HOP, Heard
from core.signal.sample_halves import as_waveform, joined
from core.training.objective import Objective
from core.training.objectives.cepstral_teaching import teach
from core.training.objectives.vqvae_examples import FARTHEST, VoiceWindowData, VoiceWindows, speakers_in

MULTIPLICATIVE, ADDITIVE = 0.02, 0.003  # noise on the encoder's input: of the logarithm of its level, and of samples
REMEMBERED = 0.99  # of how often codes were used, an update
REVIVED_EVERY = 100  # updates
DEAD = 0.02  # share of an even use under which a code begins anew


class VQVAEObjective(Objective):
    """Loss and validation of a `VQVAE`; `training.segment` is of targets.

    Args:
        speaker_seconds: material that a speaker needs to be learnt; recordings of others are left out.
        taught: whether the encoder is taught beforehand what shape spectra have, and stays.
    """

    architecture = "vqvae"

    def __init__(self, speaker_seconds: float = 30.0, taught: bool = False):
        self.speaker_seconds, self.taught = speaker_seconds, taught
        self.names: list[str] = []
        self._updates, self._classes, self._use, self._inputs = 0, 0, None, None

    def open_data(self, folder: Path, split: str) -> VoiceWindowData:
        """Of a pack; the split that is opened first, that of training, says who the speakers are."""
        pack = super().open_data(folder, split)
        self.names = self.names or speakers_in(pack, self.speaker_seconds)
        return VoiceWindowData(pack, self.names)

    def build(self, config: dict) -> VQVAE:
        """A fresh network; the speakers' names become part of the configuration."""
        config["speakers"] = self.names
        self._classes = config["classes"]
        model = vqvae.build(config, sample_rate=self.sample_rate)
        for part in (model.encoder, model.vq):
            part.requires_grad_(not self.taught)
        return model

    def prepare(self, model: VQVAE, data: VoiceWindowData, segment: int, generator: Generator) -> None:
        """Teaches the encoder and places the codes, where they are to be taught."""
        if self.taught:
            teach(model, data, segment, generator)

    def loss(self, model: VQVAE, examples: VoiceWindows, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Negative log-likelihoods in nats and penalties; the first to log in bits a sample, and the perplexity."""
        window = training_window(examples.samples[:, :-FARTHEST])
        heard, quantised = self._forward(model, window.x, _disturbed(examples.samples, generator), examples.speaker)
        nats = _nats(heard, window.targets)
        penalties = quantised.code_penalty.mean(), quantised.encoder_penalty.mean()
        self._count(quantised)
        figures = {"bits_per_sample": nats.item() / math.log(2), "perplexity": quantised.entropy.exp().item()}
        figures |= {"code_penalty": penalties[0].item(), "encoder_penalty": penalties[1].item()}
        return nats + penalties[0] + encoder_weight(self._updates) * penalties[1], figures

    def after_update(self, model: VQVAE, step: int) -> None:
        """Mask and sphere hold again, and codes that died begin anew."""
        self._updates = step
        if step % REVIVED_EVERY == 0 and not self.taught:
            self._revive(model)
        model.after_update()

    def state(self) -> dict:
        return {"updates": self._updates, "use": self._use}

    def restore(self, state: dict) -> None:
        self._updates, self._use = state["updates"], state["use"]

    @torch.no_grad()
    def validate(self, model: VQVAE, examples: list[VoiceWindows], generator: Generator) -> dict[str, float]:
        """Bits a sample, and the perplexity of all examples' codes."""
        nats, indices = [], []
        for one in examples:
            window = training_window(one.samples[:, :-FARTHEST])
            heard, quantised = self._forward(model, window.x, window.waveform, one.speaker)
            nats.append(_nats(heard, window.targets))
            indices.append(quantised.indices.flatten())
        shares = torch.cat(indices).bincount() / sum(map(len, indices))
        entropy = -torch.xlogy(shares, shares).sum()
        bits = torch.stack(nats).mean() / math.log(2)
        return {"bits_per_sample": bits.item(), "perplexity": entropy.exp().item()}

    @torch.no_grad()
    def sounds(self, model: VQVAE, examples: VoiceWindows, generator: Generator) -> dict[str, Tensor]:
        """A waveform, its reconstruction and what another speaker makes of its codes; the last two need numba."""
        target = as_waveform(examples.samples[:1])
        if importlib.util.find_spec("numba") is None:
            return {"target": target}
        from core.models.compiled.wavernn import WaveRNNSteps

        other = (examples.speaker[:1] + max(1, len(self.names) // 2)) % len(self.names)
        speaker = F.one_hot(torch.cat([examples.speaker[:1], other]), len(self.names)).float()
        codes = model.encode(padded(target)).codes.flatten(2).expand(2, -1, -1)
        steps = WaveRNNSteps(model.overtone, 2, speaker)
        steps.begin(codes)
        halves, _ = steps.draw(torch.rand(2, 2 * (target.shape[1] // HOP * HOP), generator=generator))
        generated, transferred = as_waveform(joined(halves[:, ::2], halves[:, 1::2]))
        return {"target": target, "generated": generated, "transferred": transferred}

    def _forward(self, model: VQVAE, x: Tensor, waveform: Tensor, speaker: Tensor) -> tuple[Heard, Quantised]:
        known = F.one_hot(speaker, len(self.names)).float()
        quantised = model.encode(waveform)
        with torch.autocast(x.device.type, torch.bfloat16):
            return model.overtone(x, quantised.codes.flatten(2), known), quantised

    def _count(self, quantised: Quantised) -> None:
        """How often every code is used, as a share of the frames, and where the encoder is."""
        self._inputs = quantised.inputs.detach().flatten(0, 1)
        shares = F.one_hot(quantised.indices.flatten(0, 1), self._classes).float().mean(dim=0)
        self._use = shares if self._use is None else torch.lerp(shares, self._use.to(shares), REMEMBERED)

    def _revive(self, model: VQVAE) -> None:
        """Codes that are hardly used move to where inputs are, the same ones on every process."""
        table, classes = model.vq.embedding0, self._classes
        for channel, use in enumerate(self._use):
            dead = (use * classes < DEAD).nonzero()[:, 0]
            chosen = torch.randint(len(self._inputs), (len(dead),), device=table.device)
            table[channel, dead] = self._inputs[chosen, channel]
            self._use[channel, dead] = 1 / classes
        table.copy_(broadcast(table.clone()))


def _disturbed(samples: Tensor, generator: Generator) -> Tensor:
    """What the encoder hears: moved by up to `FARTHEST` samples or one more back, louder or quieter, with noise."""
    length = samples.shape[1] - FARTHEST - (HISTORY - PAD_LEFT)
    shifts = torch.randint(-FARTHEST - 1, FARTHEST + 1, (len(samples),), generator=generator).tolist()
    starts = [HISTORY - PAD_LEFT + shift for shift in shifts]
    moved = torch.stack([row[start : start + length] for row, start in zip(samples, starts, strict=True)])
    level = torch.exp(MULTIPLICATIVE * torch.randn(len(samples), 1, generator=generator))
    noise = ADDITIVE * torch.randn(moved.shape, generator=generator)
    return as_waveform(moved) * level.to(moved.device) + noise.to(moved.device)


def _nats(heard: Heard, targets: tuple[Tensor, Tensor]) -> Tensor:
    """Negative log-likelihood of whole samples: of both halves."""
    pairs = zip(heard.logits, targets, strict=True)
    return sum(F.cross_entropy(logits.float().flatten(0, 1), halves.flatten()) for logits, halves in pairs)
