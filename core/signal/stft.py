"""Short-time Fourier transform with demodulated bins, for networks.

Frames of 1024 samples (periodic Hann) every 256. Two conventions make the spectrum easier to learn from: it is scaled
so that white noise of standard deviation s has bins of variance s^2, and each bin is demodulated by its own frequency,
exp(-i pi k t / 2), so that a tone at the centre of bin k keeps its phase from frame to frame.
"""

import torch
from torch import Tensor

N_FFT = 1024
HOP_LENGTH = 256
BINS = N_FFT // 2  # without the one at the Nyquist frequency: a power of two, for networks


def stft(waveform: Tensor) -> Tensor:
    """Waveform [batch, samples] to demodulated spectrum [batch, BINS, samples // HOP_LENGTH + 1], complex; frames are
    centred, the ends zero padded."""
    window, scale = _window(waveform)
    spectrum = torch.stft(
        waveform, N_FFT, HOP_LENGTH, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum[:, :BINS] * (_demodulation(spectrum) / scale)


def istft(spectrum: Tensor, samples: int) -> Tensor:
    """The inverse of `stft`: least squares over overlapping frames. Returns [batch, samples]."""
    window, scale = _window(spectrum.real)
    spectrum = spectrum * (_demodulation(spectrum).conj() * scale)
    spectrum = torch.nn.functional.pad(spectrum, (0, 0, 0, 1))
    return torch.istft(spectrum, N_FFT, HOP_LENGTH, window=window, center=True, length=samples)


def quarter_turns(frames: int, device: torch.device | None = None) -> Tensor:
    """i^t for t = 0 .. frames - 1: the phase between the demodulations of neighbouring bins."""
    turns = torch.tensor([1, 1j, -1, -1j], dtype=torch.complex64, device=device)
    return turns[torch.arange(frames, device=device) % 4]


def _window(like: Tensor) -> tuple[Tensor, Tensor]:
    window = torch.hann_window(N_FFT, device=like.device)
    return window, window.square().sum().sqrt()


def _demodulation(spectrum: Tensor) -> Tensor:
    """exp(-i pi k t / 2) for the first BINS bins, [BINS, frames]."""
    frames = spectrum.shape[-1]
    k = torch.arange(BINS, device=spectrum.device)[:, None]
    t = torch.arange(frames, device=spectrum.device)[None, :]
    return quarter_turns(4, spectrum.device).conj()[(k * t) % 4]
