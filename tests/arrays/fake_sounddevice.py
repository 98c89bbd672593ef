"""A stand-in for `sounddevice`: devices that the test plugs in, unplugs and lets speak."""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

RESPEAKER_NAME = "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:1,0)"


class PortAudioError(Exception):
    """As PortAudio's."""


def device(name: str = RESPEAKER_NAME, channels: int = 6, rate: float = 16000.0) -> dict:
    """What `query_devices` says of an input."""
    return {"name": name, "hostapi": 0, "max_input_channels": channels, "default_samplerate": rate}


@dataclass
class FakeSoundDevice:
    """The module, with the devices that are plugged in.

    Args:
        devices: as `query_devices` gives them.
        heard: what a stream delivers as soon as it starts: [frames, channels] blocks.
        overflowed: whether the device says that it lost samples before each of them.
    """

    devices: list[dict]
    heard: list[np.ndarray] = field(default_factory=list)
    overflowed: bool = False
    PortAudioError: type = PortAudioError
    streams: list = field(default_factory=list)
    restarts: int = 0

    def query_hostapis(self):
        return ({"name": "ALSA"},)

    def query_devices(self):
        return [info | {"index": k} for k, info in enumerate(self.devices)]

    def check_input_settings(self, index, *, channels, dtype, samplerate):
        info = self.devices[index]
        if channels > info["max_input_channels"] or samplerate != info["default_samplerate"]:
            raise PortAudioError("Invalid sample rate")

    def InputStream(self, *, device, channels, samplerate, blocksize, dtype, callback):  # noqa: N802
        self.check_input_settings(device, channels=channels, dtype=dtype, samplerate=samplerate)
        self.streams.append(FakeStream(self, channels, callback))
        return self.streams[-1]

    def unplug(self) -> None:
        """The device fails in the middle of its stream and is no longer listed."""
        self.devices, gone = [], self.devices
        for stream in self.streams:
            stream.active = False
        self.gone = gone

    def plug_in(self) -> None:
        """The device is back."""
        self.devices = self.gone

    def _initialize(self):
        self.restarts += 1

    def _terminate(self):
        assert not any(stream.active for stream in self.streams), "streams would end"


class FakeStream:
    """Delivers what is heard from a thread of its own, as PortAudio does."""

    def __init__(self, module: FakeSoundDevice, channels: int, callback):
        self._module, self._channels, self._callback = module, channels, callback
        self.active = self.closed = False

    def start(self) -> None:
        self.active = True
        thread = threading.Thread(target=self._deliver)
        thread.start()
        thread.join()

    def _deliver(self) -> None:
        for block in self._module.heard:
            assert block.shape[1] == self._channels
            status = SimpleNamespace(input_overflow=self._module.overflowed)
            self._callback(block.astype(np.float32), len(block), None, status)

    def close(self) -> None:
        self.active, self.closed = False, True
