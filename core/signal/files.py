"""Audio files in and out: checked before they are decoded, written atomically, levels unchanged."""

import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from scipy.io import wavfile

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.decoding import LONGEST_HEADER_CLAIM, SoundFile, check_file, open_audio
from core.signal.ffmpeg import FfmpegFile
from core.signal.limits import LIMITS, Limits, check_clip, check_format, check_length, check_size
from core.signal.output import replacing
from core.signal.wav_comment import add_comment

BLOCK_FRAMES = 2**18
COUNTING_SECONDS = 60.0


@dataclass(frozen=True)
class Recording:
    """A clip, and sentences for the user about its file, such as that it ends early."""

    clip: Clip
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """What is known of a file before it is decoded.

    Args:
        frames: samples per channel; None if unknown.
        sample_rate: in Hz.
        ends_early: the header promises more than the file holds.
    """

    channels: int
    frames: int | None
    sample_rate: int
    ends_early: bool

    @property
    def seconds(self) -> float:
        """Infinite if unknown."""
        return math.inf if self.frames is None else self.frames / self.sample_rate


def probe(path: str | Path, *, mono: bool = False, limits: Limits = LIMITS) -> Probe:
    """Reads what a file says of itself, whatever its extension.

    Args:
        mono: its channels are to be mixed.

    Raises:
        InputError: not a regular file, over `limits.whole_file_bytes`, not audio, or a format outside the limits.
    """
    file = _open(Path(path), mono, limits)
    return Probe(file.channels, file.frames, file.sample_rate, file.ends_early or file.missing > 0)


def duration(path: str | Path, *, mono: bool = False, limits: Limits = LIMITS) -> float:
    """Seconds of a file, which is decoded where nothing else says how long it is.

    Raises:
        InputError: as `probe`, or decoding takes more than COUNTING_SECONDS.
    """
    path = Path(path)
    file, count, deadline = _open(path, mono, limits), 0, time.monotonic() + COUNTING_SECONDS
    if file.frames is not None:
        return file.frames / file.sample_rate
    for block in file.blocks(0, LONGEST_HEADER_CLAIM):
        count += len(block)
        if time.monotonic() > deadline:
            raise InputError(f"{path.name} is too long for its length to be found. Cut it, or convert it to WAV.")
    return count / file.sample_rate


def read_clip(
    path: str | Path,
    *,
    start: float = 0.0,
    length: float | None = None,
    mono: bool = False,
    limits: Limits = LIMITS,
) -> Recording:
    """Reads a file or a part of it, at its own rate and level.

    Args:
        path: WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, AU or another format of libsndfile, 8 to 64 bit; where ffmpeg is
            installed also M4A, MP4, AAC, WebM and others (see `core.signal.ffmpeg`).
        start: of the part, in seconds.
        length: of the part, in seconds; None reads to the end.
        mono: mixes the channels, as `Clip.mono` does, while they are read.

    Raises:
        InputError: as `probe`, or a part that is outside the file or the limits, or samples that are not finite.
    """
    path = Path(path)
    if not (math.isfinite(start) and start >= 0 and (length is None or (math.isfinite(length) and length > 0))):
        raise InputError("A part starts at 0 s or later and is longer than 0 s.")
    if not start and length is None:
        check_size(path.name, check_file(path), 1.0, limits)
    file = _open(path, mono, limits)
    rate, first = file.sample_rate, round(start * file.sample_rate)
    if first and first >= (LONGEST_HEADER_CLAIM if file.frames is None else file.frames):
        raise _too_late(path.name, start)
    wanted = math.inf if length is None else round(length * rate)
    held = min(wanted, math.inf if file.frames is None else file.frames - first)
    if math.isfinite(held):
        check_length(path.name, held, rate, limits)
    check_size(path.name, check_file(path), held / file.frames if file.frames else None, limits)
    clip = Clip(_read(file, first, min(held, int(limits.seconds * rate) + 1), mono), rate)
    if first and not clip.frames:
        raise _too_late(path.name, start)
    check_clip(path.name, clip, limits)
    return Recording(clip, tuple(_notes(path.name, file, first, wanted, clip)))


def write_clip(
    path: str | Path, clip: Clip, *, bits: Literal[16, 24] | None = None, comment: str = ""
) -> tuple[str, ...]:
    """Writes a clip at its own level: `.wav` float32 (bit for bit), `.flac` 24 bit, `.ogg` Vorbis, by the name.

    Args:
        bits: of whole numbers, for `.wav` and `.flac`.
        comment: what the file says of itself, in its metadata.

    Returns:
        Sentences for the user on what the format could not keep.

    Raises:
        InputError: another extension, a format that does not take these channels or this rate, or as `replacing`.
    """
    path = Path(path)
    encoders = {".wav": _write_wav, ".flac": _write_flac, ".ogg": _write_ogg}
    encode = encoders.get(path.suffix.lower())
    if encode is None:
        raise InputError(f"{path.name} cannot be written. Choose a name that ends in .wav, .flac or .ogg.")
    with replacing(path) as file:
        try:
            return encode(file, clip, bits, comment)
        except (soundfile.LibsndfileError, ValueError) as error:
            raise InputError(
                f"{path.suffix.lower()} does not take {clip.channels} channels of {clip.frames} samples at "
                f"{clip.sample_rate} Hz. Choose a name that ends in .wav."
            ) from error


def _open(path: Path, mono: bool, limits: Limits) -> SoundFile | FfmpegFile:
    check_size(path.name, check_file(path), None, limits)
    file = open_audio(path)
    check_format(path.name, file.channels, file.sample_rate, limits, mono=mono)
    return file


def _read(file: SoundFile | FfmpegFile, first: int, most: int, mono: bool) -> np.ndarray:
    """At most `most` frames from `first` on, as many as can be decoded, `[channels, frames]`."""
    samples, count = np.empty((1 if mono else file.channels, most), dtype=np.float32), 0
    for block in file.blocks(first, most):
        samples[:, count : count + len(block)] = block.T.mean(axis=0, keepdims=True) if mono else block.T
        count += len(block)
    return samples[:, :count]


def _too_late(name: str, start: float) -> InputError:
    return InputError(f"{name} ends before {start:g} s. Choose an earlier start.")


def _notes(name: str, file: SoundFile | FfmpegFile, first: int, wanted: float, clip: Clip) -> Iterator[str]:
    rate, end = file.sample_rate, first + clip.frames
    promised = min(wanted, math.inf if file.frames is None else file.frames + file.missing - first)
    if math.isfinite(promised) and clip.frames < promised and file.frames is not None:
        yield f"{name} ends early: of {promised / rate:.2f} s only {clip.seconds:.2f} s are there, they were taken."
    elif file.ends_early:
        yield f"{name} ends early: its end is missing, what is there was taken."
    elif math.isfinite(wanted) and clip.frames < wanted:
        yield f"{name} ends at {end / rate:.2f} s, so the part is {clip.seconds:.2f} s long."
    yield from file.notes


def _write_wav(file, clip: Clip, bits: int | None, comment: str) -> tuple[str, ...]:
    if bits is not None:
        return _write_integers(file, clip, "WAV", bits, comment)
    wavfile.write(file, clip.sample_rate, np.ascontiguousarray(clip.samples.T))
    if comment:
        add_comment(file, comment)
    return ()


def _write_flac(file, clip: Clip, bits: int | None, comment: str) -> tuple[str, ...]:
    return _write_integers(file, clip, "FLAC", bits or 24, comment)


def _write_integers(file, clip: Clip, container: str, bits: int, comment: str) -> tuple[str, ...]:
    encoded = io.BytesIO()  # libsndfile does not report a disk that fills up at the end of a file
    form = {"format": container, "subtype": f"PCM_{bits}"}
    clipped, full_scale = 0, 2 ** (bits - 1)
    with soundfile.SoundFile(encoded, "w", clip.sample_rate, clip.channels, **form) as target:
        if comment:
            target.comment = comment
        for start in range(0, clip.frames, BLOCK_FRAMES):
            steps = np.rint(clip.samples[:, start : start + BLOCK_FRAMES].T.astype(np.float64) * full_scale)
            inside = np.clip(steps, -full_scale, full_scale - 1)
            clipped += np.count_nonzero(np.abs(steps - inside) > 1)
            target.write(inside.astype(np.int32) << (32 - bits))  # at the top of 32
    file.write(encoded.getbuffer())
    if not clipped:
        return ()
    name = f"{container} of {bits} bits"
    return (
        f"{clipped} samples lie beyond full scale, which {name} cannot hold; they were clipped. Float WAV keeps them.",
    )


def _write_ogg(file, clip: Clip, bits: int | None, comment: str) -> tuple[str, ...]:
    if bits is not None:
        raise ValueError("Vorbis has no bits of its own.")
    encoded = io.BytesIO()
    form = {"format": "OGG", "subtype": "VORBIS"}
    with soundfile.SoundFile(encoded, "w", clip.sample_rate, clip.channels, **form) as target:
        if comment:
            target.comment = comment
        for start in range(0, clip.frames, BLOCK_FRAMES):
            target.write(clip.samples[:, start : start + BLOCK_FRAMES].T)
    file.write(encoded.getbuffer())
    return ()
