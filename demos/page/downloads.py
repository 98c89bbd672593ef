"""Results as files that a visitor can take along, kept in Gradio's cache, which `delete_cache` empties."""

import json
import math
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from core.signal.clip import Clip
from core.signal.files import read_clip, write_clip
from core.signal.limits import Limits
from core.signal.spectrogram_files import MelSpectrogram, write_spectrogram
from core.tasks.generation import origin_of
from core.tasks.progress import Result
from core.tasks.report_file import write_report
from demos.page.scope import playback_gain

LONGEST_NAME = 48  # characters that are kept of a source's
OWN = Limits(1e6, 64, 1, 10**6, file_bytes=2**40, frames=0, whole_file_bytes=2**40)  # what a run made is not too large


@dataclass(frozen=True)
class Format:
    """A format of sound files: the ending of their names, and the bits of its whole numbers, None of floats."""

    suffix: str
    bits: int | None = None


FLOAT = "wav-float"
ARCHIVE = ".zip"
FORMATS = {
    FLOAT: Format(".wav"),
    "wav-24": Format(".wav", 24),
    "wav-16": Format(".wav", 16),
    "flac": Format(".flac", 24),
}


@dataclass(frozen=True)
class Made:
    """What a run made, to be taken along in a format of the visitor's choice; hashable, as Gradio's states must be.

    Args:
        name: of the file with all of it, without its ending.
        sounds: of each the name of its file, without the ending, and the path of a float WAV file.
        report: path of the report, where there is one.
        comments: what each file says of itself in its metadata, where they say something; the report goes into their
            archive, too.
    """

    name: str
    sounds: tuple[tuple[str, str], ...]
    report: str | None = None
    comments: tuple[str, ...] = ()

    def written(self, form: str) -> tuple[str, str]:
        """Path of a file with the sounds, an archive where there are several; and a sentence where they were changed.

        What whole numbers cannot hold is made quieter by one gain for all sounds, never clipped.

        Args:
            form: one of `FORMATS`.

        Raises:
            InputError: the cache no longer holds the sounds.
        """
        wanted = FORMATS[form]
        if wanted.bits is None and len(self.sounds) == 1:
            return self.sounds[0][1], ""
        clips = {name: read_clip(path, limits=OWN).clip for name, path in self.sounds}
        gain = 1.0 if wanted.bits is None else playback_gain(list(clips.values()))
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{name}{wanted.suffix}" for name in clips]
            comments = self.comments or [""] * len(paths)
            for path, clip, comment in zip(paths, clips.values(), comments, strict=True):
                write_clip(path, Clip(gain * clip.samples, clip.sample_rate), bits=wanted.bits, comment=comment)
            if len(paths) == 1:
                return cache_file(paths[0]), _quieter(gain)
            report = [Path(self.report)] if self.report and self.comments else []
            whole = archived(Path(folder) / f"{self.name}{ARCHIVE}", [*paths, *report])
            return cache_file(whole), _quieter(gain)


def keep(sounds: Mapping[str, Clip], source_name: str, task: str, report: Mapping, notes: Sequence[str]) -> Made:
    """What a run made, kept in the cache.

    Args:
        sounds: one by any name, or several that the archive names so.
        source_name: of the file that the run was given.
        report: of the run.
        notes: that the page shows beside it.
    """
    kept = keep_so_far(sounds, source_name, task)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kept.name}-report.json"
        suffix = ".wav" if len(sounds) == 1 else ARCHIVE
        write_report(path, source_name, f"{kept.name}{suffix}", report, notes)
        return Made(kept.name, kept.sounds, cache_file(path))


def keep_so_far(sounds: Mapping[str, Clip], source_name: str, task: str) -> Made:
    """As `keep`, of a run that was stopped: there is no report."""
    name = _named(source_name, task)
    names = [name] if len(sounds) == 1 else list(sounds)
    return Made(name, tuple((name, _sound_file(name, clip)) for name, clip in zip(names, sounds.values(), strict=True)))


def keep_generated(sounds: Mapping[str, Clip], origins: Sequence[Mapping], report: Mapping | None) -> Made:
    """Generated sounds, kept in the cache; each is named by its seed and says in its metadata what made it.

    Args:
        origins: of each, as `core.tasks.generation.origin_of` says it.
        report: None of a run that was stopped.
    """
    names, comments = [generated_name(origin) for origin in origins], tuple(map(json.dumps, origins))
    written = zip(names, sounds.values(), comments, strict=True)
    kept = tuple((name, _sound_file(name, clip, comment)) for name, clip, comment in written)
    whole = names[0] if len(names) == 1 else f"{origins[0]['prior']}-{len(names)}-sounds"
    if report is None:
        return Made(whole, kept, None, comments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{whole}-report.json"
        write_report(path, None, f"{whole}{'.wav' if len(names) == 1 else ARCHIVE}", report, report["notes"])
        return Made(whole, kept, cache_file(path), comments)


def generated_files(result: Result) -> list[str]:
    """Paths of WAV files, one for each generated sound, that say what they can be made again with."""
    origins = [origin_of(result.report, name) for name in result.sounds]
    return [path for _, path in keep_generated(result.sounds, origins, None).sounds]


def generated_name(origin: Mapping) -> str:
    """Of a file: what was asked for, and the seed with the steps where there are any, or the place in a morph."""
    asked = [origin["prior"], *(origin[name] for name in ("label", "speaker") if origin.get(name))]
    said = re.sub(r"\W+", "-", "-".join(asked))[:LONGEST_NAME]
    if "morph" in origin:
        first, last = origin["morph"]
        return f"{said}-morph-{first}-{last}-{origin['place']:02d}"
    steps = f"-{origin['steps']}-steps" if "steps" in origin else ""
    return f"{said}-seed-{origin['seed']}{steps}{'-with-its-beginning' if origin.get('joined') else ''}"


def restored_file(clip: Clip, source_name: str, task: str) -> str:
    """Path of a WAV file (float32, at the clip's own level), named after its source and the task."""
    return _sound_file(_named(source_name, task), clip)


def stem_files(stems: Mapping[str, Clip], source_name: str) -> list[str]:
    """Paths of WAV files, one for each stem."""
    return [restored_file(clip, source_name, name) for name, clip in stems.items()]


def spectrogram_file(spectrogram: MelSpectrogram, source_name: str) -> str:
    """Path of an `.npz` file with a mel spectrogram and how it was made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_named(source_name, 'mel')}.npz"
        write_spectrogram(path, spectrogram)
        return cache_file(path)


def _named(source_name: str, task: str) -> str:
    return f"{Path(source_name).stem[:LONGEST_NAME]}-{task}"


def _sound_file(name: str, clip: Clip, comment: str = "") -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.wav"
        write_clip(path, clip, comment=comment)
        return cache_file(path)


def archived(path: Path, files: Sequence[Path]) -> Path:
    """The archive at that path, once the files are in it."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def cache_file(path: Path) -> str:
    """Path of a copy in Gradio's cache."""
    return save_file_to_cache(path, get_upload_folder())


def _quieter(gain: float) -> str:
    if gain == 1:
        return ""
    decibels = -20 * math.log10(gain)
    return f"Made {decibels:.1f} dB quieter, so that no peak is cut off; 32-bit WAV keeps the level."
