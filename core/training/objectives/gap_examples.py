"""Training examples of the gap mixer: gaps and their linear predictions, which are slow and therefore reused."""

import math

import torch
from torch import Generator, Tensor

from core.models.gap_mixer import CONTEXT
from core.signal.linear_prediction import interpolate_gap

RATE = 16000
SHORTEST, LONGEST = 0.02, 0.4  # seconds
MARGIN = 4096  # known samples on each side of a gap, at least
GAIN_DB = 2.0  # standard deviation of the random level of an example
GapExample = tuple[Tensor, Tensor, tuple[int, int]]  # truth [samples], guesses [3, samples], the gap


class GapExamples:
    """A store of examples: every draw adds one per waveform and drops the oldest.

    Args:
        kept: most examples in the store.
        batch: examples of a draw, whose gaps have similar lengths.
    """

    def __init__(self, kept: int = 8000, batch: int = 8):
        self.kept, self.batch = kept, batch
        self.examples: list[GapExample] = []

    def draw(self, clean: Tensor, generator: Generator) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
        """A batch at random levels: truths [batch, samples], guesses [batch, 3, samples], gaps.

        Args:
            clean: waveforms [rows, samples] that new examples are made from.
        """
        for row in clean:
            length = int(RATE * SHORTEST * (LONGEST / SHORTEST) ** torch.rand(1, generator=generator).item())
            length = min(length, len(row) - 2 * MARGIN)
            middle = MARGIN + length // 2 + int(torch.rand(1, generator=generator) * (len(row) - 2 * MARGIN - length))
            example = predict_gap(row, length, middle)
            if example is not None:
                self.examples.append(example)
        del self.examples[: -self.kept]
        chosen = self._alike(generator)
        longest = max(len(truth) for truth, _, _ in chosen)
        signs = [1.0 - 2.0 * (torch.rand(1, generator=generator).item() < 0.5) for _ in chosen]
        gains = [s * 10 ** (GAIN_DB / 20 * torch.randn(1, generator=generator).item()) for s in signs]
        truths = [_padded(truth.float() * g, longest) for (truth, _, _), g in zip(chosen, gains, strict=True)]
        guesses = [_padded(guess.float() * g, longest) for (_, guess, _), g in zip(chosen, gains, strict=True)]
        return torch.stack(truths).to(clean), torch.stack(guesses).to(clean), [gap for _, _, gap in chosen]

    def _alike(self, generator: Generator) -> list[GapExample]:
        """Random examples whose gaps have similar lengths."""
        by_length = sorted(self.examples, key=lambda example: example[2][1] - example[2][0])
        around = 25 * self.batch
        first = int(torch.randint(max(len(by_length) - around, 0) + 1, (1,), generator=generator))
        near = by_length[first : first + around]
        return [near[int(torch.randint(len(near), (1,), generator=generator))] for _ in range(self.batch)]


def predict_gap(waveform: Tensor, length: int, middle: int) -> GapExample | None:
    """The example of a gap of `length` samples around `middle`; None where it is silent or its prediction diverges.

    Args:
        waveform: [samples], at DATA_STD.
    """
    start = middle - length // 2
    stop = start + length
    samples = waveform.double().cpu().numpy()
    made = interpolate_gap(samples, start, stop)
    if not math.isfinite(made.doubt.max(initial=0.0)) or samples[start:stop].std() < 1e-3:
        return None
    first, last = max(0, start - CONTEXT), min(len(samples), stop + CONTEXT)
    truth = waveform[first:last].half().cpu()
    guesses = truth.repeat(3, 1)
    for n, guess in enumerate((made.joint, made.forward, made.backward)):
        guesses[n, start - first : stop - first] = torch.from_numpy(guess.copy()).half()
    return truth, guesses, (start - first, stop - first)


def _padded(rows: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, length - rows.shape[-1]))
