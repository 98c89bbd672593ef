"""What the notebooks of the lessons share: the example sounds, a run's end, and sounds to be seen and heard together.

Every picture is one that the page draws (`demos/page/plots.py`).
"""

import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from IPython.display import HTML, Audio  # noqa: E402

from core.signal.clip import Clip  # noqa: E402
from core.signal.files import read_clip  # noqa: E402
from core.signal.limits import ARRAY_LIMITS  # noqa: E402
from core.tasks.progress import Result  # noqa: E402
from demos.page.plots import loudest_db, spectrogram_png  # noqa: E402

torch.set_flush_denormal(True)  # as the commands do: denormal floats make small networks several times slower


def example(name: str, seconds: float, start: float = 0.0) -> Clip:
    """Some seconds of one of the example sounds in `assets/sounds`."""
    return read_clip(ROOT / "assets" / "sounds" / f"{name}.flac", start=start, length=seconds, limits=ARRAY_LIMITS).clip


def finish(run: Iterable) -> Result:
    """What a task's run yields last."""
    *_, result = run
    return result


def figures(result: Result) -> None:
    """Prints how near the result and the baselines come to the truth, a line for each."""
    for name, measured in {"result": result.figures, **result.baseline_figures}.items():
        for sound, values in measured.items():
            known = ", ".join(f"{figure} {value:.1f}" for figure, value in values.items() if value is not None)
            print(f"{name:24} {sound:12} {known}")


def show(sounds: Mapping[str, Clip]) -> HTML:
    """Sounds under one another, each with its spectrogram; all on the same scale of loudness and of frequency."""
    top_db = max(loudest_db(clip) for clip in sounds.values())
    top_hz = max(clip.sample_rate for clip in sounds.values()) / 2
    gain = 1 / max(1.0, *(abs(clip.samples).max() for clip in sounds.values()))  # one for all
    rows = []
    for name, clip in sounds.items():
        picture = b64encode(spectrogram_png(clip, top_db=top_db, top_hz=top_hz)).decode()
        player = Audio(gain * clip.samples[:1], rate=clip.sample_rate, normalize=False)._repr_html_()
        rows.append(
            f'<figure style="margin: 0 0 12px"><figcaption>{escape(name)}</figcaption>'
            f'<img src="data:image/png;base64,{picture}" style="width: 100%; height: 120px" alt="">{player}</figure>'
        )
    return HTML("".join(rows))
