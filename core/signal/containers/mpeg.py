"""The frames of MPEG audio: counted, as headers of VBR files (Xing, Info, VBRI) lack or err, above all in files that
were cut, streamed, or put together from several.

Frames are those of ISO 11172-3 and 13818-3; a Xing header is the first frame of a stream, without sound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from core.errors import InputError
from core.signal.containers.layout import Layout, Part, check_streams, read_at, size_of

# sync; a version, layer, bitrate and sample rate that exist
FRAME = re.compile(
    rb"(?=\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]["
    + b"".join(re.escape(bytes([n << 4])) + b"-" + re.escape(bytes([n << 4 | 0xB])) for n in range(1, 15))
    + b"])",
    re.DOTALL,
)
HEAD = 56  # bytes of a frame that hold the header, the side information and the beginning of a Xing header
RESYNC = 1024  # bytes of anything else that the decoder passes over
MOST_TRIES = 100_000  # of places where a frame could begin, in a whole file
MOST_FRAMES = 4_000_000  # more than a day
MOST_TAGS = 100
SEARCHED = 2**16
RATES = (44100, 48000, 32000)
FIRST_VERSION = {
    1: range(32, 449, 32),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
LATER_VERSIONS = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
LATER_VERSIONS[3] = LATER_VERSIONS[2]
INFO_BITRATE = 9  # an index whose frames have room for a Xing header in every version and at every rate
DELAYS = 21  # bytes of LAME's part of a Xing header before the encoder's delay and padding
DECODER_DELAY = 529
SILENCE = bytes(2**16)


@dataclass(frozen=True)
class Frame:
    """A frame's header.

    Args:
        size: in bytes.
        samples: per channel.
        side: bytes of header and side information, after which a Xing header would stand.
        form: what frames of one stream have in common.
    """

    size: int
    samples: int
    side: int
    form: tuple


@dataclass
class Stream:
    """Frames that a decoder takes as one stream.

    Args:
        begin, end: in the file; `begin` is that of the first frame with sound.
        claimed: frames with sound by the stream's own header; None if it has none, or does not say.
        header: its Xing header, in the file.
        cut: the file ends within a frame.
    """

    form: tuple
    begin: int
    end: int
    head: bytes
    count: int = 0
    claimed: int | None = None
    header: range | None = None
    cut: bool = False

    @property
    def takes_header(self) -> bool:
        """Whether a decoder would know a Xing header in it."""
        return self.form[1] == 3

    @property
    def is_right(self) -> bool:
        """Whether a decoder that is given it as it is knows its length; it knows no VBRI."""
        return self.header is not None and self.claimed == self.count

    @property
    def missing(self) -> int:
        """Samples that are promised beyond its frames, by its header; some count the header as a frame."""
        short = self.cut if self.claimed is None else max(0, self.claimed - self.count - 1 + self.cut)
        return short * _parse(self.head).samples


def is_mpeg(file: BinaryIO) -> bool:
    """Whether the file begins with frames, or tags and frames."""
    begin = _after_tag(file, 0)
    return _find(file, begin, size_of(file), [1]) == begin


def mpeg_layout(file: BinaryIO, begin: int = 0) -> Layout:
    """Every stream, from a place in the file on, with a header that tells its frames."""
    streams = _scan(file, begin)
    if not streams or (not begin and len(streams) == 1 and streams[0].is_right):
        return Layout()
    missing = sum(stream.missing for stream in streams)
    return Layout(tuple(_part(file, stream) for stream in streams), missing)


def _scan(file: BinaryIO, begin: int) -> list[Stream]:
    """The streams of frames that are whole."""
    end = size_of(file)
    streams: list[Stream] = []
    for number, (position, head, frame) in enumerate(_frames(file, begin, end)):
        if number == MOST_FRAMES:
            raise InputError("The file lasts longer than a day. Cut it.")
        if position + frame.size <= end:
            _append(streams, position, head, frame)
            check_streams(streams)
        elif streams:
            streams[-1].cut = True
    return [stream for stream in streams if stream.count]


def _frames(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, bytes, Frame]]:
    """Places, beginnings and headers of frames; the last one may be cut."""
    tries, form, position = [MOST_TRIES], None, begin
    while len(head := read_at(file, position, HEAD)) >= 4:
        frame = _parse(head)
        if frame is None or frame.form != form:
            found = _find(file, _after_tag(file, position), end, tries)
            if found is None:
                return
            if found != position:
                position = found
                continue
            form = frame.form
        yield position, head, frame
        position += frame.size


def _append(streams: list[Stream], position: int, head: bytes, frame: Frame) -> None:
    """Adds a frame to the last stream, or begins one with it."""
    stop, tag = position + frame.size, head[frame.side : frame.side + 4]
    last = streams[-1] if streams else None
    if tag in (b"Xing", b"Info") and frame.form[1] == 3:
        flags, count = (int.from_bytes(head[frame.side + at : frame.side + at + 4], "big") for at in (4, 8))
        header = range(position, stop) if flags & 1 else None
        new = Stream(frame.form, stop, stop, head, 0, count or None if header else None, header)
    elif head[36:40] == b"VBRI":
        new = Stream(frame.form, stop, stop, head, 0, int.from_bytes(head[50:54], "big") or None)
    elif last and frame.form == last.form and position - last.end <= RESYNC:
        last.end, last.count = stop, last.count + 1
        return
    else:
        new = Stream(frame.form, position, stop, head, 1)
    if last and not last.count:
        streams.pop()
    streams.append(new)


def _part(file: BinaryIO, stream: Stream) -> Part:
    """The stream's bytes, with a header that is right."""
    sound, frame = range(stream.begin, stream.end), _parse(stream.head)
    if not stream.takes_header:  # a decoder guesses the length by the first frame and the bytes, which must be enough
        more = max(0, stream.count * frame.size - len(sound)) // len(SILENCE) + 1
        return Part((sound, *(SILENCE,) * more), stream.count * frame.samples)
    if stream.header is None:
        return Part((_new_header(stream), sound))
    return Part((_mended_header(read_at(file, stream.header.start, len(stream.header)), stream), sound))


def _new_header(stream: Stream) -> bytes:
    """A Xing header, and a silent frame, as decoders leave out some samples of a stream with such a header."""
    head = bytes([0xFF, stream.head[1] | 1, stream.head[2] & 0x0C | INFO_BITRATE << 4, stream.head[3]])
    frame = _parse(head)
    fields = b"Xing" + (1).to_bytes(4, "big") + (stream.count + 1).to_bytes(4, "big")
    delays = (frame.samples - DECODER_DELAY << 12).to_bytes(3, "big")
    header = head.ljust(frame.side, b"\0") + fields + b"LAME3.100".ljust(DELAYS, b"\0") + delays
    return header.ljust(frame.size, b"\0") + head.ljust(frame.size, b"\0")


def _mended_header(header: bytes, stream: Stream) -> bytes:
    """The stream's own Xing header, with the number of frames and bytes that are there."""
    header, at = bytearray(header), _parse(stream.head).side + 8
    header[at : at + 4] = stream.count.to_bytes(4, "big")
    flags = header[at - 1]
    if flags & 2:
        header[at + 4 : at + 8] = (len(header) + stream.end - stream.begin).to_bytes(4, "big")
    padding = at + 4 + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8) + DELAYS + 1
    if stream.missing and padding < len(header) - 1:  # 12 bits: samples to leave out at an end that is not there
        header[padding] &= 0xF0
        header[padding + 1] = 0
    return bytes(header)


def _find(file: BinaryIO, position: int, end: int, tries: list[int]) -> int | None:
    """Where the next frame begins that another of its form, or the end of the file, follows."""
    for match in FRAME.finditer(read_at(file, position, SEARCHED)):
        if tries[0] <= 0:
            return None
        tries[0] -= 1
        at = position + match.start()
        frame = _parse(read_at(file, at, 4))
        following = _parse(read_at(file, at + frame.size, 4)) if frame else None
        if frame and (at + frame.size == end or (following and following.form == frame.form)):
            return at
    return None


def _after_tag(file: BinaryIO, position: int) -> int:
    """Behind the ID3 tags (version 1 and 2) at a place."""
    for _ in range(MOST_TAGS):
        head = read_at(file, position, 10)
        if head[:3] == b"ID3" and len(head) == 10:
            position += 10 + sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(head[6:]))
        elif head[:3] == b"TAG":
            position += 128
        else:
            break
    return position


def _parse(head: bytes) -> Frame | None:
    """Of a frame's first four bytes; None if they are none, or do not say its size."""
    return _frame(head[1], head[2], head[3] >> 6 == 3) if len(head) >= 4 and FRAME.match(head) else None


@cache
def _frame(first: int, second: int, mono: bool) -> Frame:
    version, layer = first >> 3 & 3, 4 - (first >> 1 & 3)  # version 3 is MPEG 1, 2 MPEG 2, 0 MPEG 2.5
    later = version != 3
    rate = RATES[second >> 2 & 3] >> (0 if not later else 1 if version == 2 else 2)
    bitrate = 1000 * (LATER_VERSIONS if later else FIRST_VERSION)[layer][(second >> 4) - 1]
    padding = second >> 1 & 1
    samples = 384 if layer == 1 else 576 if later and layer == 3 else 1152
    size = (12 * bitrate // rate + padding) * 4 if layer == 1 else samples // 8 * bitrate // rate + padding
    side = 4 + ((9 if mono else 17) if later else (17 if mono else 32))
    return Frame(size, samples, side, (version, layer, rate, mono))
