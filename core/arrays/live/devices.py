"""Sound devices through PortAudio: their list, and input streams.

PortAudio is loaded only when a device is used, so that everything else works without it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from core.arrays.geometry import ARRAYS
from core.errors import InputError

LOOKS_LIKE = {"respeaker": "respeaker-4"}  # part of a device's name -> array
SHOWN_NAMES = 8
BLOCK_SECONDS = 0.05

_portaudio_lock = threading.RLock()
_open_streams = 0


@dataclass(frozen=True)
class Device:
    """A sound device with inputs.

    Args:
        index: PortAudio's number; changes when devices are plugged or unplugged.
        host: the audio system, such as ALSA.
        channels: inputs.
        sample_rate: default, in Hz.
        array: the known array that it looks like; empty if none.
    """

    index: int
    name: str
    host: str
    channels: int
    sample_rate: int
    array: str = ""


def list_devices() -> list[Device]:
    """All devices with inputs.

    Raises:
        InputError: PortAudio is missing or broken.
    """
    sounddevice = _portaudio()
    with _portaudio_lock:
        _refresh(sounddevice)
        try:
            hosts = [host["name"] for host in sounddevice.query_hostapis()]
            found = list(sounddevice.query_devices())
        except sounddevice.PortAudioError as error:
            raise InputError(f"The sound devices cannot be listed: {_reason(error)}.") from error
    return [_device(info, hosts) for info in found if info["max_input_channels"] > 0]


def find_device(name: str) -> Device:
    """A device by its number, its name or a part of its name that is unique.

    Raises:
        InputError: none or several of that name, or as `list_devices`.
    """
    devices = list_devices()
    wanted = name.strip().casefold()
    for matches in (
        [device for device in devices if wanted == str(device.index)],
        [device for device in devices if wanted == device.name.casefold()],
        [device for device in devices if wanted and wanted in device.name.casefold()],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InputError(f"Several devices are called {name!r}: {_names(matches)}; give more of the name.")
    if not devices:
        raise InputError("There is no sound device to listen to; plug one in.")
    raise InputError(f"There is no sound device {name!r}; choose one of {_names(devices)}.")


def best_rate(device: Device, channels: int, wanted: int) -> int:
    """The wanted sample rate if the device supports it with so many channels, else its default."""
    sounddevice = _portaudio()
    try:
        sounddevice.check_input_settings(device.index, channels=channels, dtype="float32", samplerate=wanted)
    except sounddevice.PortAudioError:
        return device.sample_rate
    return wanted


@contextmanager
def input_stream(device: Device, channels: int, sample_rate: int, take: Callable[[np.ndarray, bool], None]) -> Iterator:
    """A running stream of a device's first channels.

    Args:
        take: called with every block, [channels, frames], valid only within the call, and whether the device lost
            samples before it; runs in PortAudio's thread and must not wait.

    Yields:
        The stream; `active` becomes false when the device fails.

    Raises:
        InputError: the device does not open.
    """
    global _open_streams
    sounddevice = _portaudio()

    def callback(samples, frames, time, status):
        take(samples.T, bool(status.input_overflow))

    with _portaudio_lock:
        stream = _opened(sounddevice, device, channels, sample_rate, callback)
        _open_streams += 1
    try:
        yield stream
    finally:
        with _portaudio_lock:
            _open_streams -= 1
            stream.close()


def _opened(sounddevice, device: Device, channels: int, sample_rate: int, callback):
    try:
        stream = sounddevice.InputStream(
            device=device.index,
            channels=channels,
            samplerate=sample_rate,
            blocksize=round(BLOCK_SECONDS * sample_rate),
            dtype="float32",
            callback=callback,
        )
        try:
            stream.start()
        except BaseException:
            stream.close()
            raise
    except sounddevice.PortAudioError as error:
        raise InputError(
            f"{device.name} cannot be listened to with {channels} channels at {sample_rate} Hz: {_reason(error)}. "
            "Is another program using it?"
        ) from error
    return stream


def _portaudio():
    try:
        import sounddevice
    except OSError as error:
        raise InputError(
            "Sound devices need the PortAudio library, which is not installed; on Debian: apt install libportaudio2."
        ) from error
    return sounddevice


def _refresh(sounddevice) -> None:
    """Restarts PortAudio, which lists devices only when it starts; not while a stream is open, as that would end it."""
    if not _open_streams:
        sounddevice._terminate()
        sounddevice._initialize()


def _device(info: dict, hosts: list[str]) -> Device:
    name, channels = info["name"], info["max_input_channels"]
    array = next((array for part, array in LOOKS_LIKE.items() if part in name.casefold()), "")
    if array and channels not in (ARRAYS[array].count, ARRAYS[array].stream_channels):
        array = ""
    return Device(info["index"], name, hosts[info["hostapi"]], channels, round(info["default_samplerate"]), array)


def _names(devices: list[Device]) -> str:
    names = [device.name for device in devices[:SHOWN_NAMES]]
    return ", ".join(names) + (", ..." if len(devices) > SHOWN_NAMES else "")


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error).rstrip(".")
