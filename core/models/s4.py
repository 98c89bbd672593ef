"""S4: a long convolution along time by a state space of every channel, seeing both ways (Gu et al. 2022)."""

import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor, nn

from core.models.state_space_kernels import KERNELS


class S4(nn.Module):
    """Convolution, GELU, and a linear layer over the channels, gated but in the older form.

    A kernel reaches no farther than the length that it was trained at. Its spectrum is kept between calls that want no
    gradient, for as long as parameters and length stay.

    Args:
        kernel: a key of `KERNELS`.
        state: of a channel's state space.
        length: of the training.
    """

    def __init__(self, channels: int, kernel: str, state: int, length: int):
        super().__init__()
        self.kernel = KERNELS[kernel](channels, state, length)
        self.D = nn.Parameter(torch.randn(channels))
        width = 2 * channels if self.kernel.gated else channels
        self.mix = nn.Linear(self.kernel.outputs * channels, width)
        self._kept: tuple[tuple, Tensor] | None = None

    def forward(self, u: Tensor) -> Tensor:
        """`[batch, time, channels]`, of any time, to the same shape."""
        time = u.shape[1]
        size = next_fast_len(time + min(time, self.kernel.length), real=True)
        spectrum = torch.fft.rfft(u.transpose(1, 2), n=size)[:, None] * self.spectrum(time, size)
        y = torch.fft.irfft(spectrum, n=size)[..., :time].permute(0, 3, 1, 2)  # [batch, time, output, channel]
        y = (y + self.D * u[:, :, None]).flatten(2)
        mixed = self.mix(F.gelu(y))
        return F.glu(mixed, dim=-1) if self.kernel.gated else mixed

    def spectrum(self, time: int, size: int) -> Tensor:
        """Of the filters for signals of that time, in a transform of `size`: `[outputs, channels, size // 2 + 1]`."""
        parameters = list(self.kernel.parameters())
        taps = min(time, self.kernel.length)
        if torch.is_grad_enabled() and any(p.requires_grad for p in parameters):
            return torch.fft.rfft(self.kernel.filters(taps, size))
        key = (taps, size, *((p.data_ptr(), p._version) for p in parameters))
        if self._kept is None or self._kept[0] != key:
            self._kept = key, torch.fft.rfft(self.kernel.filters(taps, size))
        return self._kept[1]
