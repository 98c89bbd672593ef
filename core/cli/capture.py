"""devices, record, relay: the microphone arrays of this machine."""

import argparse
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.choices import parse_channels
from core.cli import options
from core.errors import InputError
from core.processes import handling, interrupt
from core.signal.limits import LIMITS
from core.signal.output import replacing

FORMATS = {"pcm16": "PCM_16", "float32": "FLOAT"}
TOKEN_VARIABLE = "RESOUND_RELAY_TOKEN"
METER, METER_DB = " ▁▂▃▄▅▆▇█", 60.0  # characters, and the range below full scale that they show
CLIPPING, CLIPPED = "!", 0.999


def add_commands(commands) -> None:
    """Adds the commands to the parser."""
    description = "Lists the sound devices that can be listened to."
    command = commands.add_parser("devices", help=description, description=description)
    command.set_defaults(run=_devices)

    description = "Records a microphone array to a WAV file; Ctrl-C keeps what was recorded up to then."
    command = commands.add_parser("record", help=description, description=description)
    command.set_defaults(run=_record)
    command.add_argument("output", type=Path, metavar="OUT.wav")
    _add_device(command)
    command.add_argument("--seconds", type=options.duration, default=10.0, metavar="S", help="how long (default 10)")
    command.add_argument("--all-channels", action="store_true", help="of the device, not only the microphones")
    command.add_argument("--format", choices=FORMATS, default="pcm16", help="of the samples")

    description = "Sends what a microphone array hears to a Resound page elsewhere, until Ctrl-C."
    command = commands.add_parser("relay", help=description, description=description)
    command.set_defaults(run=_relay)
    command.add_argument("url", metavar="URL", help="of the page")
    _add_device(command)
    command.add_argument("--token", default="", help=f"that the page shows; else ${TOKEN_VARIABLE}")
    command.add_argument("--plain-http", action="store_true", help="send to other machines without encryption")


def _add_device(command: argparse.ArgumentParser) -> None:
    name = "its name, a part of it, or its number (default: the only one that fits the array)"
    command.add_argument("--device", metavar="NAME", help=name)
    command.add_argument("--array", default="respeaker-4", metavar="NAME|FILE.json", help="which array it is")
    which = "which channel of the device each microphone is, from 0"
    command.add_argument("--channels", type=options.written(parse_channels), metavar="K,K,...", help=which)


def _devices(arguments) -> int:
    from core.arrays.live.devices import list_devices

    found = list_devices()
    if not found:
        print("There is no sound device to listen to.")
    for device in found:
        array = f"  looks like {device.array}" if device.array else ""
        print(f"{device.index:3d}  {device.name} ({device.host})  {device.channels} in, {device.sample_rate} Hz{array}")
    return 0


def _record(arguments) -> int:
    options.check_output(arguments.output, (".wav",))
    source = _source(arguments, whole_stream=arguments.all_channels)
    wanted = round(arguments.seconds * source.sample_rate)
    if not LIMITS.frames <= wanted <= LIMITS.seconds * source.sample_rate:
        raise InputError(
            f"A recording of {arguments.seconds:g} s cannot be made; choose up to {LIMITS.seconds:g} s, at least "
            f"{LIMITS.frames} samples."
        )
    with _until_interrupted() as interrupted, _StatusLine() as line:
        frames = _write(source, wanted, arguments.output, FORMATS[arguments.format], line, interrupted)
    status, seconds = source.status, frames / source.sample_rate
    lost = f"; samples were lost {status.overflows} times" if status.overflows else ""
    print(f"{arguments.output}: {seconds:.2f} s, {source.channels} channels, {source.sample_rate} Hz{lost}")
    return 0


def _source(arguments, *, whole_stream: bool = False):
    from core.arrays.geometry import read_array
    from core.arrays.live.capture import DeviceSource

    geometry = read_array(arguments.array)
    return DeviceSource(arguments.device, geometry, channels=arguments.channels, whole_stream=whole_stream)


def _write(source, wanted: int, path: Path, subtype: str, line: "_StatusLine", interrupted: threading.Event) -> int:
    """Records so many frames, or until it is interrupted; returns how many there are.

    Raises:
        InputError: the file cannot be written.
        KeyboardInterrupt: it was interrupted before the first sample.
    """
    import soundfile

    form, frames = {"format": "WAV", "subtype": subtype, "closefd": False}, 0
    try:
        with replacing(path) as file, closing(source.blocks()) as blocks:
            with soundfile.SoundFile(file.fileno(), "w", source.sample_rate, source.channels, **form) as wav:
                for block in blocks:
                    block = block[:, : wanted - frames]
                    wav.write(block.T)
                    frames += block.shape[1]
                    line.show(f"{frames / source.sample_rate:6.1f} s  {meter(block)}", source.status)
                    if frames >= wanted or interrupted.is_set():
                        break
            if not frames:
                raise KeyboardInterrupt
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} cannot be written: {error.error_string}") from error
    return frames


def _relay(arguments) -> int:
    from core.arrays.live.relay_client import RelayClient

    token = arguments.token or os.environ.get(TOKEN_VARIABLE, "")
    source = _source(arguments)
    client = RelayClient(arguments.url, token, source, plain_http=arguments.plain_http)
    with _StatusLine() as line, closing(client.run()) as run:
        for _ in run:
            status = source.status
            line.show(f"{client.sent} blocks sent, {client.dropped} dropped", status, client.message)
    return 0


def meter(block) -> str:
    """A character for each channel of [channels, frames]: the level of its peak, or clipping."""
    import numpy as np

    peaks = np.abs(block).max(axis=1, initial=0)
    heights = 1 + 20 * np.log10(np.maximum(peaks, 1e-6)) / METER_DB
    steps = np.ceil(np.clip(heights, 0, 1) * (len(METER) - 1)).astype(int)
    return "".join(CLIPPING if peak >= CLIPPED else METER[step] for peak, step in zip(peaks, steps, strict=True))


class _StatusLine:
    """A status line on stderr, overwritten on a terminal, and messages that are printed once."""

    def __init__(self):
        self._terminal, self._printed = sys.stderr.isatty(), ""

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self._clear()

    def show(self, text: str, status, message: str = "") -> None:
        """Shows the line with the source's overflows, and a new message."""
        message = message or status.message
        if message and message != self._printed:
            self._clear()
            print(message, file=sys.stderr)
        self._printed = message
        if self._terminal:
            overflows = f"  {status.overflows} overflows" if status.overflows else ""
            self._clear()
            print(f"{text}{overflows}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or signal to end sets, so that no write is cut off; a second one interrupts."""
    interrupted = threading.Event()

    def note(number, frame):
        if interrupted.is_set():
            interrupt(number, frame)
        interrupted.set()

    with handling(note):
        yield interrupted
