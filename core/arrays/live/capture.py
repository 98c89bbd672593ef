"""A microphone array that is plugged into this machine, as a source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.geometry import ArrayGeometry, microphones_of
from core.arrays.live.devices import Device, best_rate, find_device, input_stream, list_devices
from core.arrays.live.ring_buffer import RingBuffer
from core.arrays.live.sources import Clock, SourceStatus
from core.errors import InputError
from core.signal.limits import ARRAY_LIMITS

BUFFER_SECONDS = 4.0
PATIENCE_SECONDS = 0.1  # how long a block is waited for
AWAY_SECONDS = 2.0  # without samples, after which a device counts as unplugged
RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class StreamFormat:
    """How a device is opened."""

    channels: int
    sample_rate: int


class DeviceSource:
    """The microphones of a device; when it is unplugged, the source waits for it and opens it again.

    A device without the array's sample rate is opened at its own rate, and resampled.

    Args:
        device: its number, name or a part of its name; None takes the only one that fits, see `device_for`.
        channels: which channel of the stream each microphone is, see `microphones_of`.
        whole_stream: deliver all channels of the device instead of the microphones.

    Raises:
        InputError: PortAudio is missing, there is no such device, or it has too few channels.
    """

    def __init__(
        self,
        device: str | None,
        geometry: ArrayGeometry,
        *,
        channels: Sequence[int] | None = None,
        whole_stream: bool = False,
        clock: Clock | None = None,
    ):
        found = device_for(geometry, channels) if device is None else find_device(device)
        self.geometry, self.sample_rate, self.name = geometry, geometry.sample_rate, found.name
        lasting = device is not None and not device.strip().isdigit()  # numbers change with every device
        self._wanted = device if lasting else found.name
        self._map, self._whole_stream, self._clock = channels, whole_stream, clock or Clock()
        self._format = _stream_format(found, geometry, channels)
        self._empty_block()  # checks `channels` at once
        self._buffer = RingBuffer(self._format.channels, int(BUFFER_SECONDS * self._format.sample_rate))
        self._device_overflows, self._message = 0, ""

    @property
    def channels(self) -> int:
        """Rows of a block: the microphones, or the whole stream."""
        return len(self._empty_block())

    @property
    def status(self) -> SourceStatus:
        """Overflows of the device and of this buffer; samples that the device itself lost cannot be counted."""
        overflows = self._buffer.overflows + self._device_overflows
        return SourceStatus(overflows, self._buffer.lost, self._message)

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends.

        Raises:
            InputError: the device does not open the first time.
        """
        yield from self._captured(find_device(self._wanted))
        while True:
            self._message = f"{self.name} has gone; plug it in again, it is listened to as soon as it is back."
            self._clock.sleep(RETRY_SECONDS)
            yield self._empty_block()
            try:
                yield from self._captured(self._same_device())
            except InputError:
                continue

    def _captured(self, device: Device) -> Iterator[np.ndarray]:
        """Blocks until the device is unplugged."""
        position, resampler = self._buffer.written, self._resampler()
        with input_stream(device, self._format.channels, self._format.sample_rate, self._take) as stream:
            last = self._clock.now()
            while stream.active and self._clock.now() - last < AWAY_SECONDS:
                samples, position = self._buffer.read(position, PATIENCE_SECONDS)
                if samples.shape[1]:
                    last, self._message = self._clock.now(), ""
                yield resampler(self._mapped(samples))

    def _same_device(self) -> Device:
        """The device with its present number.

        Raises:
            InputError: it is not plugged in, or is another one.
        """
        device = find_device(self._wanted)
        if _stream_format(device, self.geometry, self._map) != self._format:
            raise InputError(f"{device.name} is another device than before.")
        return device

    def _take(self, samples: np.ndarray, overflowed: bool) -> None:
        self._device_overflows += overflowed
        self._buffer.write(samples)

    def _mapped(self, samples: np.ndarray) -> np.ndarray:
        return samples if self._whole_stream else microphones_of(samples, self.geometry, self._map)

    def _empty_block(self) -> np.ndarray:
        return self._mapped(np.zeros((self._format.channels, 0), dtype=np.float32))

    def _resampler(self):
        """A function from blocks [channels, frames] at the device's rate to blocks at the array's."""
        if self._format.sample_rate == self.sample_rate:
            return lambda samples: samples
        import soxr

        stream = soxr.ResampleStream(self._format.sample_rate, self.sample_rate, self.channels)
        return lambda samples: stream.resample_chunk(np.ascontiguousarray(samples.T)).T


def device_for(geometry: ArrayGeometry, channels: Sequence[int] | None = None) -> Device:
    """The only device that looks like the array; if none does, the only one with enough channels.

    Args:
        channels: as for `DeviceSource`.

    Raises:
        InputError: none or several, or as `list_devices`.
    """
    present = list_devices()
    if not present:
        raise InputError("There is no sound device to listen to; plug one in.")
    alike = [device for device in present if device.array == geometry.name]
    fitting = [device for device in alike or present if _has_channels(device, geometry, channels)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{device.index} {device.name} ({device.channels} channels)" for device in fitting or present)
    if fitting:
        raise InputError(f"Several devices could be the array {geometry.name}: {listed}; say which with --device.")
    raise InputError(f"No device has channels enough for the array {geometry.name}: {listed}; plug the array in.")


def _has_channels(device: Device, geometry: ArrayGeometry, channels: Sequence[int] | None) -> bool:
    return _stream_channels(device, geometry, channels) <= min(device.channels, ARRAY_LIMITS.channels)


def _stream_channels(device: Device, geometry: ArrayGeometry, channels: Sequence[int] | None) -> int:
    """How many channels to open: the microphones if the device has no others, else the array's whole stream."""
    present = geometry.stream_channels or max(geometry.raw_channels, default=geometry.count - 1) + 1
    needed = geometry.count if device.channels == geometry.count else present
    return max([needed, *(channel + 1 for channel in channels or ())])


def _stream_format(device: Device, geometry: ArrayGeometry, channels: Sequence[int] | None) -> StreamFormat:
    """As `_stream_channels`, at the array's rate where the device has it.

    Raises:
        InputError: the device has too few channels.
    """
    present = _stream_channels(device, geometry, channels)
    if not _has_channels(device, geometry, channels):
        needed = f"{present} channels" + (f" or {geometry.count}" if geometry.count < present else "")
        raise InputError(
            f"{device.name} has {device.channels} channels, but the array {geometry.name} needs {needed}: choose "
            "another device, or give the array the firmware that delivers all its microphones."
        )
    return StreamFormat(present, best_rate(device, present, geometry.sample_rate))
