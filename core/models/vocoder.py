"""Vocoder: a waveform from a log mel spectrogram, in one pass, of any length piece by piece.

A source-filter model, as in DDSP (Engel et al. 2020) and the neural source-filter models of Wang, Takaki & Yamagishi
(2019): one network hears the pitch in the mel frames, pulses of that pitch and noise are the sources, and a second one
says how each is filtered, bin by bin of a short-time spectrum (whose inverse makes the waveform, as in Vocos, Siuzdak
2023). The phase of the pulses is summed up from frame to frame, which no network of finite reach can know of a steady
tone. Last, each bin is made louder or quieter as the spectrogram asks for. Both networks are ConvNeXts (Liu et al.
2022) over frames.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError
from core.models.pitch import CLASSES, LOWEST_HZ, expected_pitch, pulses, turns_at_frames
from core.signal.log_mel import filters
from core.signal.mel import FRONT_ENDS, MelFrontEnd

KERNEL = 7
PITCH_WAVES = 6
MEL_CENTRE = -1.5  # about the mean of log10 bands of speech
QUIET_START, QUIETEST, LOUDEST = -4.0, -14.0, 5.0  # natural logarithms of the filters' gains
LARGEST_CORRECTION = 1.0  # decades
PIECE = 512  # frames that are made at once


@dataclass(frozen=True)
class VocoderConfig:
    """Sizes of a vocoder.

    Args:
        front_end: of the spectrograms, a name in `FRONT_ENDS`.
        channels, blocks: of the network that says how sources are filtered.
        pitch_channels, pitch_blocks: of the one that hears the pitch.
        rounds: how often the result is brought nearer to the spectrogram.
    """

    front_end: str = "resound-16k"
    channels: int = 192
    blocks: int = 6
    pitch_channels: int = 96
    pitch_blocks: int = 4
    rounds: int = 4


class Vocoder(nn.Module):
    """Spectrograms of the front-end in, as log10 magnitudes `[batch, bands, frames]`; waveforms out,
    `[batch, (frames - 1) * hop_length]`: frame t stands around sample t * hop_length.

    Args:
        name: of its checkpoint.
    """

    def __init__(self, config: VocoderConfig, name: str = ""):
        super().__init__()
        self.config, self.name = config, name
        self.fast = True
        self.front_end: MelFrontEnd = FRONT_ENDS[config.front_end]
        self.hop_length, self.n_fft = self.front_end.hop_length, 4 * self.front_end.hop_length
        self.bins = self.n_fft // 2 + 1
        bands = self.front_end.bands
        self.pitch = _Body(bands, config.pitch_channels, config.pitch_blocks, CLASSES)
        self.filters = _Body(bands + 2 * PITCH_WAVES + 1, config.channels, config.blocks, 3 * self.bins)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def pitch_context(self) -> int:
        """Frames on either side that the pitch of a frame depends on."""
        return self.pitch.context

    @property
    def context(self) -> int:
        """Frames on either side that a sample depends on, but for the phase of the pulses before."""
        overlap = self.front_end.window_length // self.hop_length  # a round looks at frames, and those at samples
        own = self.n_fft // (2 * self.hop_length) + 1
        return self.pitch_context + self.filters.context + own + overlap * self.config.rounds

    def hear_pitch(self, mel: Tensor) -> Tensor:
        """Logits of the classes of pitch, `[batch, CLASSES, frames]`."""
        with torch.autocast(mel.device.type, torch.bfloat16, enabled=self.fast):
            return self.pitch(mel - MEL_CENTRE).float()

    def turns(self, pitch: Tensor, at: tuple[int, Tensor] | None = None) -> Tensor:
        """Phase of the pulses at every frame, in turns, `[batch, frames]`.

        Args:
            pitch: probabilities of the classes, `[batch, CLASSES, frames]`.
            at: a frame and the phase there, `[batch]`; zero at the first one by default.
        """
        return turns_at_frames(expected_pitch(pitch), self.hop_length, self.front_end.sample_rate, at)

    def forward(self, mel: Tensor, pitch: Tensor, turns: Tensor, noise: Tensor, rounds: int | None = None) -> Tensor:
        """The waveforms of spectrograms.

        Args:
            pitch: probabilities of the classes, `[batch, CLASSES, frames]`.
            turns: phase of the pulses at every frame, `[batch, frames]`.
            noise: white, of unit variance, a row for each draw of each spectrogram, `[draws * batch, samples]`.
            rounds: None takes the configuration's.

        Returns:
            `[draws * batch, samples]`.
        """
        over_pulses, over_noise = self._shape(mel, pitch)
        source = pulses(expected_pitch(pitch), turns, self.hop_length, self.front_end.sample_rate)
        draws = len(noise) // len(source)
        spectrum = (over_pulses * self._stft(source)).repeat(draws, 1, 1)
        spectrum = spectrum + over_noise.repeat(draws, 1, 1) * self._stft(noise)
        window, scale = self._window(spectrum)
        made = torch.istft(spectrum * scale, self.n_fft, self.hop_length, window=window)
        for _ in range(self.config.rounds if rounds is None else rounds):
            made = bring_nearer(made, mel.repeat(draws, 1, 1), self.front_end)
        return made

    @torch.no_grad()
    def stream(self, mel: Tensor, noise: Tensor, piece: int = PIECE, pitch: Tensor | None = None) -> Iterator[Tensor]:
        """A waveform `[batch, samples]` in consecutive pieces, whose joins are exact: each knows the frames around it
        that its samples depend on, and the phase where the one before it ended.

        Args:
            piece: frames, at least the pitch's context.
            pitch: probabilities of the classes, `[batch, CLASSES, frames]`, instead of those that it hears.
        """
        frames, hop, first, at = mel.shape[-1], self.hop_length, 0, None
        for start in range(0, frames - 1, piece):
            stop = min(start + piece, frames - 1)
            part = mel[..., first : stop + self.context + 1]
            given = None if pitch is None else pitch[..., first : stop + self.context + 1]
            own = self.hear_pitch(part).softmax(dim=1) if given is None else given
            turns = self.turns(own, at)
            sources = noise[:, first * hop : (first + part.shape[-1] - 1) * hop]
            yield self(part, own, turns, sources)[:, (start - first) * hop : (stop - first) * hop]
            after = max(0, stop - self.context)
            known = self.pitch_context if after else 0  # from there on the next piece hears the same pitch
            at = known, turns[:, after + known - first]
            first = after

    def _shape(self, mel: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
        """What the spectra of pulses (complex) and of noise are multiplied by, each `[batch, bins, frames]`."""
        told = torch.cat([mel - MEL_CENTRE, _waves(expected_pitch(pitch)), pitch[:, -1:]], dim=1)
        with torch.autocast(mel.device.type, torch.bfloat16, enabled=self.fast):
            answer = self.filters(told).float()
        of_pulses, of_noise, phase = answer.unflatten(1, (3, self.bins)).unbind(dim=1)
        return torch.polar(_gain(of_pulses), phase), _gain(of_noise)

    def _stft(self, waveform: Tensor) -> Tensor:
        """Scaled so that white noise of unit variance has bins of unit variance; the ends are zero padded."""
        window, scale = self._window(waveform)
        settings = {"window": window, "pad_mode": "constant", "return_complex": True}
        return torch.stft(waveform, self.n_fft, self.hop_length, **settings) / scale

    def _window(self, like: Tensor) -> tuple[Tensor, Tensor]:
        window = torch.hann_window(self.n_fft, device=like.device)
        return window, window.square().sum().sqrt()


class _Body(nn.Module):
    """[batch, inputs, frames] to [batch, outputs, frames]."""

    def __init__(self, inputs: int, channels: int, blocks: int, outputs: int):
        super().__init__()
        self.embed = nn.Conv1d(inputs, channels, KERNEL, padding=KERNEL // 2)
        self.first_norm, self.norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.head = nn.Linear(channels, outputs)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)

    @property
    def context(self) -> int:
        """Frames on either side that an output depends on."""
        return (1 + len(self.blocks)) * (KERNEL // 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first_norm(self.embed(x).transpose(1, 2))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h)).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, 3 * channels), nn.Linear(3 * channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        """[batch, frames, channels]."""
        mixed = self.depthwise(h.transpose(1, 2)).transpose(1, 2)
        return h + self.narrow(F.gelu(self.widen(self.norm(mixed))))


def build(config: Mapping, name: str = "") -> Vocoder:
    """A fresh network from a checkpoint's or a recipe's configuration.

    Raises:
        InputError: a front-end that is not known, or without log10 magnitudes.
    """
    sizes = VocoderConfig(**config)
    if sizes.front_end not in FRONT_ENDS or FRONT_ENDS[sizes.front_end].log != "log10":
        able = ", ".join(known for known, front_end in FRONT_ENDS.items() if front_end.log == "log10")
        raise InputError(f"No vocoder plays spectrograms of {sizes.front_end!r:.40}; choose one of {able}.")
    return Vocoder(sizes, name)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> Vocoder:
    """A vocoder from a checkpoint's configuration (the network's sizes, `sample_rate`) and weights."""
    model = build({key: value for key, value in config.items() if key != "sample_rate"}, name)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def bring_nearer(waveform: Tensor, mel: Tensor, front_end: MelFrontEnd) -> Tensor:
    """Waveforms [batch, samples], each bin made louder or quieter as its bands of a spectrogram ask for.

    Args:
        mel: log10 magnitudes, [batch, bands, 1 + samples // hop_length].
    """
    window, weights = torch.hann_window(front_end.window_length, device=waveform.device), filters(front_end)
    weights = weights.to(waveform.device)
    transform = {"n_fft": front_end.window_length, "hop_length": front_end.hop_length, "window": window}
    spectrum = torch.stft(waveform, **transform, pad_mode="reflect", return_complex=True)
    bands = (weights @ spectrum.abs().clamp_min(1e-7)).clamp_min(front_end.floor).log10()
    shares = weights / weights.sum(dim=0).clamp_min(1e-9)  # of every bin's bands
    decades = (shares.T @ (mel - bands)).clamp(-LARGEST_CORRECTION, LARGEST_CORRECTION)
    return torch.istft(spectrum * 10**decades, **transform)


def _waves(hertz: Tensor) -> Tensor:
    """Sines and cosines of a pitch [batch, frames] on its logarithmic scale, [batch, 2 * PITCH_WAVES, frames]."""
    octaves = (hertz / LOWEST_HZ).log2()[:, None]
    phase = octaves * (torch.pi / 4 * 2 ** torch.arange(PITCH_WAVES, device=hertz.device))[:, None]
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def _gain(answer: Tensor) -> Tensor:
    return (2 * answer + QUIET_START).clamp(QUIETEST, LOUDEST).exp()
