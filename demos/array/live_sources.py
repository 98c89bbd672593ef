"""Where live sound may come from on this host, and who may listen to it."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import gradio as gr
import numpy as np

from core.arrays.geometry import ARRAYS, ArrayGeometry
from core.arrays.live.capture import DeviceSource
from core.arrays.live.devices import list_devices
from core.arrays.live.relay_source import RelaySource
from core.arrays.live.sources import Clock, RecordingSource, SimulatedSource, SourceStatus
from core.errors import InputError
from core.signal.files import read_clip
from core.signal.resampling import resample
from demos.array.input_sound import Heard
from demos.array.live_session import Listening
from demos.array.relay_routes import RelayDoor
from demos.array.room import HIGHEST_RATE, MOST_MICROPHONES, Arrangement, RoomSource
from demos.page.job import SOUNDS

STAND_IN, RELAY = "stand-in", "relay"
EVERYWHERE = [("Stand-in: two voices, one walks around", STAND_IN), ("An array elsewhere, by relay", RELAY)]
WAITING = "Waiting for the array: start the command on the machine that it is plugged into."
HERE = {"127.0.0.1", "::1", "localhost"}
PROXIED = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
OWN_FILE = "FILE.json"  # stands for the visitor's own description of an array
STAND_IN_SPEECH, STAND_IN_ANGLES, STAND_IN_NOISE = ("speech", "speech-garden"), (60.0, 250.0), 1e-3
WALKS = np.deg2rad(20)  # radians a second


class StandIn:
    """Two voices far away, one of which walks around the array; shows the live view where there is no array."""

    def __init__(self, array: ArrayGeometry, clock: Clock | None = None):
        sounds = [read_clip(SOUNDS / f"{name}.flac").clip for name in STAND_IN_SPEECH]
        sounds = [0.3 * resample(sound, array.sample_rate).samples[0] for sound in sounds]
        angles = np.deg2rad(STAND_IN_ANGLES)
        self._voices = SimulatedSource(array, sounds, angles, noise=STAND_IN_NOISE, clock=clock)
        self.geometry, self.sample_rate = array, array.sample_rate

    @property
    def status(self) -> SourceStatus:
        """A simulation loses nothing."""
        return self._voices.status

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends."""
        for block in self._voices.blocks():
            yield block
            walked = WALKS * block.shape[1] / self.sample_rate
            self._voices.move(0, (self._voices.angles[0] + walked) % (2 * np.pi))


def may_use_devices(request: gr.Request) -> bool:
    """Whether a visitor may listen to this host's microphones: who sits at it, and others where the host allows it.

    `RESOUND_DEVICES=1` allows everybody, 0 nobody. Who comes through a proxy that says so, or by another name than this
    machine calls itself, is not taken for somebody who sits here. A proxy may hide all that: behind one, set 0.
    """
    allowed = os.environ.get("RESOUND_DEVICES")
    if allowed is not None:
        return allowed != "0"
    headers = request.headers or {}
    direct = bool(request.client) and request.client.host in HERE and not any(name in headers for name in PROXIED)
    return direct and _is_local_page(headers)


def _is_local_page(headers: Mapping[str, str]) -> bool:
    """Whether the page was opened by a local name: another site whose name leads here (DNS rebinding) has its own."""
    pages = [headers[name] for name in ("origin", "referer") if name in headers]
    return all(_host_of(address) in HERE for address in (f"//{headers.get('host', '')}", *pages))


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def choices(devices: bool) -> tuple[list[tuple[str, str]], str]:
    """What can be listened to, as (label, value), and a sentence where devices cannot be listed.

    Args:
        devices: whether those of this host are on offer.
    """
    if not devices:
        return EVERYWHERE, ""
    try:
        found = list_devices()
    except InputError as error:
        return EVERYWHERE, str(error)
    said = "" if found else "No sound device is plugged in here."
    return [(f"{device.name} ({device.channels} channels)", device.name) for device in found] + EVERYWHERE, said


def check_array(array: ArrayGeometry) -> None:
    """Refuses an array whose live view would take too much memory, which grows with its pairs and its rate.

    Raises:
        InputError: too many microphones, or too high a rate.
    """
    if array.count > MOST_MICROPHONES or array.sample_rate > HIGHEST_RATE:
        raise InputError(
            f"Live views are for arrays of at most {MOST_MICROPHONES} microphones and {HIGHEST_RATE} Hz, but "
            f"{array.name} has {array.count} at {array.sample_rate} Hz; choose another array."
        )


def listen_to_room(arrangement: Arrangement, array: ArrayGeometry) -> Listening:
    """The simulated room, whose voices can be moved meanwhile."""
    room = RoomSource(arrangement, array)
    return Listening(lambda: room, room=room)


def listen_to_recording(heard: Heard) -> Listening:
    """A recording in real time, again and again."""
    clip = resample(heard.clip, heard.array.sample_rate)
    return Listening(lambda: RecordingSource(clip.samples, heard.array, clip.sample_rate, loop=True))


def listen_to_device(name: str, array: ArrayGeometry, channels: Sequence[int] | None) -> Listening:
    """A device of this host."""
    return Listening(lambda: DeviceSource(name, array, channels=channels))


def listen_to_stand_in(array: ArrayGeometry) -> Listening:
    """What is always there."""
    return Listening(lambda: StandIn(array))


def listen_to_relay(door: RelayDoor, token: str) -> Listening:
    """An array elsewhere, waited for and listened to whenever it comes."""
    return Listening(_open_stream(door, token), waiting=WAITING, again=True)


def _open_stream(door: RelayDoor, token: str) -> Callable[[], RelaySource | None]:
    def find() -> RelaySource | None:
        source = door.source(token)
        return source if source is not None and not source.closed else None

    return find


def relay_command(request: gr.Request, token: str, array: ArrayGeometry) -> str:
    """What a visitor runs beside the array; an array of theirs is described by a file that they have."""
    headers = request.headers or {}
    url = headers.get("origin") or f"http://{headers.get('host', '127.0.0.1:7860')}"
    known = array.name if array.name in ARRAYS else OWN_FILE
    return shlex.join(["python", "-m", "core", "relay", url, "--array", known, "--token", token])
