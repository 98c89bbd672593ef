"""Objective of the vocoder: recordings from their own mel spectrograms.

The spectra of the result are compared with the truth's at several resolutions (Yamamoto et al. 2020), on a logarithmic
scale and on one that loud bins rule. Noise is not to be copied but to be like the truth's: two draws are compared with
it and, by a half, with each other (the energy score, Gneiting & Raftery 2007). The pitch has labels of its own.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.models import vocoder
from core.models.pitch import PITCHES, class_of, expected_pitch
from core.models.vocoder import Vocoder
from core.signal.log_mel import log_mel
from core.training.objective import Objective
from core.training.objectives.critics import Critics
from core.training.objectives.pitch_labels import label_pitch

RESOLUTIONS = (2048, 1024, 512, 256)
LOUDER_DB = 10.0  # at most, or quieter
FLOOR = 1e-3  # of magnitudes, where white noise of standard deviation s has bins of magnitude s
BLUR = 1.2  # standard deviation of a label, in classes of pitch
PITCH_WEIGHT = 0.2
MISHEARD = 0.03  # share by which a pitch that counts as right may err
Losses = tuple[Tensor, dict[str, float]]


class VocoderObjective(Objective):
    """Loss and validation of a `Vocoder`.

    Args:
        spread: of the draws, 0 to 0.5.
        rounds: in which results are brought nearer to the spectrogram; fewer than the network's own cost less.
        adversarial_from: share of the training time from which on discriminators take part; 1 for never.
    """

    architecture = "vocoder"

    def __init__(self, spread: float = 0.5, rounds: int = 2, adversarial_from: float = 0.4):
        self.spread, self.rounds, self.adversarial_from = spread, rounds, adversarial_from
        self.critics = Critics()

    def build(self, config: dict) -> Vocoder:
        model = vocoder.build(config)
        self.played = model.front_end
        return model

    def loss(self, model: Vocoder, examples: Tensor, generator: Generator) -> Losses:
        """Distance of two draws to the truth, less `spread` times their own, the pitch's cross-entropy and, later, what
        discriminators say of one draw; waveforms [batch, samples]."""
        level = (2 * torch.rand(len(examples), 1, generator=generator) - 1) * LOUDER_DB
        clean = _whole_hops(model, examples) * (10 ** (level / 20)).to(examples)
        mel = log_mel(clean, model.front_end)
        heard = model.hear_pitch(mel)
        pitch_loss = _cross_entropy(heard, *_labels(model, clean))
        one, other = _render(model, mel, heard.detach().softmax(dim=1), 2, generator, self.rounds).chunk(2)
        near, far = _distances(one, other, clean)
        loss = near - self.spread * far + PITCH_WEIGHT * pitch_loss
        figures = {"near": near.item(), "far": far.item(), "pitch": pitch_loss.item()}
        if self.progress >= self.adversarial_from:
            disliked, said = self.critics.dispute(one, clean, generator)
            loss, figures = loss + disliked, figures | said
        return loss, figures

    def state(self) -> dict:
        return self.critics.state()

    def restore(self, state: dict) -> None:
        self.critics.restore(state)

    @torch.no_grad()
    def validate(self, model: Vocoder, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Distance to the truth, mel error in log10, and the share of frames with a pitch whose pitch was misheard."""
        found = []
        for waveform in examples:
            clean = _whole_hops(model, waveform)
            mel = log_mel(clean, model.front_end)
            pitch = model.hear_pitch(mel).softmax(dim=1)
            made = _render(model, mel, pitch, 1, generator)
            near = torch.stack([distance(magnitudes(made, size), magnitudes(clean, size)) for size in RESOLUTIONS])
            hertz, voiced = _labels(model, clean)
            wrong = ((expected_pitch(pitch) / hertz - 1).abs() > MISHEARD) & voiced
            error = (log_mel(made, model.front_end) - mel).abs().mean()
            found.append(torch.stack([near.mean(), error, wrong.sum() / voiced.sum().clamp_min(1)]))
        return dict(zip(("near", "mel error", "misheard"), torch.stack(found).mean(dim=0).tolist(), strict=True))

    @torch.no_grad()
    def sounds(self, model: Vocoder, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        clean = _whole_hops(model, examples)
        return {"truth": clean[0], "vocoded": self.play(model, log_mel(clean, model.front_end), generator)}

    @torch.no_grad()
    def play(self, model: Vocoder, mel: Tensor, generator: Generator) -> Tensor:
        return _render(model, mel, model.hear_pitch(mel).softmax(dim=1), 1, generator)[0]


def _render(
    model: Vocoder, mel: Tensor, pitch: Tensor, draws: int, generator: Generator, rounds: int | None = None
) -> Tensor:
    """Waveforms [draws * batch, samples] of log10 spectrograms [batch, bands, frames]."""
    samples = (mel.shape[-1] - 1) * model.hop_length
    noise = torch.randn(draws * len(mel), samples, generator=generator).to(mel)
    return model(mel, pitch, model.turns(pitch), noise, rounds)


def _labels(model: Vocoder, clean: Tensor) -> tuple[Tensor, Tensor]:
    return label_pitch(clean, model.hop_length, model.front_end.sample_rate)


def _distances(one: Tensor, other: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Of two draws to the truth, and to each other: means over all resolutions."""
    near, far = [], []
    for size in RESOLUTIONS:
        a, b, truth = (magnitudes(w, size) for w in (one, other, clean))
        near.append((distance(a, truth) + distance(b, truth)) / 2)
        far.append(distance(a, b))
    return torch.stack(near).mean(), torch.stack(far).mean()


def magnitudes(waveform: Tensor, size: int) -> Tensor:
    """Of frames that overlap by three quarters, [batch, size / 2 + 1, frames]."""
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.stft(waveform, size, size // 4, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(dim=-1) / window.square().sum()
    return (power + FLOOR**2).sqrt()


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of logarithms, and of square roots relative to their mean: magnitudes of one shape."""
    roots = (a.sqrt() - b.sqrt()).abs().mean(dim=(1, 2)) / b.sqrt().mean(dim=(1, 2)).detach()
    return (a / b).log().abs().mean() + roots.mean()


def _cross_entropy(logits: Tensor, hertz: Tensor, voiced: Tensor) -> Tensor:
    """Of classes of pitch [batch, CLASSES, frames] with blurred labels, [batch, frames]."""
    places = torch.arange(PITCHES, device=logits.device)[None, :, None]
    pitched = (-0.5 * ((places - class_of(hertz)[:, None]) / BLUR).square()).softmax(dim=1) * voiced[:, None]
    labels = torch.cat([pitched, (~voiced)[:, None].float()], dim=1)
    return F.cross_entropy(logits, labels)


def _whole_hops(model: Vocoder, waveform: Tensor) -> Tensor:
    return waveform[:, : waveform.shape[1] // model.hop_length * model.hop_length]
