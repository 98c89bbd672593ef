"""Gap mixer: fills a gap with a mix of its linear predictions, weighted by a complex gain for each in every bin.

The prediction from the left continues notes that ring into the gap, the one from the right those struck inside it; the
network estimates where one takes over from the other. Its features are the predictions, their differences, the
position in the gap, and the sound around it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.spectral_features import (
    DATA_STD,
    DILATIONS,
    FEATURES,
    POSITIONS,
    fold,
    spectral_features,
    unfold,
)
from core.signal.crowded_gaps import SHORT, crowded
from core.signal.stft import HOP_LENGTH, istft, stft

GUESSES = 3  # from both sides, forward, backward
PLANES = GUESSES * FEATURES + POSITIONS + 1 + 3 + 4  # the last: known share, differences, the position in the gap
PATCH = 4
CONTEXT = 4096  # samples on each side of a gap that the network sees
SECOND = 16000
PLACE_SECONDS = 0.1  # unit of the distance to the gap's ends


class GapMixer(nn.Module):
    """Waveforms in and out, `[batch, samples]`, at DATA_STD and 16 kHz; one gap a row."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        self.fast = True
        self.embed = nn.Conv2d(PLANES * PATCH, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            for dilation in (DILATIONS[n % len(DILATIONS)] for n in range(blocks))
        )
        self.outputs = 2 * GUESSES + 2  # a gain for each guess, and an additive term
        self.head = nn.Conv2d(channels, self.outputs * PATCH, 1)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, guesses: Tensor, gaps: list[tuple[int, int]]) -> Tensor:
        """The mix; a fresh network gives the first guess.

        Args:
            guesses: whole waveforms whose gaps are filled, `[batch, GUESSES, samples]`.
            gaps: (start, stop) of each row.
        """
        batch, _, samples = guesses.shape
        spectra = stft(guesses.flatten(0, 1)).unflatten(0, (batch, GUESSES))
        known, place = _place(gaps, samples, spectra.shape[-1], guesses)
        features = [spectral_features(spectra / DATA_STD, known), _differences(spectra / DATA_STD)]
        features.append(place[:, :, None].expand(-1, -1, spectra.shape[2], -1))
        with torch.autocast(guesses.device.type, torch.bfloat16, enabled=self.fast):
            h = self.embed(fold(torch.cat(features, dim=1), PATCH))
            for block in self.blocks:
                h = h + block(F.silu(h))
            answer = self.head(F.silu(h))
        answer = unfold(answer.float(), PATCH)  # [batch, outputs, BINS, frames]
        gains = answer[:, :-2].unflatten(1, (GUESSES, 2))
        mixed = spectra[:, 0] + (torch.complex(gains[:, :, 0], gains[:, :, 1]) * spectra).sum(dim=1)
        added = torch.complex(answer[:, -2], answer[:, -1]) * (DATA_STD / 2)
        return istft(mixed + added, samples)


def mix_gaps(mixer: GapMixer, guesses: Tensor, mask: Tensor) -> Tensor:
    """Fills every gap of a waveform with the mix, one gap after the other; short ones of a crowd have only the first
    guess, and keep it.

    Args:
        guesses: `[GUESSES, batch, samples]`.
        mask: 0 in the gaps, the same for all rows, `[batch, samples]`.

    Returns:
        `[batch, samples]`: outside the gaps the first guess, where it equals the known samples.
    """
    mixed, gaps = guesses[0].clone(), _runs(mask[0] == 0)
    settled = {(start, stop) for start, stop in crowded(gaps) if stop - start < SHORT}
    for start, stop in gaps:
        if (start, stop) in settled:
            continue
        first, last = max(0, start - CONTEXT), min(mask.shape[1], stop + CONTEXT)
        part = guesses[:, :, first:last].transpose(0, 1)
        mixed[:, start:stop] = mixer(part, [(start - first, stop - first)] * len(part))[:, start - first : stop - first]
    return mixed


def _runs(inside: Tensor) -> list[tuple[int, int]]:
    """(start, stop) of every run of True."""
    steps = torch.diff(F.pad(inside.int(), (1, 1)))
    return list(zip((steps == 1).nonzero().flatten().tolist(), (steps == -1).nonzero().flatten().tolist(), strict=True))


def _differences(spectra: Tensor) -> Tensor:
    """Log magnitudes of the differences between the guesses, `[batch, 3, BINS, frames]`."""
    pairs = [spectra[:, a] - spectra[:, b] for a, b in ((0, 1), (0, 2), (1, 2))]
    return (torch.stack(pairs, dim=1).abs() + 1e-4).log() / 2


def _place(gaps: list[tuple[int, int]], samples: int, frames: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Share of known samples around each frame `[batch, frames]`, and its position in the gap `[batch, 4, frames]`."""
    known, places, unit = [], [], PLACE_SECONDS * SECOND
    t = torch.arange(frames, device=like.device) * HOP_LENGTH
    for start, stop in gaps:
        mask = like.new_ones(samples)
        mask[start:stop] = 0
        known.append(F.avg_pool1d(F.pad(mask, (HOP_LENGTH, HOP_LENGTH))[None], 2 * HOP_LENGTH, HOP_LENGTH)[0, :frames])
        length = t.new_full(t.shape, stop - start, dtype=torch.float32)
        place = [((t - edge) / unit).clamp(-2, 2) for edge in (start, stop)]
        place += [((t - start) / length).clamp(-0.5, 1.5), (length / unit).log()]
        places.append(torch.stack(place))
    return torch.stack(known), torch.stack(places)
