"""Teaches a VQ-VAE's encoder cepstra, the smooth shape of a voice's spectrum, and places its codes.

As shapes of spectra, codes say enough of speech sounds from the beginning that a decoder finds them worth listening to.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.fft import dct
from torch import Generator, Tensor

from core.errors import InputError
from core.models.content_encoder import without_channel
from core.models.vqvae import ENCODER_REACH, PAD_LEFT, RADIUS, VQVAE, Encoder
from core.models.wavernn import HISTORY, HOP
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS
from core.signal.sample_halves import as_waveform
from core.training.objectives.vqvae_examples import VoiceWindowData

LESSONS, WINDOWS, RATE = 1500, 4, 2e-3  # updates, windows of each, learning rate at first
SCALED_BY, PLACED_BY, ROUNDS = 32, 64, 12  # windows for the cepstra's scale and for the codes; rounds of k-means
FRONT_END = FRONT_ENDS["resound-16k"]
CEPSTRA = 20  # the first ones


def teach(model: VQVAE, data: VoiceWindowData, segment: int, generator: Generator) -> None:
    """Sets encoder and codes.

    Raises:
        InputError: an encoder of fewer channels than there are cepstra.
    """
    if model.config.width < CEPSTRA:
        raise InputError(f"An encoder that is taught needs a model.width of {CEPSTRA}, not {model.config.width}.")
    drawn = {"segment": segment}

    def windows(count: int) -> Tensor:
        return as_waveform(data.batch(drawn | {"batch": count}, generator).samples[:, HISTORY - PAD_LEFT :])

    known = torch.cat([cepstra_of(windows(1))[0] for _ in range(SCALED_BY)])
    mean, scale = known.mean(dim=0), known.std(dim=0)
    pupil = model.encoder.requires_grad_(True)
    widen(pupil, windows(WINDOWS))
    optimizer = torch.optim.AdamW(pupil.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, LESSONS)
    for _ in range(LESSONS):
        waveform = windows(WINDOWS)
        wanted = (cepstra_of(waveform) - mean) / scale
        loss = F.mse_loss(pupil(waveform) / RADIUS, F.pad(wanted, (0, model.config.width - CEPSTRA)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    pupil.requires_grad_(False).zero_grad()
    with torch.no_grad():
        made = torch.cat([pupil(windows(1))[0] for _ in range(PLACED_BY)])
        for table, vectors in zip(model.vq.embedding0, made.chunk(model.config.channels, dim=-1), strict=True):
            table.copy_(means_on_sphere(F.normalize(vectors, dim=-1), len(table), generator))
    model.vq.renormalise()


@torch.no_grad()
def widen(encoder: Encoder, waveform: Tensor) -> None:
    """Scales the weights of each layer so that its gates get inputs of unit variance (Mishkin & Matas 2016): a voice is
    so faint that fresh gates do nothing but halve it."""
    for layer in encoder.convs_wide:
        made = []
        with layer.register_forward_hook(lambda _layer, _given, out, made=made: made.append(out)):
            encoder(waveform)
        layer.weight /= made[0].std()


@torch.no_grad()
def cepstra_of(waveform: Tensor) -> Tensor:
    """Cepstra in the middle of what each code depends on, `[batch, codes, CEPSTRA]`, of log mel frames less their mean.

    Args:
        waveform: `[batch, samples]`.
    """
    basis = torch.from_numpy(dct(np.eye(FRONT_END.bands), norm="ortho", axis=0)[:CEPSTRA].astype(np.float32))
    cepstra = basis @ without_channel(log_mel(waveform, FRONT_END))  # [batch, CEPSTRA, frames]
    codes = (waveform.shape[1] - ENCODER_REACH) // HOP
    middles = HOP * torch.arange(codes) + (ENCODER_REACH + HOP) / 2
    places = (middles / FRONT_END.hop_length).clamp_max(cepstra.shape[-1] - 1.001)
    before, share = places.long(), places.frac()
    return torch.lerp(cepstra[..., before], cepstra[..., before + 1], share).transpose(1, 2)


def means_on_sphere(vectors: Tensor, count: int, generator: Generator) -> Tensor:
    """Directions that so many means of unit vectors `[n, width]` have (spherical k-means, Dhillon & Modha 2001)."""
    means = vectors[torch.randperm(len(vectors), generator=generator)[:count]].clone()
    for _ in range(ROUNDS):
        nearest = (vectors @ means.T).argmax(dim=1)
        sums = torch.zeros_like(means).index_add_(0, nearest, vectors)
        used = nearest.bincount(minlength=count) > 0
        means[used] = F.normalize(sums[used], dim=-1)
    return means
