"""The localization tab: voices around a microphone array are found, followed live, separated and listened to."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from core.arrays.beamforming import delay_and_sum, mvdr
from core.arrays.geometry import ARRAYS, ArrayGeometry, read_array
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.localization import choose_separator, localize
from core.tasks.progress import Settings
from core.tasks.voices import Localization, LocalizationProgress
from demos import array_input, channels, layout, live_sources, plots, polar, words
from demos.array_input import Heard
from demos.downloads import stems_archive
from demos.ear import Listening
from demos.job import SOUNDS
from demos.live_door import LiveDoor
from demos.localization_layout import AUTOMATIC, LIVE, RECORDING, ROOM, SUM, TASK, build
from demos.localization_results import compared, numbered, stems_of, voice_metrics_html
from demos.relay_door import RelayDoor
from demos.room import FIRST, Arrangement, Placed, read_voices
from demos.room_plan import plan
from demos.runner import APOLOGY, Runner
from demos.scope import Track, View, payload
from demos.source import SHOWN_SECONDS, Loaded
from demos.stream import throttled

TITLE = "Localization"
SENTENCE = "Finds the voices around a microphone array: where each comes from, and what it says alone."
DEFAULT_SECONDS = 30.0  # of a long recording that are worked on at first

HOW = r"""
A voice reaches the microphones one after the other, by at most $2r / c$: 0.2 ms across a ReSpeaker. From an angle
$\theta$ it arrives at the microphone in $p_m$ earlier than at the centre by
$\tau_m(\theta) = p_m \cdot (\cos\theta, \sin\theta) / c$.

**The cone search** asks a network what comes from inside a window of angles, whose direction it is told by shifting
every channel by $\tau_m$. Four windows of 90° cover the circle; those that hold sound are halved until they are 5.6°
wide. Each ring of the picture is one width, innermost the widest. What was seen twice is kept once.

**SRP-PHAT** measures how well the phases of all pairs of microphones agree with a wave from each direction,

$$P(\theta) = \sum_{i<j} \sum_f
\mathrm{Re}\left[\frac{X_i X_j^*}{|X_i X_j^*|}\, e^{-2 \pi \mathrm{i} f (\tau_i - \tau_j)}\right],$$

and its peaks are voices; the live view adds such maps up twelve times a second. A beamformer $y = w^H x$ then keeps
one direction: **delay and sum** aligns and adds, **MVDR** lets $\theta$ pass unchanged and everything else as
little as it can, $w = R^{-1} a / (a^H R^{-1} a)$.

The **ratio mask** and the **Wiener filter** know the truth, and bound what can be reached.

T. Jenrungrot, V. Jayaram, S. Seitz, I. Kemelmacher-Shlizerman: *The Cone of Silence: Speech Separation by
Localization*, NeurIPS 2020. J. DiBiase: *A high-accuracy, low-latency technique for talker localization*, 2000.
"""


@dataclass(frozen=True)
class Example:
    """A chip: voices in the simulated room, or a recording of an array."""

    label: str
    voices: tuple[Placed, ...] = ()
    t60: str = "Living room"
    recording: str = ""
    array: str = "respeaker-4"


EXAMPLES = (
    Example("Two voices in a room", FIRST),
    Example(
        "Four voices, six microphones",
        (
            Placed(1.1, 0.9, "speech"),
            Placed(-1.5, 1.2, "speech-garden"),
            Placed(-1.2, -1.3, "speech-train"),
            Placed(1.6, -1.1, "speech-kettle"),
        ),
        array="circle-6",
    ),
    Example("A four-channel recording", recording="two-voices-respeaker-4"),
)

log = logging.getLogger(__name__)


class LocalizationPanel(Runner):
    """The tab's widgets and what they do; build it inside a `gr.Tab`.

    Args:
        relay, live: where arrays elsewhere come in, and live views go out; the page's server has to route their routes.
        concurrency: arguments of the run's event that bound how many run at once.
    """

    def __init__(self, relay: RelayDoor, live: LiveDoor, concurrency: dict):
        ui = build(SENTENCE, [example.label for example in EXAMPLES], HOW, _about(AUTOMATIC, ARRAYS["respeaker-4"]))
        super().__init__(ui, TASK)
        self._relay, self._live = relay, live
        self._tokens: dict[str, str] = {}  # of the relay, by visitor
        self._wire_input()
        self._wire_listening()
        self._wire_check()
        self.wire_buttons(ui.inputs, {ui.polar, ui.stems, ui.compare, ui.metrics, ui.notes, ui.download}, concurrency)

    def forget(self, visitor: str) -> None:
        """Ends everything of a visitor who has left."""
        self._live.close(visitor)
        token = self._tokens.pop(visitor, None)
        if token:
            self._relay.revoke(token)

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        shown = {ui.scope, ui.caption, ui.polar}
        for chip, example in zip(ui.chips, EXAMPLES, strict=True):
            given = {ui.kind, ui.voices, ui.plan, ui.t60, ui.loaded, ui.array, ui.length}
            chip.click(self._example_loader(example), ui.heard, given | shown | self._inputs, **quiet)
        ui.kind.input(self._choose_kind, ui.heard, shown | self._inputs | self._live_inputs, **quiet)
        ui.plan.edit(self._edit, ui.heard, {ui.voices, ui.scope, ui.caption}, trigger_mode="always_last", **quiet)
        changed = [ui.t60.input, ui.noise.input]
        gr.on(changed, self._rearrange, ui.heard, {ui.scope, ui.caption}, trigger_mode="always_last", **quiet)
        ui.door.upload(self._load_own, ui.heard | {ui.door}, {ui.loaded, ui.door, ui.length} | shown, **quiet)
        part = [ui.start.change, ui.length.change, ui.channels.change]
        gr.on(part, self._show_part, ui.heard, {ui.scope, ui.caption}, trigger_mode="always_last", **quiet)
        ui.array.input(self._choose_array, ui.heard | {ui.prior}, shown | {ui.about, ui.command}, **quiet)
        own = {ui.own, ui.array} | shown
        ui.own_array.upload(self._open_array, ui.heard | {ui.own_array}, own, **quiet)
        ui.prior.change(self._describe, {ui.prior, ui.array, ui.own}, ui.about, **quiet)

    @property
    def _inputs(self) -> set:
        return {self.ui.room_input, self.ui.recording_input, self.ui.live_input}

    @property
    def _live_inputs(self) -> set:
        return {self.ui.source, self.ui.said, self.ui.command}

    def _example_loader(self, example: Example):
        def choose(values: dict, request: gr.Request):
            ui, kind = self.ui, RECORDING if example.recording else ROOM
            given = {ui.kind: kind, ui.array: example.array}
            if example.recording:
                path = str(SOUNDS / f"{example.recording}.flac")
                loaded = array_input.load_recording(path, ARRAYS[example.array], None, example.label)
                given |= {ui.loaded: loaded, ui.length: round(loaded.seconds, 3)}
            else:
                given |= {ui.voices: example.voices, ui.t60: example.t60, ui.plan: plan(example.voices)}
            self._live.close(request.session_hash)
            heard = self._heard(values | given | {ui.start: 0.0, ui.channels: ""}, request.session_hash)
            return given | self._shown_inputs(kind) | self._preview(replace(heard, name=example.label), autoplay=True)

        return choose

    def _choose_kind(self, values: dict, request: gr.Request) -> dict:
        ui, kind = self.ui, values[self.ui.kind]
        self._live.close(request.session_hash)
        shown = self._shown_inputs(kind)
        if kind == LIVE:
            shown |= self._look_for_sources(values, request) | {ui.scope: None, ui.caption: words.caption_html()}
            return shown | {ui.polar: polar.at_rest(self._array(values))}
        if kind == RECORDING and values[ui.loaded] is None:
            return shown | {ui.scope: None, ui.caption: words.caption_html()}
        return shown | self._previewed(values, request)

    def _shown_inputs(self, kind: str) -> dict:
        ui = self.ui
        groups = {ROOM: ui.room_input, RECORDING: ui.recording_input, LIVE: ui.live_input}
        return {group: gr.Column(visible=kind == own) for own, group in groups.items()}

    def _edit(self, values: dict, event: gr.EventData, request: gr.Request) -> dict:
        try:
            voices = read_voices(event.voices)
        except InputError as error:
            gr.Warning(str(error))
            return {self.ui.caption: gr.skip()}
        return {self.ui.voices: voices} | self._rearrange(values | {self.ui.voices: voices}, request)

    def _rearrange(self, values: dict, request: gr.Request) -> dict:
        """The room has changed; a live view of it changes with it, and goes on."""
        listening = self._live.of(request.session_hash)
        if listening and listening.room:
            listening.room.arrange(self._arrangement(values))
        shown = self._previewed(values, request)
        return {widget: shown[widget] for widget in (self.ui.scope, self.ui.caption)}

    def _load_own(self, values: dict, request: gr.Request) -> dict:
        ui, path = self.ui, values[self.ui.door]
        if path is None:
            return {ui.door: gr.skip()}
        try:
            chosen = array_input.parse_channels(values[ui.channels])
            loaded = array_input.load_recording(path, self._array(values), chosen, Path(path).name)
            length = round(min(loaded.seconds, DEFAULT_SECONDS), 3)
            self._live.close(request.session_hash)
            given = {ui.loaded: loaded, ui.length: length}
            heard = self._heard(values | given | {ui.start: 0.0}, request.session_hash)
            return given | {ui.door: None} | self._preview(heard)
        except InputError as error:
            gr.Warning(str(error))
        except Exception:
            log.exception("loading failed")
            gr.Warning(APOLOGY)
        return {ui.door: None}

    def _choose_array(self, values: dict, request: gr.Request) -> dict:
        ui, array = self.ui, self._array(values)
        self._live.close(request.session_hash)
        shown = {ui.polar: polar.at_rest(array), ui.about: _about(values[ui.prior], array)}
        if values[ui.kind] == LIVE:
            token = self._tokens.get(request.session_hash)
            return shown | ({ui.command: live_sources.relay_command(request, token, array)} if token else {})
        return shown | self._previewed(values, request)

    def _open_array(self, values: dict, request: gr.Request) -> dict:
        ui = self.ui
        try:
            array = read_array(values[ui.own_array])
        except InputError as error:
            gr.Warning(str(error))
            return {ui.own: gr.skip()}
        if array.name in ARRAYS:  # no separator was trained for this one
            array = replace(array, name=f"{array.name} (own)")
        given = {ui.own: array, ui.array: gr.Dropdown([*ARRAYS, array.name], value=array.name)}
        self._live.close(request.session_hash)
        values = values | {ui.own: array, ui.array: array.name}
        return given | {ui.polar: polar.at_rest(array)} | self._previewed(values, request)

    def _show_part(self, values: dict, request: gr.Request) -> dict:
        """Nothing while a number is half typed; Separate says what is wrong."""
        ui = self.ui
        if values[ui.kind] != RECORDING or values[ui.loaded] is None:
            return {ui.scope: gr.skip()}
        try:
            shown = self._preview(self._heard(values, request.session_hash))
        except InputError:
            return {ui.scope: gr.skip()}
        return {widget: shown[widget] for widget in (ui.scope, ui.caption)}

    def _describe(self, values: dict) -> str:
        return _about(values[self.ui.prior], self._array(values))

    def _previewed(self, values: dict, request: gr.Request) -> dict:
        """As `_preview`; where there is nothing to be heard, a sentence says why."""
        ui = self.ui
        if values[ui.kind] == LIVE or (values[ui.kind] == RECORDING and values[ui.loaded] is None):
            return {ui.scope: gr.skip(), ui.caption: gr.skip()}
        try:
            return self._preview(self._heard(values, request.session_hash))
        except InputError as error:
            gr.Warning(str(error))
            return {ui.scope: None, ui.caption: words.caption_html(), ui.polar: polar.at_rest(self._array(values))}

    def _preview(self, heard: Heard, autoplay: bool = False) -> dict:
        """What microphone 0 hears, and the array at rest."""
        ui, first = self.ui, heard.first
        first = first.cut(0, round(SHOWN_SECONDS * first.sample_rate))
        view = View([Track("Microphone 0", first)], uuid.uuid4().hex, offset=heard.start, autoplay=autoplay)
        caption = words.caption_html(heard.name.capitalize() if heard.truth else heard.name, first.seconds, heard.clip)
        return {ui.scope: payload(view), ui.caption: caption, ui.polar: polar.at_rest(heard.array)}

    # ---- what is heard -----------------------------------------------------------------------------------------

    def _array(self, values: dict) -> ArrayGeometry:
        own = values[self.ui.own]
        return own if own is not None and own.name == values[self.ui.array] else ARRAYS[values[self.ui.array]]

    def _arrangement(self, values: dict) -> Arrangement:
        ui = self.ui
        return Arrangement(values[ui.voices], values[ui.t60], values[ui.noise])

    def _heard(self, values: dict, visitor: str) -> Heard:
        """What the array heard, by what is chosen.

        Raises:
            InputError: there is nothing, or nothing of this array.
        """
        ui, array = self.ui, self._array(values)
        if values[ui.kind] == ROOM:
            return array_input.from_room(self._arrangement(values), array)
        chosen = array_input.parse_channels(values[ui.channels])
        if values[ui.kind] == LIVE:
            return array_input.from_listening(self._live.of(visitor), chosen)
        loaded: Loaded | None = values[ui.loaded]
        if loaded is not None and not Path(loaded.path).exists():
            raise InputError("The server no longer holds this file: load it again.")
        return array_input.from_recording(loaded, array, chosen, values[ui.start], values[ui.length])

    # ---- listening ---------------------------------------------------------------------------------------------

    def _wire_listening(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        ui.polar.listen(self._listen, ui.heard, ui.polar, **quiet)
        ui.polar.select(self._beam, ui.heard | {ui.beamformer}, ui.beam, trigger_mode="always_last", **quiet)
        gr.on([ui.again.click, ui.source.input], self._look_for_sources, ui.heard, self._live_inputs, **quiet)

    def _look_for_sources(self, values: dict, request: gr.Request) -> dict:
        """What can be listened to now; for the relay, the command with the visitor's token."""
        ui, devices = self.ui, live_sources.may_use_devices(request)
        self._live.close(request.session_hash)
        options, said = live_sources.choices(devices)
        names = [value for _, value in options]
        chosen = values[ui.source] if values[ui.source] in names else names[0]
        command = gr.Textbox(visible=False)
        if chosen == live_sources.RELAY:
            try:
                token = self._relay_token(request.session_hash)
                command = gr.Textbox(live_sources.relay_command(request, token, self._array(values)), visible=True)
            except InputError as error:
                said = str(error)
        said = words.notes_html([said] if said else [])
        return {ui.source: gr.Dropdown(options, value=chosen), ui.said: said, ui.command: command}

    def _relay_token(self, visitor: str) -> str:
        token = self._tokens.get(visitor)
        if token is None or not self._relay.knows(token):
            token = self._tokens[visitor] = self._relay.issue()
        return token

    def _listen(self, values: dict, request: gr.Request):
        """Opens a live view."""
        visitor, array = request.session_hash, self._array(values)
        try:
            heard = None if values[self.ui.kind] == LIVE else self._heard(values, visitor)
            token = self._live.open(visitor, self._listening(values, heard, request))
        except InputError as error:
            gr.Warning(str(error))
            return gr.skip()
        except Exception:
            log.exception("listening failed")
            gr.Warning(APOLOGY)
            return gr.skip()
        return polar.live(array, token, heard.first if heard else None, values[self.ui.kind] == ROOM)

    def _listening(self, values: dict, heard: Heard | None, request: gr.Request) -> Listening:
        ui, array = self.ui, self._array(values)
        if values[ui.kind] == ROOM:
            return live_sources.listen_to_room(self._arrangement(values), array)
        if heard is not None:
            return live_sources.listen_to_recording(heard)
        source = values[ui.source]
        if source == live_sources.STAND_IN:
            return live_sources.listen_to_stand_in(array)
        if source == live_sources.RELAY:
            return live_sources.listen_to_relay(self._relay, self._relay_token(request.session_hash))
        if not live_sources.may_use_devices(request):
            raise InputError("The microphones of this host are not on offer from elsewhere; relay an array of yours.")
        return live_sources.listen_to_device(source, array, array_input.parse_channels(values[ui.channels]))

    def _beam(self, values: dict, event: gr.EventData, request: gr.Request):
        """What comes from a direction that was clicked."""
        try:
            heard, angle = self._heard(values, request.session_hash), float(event.angle) % 360
        except (InputError, TypeError) as error:
            gr.Warning(str(error))
            return gr.skip()
        beamform = delay_and_sum if values[self.ui.beamformer] == SUM else mvdr
        samples = beamform(heard.clip.samples, heard.array, angle * words.RADIAN, heard.clip.sample_rate)
        tracks = [Track(f"{angle:.0f}°", Clip(samples, heard.clip.sample_rate)), Track("Microphone 0", heard.first)]
        top_db = plots.loudest_db(heard.first)
        return payload(View(tracks, uuid.uuid4().hex, top_db, offset=heard.start, autoplay=True))

    # ---- the channel check -------------------------------------------------------------------------------------

    def _wire_check(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        ui.check_levels.click(self._check_levels, ui.heard, ui.checked, **quiet)
        tapped = {ui.checked, ui.tapping, ui.clock}
        ui.check_order.click(self._check_order, ui.heard, tapped, **quiet)
        ui.clock.tick(self._tap, ui.heard | {ui.tapping}, tapped, queue=False, **quiet)

    def _check_levels(self, values: dict, request: gr.Request) -> str:
        try:
            clip = self._heard(values, request.session_hash).clip
        except InputError as error:
            return words.notes_html([str(error)])
        if values[self.ui.kind] == LIVE:
            clip = clip.cut(max(clip.frames - round(channels.LEVEL_SECONDS * clip.sample_rate), 0), clip.frames)
        return channels.levels_html(clip.samples, clip.sample_rate)

    def _check_order(self, values: dict, request: gr.Request) -> dict:
        """Of a recording at once; live, the taps are waited for."""
        ui = self.ui
        try:
            heard = self._heard(values, request.session_hash)
        except InputError as error:
            return {ui.checked: words.notes_html([str(error)])}
        if values[ui.kind] != LIVE:
            return {ui.checked: channels.order_html(heard.clip.samples, heard.clip.sample_rate, heard.stream)}
        position = self._live.of(request.session_hash).ear.heard
        asked = channels.taps_html([], heard.array.count)
        return {ui.checked: asked, ui.tapping: position, ui.clock: gr.Timer(active=True)}

    def _tap(self, values: dict, request: gr.Request) -> dict:
        """What was tapped up to now, and the verdict once every microphone was, or nothing comes any more."""
        ui, visitor = self.ui, request.session_hash
        listening, over = self._live.of(visitor), {ui.tapping: None, ui.clock: gr.Timer(active=False)}
        if values[ui.tapping] is None or listening is None or listening.ear is None:
            return over
        ear = listening.ear
        samples, array = ear.since(values[ui.tapping]), ear.geometry
        taps = channels.taps_in(samples, ear.sample_rate)
        waited = samples.shape[1] / ear.sample_rate > channels.PATIENCE_SECONDS
        if len(taps) < array.count and not waited and self._live.is_open(visitor):
            return {ui.checked: channels.taps_html(taps, array.count)}
        stream = array_input.from_listening(listening, array_input.parse_channels(values[ui.channels])).stream
        return over | {ui.checked: channels.order_html(samples, ear.sample_rate, stream)}

    # ---- the run -----------------------------------------------------------------------------------------------

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        ui, moving = self.ui, bool(values[self.ui.moving])
        heard, looks, key = self._heard(values, session), [], uuid.uuid4().hex
        run = localize(
            heard.clip,
            heard.array,
            settings=Settings(_chosen(values[ui.prior])),
            method=_chosen(values[ui.method]),
            voices=int(values[ui.count]) if _chosen(values[ui.count]) else None,
            moving=moving,
            truth=heard.truth,
        )
        with closing(throttled(run, lambda moment: looks.append(polar.look_of(moment, moving)))) as moments:
            for moment in moments:
                if isinstance(moment, LocalizationProgress):
                    shown = polar.looking(heard.array, moment, key, moving)
                    yield {ui.status: words.looking_html(moment), ui.polar: shown, ui.stems: None, ui.compare: None}
                else:
                    yield self.buttons(running=False) | self._conclude(moment, heard, looks, key)

    def _conclude(self, result: Localization, heard: Heard, looks: list, key: str) -> dict:
        ui, voices = self.ui, numbered(result, heard.truth)
        truth = [path[0] for path in heard.truth.paths] if heard.truth else []
        view, comparison = stems_of(voices, heard, key), compared(voices, heard, key)
        stems = {f"voice-{number}": voice.clip for number, voice in voices.items()}
        return {
            ui.status: words.found_html(result),
            ui.polar: polar.found(heard.array, voices, looks, truth, key),
            ui.stems: payload(view) if voices else None,
            ui.compare: payload(comparison),
            ui.metrics: words.localization_html(result) + voice_metrics_html(result, heard.truth_names),
            ui.notes: words.notes_html(dict.fromkeys((*heard.notes, *result.notes))),
            ui.download: stems_archive(stems, heard.name, "voices") if voices else None,
        }


def _chosen(value: str) -> str | None:
    return None if value in (AUTOMATIC, None, "") else value


def _about(prior: str, array: ArrayGeometry) -> str:
    """The card of the separator that would be used."""
    if _chosen(prior):
        return layout.about_html(prior)
    try:
        separator = choose_separator(array)
    except InputError as error:
        return words.notes_html([str(error)])
    if separator is None:
        means = "SRP-PHAT finds the voices and a beamformer keeps them apart"
        return words.notes_html([f"No separator was trained for the array {array.name}, so {means}."])
    return layout.about_html(separator.name)
