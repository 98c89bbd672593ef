"""A mixture as an LQ-VAE hears it, and what codes of its two sources make of it.

What codes say is compressed, one code for many samples, and does not add up to the mixture. What it misses of a bin of
the mixture's spectrum is shared out by the powers that both sources' codes have there: if errors are as large as what
is said, up to a factor, that is what is to be expected of Gaussian ones (a Wiener filter of the errors). Where
codes say little of both, what both kinds of sounds are like on average decides.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.models.lqvae import LQVAE
from core.models.lqvae_pieces import decode, decode_vectors, encode, hear
from core.signal.clip import Clip
from core.signal.masks import NOTHING, spectrum, waveform_of, wiener_masks
from core.signal.resampling import resample
from core.tasks.blocks import at_rate
from core.tasks.progress import Sounds
from core.tasks.stems import stems_of

FLOOR = (
    0.03  # share of the mixture's mean power that sounds have on average beside what is said: the best of valid songs
)


class LatentMixture:
    """What is heard is the mean of the channels at the LQ-VAE's rate, with the sources in their shares of it: of means,
    as it learned them, half of what they are in the mixture.

    Args:
        mixture: of any rate and channels.
        names: of the stems.
        shares: of both sources in what is heard, see `CodeSums`.
        spectra: of both kinds of sounds, see `CodeParts`; None: unknown.

    Raises:
        InputError: a share that is not greater than 0.

    Attributes:
        known: the mixture at the LQ-VAE's rate.
        latents: what its codes are chosen by, `[steps, code width]`.
        codes: those of what is heard, `[steps]`.
        vectors: the codes themselves, `[steps, code width]`.
    """

    def __init__(
        self,
        mixture: Clip,
        names: Sequence[str],
        model: LQVAE,
        shares: tuple[float, float],
        spectra: Tensor | None = None,
    ):
        if min(shares) <= 0:
            raise InputError(
                f"With the shares {shares[0]:g} and {shares[1]:g} nothing is a mixture of both sources; make other "
                "sums of the codes with `codebook-sums`."
            )
        self.mixture, self.names, self.model, self.shares, self.spectra = mixture, names, model, shares, spectra
        self.known = at_rate(mixture, model.sample_rate)
        self.gain = sum(shares) / 2  # the sources' own levels are those of the mixture where both have the same share
        self.latents = hear(model, self.known.mono().samples[0] * np.float32(self.gain))
        self.codes = model.codebook().nearest(self.latents)[0]
        self.vectors = model.codebook().k[self.codes]

    def said(self, codes: Tensor) -> np.ndarray:
        """What codes `[batch, steps]` say, of the first steps or of all: `[batch, samples]`, as loud as learned."""
        return decode(self.model, codes)[:, : self.known.frames].cpu().numpy()

    def expected(self, vectors: Tensor) -> np.ndarray:
        """As `said`, of what stands for codes, `[batch, steps, code width]`."""
        return decode_vectors(self.model, vectors)[:, : self.known.frames].cpu().numpy()

    def compressed(self, truths: Sounds) -> Sounds:
        """What the truth's own codes say, by the names of the stems."""
        own = [at_rate(truths[name], self.model.sample_rate).mono().samples[0] for name in self.names]
        codes = torch.stack([encode(self.model, w / level) for w, level in zip(own, self._levels, strict=True)])
        return self.raw_stems(self.said(codes))

    def raw_stems(self, said: np.ndarray) -> Sounds:
        """What codes of both sources say, `[2, samples]`, as loud as in the mixture, in all its channels."""
        clips = [self._at_rate(row) for row in self._padded(said * self._levels[:, None])]
        return dict(zip(self.names, clips, strict=True))

    def stems(self, said: np.ndarray) -> Sounds:
        """Stems that add up to the mixture, of what is said of both sources, `[2, samples]`, as loud as learned; where
        nothing is, both have the same share.

        What is said goes to every channel as far as the channel is what is heard.
        """
        whole, heard = spectrum(self.known.samples), spectrum(self.known.mono().samples)[0]
        parts = spectrum(self._padded(said * self._levels[:, None]))[:, None]  # [2, 1, bins, windows]
        alike = (whole * heard.conj()).real.sum(axis=(1, 2)) / max(np.square(np.abs(heard)).sum(), NOTHING)
        parts = parts * alike[:, None, None]  # [2, channels, bins, windows]
        powers = self.powers(said) + self._floor(np.square(np.abs(heard)).mean(), len(heard))
        spectra = parts + wiener_masks(powers)[:, None] * (whole - parts.sum(axis=0))
        sources = waveform_of(spectra, self.known.frames).astype(np.float32)
        return stems_of(self.mixture, self.known, self.names, sources)

    def powers(self, said: np.ndarray) -> np.ndarray:
        """Of sources in the mixture, of what is said `[2, samples]`: `[2, bins, windows]`."""
        return np.square(np.abs(spectrum(self._padded(said * self._levels[:, None]))))

    def _floor(self, power: float, bins: int) -> np.ndarray:
        """What both kinds of sounds have on average in a mixture of that mean power, `[2, bins or 1, 1]`."""
        if self.spectra is None:
            return np.zeros((2, 1, 1))
        spectra = self.spectra.cpu().numpy()
        nearest = np.linspace(0, spectra.shape[1] - 1, bins).round().astype(int)  # a short clip has fewer
        return FLOOR * power * spectra[:, nearest, None]

    @property
    def _levels(self) -> np.ndarray:
        """Of the sources in the mixture, over those that they have as learned, `[2]`."""
        return np.array(self.shares, np.float32) / np.float32(self.gain)

    def _padded(self, said: np.ndarray) -> np.ndarray:
        """As long as the mixture: silent where nothing has been said yet."""
        return np.pad(said, ((0, 0), (0, self.known.frames - said.shape[1])))

    def _at_rate(self, samples: np.ndarray) -> Clip:
        """`[samples]` as a clip of the mixture's rate, length and channels."""
        rate, shape = self.mixture.sample_rate, self.mixture.samples.shape
        clip = resample(Clip(samples[None], self.known.sample_rate), rate, frames=shape[1])
        return Clip(np.broadcast_to(clip.samples, shape), rate)
