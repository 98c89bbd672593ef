"""Objective of the band extender: recordings without their band over a cut-off, which is to be made.

The error is that of logarithmic spectra, at one of three resolutions at a time. Two draws with different noise are
compared with the truth and, weighed by `spread`, with each other: with a half this is the energy score (Gneiting &
Raftery 2007), which is least where draws spread as the truth does; with 0 they need not differ.
"""

import numpy as np
import torch
from torch import Generator, Tensor

from core.models import band_extender
from core.models.band_extender import BandExtender
from core.models.spectral_features import DATA_STD
from core.training.objective import Objective
from core.training.objectives.band_limits import lose_band, thin_out
from core.training.objectives.spectral import bring_to_level

GAIN_DB = 6.0  # standard deviation of the level around DATA_STD
RESOLUTIONS = (2048, 1024, 512)
POWER_FLOOR = (1e-3 * DATA_STD) ** 2  # 60 dB under the level at which priors know sound
VALIDATED = {"8 kHz": 2, "4 kHz": 4}  # name -> factor
Losses = tuple[Tensor, dict[str, float]]


class ExtensionObjective(Objective):
    """Loss and validation of a `BandExtender`.

    Args:
        spread: of the draws, 0 to 0.5.
    """

    architecture = "band-extender"

    def __init__(self, spread: float = 0.25):
        self.spread = spread

    def build(self, config: dict) -> BandExtender:
        return band_extender.build(config)

    def loss(self, model: BandExtender, examples: Tensor, generator: Generator) -> Losses:
        """Distance of two draws to the truth, less `spread` times their own; waveforms [batch, samples]."""
        gains = 10 ** (GAIN_DB / 20 * torch.randn(len(examples), 1, generator=generator))
        clean = bring_to_level(examples) * gains.to(examples)
        rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        limited, cutoff = _limited(clean, rng)
        noise = torch.randn(2 * len(clean), clean.shape[1], generator=generator).to(clean)
        one, other = model(limited, cutoff, noise).chunk(2)
        size = RESOLUTIONS[int(torch.randint(len(RESOLUTIONS), (1,), generator=generator))]
        over, (a, b, truth) = _over(cutoff, size), (log_power(w, size) for w in (one, other, clean))
        near, far = (distance(a, truth, over) + distance(b, truth, over)) / 2, distance(a, b, over)
        return near - self.spread * far, {"near": near.item(), "far": far.item()}

    def validate(self, model: BandExtender, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Log-spectral distance in log10 of power over the cut-off, of results and of what they were made from."""
        figures = {}
        for name, factor in VALIDATED.items():
            found = []
            for clean in map(bring_to_level, examples):
                limited, cutoff = thinned(clean, factor)
                noise = torch.randn(clean.shape, generator=generator).to(clean)
                with torch.no_grad():
                    made = model(limited, cutoff, noise)
                over = _over(cutoff, 2048)
                truth = log_power(clean, 2048)
                found.append([root_mean_square(log_power(w, 2048), truth, over).item() for w in (made, limited)])
            made, limited = np.mean(found, axis=0).tolist()
            figures |= {f"lsd {name}": made, f"lsd {name} before": limited}
        return figures

    def sounds(self, model: BandExtender, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        clean = bring_to_level(examples)
        limited, cutoff = thinned(clean, 2)
        with torch.no_grad():
            made = model(limited, cutoff, torch.randn(clean.shape, generator=generator).to(clean))
        return {"truth": clean[0], "limited": limited[0], "extended": made[0]}


def thinned(clean: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """As `thin_out`, of waveforms [batch, samples]."""
    rows, cutoffs = zip(*(thin_out(row, factor) for row in clean.cpu().numpy()), strict=True)
    return torch.from_numpy(np.stack(rows)).to(clean), torch.tensor(cutoffs).to(clean)


def log_power(waveform: Tensor, size: int) -> Tensor:
    """Log10 of power of frames that overlap by three quarters, [batch, size / 2 + 1, frames]."""
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.stft(waveform, size, size // 4, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(dim=-1) / window.square().sum()
    return (power + POWER_FLOOR).log10()


def distance(a: Tensor, b: Tensor, over: Tensor) -> Tensor:
    """Mean of the absolute and of the root mean square difference, over the frequencies that count, [bins]."""
    return ((a - b).abs() * over).mean() / over.mean() / 2 + root_mean_square(a, b, over) / 2


def root_mean_square(a: Tensor, b: Tensor, over: Tensor) -> Tensor:
    """Log-spectral distance: root mean square over the frequencies that count, mean over frames."""
    squares = ((a - b).square() * over).mean(dim=1) / over.mean(dim=1)
    return (squares + 1e-4).sqrt().mean()


def _over(cutoff: Tensor, size: int) -> Tensor:
    """1 for the frequencies over the cut-off, [batch, size / 2 + 1, 1]."""
    share = torch.linspace(0, 1, size // 2 + 1, device=cutoff.device)[None, :, None]
    return (share >= cutoff[:, None, None]).float()


def _limited(clean: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Each waveform without its band over a random cut-off, and the cut-offs."""
    rows, cutoffs = zip(*(lose_band(row, rng) for row in clean.cpu().numpy()), strict=True)
    return torch.from_numpy(np.stack(rows)).to(clean), torch.tensor(cutoffs).to(clean)
