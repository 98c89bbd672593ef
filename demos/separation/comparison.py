"""What is heard of a separation: its stems, together, and beside what the other method made of the same mixture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.choices import LATENT, WAVEFORM
from core.tasks.progress import Figures, Result, Sounds
from core.tasks.separation_baselines import NMF
from demos.page import html
from demos.page.downloads import Made
from demos.page.history import RunHistory
from demos.page.kept import KeptResult
from demos.page.scope import Track, View, payload

WORDS = {WAVEFORM: "as waveforms", LATENT: "as codes"}  # of what the other method made


@dataclass
class SeparationHistory(RunHistory):
    """Keeps what the methods made of the same mixture.

    Attributes:
        method: of this run.
        made: of each method the stems of its last run.
    """

    method: str = WAVEFORM
    made: dict[str, tuple[KeptResult, ...]] = field(default_factory=dict)

    def keep_stems(self, result: Result, taken: Made) -> None:
        """Keeps the stems of the run, for the next one by another method."""
        part, word = (self.offset, result.observed.seconds), WORDS[self.method]
        stems = (
            KeptResult(f"{name}, {word}", path, result.figures.get(name, {}), part)
            for name, (_, path) in zip(result.sounds, taken.sounds, strict=True)
        )
        self.made = self.made | {self.method: tuple(stems)}

    @property
    def other(self) -> str:
        """The method that this run's is compared with."""
        return LATENT if self.method == WAVEFORM else WAVEFORM

    def of_other(self, result: Result) -> list[KeptResult]:
        """The stems that it made of the same part; none where a file of them is gone."""
        part, stems = (self.offset, result.observed.seconds), list(self.made.get(self.other, ()))
        return stems if all(stem.part == part and stem.clip() is not None for stem in stems) else []


def stacked(sounds: Sounds, history: RunHistory) -> dict:
    """The monitor's payload of stems, which sound together."""
    tracks = [Track(name, clip) for name, clip in sounds.items()]
    shared = {"offset": history.offset, "peak": history.peak, "together": True}
    return payload(View(tracks, history.key, history.top_db, **shared))


def compared(tracks: Sequence[Track], history: RunHistory, *, arrives: bool = False) -> dict:
    """The payload of the player that compares; the second track, the first stem, is heard first."""
    shown = {"offset": history.offset, "initial": 1, "arrives": arrives, "compares": True}
    return payload(View(tracks, history.key, history.top_db, **shown))


def named(sounds: Sounds, word: str) -> list[Track]:
    """Tracks of stems, with a word on what they are."""
    return [Track(f"{name}, {word}", clip) for name, clip in sounds.items()]


def made(result: Result) -> list[Track]:
    """The mixture, and the stems that were made of it."""
    return [Track("Mixture", result.observed), *(Track(name, clip) for name, clip in result.sounds.items())]


def beside(result: Result, others: Sequence[KeptResult]) -> list[Track]:
    """What the stems are compared with: those of NMF and of the other method, and the truth."""
    kept = [Track(stem.name, stem.clip()) for stem in others]
    return [*named(result.baselines.get(NMF, {}), "NMF"), *kept, *named(result.truths, "truth")]


def rows(stems: Sequence[KeptResult], method: str, names: Iterable[str]) -> dict[str, Figures]:
    """A row of figures: by how much stems of a method are better than the mixture, by the names that the same sources
    have in another one."""
    if not stems:
        return {}
    gains = (stem.figures.get("si_sdr_improvement_db") for stem in stems)
    return {html.title(WORDS[method]): dict(zip(names, gains, strict=False))}
