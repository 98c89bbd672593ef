"""Audio files as blocks of samples, from any place on to the end that a decoder comes to, not that of a header."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from core.errors import InputError
from core.signal.containers.flac import flac_layout
from core.signal.containers.layout import WHOLE, Layout, Part, Patched, Pieces, read_at
from core.signal.containers.mpeg import is_mpeg, mpeg_layout
from core.signal.containers.ogg import ogg_layout
from core.signal.containers.sizes import unfinished_layout, wave_samples
from core.signal.ffmpeg import FfmpegFile, foreign_kind
from core.signal.truncation import header_promises_more, ogg_lacks_end

BLOCK_FRAMES = 2**18
SMALLER_BLOCKS = (4096, 256, 16, 1)
MP3_RUN_UP = 24 * 1152
LONGEST_HEADER_CLAIM = 2**48  # frames; more means an unknown length


class _Sequential(soundfile.SoundFile):
    """Reads on and on, where soundfile would seek after every block: at the end of a FLAC file of unknown length that
    fails, and an MP3 decoder forgets what its next frame builds on."""

    def seekable(self) -> bool:
        return False

    def go_to(self, frame: int) -> None:
        """Before anything is read. MP3 is decoded from MP3_RUN_UP earlier: its blocks depend on earlier ones."""
        skipped = frame
        if frame and super().seekable():
            skipped = min(frame, MP3_RUN_UP) if self.format == "MP3" else 0
            self.seek(frame - skipped)
        while skipped and (read := len(self.read(min(skipped, BLOCK_FRAMES), dtype="float32"))):
            skipped -= read


@dataclass(frozen=True)
class SoundFile:
    """A file that libsndfile reads.

    Args:
        frames: samples per channel; None if unknown before they are decoded.
        missing: samples that headers promise beyond them.
        ends_early: the file holds less than its header says.
        parts: the streams that follow each other in it.
        notes: for the user.
    """

    path: Path
    channels: int
    sample_rate: int
    frames: int | None
    missing: int
    ends_early: bool
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    def blocks(self, first: int, most: int) -> Iterator[np.ndarray]:
        """At most `most` frames from `first` on, as many as can be decoded, `[frames, channels]`."""
        for pieces, frames in self.parts:
            if frames is not None and frames <= first:
                first -= frames
                continue
            for block in self._decode(pieces, first, most if frames is None else min(most, frames - first)):
                most -= len(block)
                yield block
            first = 0
            if most <= 0:
                return

    def _decode(self, pieces: Pieces, first: int, most: int) -> Iterator[np.ndarray]:
        """At the end of a truncated file the decoder fails for a whole block, so the rest is read in ever smaller
        ones."""
        for size in (BLOCK_FRAMES, *SMALLER_BLOCKS):
            with _opened(self.path, pieces) as file, suppress(soundfile.LibsndfileError):
                file.go_to(first)
                while len(block := file.read(min(size, most), dtype="float32", always_2d=True)):
                    first, most = first + len(block), most - len(block)
                    yield block
                return


def open_audio(path: Path) -> SoundFile | FfmpegFile:
    """Reads what a file says of itself, whatever its extension.

    Raises:
        InputError: not a regular file, not audio, or a kind that needs ffmpeg where there is none.
    """
    check_file(path)
    try:
        return _read_header(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error
    except soundfile.LibsndfileError as error:
        with open(path, "rb") as file:
            kind = foreign_kind(file)
        if kind:
            return FfmpegFile(path, kind)
        raise InputError(f"{path.name} is not audio that can be read; give a WAV, FLAC, OGG or MP3 file.") from error


def check_file(path: Path) -> int:
    """The size of a regular file, in bytes.

    Raises:
        InputError: there is none.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} does not exist or cannot be reached. Give the name of an audio file.") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder. Give an audio file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is a device, not a file. Give an audio file.")
    return status.st_size


def _read_header(path: Path) -> SoundFile:
    with open(path, "rb") as raw:
        layout = _layout(raw, path)
    return _join(path, layout)


def _layout(raw: BinaryIO, path: Path) -> Layout:
    known = {b"OggS": ogg_layout, b"fLaC": flac_layout}.get(read_at(raw, 0, 4))
    if known or is_mpeg(raw):  # not opened as it is: with a wrong header the decoder complains on stderr
        return (known or mpeg_layout)(raw)
    try:
        with _opened(path, WHOLE) as file:
            container, codec, empty = file.format, file.subtype, file.frames == 0
    except soundfile.LibsndfileError:
        return unfinished_layout(raw)
    if codec.startswith("MPEG"):
        return mpeg_layout(raw, wave_samples(raw) if container.startswith("WAV") else 0)
    return unfinished_layout(raw) if empty else Layout()


def _join(path: Path, layout: Layout) -> SoundFile:
    """The parts that are of the first one's form, up to one that is not."""
    first, parts, notes = None, [], ()
    for pieces, frames in layout.parts:
        try:
            with _opened(path, pieces) as file:
                found = _Found(file.format, file.channels, file.samplerate, header_promises_more(file.extra_info))
                if frames is None and 0 <= file.frames < LONGEST_HEADER_CLAIM:
                    frames = file.frames
        except soundfile.LibsndfileError:
            if first is None:
                raise
            found = None
        first = first or found
        if found is None or found[:3] != first[:3]:
            after = sum(part.frames or 0 for part in parts) / first.sample_rate
            notes = (f"{path.name} goes on after {after:.2f} s with sound of another kind, which was left out.",)
            break
        parts.append(Part(pieces, frames))
    ends_early = ogg_lacks_end(path) if first.format == "OGG" else first.promises_more
    known = [part.frames for part in parts]
    total = None if None in known else sum(known)
    return SoundFile(path, first.channels, first.sample_rate, total, layout.missing, ends_early, tuple(parts), notes)


class _Found(NamedTuple):
    """What a decoder says of a stream."""

    format: str
    channels: int
    sample_rate: int
    promises_more: bool


@contextmanager
def _opened(path: Path, pieces: Pieces) -> Iterator[_Sequential]:
    """A file, or what a layout makes of it; by descriptor, as libsndfile would trust a wrong extension."""
    if pieces == WHOLE:
        with _Sequential(os.open(path, os.O_RDONLY)) as file:
            yield file
        return
    with open(path, "rb") as raw, _Sequential(Patched(raw, pieces)) as file:
        yield file
