"""A result on the localization tab: numbered voices and how sure they are, their players, figures for each voice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from core.arrays.angles import fold
from core.arrays.doa.matching import match_angles
from core.signal.clip import Clip
from core.tasks.progress import Result, Voice
from core.tasks.voices import Truth
from demos.array.array_recording import ArrayRecording
from demos.array.polar import level_db
from demos.page import html, plots
from demos.page.figures import LOCALIZATION
from demos.page.scope import Track, View


@dataclass(frozen=True, eq=False)
class Found:
    """The end of a run, from which the page is made anew where a voice must be more or less sure.

    Args:
        result: of the run.
        numbers: everything that may be a voice, by its number.
        told: it was said how many voices there are: all that were found count then.
        looks: the steps of the run, for replay.
        key: of the run.
        counting: numbers of the voices that the page shows as such.
    """

    result: Result
    recording: ArrayRecording
    numbers: Mapping[int, Voice]
    told: bool
    looks: Sequence[Mapping]
    key: str
    counting: tuple[int, ...] = ()

    def at(self, least: float) -> tuple[Result, dict[int, Voice]]:
        """The result where what is at least so sure, 0 to 1, counts as a voice; these voices by their numbers."""
        result = self.result if self.told else self.result.at_confidence(least)
        counting = set(map(id, result.voices))
        return result, {number: voice for number, voice in self.numbers.items() if id(voice) in counting}

    @property
    def doubts(self) -> bool:
        """Whether some of it may be none, as far as the method can tell."""
        return not self.told and any(voice.confidence < 1 for voice in self.numbers.values())


def numbered_voices(result: Result, truth: Truth | None, axis: float | None = None) -> dict[int, Voice]:
    """All that may be voices by number: that of the nearest true voice within `html.BESIDE`, else the next free one.

    Args:
        axis: of an array that cannot tell mirror images apart, see `ArrayGeometry`.
    """
    found = (*result.voices, *result.doubtful)
    paths = [fold(path[0], axis) for path in truth.paths] if truth else []
    pairs = match_angles(paths, [fold(voice.angle, axis) for voice in found], html.BESIDE).pairs
    known = {place: true + 1 for true, place in pairs}
    free = (number for number in count(1) if number not in known.values())
    numbers = [known[k] if k in known else next(free) for k in range(len(found))]
    return dict(sorted(zip(numbers, found, strict=True), key=lambda pair: pair[0]))


def certainty_html(found: Found, result: Result) -> str:
    """How many voices count, how likely there are so many, and how many of them are right, in sentences.

    Args:
        result: of `Found.at`.
    """
    if not found.numbers:
        return ""
    counting, sentences = len(result.voices), []
    if found.told:
        sentences.append("All that were found count, as it was said how many voices there are.")
    elif not found.doubts:
        sentences.append("All that were found count, as nothing is doubted here.")
    else:
        likely = f"{result.report['count_confidence']:.0%}"
        sentences.append(f"{_counted(counting)} sure enough, and it is {likely} likely that there are exactly so many.")
        if result.doubtful:
            more = len(result.doubtful)
            directions = "One more direction is" if more == 1 else f"{more} more directions are"
            sentences.append(f"{directions} doubtful, and drawn faintly.")
    recall, true = result.metrics.get("recall"), len(result.figures)
    if recall is not None:
        right = round(recall * true)
        sentences.append(f"Precision: {right} of {counting} right within 10°. Recall: {right} of {true} found.")
    return html.notes_html([" ".join(sentences)])


def _counted(voices: int) -> str:
    return {0: "No voice is", 1: "One voice is"}.get(voices, f"{voices} voices are")


def stems_view(voices: Mapping[int, Voice], recording: ArrayRecording, key: str) -> View:
    """A player with the voices stacked."""
    tracks = [Track(f"Voice {number} · {_where(voice)}", voice.clip) for number, voice in voices.items()]
    return View(tracks, key, plots.loudest_db(recording.first), offset=recording.start, together=True, arrives=True)


def comparison_view(voices: Mapping[int, Voice], recording: ArrayRecording, key: str) -> View:
    """A player that switches between the microphone, every voice, and the truth if it is known."""
    tracks = [Track("Microphone 0", recording.first)]
    tracks += [Track(f"Voice {number}", voice.clip) for number, voice in voices.items()]
    references = recording.truth.references if recording.truth else ()
    for number, reference in enumerate(references, start=1):
        tracks.append(Track(f"{number}, truth", Clip(reference.samples[:1], reference.sample_rate)))
    shown = {"offset": recording.start, "initial": 1 if voices else 0, "compares": True}
    return View(tracks, f"{key} compared", plots.loudest_db(recording.first), **shown)


def voice_metrics_html(result: Result, names: Sequence[str]) -> str:
    """A table of figures of every true voice, and what they mean; empty without truth."""
    if not result.figures:
        return ""
    rows = {
        f"Voice {number}: {name}": figures
        for number, (name, figures) in enumerate(zip(names, result.figures.values(), strict=False), start=1)
    }
    return html.table_html(rows, "", LOCALIZATION, mark_best=False)


def _where(voice: Voice) -> str:
    return f"{html.degrees_text(voice.angle)} · {html.level_text(level_db(voice.clip))}"
