"""Sound that only ffmpeg can read, where it is installed: what phones and browsers record, and rarer codecs.

ffmpeg is told the kind of file, so that nothing in it, such as a playlist, can lead it to another one.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.errors import InputError

SECONDS_AT_MOST = 120.0  # for a whole file
BLOCK_FRAMES = 2**16
AU_HEADER_BYTES = 24
AU_FLOAT = 6
CODECS = {0x02: "MS ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM", 0x50: "MP2", 0x55: "MP3", 0x160: "WMA", 0x161: "WMA"}
CODECS |= {0xFF: "AAC", 0x1610: "AAC", 0x674F: "Vorbis"}


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        name: for the user.
        demuxer: what ffmpeg calls it.
    """

    name: str
    demuxer: str


KINDS = (
    (re.compile(rb"....ftyp", re.DOTALL), Kind("MPEG-4 (M4A, MP4)", "mov")),
    (re.compile(rb"\x1a\x45\xdf\xa3"), Kind("WebM or Matroska", "matroska")),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]|ID3.{7}\xff[\xf0\xf1\xf8\xf9]", re.DOTALL), Kind("AAC", "aac")),
    (re.compile(rb"#!AMR"), Kind("AMR", "amr")),
    (re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), Kind("Windows Media", "asf")),
    (re.compile(rb"OggS.{24}Speex   ", re.DOTALL), Kind("Speex", "ogg")),
    (re.compile(rb"caff\0\x01\0\0desc"), Kind("Core Audio (CAF)", "caf")),
)


def foreign_kind(file: BinaryIO) -> Kind | None:
    """What a file that libsndfile cannot read is, by its beginning; None if that says nothing."""
    file.seek(0)
    head = file.read(64)
    if head[:3] == b"ID3" and len(head) >= 10:
        file.seek(10 + sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(head[6:10])))
        head = head[:10] + file.read(2)
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        tag = int.from_bytes(head[20:22], "little")
        return Kind(f"WAV with {CODECS[tag]} in it", "wav") if tag in CODECS else None
    return next((kind for pattern, kind in KINDS if pattern.match(head)), None)


@dataclass
class FfmpegFile:
    """A file that ffmpeg decodes, from its beginning each time; how long it is shows at its end.

    Args:
        notes: for the user, after it was decoded.

    Raises:
        InputError: there is no ffmpeg, it finds no sound, or takes too long.
    """

    path: Path
    kind: Kind
    channels: int = 0
    sample_rate: int = 0
    frames: int | None = None
    missing: int = 0
    ends_early: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self):
        with self._running() as decoder:
            self.channels, self.sample_rate = self._begin(decoder)

    def blocks(self, first: int, most: int) -> Iterator[np.ndarray]:
        """At most `most` frames from `first` on, `[frames, channels]`.

        Raises:
            InputError: ffmpeg fails, or takes too long.
        """
        with self._running() as decoder:
            self._begin(decoder)
            while most > 0:
                count = min(BLOCK_FRAMES, first or most)
                samples = np.frombuffer(decoder.read(4 * self.channels * count), dtype=">f4").astype(np.float32)
                block = samples[: len(samples) // self.channels * self.channels].reshape(-1, self.channels)
                if len(block) == 0:
                    decoder.check_end()
                    break
                if first:
                    first -= len(block)
                else:
                    most -= len(block)
                    yield block
            if decoder.errors and not self.notes:
                self.notes.append(f"ffmpeg met errors in {self.path.name}; what it could decode was taken.")

    def _begin(self, decoder: "_Decoder") -> tuple[int, int]:
        """Reads the AU header that ffmpeg writes first: channels, sample rate."""
        header = decoder.read(AU_HEADER_BYTES)
        if len(header) < AU_HEADER_BYTES:
            decoder.check_end()
            raise InputError(
                f"{self.path.name} is {self.kind.name}, but ffmpeg finds no sound in it. Export it again as WAV."
            )
        magic, offset, _, encoding, sample_rate, channels = np.frombuffer(header, dtype=">u4").tolist()
        known = magic == int.from_bytes(b".snd", "big") and encoding == AU_FLOAT and channels > 0
        if not known or not AU_HEADER_BYTES <= offset < 2**16:
            raise InputError(f"ffmpeg answers in an unknown way. Convert {self.path.name} to WAV or FLAC.")
        decoder.read(offset - AU_HEADER_BYTES)
        return channels, sample_rate

    @contextmanager
    def _running(self) -> Iterator["_Decoder"]:
        program = shutil.which("ffmpeg")
        if program is None:
            raise InputError(
                f"{self.path.name} is {self.kind.name}, which needs ffmpeg, and that is not installed here. Install "
                "it, or convert the file to WAV, FLAC, OGG or MP3."
            )
        bounds = ["-nostdin", "-hide_banner", "-v", "error", "-threads", "1", "-protocol_whitelist", "file,pipe"]
        source = ["-f", self.kind.demuxer, "-i", f"file:{self.path.absolute()}", "-map", "0:a:0"]
        command = [program, *bounds, *source, "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"ffmpeg cannot be started ({error.strerror}).") from error
        with process:
            decoder = _Decoder(process, self.path.name)
            try:
                yield decoder
            finally:
                decoder.end()


class _Decoder:
    """A process of ffmpeg, which is killed at its time limit."""

    def __init__(self, process: subprocess.Popen, name: str):
        self._process, self._name, self._late = process, name, False
        self.errors = False
        self._timer = threading.Timer(SECONDS_AT_MOST, self._give_up)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._timer.start()
        self._listener.start()

    def read(self, count: int) -> bytes:
        """As many bytes, fewer at the end."""
        return self._process.stdout.read(count)

    def check_end(self) -> None:
        """Waits for the end of a process that gave all it had.

        Raises:
            InputError: it took too long.
        """
        self._process.wait()
        self._listener.join()
        self.errors = self.errors or self._process.returncode != 0
        if self._late:
            raise InputError(
                f"{self._name} takes ffmpeg more than {SECONDS_AT_MOST:g} s. Cut it, or convert it to WAV or FLAC."
            )

    def end(self) -> None:
        """Whatever it is doing."""
        self._timer.cancel()
        self._kill()
        self._listener.join()

    def _listen(self) -> None:
        while self._process.stderr.read(4096):
            self.errors = True

    def _give_up(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
