"""Log mel spectrograms of batches of waveforms, as `core.signal.mel.mel_spectrogram` makes them, in torch."""

from functools import cache

import torch
from torch import Tensor

from core.signal.mel import LOGARITHMS, MelFrontEnd, mel_filters


def log_mel(waveform: Tensor, front_end: MelFrontEnd) -> Tensor:
    """Log mel magnitudes; gradients pass.

    Args:
        waveform: `[batch, frames]`, at the front-end's rate.

    Returns:
        `[batch, bands, 1 + frames // hop_length]`, one fewer where frames are not centred.
    """
    size, hop, around = front_end.window_length, front_end.hop_length, (front_end.padding,) * 2
    window = torch.hann_window(size, device=waveform.device)
    padded = torch.nn.functional.pad(waveform[:, None], around, mode="reflect")[:, 0]
    spectrum = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)
    bands = filters(front_end).to(waveform.device) @ spectrum.abs()
    return bands.clamp_min(front_end.floor).log() / LOGARITHMS[front_end.log]


@cache
def filters(front_end: MelFrontEnd) -> Tensor:
    """Weights of every band, `[bands, 1 + window_length // 2]`."""
    return torch.from_numpy(mel_filters(front_end))
