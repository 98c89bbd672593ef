"""Speech to codes and codes to speech in another voice, through a VQ-VAE that says samples one after the other.

A clip is cut at its pauses into passages that are said side by side, each after a silence; so a long clip takes
several streams, which cost little more than one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.models.vqvae import PAD_RIGHT, VQVAE, padded
from core.models.wavernn import HOP, PAST_CODES
from core.samplers.ancestral import ancestral
from core.signal.clip import Clip
from core.signal.pauses import cut_at_pauses
from core.signal.resampling import resample
from core.signal.sample_halves import as_waveform, joined

SHORTEST, LONGEST = 1.2, 2.5  # seconds of a passage
STREAMS = 8
BLOCK = 1600  # samples of each stream between two looks at what has been said


@dataclass(frozen=True)
class Passage:
    """Codes of speech that begins after a silence.

    Args:
        codes: their numbers, int64 `[PAST_CODES + frames, channels]`, of which the first are the silence's.
    """

    codes: Tensor

    @property
    def samples(self) -> int:
        """That it takes to say it."""
        return (len(self.codes) - PAST_CODES) * HOP


@dataclass(frozen=True)
class Spoken:
    """What has been said so far.

    Args:
        waveform: all that is to be said, float32 `[frames]`; silent where nothing has been said yet.
        ready: its first samples, up to where all has been said.
        share: of all samples, that has been said.
    """

    waveform: np.ndarray
    ready: int
    share: float


@torch.no_grad()
def passages_of(clip: Clip, model: VQVAE) -> list[Passage]:
    """What is said in a clip, mixed to one channel at the model's rate; silence fills the last code.

    Raises:
        InputError: a clip that is shorter than a code.
    """
    waveform = resample(clip.mono(), model.sample_rate).samples[0]
    if len(waveform) < HOP:
        shortest = 1000 * HOP / model.sample_rate
        raise InputError(f"The clip is shorter than one code ({shortest:g} ms). Give more of it.")
    waveform, passages = np.pad(waveform, (0, -len(waveform) % HOP)), []
    for first, last in cut_at_pauses(waveform, model.sample_rate, SHORTEST, LONGEST, HOP):
        heard = padded(torch.from_numpy(waveform[first : last + PAD_RIGHT].copy()))  # it looks ahead over its end
        frames = PAST_CODES + (last - first) // HOP
        passages.append(Passage(model.encode(heard[None].to(model.device)).indices[0, :frames].cpu()))
    return passages


def say_passages(
    passages: Sequence[Passage],
    model: VQVAE,
    speaker: str,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    streams: int = STREAMS,
) -> Iterator[Spoken]:
    """Says passages one after the other in the voice of a speaker.

    Args:
        speaker: one of `model.config.speakers`.
        temperature: 0 takes the likeliest class every time; see `ancestral`.
        streams: passages that are said side by side; what is said does not depend on it but where draws are close.

    Yields:
        Spoken: after every block of samples; the last one is the result.

    Raises:
        InputError: an unknown speaker, nothing to say, an unusable temperature.
    """
    check_speaker(speaker, model)
    if not passages:
        raise InputError("There are no codes to be said; give at least one.")
    names = model.config.speakers
    voice = F.one_hot(torch.tensor(names.index(speaker)), len(names)).float()
    starts = np.cumsum([0, *(passage.samples for passage in passages)])
    said = np.zeros(starts[-1], np.float32)
    generator = torch.Generator().manual_seed(seed)
    for first in range(0, len(passages), streams):
        together = passages[first : first + streams]
        for waveforms in _say(together, model, voice, temperature, generator):
            lengths = [min(passage.samples, waveforms.shape[1]) for passage in together]
            for start, length, waveform in zip(starts[first:], lengths, waveforms, strict=False):
                said[start : start + length] = waveform[:length]
            yield Spoken(said.copy(), *_progress(passages, first, lengths))


def check_speaker(name: str, model: VQVAE) -> None:
    """Raises:
    InputError: the model does not speak with that voice.
    """
    if name not in model.config.speakers:
        raise InputError(f"There is no speaker {name!r:.60}; choose one of {', '.join(model.config.speakers)}.")


def _progress(passages: Sequence[Passage], first: int, lengths: Sequence[int]) -> tuple[int, float]:
    """Up to which sample all is said, and which share of them; of passages from the first on so many are."""
    samples = [passage.samples for passage in passages]
    before = sum(samples[:first])
    under_way = next((n for n, length in enumerate(lengths) if length < samples[first + n]), len(lengths))
    ready = before + sum(lengths[: under_way + 1])
    return ready, (before + sum(lengths)) / sum(samples)


@torch.no_grad()
def _say(
    passages: Sequence[Passage], model: VQVAE, voice: Tensor, temperature: float, generator: torch.Generator
) -> Iterator[np.ndarray]:
    """Waveforms so far of passages that are said side by side, `[passages, samples]`, as long as the longest."""
    from core.models.compiled.wavernn import WaveRNNSteps  # here: it takes seconds to compile, once

    longest = max(len(passage.codes) for passage in passages)
    indices = torch.stack([F.pad(p.codes, (0, 0, 0, longest - len(p.codes))) for p in passages])
    codes = model.vq.look_up(indices.to(model.device)).flatten(2)
    steps = WaveRNNSteps(model.overtone, len(passages), voice.expand(len(passages), -1).to(model.device))
    settings = {"steps": 2 * (longest - PAST_CODES) * HOP, "chunk": 2 * BLOCK}
    for iterate in ancestral(steps, **settings, condition=codes, temperature=temperature, generator=generator):
        yield as_waveform(joined(iterate.x[:, ::2], iterate.x[:, 1::2])).numpy()
