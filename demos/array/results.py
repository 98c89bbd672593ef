"""What the localization tab makes of a result: voices with numbers, players of them, and figures voice by voice."""

from collections.abc import Mapping, Sequence
from itertools import count

from core.arrays.doa.matching import match_angles
from core.signal.clip import Clip
from core.tasks.progress import Result, Voice
from core.tasks.voices import Truth
from demos.array.input_sound import Heard
from demos.array.polar import level_db
from demos.page import html, plots
from demos.page.scope import Track, View


def numbered(result: Result, truth: Truth | None) -> dict[int, Voice]:
    """The voices by number: that of the true voice beside them where there is one, else from loud to quiet."""
    paths = [path[0] for path in truth.paths] if truth else []
    pairs = match_angles(paths, [voice.angle for voice in result.voices], html.BESIDE).pairs
    known = {found: true + 1 for true, found in pairs}
    free = (number for number in count(1) if number not in known.values())
    numbers = [known[k] if k in known else next(free) for k in range(len(result.voices))]
    return dict(sorted(zip(numbers, result.voices, strict=True), key=lambda pair: pair[0]))


def stems_of(voices: Mapping[int, Voice], heard: Heard, key: str) -> View:
    """The voices one under the other."""
    tracks = [Track(f"Voice {number} · {_where(voice)}", voice.clip) for number, voice in voices.items()]
    return View(tracks, key, plots.loudest_db(heard.first), offset=heard.start)


def compared(voices: Mapping[int, Voice], heard: Heard, key: str) -> View:
    """The microphone, every voice, and the truth where it is known, to be switched between."""
    tracks = [Track("Microphone 0", heard.first)]
    tracks += [Track(f"Voice {number}", voice.clip) for number, voice in voices.items()]
    references = heard.truth.references if heard.truth else ()
    for number, reference in enumerate(references, start=1):
        tracks.append(Track(f"{number}, truth", Clip(reference.samples[:1], reference.sample_rate)))
    initial = 1 if voices else 0
    return View(tracks, f"{key} compared", plots.loudest_db(heard.first), offset=heard.start, initial=initial)


def voice_metrics_html(result: Result, names: Sequence[str]) -> str:
    """Figures of every true voice; nothing where there is no truth."""
    if not result.figures:
        return ""
    rows = {
        f"Voice {number}: {name}": figures
        for number, (name, figures) in enumerate(zip(names, result.figures.values(), strict=False), start=1)
    }
    return html.table_html(rows, "", html.LOCALIZATION, mark_best=False)


def _where(voice: Voice) -> str:
    return f"{html.degrees_text(voice.angle)} · {html.level_text(level_db(voice.clip))}"
