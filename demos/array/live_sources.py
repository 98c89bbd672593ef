"""The sources of live sound on offer, and who may use this host's devices."""

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
from demos.array.array_recording import ArrayRecording
from demos.array.live_session import LiveSession
from demos.array.relay_routes import RelayRoutes
from demos.array.room import HIGHEST_RATE, MOST_MICROPHONES, Arrangement, RoomSource
from demos.page.examples import SOUNDS

SIMULATED, RELAY = "stand-in", "relay"
EVERYWHERE = [("Stand-in: two voices, one walks around", SIMULATED), ("An array elsewhere, by relay", RELAY)]
WAITING = "Waiting for the array: start the command on the machine that it is plugged into."
HERE = {"127.0.0.1", "::1", "localhost"}
PROXIED = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
OWN_FILE = "FILE.json"  # placeholder for the visitor's own description of an array
SIMULATED_SPEECH, SIMULATED_ANGLES, SIMULATED_NOISE = ("speech", "speech-garden"), (60.0, 250.0), 1e-3
WALKS = np.deg2rad(20)  # radians a second


class SimulatedArray:
    """Two far voices, one of which walks around the array: a demonstration without an array."""

    def __init__(self, array: ArrayGeometry, clock: Clock | None = None):
        sounds = [read_clip(SOUNDS / f"{name}.flac").clip for name in SIMULATED_SPEECH]
        sounds = [0.3 * resample(sound, array.sample_rate).samples[0] for sound in sounds]
        angles = np.deg2rad(SIMULATED_ANGLES)
        self._voices = SimulatedSource(array, sounds, angles, noise=SIMULATED_NOISE, clock=clock)
        self.geometry, self.sample_rate = array, array.sample_rate

    @property
    def status(self) -> SourceStatus:
        """Nothing is ever lost."""
        return self._voices.status

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends."""
        for block in self._voices.blocks():
            yield block
            walked = WALKS * block.shape[1] / self.sample_rate
            self._voices.move(0, (self._voices.angles[0] + walked) % (2 * np.pi))


def may_use_devices(request: gr.Request) -> bool:
    """Whether a visitor may use this host's microphones: by default only a browser on this very machine.

    `RESOUND_DEVICES=1` allows everybody, 0 nobody. Requests with a proxy's headers, or to another name than this
    machine's own, do not count as local. A proxy may hide both: behind one, set 0.
    """
    allowed = os.environ.get("RESOUND_DEVICES")
    if allowed is not None:
        return allowed != "0"
    headers = request.headers or {}
    direct = bool(request.client) and request.client.host in HERE and not any(name in headers for name in PROXIED)
    return direct and _is_local_page(headers)


def _is_local_page(headers: Mapping[str, str]) -> bool:
    """Whether the page was opened by a local name, unlike another site whose name resolves here (DNS rebinding)."""
    pages = [headers[name] for name in ("origin", "referer") if name in headers]
    return all(_host_of(address) in HERE for address in (f"//{headers.get('host', '')}", *pages))


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def choices(devices: bool) -> tuple[list[tuple[str, str]], str]:
    """The sources on offer, as (label, value), and a sentence if the devices cannot be listed.

    Args:
        devices: whether this host's are on offer.
    """
    if not devices:
        return EVERYWHERE, ""
    try:
        found = list_devices()
    except InputError as error:
        return EVERYWHERE, str(error)
    return [(f"{device.name} ({device.channels} channels)", device.name) for device in found] + EVERYWHERE, ""


def check_array(array: ArrayGeometry) -> None:
    """Refuses an array whose live view would take too much memory, which grows with its pairs and rate.

    Raises:
        InputError: too many microphones, or too high a rate.
    """
    if array.count > MOST_MICROPHONES or array.sample_rate > HIGHEST_RATE:
        raise InputError(
            f"Live views are for arrays of at most {MOST_MICROPHONES} microphones and {HIGHEST_RATE} Hz, but "
            f"{array.name} has {array.count} at {array.sample_rate} Hz; choose another array."
        )


def room_session(arrangement: Arrangement, array: ArrayGeometry) -> LiveSession:
    """A session with the simulated room, whose voices can be moved meanwhile."""
    room = RoomSource(arrangement, array)
    return LiveSession(lambda: room, room=room)


def recording_session(recording: ArrayRecording) -> LiveSession:
    """A session with a recording, looped in real time."""
    clip = resample(recording.clip, recording.array.sample_rate)
    return LiveSession(lambda: RecordingSource(clip.samples, recording.array, clip.sample_rate, loop=True))


def device_session(name: str, array: ArrayGeometry, channels: Sequence[int] | None) -> LiveSession:
    """A session with a device of this host."""
    return LiveSession(lambda: DeviceSource(name, array, channels=channels))


def simulated_session(array: ArrayGeometry) -> LiveSession:
    """A session with the simulated array."""
    return LiveSession(lambda: SimulatedArray(array))


def relay_session(routes: RelayRoutes, token: str) -> LiveSession:
    """A session with an array elsewhere, which is waited for whenever it is not there."""
    return LiveSession(_stream_opener(routes, token), waiting=WAITING, reopen=True)


def _stream_opener(routes: RelayRoutes, token: str) -> Callable[[], RelaySource | None]:
    def open_source() -> RelaySource | None:
        source = routes.source(token)
        return source if source is not None and not source.closed else None

    return open_source


def relay_command(request: gr.Request, token: str, array: ArrayGeometry) -> str:
    """The command to run on the machine with the array; an array of the visitor's own is given by its file."""
    headers = request.headers or {}
    url = headers.get("origin") or f"http://{headers.get('host', '127.0.0.1:7860')}"
    known = array.name if array.name in ARRAYS else OWN_FILE
    return shlex.join(["python", "-m", "core", "relay", url, "--array", known, "--token", token])
