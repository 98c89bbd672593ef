"""What codes of two kinds of sounds add to their mixtures: learned once of pairs of stems, kept beside a prior."""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from core.errors import InputError
from core.models.code_parts import CodeParts, CodePartsFit
from core.models.lqvae_pieces import encode, hear
from core.models.transformer import PARTS, Transformer
from core.signal.clip import Clip
from core.signal.masks import FRAME, spectrum
from core.tasks.blocks import at_rate
from core.tasks.loading import load_code_priors
from core.zoo import Entry
from core.zoo.checkpoint import save_checkpoint
from core.zoo.manifest import add_part, find

ROLE = "mixtures"


def parts_of_both(priors: Sequence[Transformer]) -> CodeParts | None:
    """What is known of the codes of two priors in mixtures of both; None: nothing."""
    first, second = priors
    if first.parts is not None and first.parts.other == second.name:
        return first.parts
    if second.parts is not None and second.parts.other == first.name:
        return second.parts.swapped()
    return None


def mean_spectra(sources: np.ndarray) -> torch.Tensor:
    """Mean power of sounds `[sources, frames]` at the frequencies of `spectrum`, `[sources, bins]`."""
    return torch.from_numpy(np.square(np.abs(spectrum(sources))).mean(axis=-1))


def keep_code_parts(names: Sequence[str], pairs: Iterable[tuple[Clip, Clip]], data: str) -> Generator[int, None, Entry]:
    """Learns what the codes of two priors add to mixtures, and keeps it beside the first one's checkpoint, where it
    replaces what was learned before.

    Args:
        names: of both priors.
        pairs: sounds of the first and of the second kind that belong together, as loud as in a mixture.
        data: what they are, in words.

    Yields:
        How many pairs have been heard.

    Returns:
        The entry of what was learned.

    Raises:
        InputError: other models than two priors of one LQ-VAE's codes, or no pairs as long as a window of a spectrum.
    """
    model, priors = load_code_priors(names, "cpu")
    fit, heard = CodePartsFit(*model.codebook().k.shape, FRAME // 2 + 1), 0
    for pair in pairs:
        first, second = (at_rate(clip, model.sample_rate).mono().samples[0] for clip in pair)
        frames = min(len(first), len(second))
        if frames < FRAME:
            continue
        sources = np.stack([first[:frames], second[:frames]])
        codes = tuple(encode(model, own) for own in sources)
        fit.add(codes, hear(model, sources.mean(axis=0)), mean_spectra(sources))
        heard += 1
        yield heard
    if not heard:
        raise InputError("There is no pair of sounds to learn from; choose another folder.")
    parts = fit.solve(priors[1].name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parts.safetensors"
        save_checkpoint(path, PARTS, parts.config | {"sample_rate": model.sample_rate}, parts.state)
        return add_part(find(names[0]), ROLE, path, {"data": data})
