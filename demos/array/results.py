"""A result on the localization tab: numbered voices, their players, and figures for each voice."""

from collections.abc import Mapping, Sequence
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


def numbered_voices(result: Result, truth: Truth | None, axis: float | None = None) -> dict[int, Voice]:
    """The voices by number: that of the nearest true voice within `html.BESIDE`, else the next free one.

    Args:
        axis: of an array that cannot tell mirror images apart, see `ArrayGeometry`.
    """
    paths = [fold(path[0], axis) for path in truth.paths] if truth else []
    pairs = match_angles(paths, [fold(voice.angle, axis) for voice in result.voices], html.BESIDE).pairs
    known = {found: true + 1 for true, found in pairs}
    free = (number for number in count(1) if number not in known.values())
    numbers = [known[k] if k in known else next(free) for k in range(len(result.voices))]
    return dict(sorted(zip(numbers, result.voices, strict=True), key=lambda pair: pair[0]))


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
