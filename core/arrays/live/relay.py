"""The protocol of relays: a microphone array on one machine streams to a page on another.

The side with the array begins with a hello (JSON: version, name of the stream, array, sample rate), then posts short
requests of a few blocks each, which pass any proxy, and ends with a goodbye. A block is a header and its samples
(int16, little-endian, interleaved); its sequence number reveals lost and repeated blocks. Every request carries the
page's token, `Authorization: Bearer TOKEN`. Only the microphones' channels are sent.
"""

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.arrays.geometry import MOST_MICROPHONES, ArrayGeometry
from core.errors import InputError
from core.signal.limits import ARRAY_LIMITS

VERSION = 1
HELLO_PATH, BLOCKS_PATH = "/relay/hello", "/relay/blocks"
STREAM_HEADER = "X-Relay-Stream"
LARGEST_HELLO = 16_384  # bytes
LONGEST_STREAM = 64  # characters of its name
STREAM_NAME = re.compile(rf"[!-~]{{1,{LONGEST_STREAM}}}")  # what a header can hold
LARGEST_BODY = 1_000_000  # bytes of a request
MOST_FRAMES = 8192  # samples per channel of a block
HIGHEST_RATE = 48_000
HEADER = struct.Struct("<IHH")  # sequence number, channels, samples per channel
FULL_SCALE = 32767


@dataclass(frozen=True)
class Block:
    """Some samples of a stream.

    Args:
        sequence: the number of the block in its stream, from 0 on.
        samples: [channels, frames], full scale at 1.
    """

    sequence: int
    samples: np.ndarray


@dataclass(frozen=True)
class Hello:
    """The first request of a stream.

    Args:
        stream: its name, chosen at random by the side with the array.
        geometry: of the array, with the sample rate of the blocks.
    """

    stream: str
    geometry: ArrayGeometry


def encode_hello(hello: Hello) -> bytes:
    """As JSON."""
    array = {"name": hello.geometry.name, "positions": hello.geometry.positions}
    content = {"version": VERSION, "stream": hello.stream, "array": array, "sample_rate": hello.geometry.sample_rate}
    return json.dumps(content).encode()


def decode_hello(body: bytes) -> Hello:
    """The inverse of `encode_hello`.

    Raises:
        InputError: another version, too large, or no array that could be used.
    """
    if len(body) > LARGEST_HELLO:
        raise InputError(f"The hello of a relay has over {LARGEST_HELLO} bytes.")
    try:
        hello = json.loads(body)
        version, stream, rate = hello["version"], hello["stream"], hello["sample_rate"]
        name, positions = hello["array"]["name"], hello["array"]["positions"]
        positions = tuple((float(x), float(y)) for x, y in positions[: MOST_MICROPHONES + 1])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise InputError("The hello of a relay names no version, stream, array and sample rate.") from error
    if version != VERSION:
        raise InputError(f"The relay speaks version {version!r:.20} and this side {VERSION}; update the older one.")
    if not isinstance(stream, str) or not STREAM_NAME.fullmatch(stream):
        raise InputError(f"A stream of a relay needs a name of 1 to {LONGEST_STREAM} printable ASCII characters.")
    if type(rate) is not int or not ARRAY_LIMITS.lowest_rate <= rate <= HIGHEST_RATE:
        raise InputError(f"A relay needs a sample rate of {ARRAY_LIMITS.lowest_rate} to {HIGHEST_RATE} Hz.")
    if len(positions) > ARRAY_LIMITS.channels:
        raise InputError(f"A relay carries at most {ARRAY_LIMITS.channels} microphones.")
    return Hello(stream, ArrayGeometry(name, positions, sample_rate=rate))


def encode_block(block: Block) -> bytes:
    """One block; samples beyond full scale are clipped."""
    steps = np.rint(np.clip(block.samples, -1, 1).T * FULL_SCALE).astype("<i2")
    return HEADER.pack(block.sequence, steps.shape[1], len(steps)) + steps.tobytes()


def decode_blocks(body: bytes, channels: int) -> list[Block]:
    """The blocks of a request.

    Args:
        channels: of the stream.

    Raises:
        InputError: too large, cut, or of other channels; then nothing is decoded.
    """
    if len(body) > LARGEST_BODY:
        raise InputError(f"A request of a relay has over {LARGEST_BODY} bytes.")
    places = list(_places(body, channels))
    return [Block(sequence, _samples(body[start:stop], channels)) for sequence, start, stop in places]


def _places(body: bytes, channels: int) -> Iterator[tuple[int, int, int]]:
    """Sequence number, first and last byte of every block's samples."""
    place = 0
    while place < len(body):
        start = place + HEADER.size
        if start > len(body):
            raise InputError("A block of a relay is cut.")
        sequence, present, frames = HEADER.unpack_from(body, place)
        place = start + 2 * present * frames
        if present != channels:
            raise InputError(f"A block of a relay has {present} channels, but its stream {channels}.")
        if not 0 < frames <= MOST_FRAMES:
            raise InputError(f"A block of a relay has {frames} samples; 1 to {MOST_FRAMES} are taken.")
        if place > len(body):
            raise InputError("A block of a relay is cut.")
        yield sequence, start, place


def _samples(content: bytes, channels: int) -> np.ndarray:
    return np.frombuffer(content, dtype="<i2").reshape(-1, channels).T.astype(np.float32) / FULL_SCALE
