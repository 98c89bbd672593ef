"""Audio files in and out: checked before they are decoded, written atomically, levels unchanged."""

import io
import math
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.io import wavfile

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.limits import LIMITS, Limits, check_clip, check_format, check_length
from core.signal.output import replacing
from core.signal.truncation import header_promises_more, ogg_lacks_end

BLOCK_FRAMES = 2**18
SMALLER_BLOCKS = (4096, 256, 16, 1)
MP3_RUN_UP = 24 * 1152
LONGEST_HEADER_CLAIM = 2**48  # frames; more means an unknown length
FLAC_STEPS = 2**23


@dataclass(frozen=True)
class Recording:
    """A clip, and sentences for the user about its file, such as that it ends early."""

    clip: Clip
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """Contents of a header, before anything is decoded.

    Args:
        frames: samples per channel; None if the header does not say.
        sample_rate: in Hz.
        ends_early: the header promises more than the file holds.
    """

    channels: int
    frames: int | None
    sample_rate: int
    ends_early: bool

    @property
    def seconds(self) -> float:
        """Infinite if the header does not say."""
        return math.inf if self.frames is None else self.frames / self.sample_rate


def probe(path: str | Path, *, limits: Limits = LIMITS) -> Probe:
    """Reads the header alone, whatever the file's extension says.

    Raises:
        InputError: not a regular file, over `limits.file_bytes`, not audio, or a format outside the limits.
    """
    path = Path(path)
    with _open(path, limits) as file:
        check_format(path.name, file.channels, file.samplerate, limits)
        frames = file.frames if 0 <= file.frames < LONGEST_HEADER_CLAIM else None
        ends_early = ogg_lacks_end(path) if file.format == "OGG" else header_promises_more(file.extra_info)
        return Probe(file.channels, frames, file.samplerate, ends_early)


def read_clip(
    path: str | Path, *, start: float = 0.0, length: float | None = None, limits: Limits = LIMITS
) -> Recording:
    """Reads a file or a part of it, at its own rate and level.

    Args:
        path: WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, AU or another format of libsndfile, 8 to 64 bit.
        start: of the part, in seconds.
        length: of the part, in seconds; None reads to the end.

    Raises:
        InputError: as `probe`, or a part that is outside the file or the limits, or samples that are not finite.
    """
    path = Path(path)
    if not (math.isfinite(start) and start >= 0 and (length is None or (math.isfinite(length) and length > 0))):
        raise InputError("A part starts at 0 s or later and is longer than 0 s.")
    header = probe(path, limits=limits)
    first = round(start * header.sample_rate)
    if 0 < (LONGEST_HEADER_CLAIM if header.frames is None else header.frames) <= first:
        raise InputError(f"{path.name} ends before {start:g} s. Choose an earlier start.")
    wanted = math.inf if length is None else round(length * header.sample_rate)
    promised = min(wanted, math.inf if header.frames is None else header.frames - first)
    if math.isfinite(promised):
        check_length(path.name, promised, header.sample_rate, limits)
    most = min(promised, int(limits.seconds * header.sample_rate) + 1)
    clip = Clip(_read(path, header.channels, first, most, limits), header.sample_rate)
    check_clip(path.name, clip, limits)
    return Recording(clip, tuple(_notes(path.name, header, first, wanted, promised, clip)))


def write_clip(path: str | Path, clip: Clip) -> tuple[str, ...]:
    """Writes a clip at its own level: `.wav` float32 (bit for bit), `.flac` 24 bit, `.ogg` Vorbis, by the name.

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
            return encode(file, clip)
        except (soundfile.LibsndfileError, ValueError) as error:
            raise InputError(
                f"{path.suffix.lower()} does not take {clip.channels} channels of {clip.frames} samples at "
                f"{clip.sample_rate} Hz. Choose a name that ends in .wav."
            ) from error


def _open(path: Path, limits: Limits) -> soundfile.SoundFile:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} does not exist or cannot be reached. Give the name of an audio file.") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder. Give an audio file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is a device, not a file. Give an audio file.")
    if status.st_size > limits.file_bytes:
        raise InputError(
            f"{path.name} has {status.st_size / 1e6:.1f} MB; the limit is {limits.file_bytes / 1e6:g} MB. "
            "Cut it, or compress it as FLAC."
        )
    try:
        # by descriptor, as libsndfile would trust a wrong extension
        return soundfile.SoundFile(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path.name} is not audio that can be read; give a WAV, FLAC, OGG or MP3 file.") from error


def _read(path: Path, channels: int, first: int, most: int, limits: Limits) -> np.ndarray:
    """At most `most` frames from `first` on, as many as can be decoded, `[channels, frames]`.

    At the end of a truncated file the decoder fails for a whole block, so the rest is read in ever smaller ones.
    """
    samples, count = np.empty((channels, most), dtype=np.float32), 0
    for block in (BLOCK_FRAMES, *SMALLER_BLOCKS):
        with _open(path, limits) as file, suppress(soundfile.LibsndfileError):
            while len(frames := _read_block(file, first + count, min(block, most - count))):
                samples[:, count : count + len(frames)] = frames.T
                count += len(frames)
            break
    return samples[:, :count]


def _read_block(file: soundfile.SoundFile, start: int, frames: int) -> np.ndarray:
    """`[frames, channels]`. As soundfile seeks after every read, MP3 is decoded from MP3_RUN_UP samples earlier: its
    blocks depend on earlier ones."""
    run_up = min(start, MP3_RUN_UP) if file.format == "MP3" else 0
    file.seek(start - run_up)
    return file.read(run_up + frames, dtype="float32", always_2d=True)[run_up:]


def _notes(name: str, header: Probe, first: int, wanted: float, promised: float, clip: Clip) -> Iterator[str]:
    rate = header.sample_rate
    if header.frames is not None and clip.frames < promised:
        yield f"{name} ends early: of {promised / rate:.2f} s only {clip.seconds:.2f} s are there, they were taken."
    elif header.ends_early:
        yield f"{name} ends early: its end is missing, what is there was taken."
    elif math.isfinite(wanted) and clip.frames < wanted:
        end = (first + clip.frames) / rate
        yield f"{name} ends at {end:.2f} s, so the part is {clip.seconds:.2f} s long."


def _write_wav(file, clip: Clip) -> tuple[str, ...]:
    wavfile.write(file, clip.sample_rate, np.ascontiguousarray(clip.samples.T))
    return ()


def _write_flac(file, clip: Clip) -> tuple[str, ...]:
    encoded = io.BytesIO()  # libsndfile does not report a disk that fills up at the end of a file
    form = {"format": "FLAC", "subtype": "PCM_24"}
    clipped = 0
    with soundfile.SoundFile(encoded, "w", clip.sample_rate, clip.channels, **form) as target:
        for start in range(0, clip.frames, BLOCK_FRAMES):
            steps = np.rint(clip.samples[:, start : start + BLOCK_FRAMES].T.astype(np.float64) * FLAC_STEPS)
            inside = np.clip(steps, -FLAC_STEPS, FLAC_STEPS - 1)
            clipped += np.count_nonzero(np.abs(steps - inside) > 1)
            target.write(inside.astype(np.int32) << 8)  # 24 bits at the top of 32
    file.write(encoded.getbuffer())
    if not clipped:
        return ()
    return (f"{clipped} samples lie beyond full scale, which FLAC cannot hold; they were clipped. WAV keeps them.",)


def _write_ogg(file, clip: Clip) -> tuple[str, ...]:
    encoded = io.BytesIO()
    form = {"format": "OGG", "subtype": "VORBIS"}
    with soundfile.SoundFile(encoded, "w", clip.sample_rate, clip.channels, **form) as target:
        for start in range(0, clip.frames, BLOCK_FRAMES):
            target.write(clip.samples[:, start : start + BLOCK_FRAMES].T)
    file.write(encoded.getbuffer())
    return ()
