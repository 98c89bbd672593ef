"""The localization tab without a browser: what a run shows, what it says of voices that are known, who may listen."""

import shlex
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.arrays.doa.counting import SURE
from core.arrays.geometry import circular
from core.signal.clip import Clip
from core.signal.limits import ARRAY_LIMITS
from core.tasks import localization
from core.tasks.progress import Result, Voice
from core.tasks.voices import Truth
from demos.array import array_recording, live_sources
from demos.array.array_recording import load_recording
from demos.array.input_panel import EXAMPLES
from demos.array.layout import LIVE, RECORDING
from demos.array.live_routes import LiveRoutes
from demos.array.live_session import LiveSession
from demos.array.polar import result_view, step_payload
from demos.array.relay_routes import RelayRoutes
from demos.array.results import numbered_voices
from demos.array.room import NOISE, SPEECH, T60
from demos.page.downloads import FLOAT
from demos.server.routes import new_token
from demos.tabs.localization import LocalizationPanel
from tests.arrays.sounds import RATE, RESPEAKER

HOME = {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}
VISITOR = SimpleNamespace(
    session_hash="anna", client=SimpleNamespace(host="127.0.0.1"), headers={"origin": "https://lab.example"}
)
SOURCES = (live_sources.SIMULATED, live_sources.RELAY, "hw:0")
SAMPLING = {"concurrency_id": "sampling", "concurrency_limit": 2}


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """The sentences that pop up."""
    texts = []
    monkeypatch.setattr(gr, "Warning", texts.append)
    monkeypatch.setattr(gr, "Info", texts.append)
    return texts


@pytest.fixture
def panel(own_home, tmp_path, monkeypatch) -> LocalizationPanel:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks() as page, gr.Tabs(), gr.Tab("Localization"):
        panel = LocalizationPanel(RelayRoutes(), LiveRoutes(), SAMPLING)
    panel.page = page
    return panel


def values(panel, **chosen) -> dict:
    """What the tab's widgets hold at first, but for what was chosen."""
    ui = panel.ui
    held = {widget: widget.value for widget in ui.inputs | {ui.beamformer, ui.prior}}
    return held | {getattr(ui, name): value for name, value in chosen.items()}


def test_a_room_is_looked_into_and_its_voices_are_measured(panel, said):
    ui, updates = panel.ui, list(panel._perform(values(panel, method="srp-phat"), "anna"))
    kinds = [update[ui.polar]["kind"] for update in updates[:-1] if ui.polar in update]
    last = updates[-1]
    shown = last[ui.polar]["value"]
    assert set(kinds) == {"look"} and shown["kind"] == "found" and said == []
    sure = [voice for voice in shown["voices"] if voice["confidence"] >= 0.5]
    assert [voice["number"] for voice in sure] == [1, 2] and shown["looks"]
    assert [voice["angle"] for voice in sure] == pytest.approx([45, 209.7], abs=8)
    assert shown["truth"] == pytest.approx([45, 209.7], abs=0.2)
    assert [track["name"].split(" · ")[0] for track in last[ui.stems]["tracks"]] == ["Voice 1", "Voice 2"]
    names = [track["name"] for track in last[ui.compare]["tracks"]]
    assert names == ["Microphone 0", "Voice 1", "Voice 2", "1, truth", "2, truth"]
    assert "Wiener" in last[ui.metrics] and "Voice 1: Harbour" in last[ui.metrics] and "Off by" in last[ui.metrics]
    assert last[ui.run].interactive and last[ui.made].written(FLOAT)[0].endswith("-voices.zip")


@pytest.mark.slow
def test_the_cone_narrows_window_by_window(panel, register_separator):
    register_separator("cones", "respeaker-4")
    updates = list(panel._perform(values(panel, count="2", prior="cones"), "anna"))
    looks = updates[-1][panel.ui.polar]["value"]["looks"]
    widths = [look["stage"]["width"] for look in looks if look["chunk"] == 0]
    assert widths[-6:] == [90, 45, 22.5, 11.25, 5.625, 5.625], "where nothing was loud enough it begins anew"
    assert len(looks[0]["stage"]["windows"]) == 4 and looks[0]["power"] is None
    assert "cones" in updates[-1][panel.ui.status]
    assert "SRP-PHAT and beamformer" in updates[-1][panel.ui.metrics]


def test_a_refusal_is_one_sentence(panel, said):
    updates = list(panel._perform(values(panel, kind=RECORDING), "anna"))
    updates += panel._perform(values(panel, kind=LIVE), "anna")
    assert len(said) == 2 and "no recording yet" in said[0] and "Listen live" in said[1]
    assert updates[-1][panel.ui.run].interactive and panel.ui.stems not in updates[-1], "the last result stays"


def test_a_part_that_is_too_long_is_refused_and_not_cut(panel, said, tmp_path, monkeypatch):
    """What a run leaves out unsaid would be taken for silence; its preview shows a minute, and says how long all is."""
    soundfile.write(tmp_path / "long.wav", np.zeros((4 * RATE, 4)), RATE)
    loaded = load_recording(str(tmp_path / "long.wav"), RESPEAKER, None, None)
    monkeypatch.setattr(array_recording, "ARRAY_LIMITS", replace(ARRAY_LIMITS, seconds=3.0))
    asked = values(panel, kind=RECORDING, loaded=loaded, length=None)
    *_, last = panel._perform(asked, "anna")
    assert "at most 3 s are worked on at once, so choose a shorter part" in said[0] and panel.ui.stems not in last
    assert panel._input.recording(asked, "anna", most=2.0).clip.seconds == 2.0


def test_examples_and_choices_are_there():
    assert {voice.sound for example in EXAMPLES for voice in example.voices} <= set(SPEECH) and len(SPEECH) >= 2
    assert "Living room" in T60 and "Faint" in NOISE


def voice(degrees: float, confidence: float = 1.0) -> Voice:
    return Voice(float(np.deg2rad(degrees)), 0.1, Clip(np.full((1, 100), 0.1), 16000), confidence=confidence)


def test_voices_have_the_numbers_of_the_true_ones_beside_them():
    result = Result({}, Clip(np.zeros((1, 100)), 16000), {}, voices=tuple(map(voice, (200, 120, 42))))
    truth = Truth(paths=((np.deg2rad(40),), (np.deg2rad(205),)))
    assert {k: round(np.rad2deg(v.angle)) for k, v in numbered_voices(result, truth).items()} == {1: 42, 2: 200, 3: 120}
    assert (
        list(numbered_voices(result, None)) == [1, 2, 3] and numbered_voices(result, None)[1].angle == voice(200).angle
    )
    shown = result_view(RESPEAKER, numbered_voices(result, truth), [], [], "key")
    assert shown["voices"][1] == {"number": 2, "angle": 200.0, "level": -20.0, "track": [], "confidence": 1.0}


@pytest.fixture
def doubted(monkeypatch) -> list[float]:
    """How sure it is of each of two voices that are found, from loud to quiet; to be changed by a test."""
    confidences, find = [0.9, 0.3], localization.find_voices

    def find_with_doubts(heard, finder, sample_rate, request):
        found = yield from find(heard, finder, sample_rate, replace(request, voices=2))
        return tuple(replace(own, confidence=sure) for own, sure in zip(found, confidences, strict=True))

    monkeypatch.setattr(localization, "find_voices", find_with_doubts)
    return confidences


def test_voices_come_and_go_as_they_must_be_more_or_less_sure(panel, doubted):
    """Without another search: the players are made anew only where other voices count."""
    ui = panel.ui
    *_, last = panel._perform(values(panel, method="srp-phat"), "anna")
    found, shown = last[ui.found], last[ui.polar]
    assert sorted(own["confidence"] for own in shown["value"]["voices"]) == doubted[::-1] and shown["least"] == SURE
    assert len(last[ui.stems]["tracks"]) == 1 and "1 voice in" in last[ui.status]
    assert "One voice is sure enough, and it is 66% likely" in last[ui.certainty], "0.9 * 0.7 + 0.1 * 0.3"
    assert "One more direction is doubtful" in last[ui.certainty]
    assert "Precision: 1 of 1 right within 10°. Recall: 1 of 2 found." in last[ui.certainty]

    same = panel._judge({ui.found: found, ui.least: 50})
    assert same == {ui.polar: gr.update(least=0.5)}
    both = panel._judge({ui.found: found, ui.least: 30})
    assert len(both[ui.stems]["tracks"]) == 2 and "2 voices in" in both[ui.status]
    assert (
        "2 voices are sure enough, and it is 27% likely" in both[ui.certainty] and "doubtful" not in both[ui.certainty]
    )
    assert "Recall: 2 of 2 found." in both[ui.certainty] and both[ui.found].counting == (1, 2)
    assert both[ui.made].written(FLOAT)[0].endswith("-voices.zip")
    none = panel._judge({ui.found: both[ui.found], ui.least: 95})
    assert none[ui.stems] is None and none[ui.made] is None and "No voice is sure enough" in none[ui.certainty]
    assert "2 more directions are doubtful" in none[ui.certainty] and "Recall: 0 of 2" in none[ui.certainty]
    assert panel._judge({ui.found: None, ui.least: 10}) == {ui.certainty: gr.skip()}, "before a run"


def test_all_count_where_it_was_said_how_many_there_are(panel, doubted):
    ui = panel.ui
    *_, last = panel._perform(values(panel, method="srp-phat", count="2"), "anna")
    assert len(last[ui.stems]["tracks"]) == 2 and "it was said how many" in last[ui.certainty]
    assert panel._judge({ui.found: last[ui.found], ui.least: 100}) == {ui.polar: gr.update(least=0.0)}


def test_nothing_is_doubted_by_a_method_that_knows_no_doubt(panel, doubted):
    doubted[:] = [1.0, 1.0]
    *_, last = panel._perform(values(panel, method="srp-phat", least=100), "anna")
    assert "nothing is doubted" in last[panel.ui.certainty] and len(last[panel.ui.stems]["tracks"]) == 2


@pytest.mark.parametrize("name", ["respeaker-4", "circle-6"])
def test_charts_show_what_was_measured_with_the_array(panel, name):
    ui = panel.ui
    shown = panel._show_measured({ui.array: name, ui.own: None})
    assert shown[ui.charts_row].visible and f"Measured with {name}" in shown[ui.measured]
    assert "Cone search" in shown[ui.measured] and "As published" in shown[ui.measured]
    for plot in ui.charts.values():
        lines = {line.name: line for line in shown[plot].data}
        assert {"Cone search", "SRP-PHAT, refined", "SRP-PHAT and beamformer", "As published"} <= set(lines)
        drawn = lines["Cone search"]
        assert len(drawn.y) == len(shown[plot].layout.xaxis.tickvals) >= 4
        assert all(length >= 0 for length in (*drawn.error_y.array, *drawn.error_y.arrayminus))


def test_an_array_of_one_s_own_has_no_charts(panel):
    own = circular("mine", 5, 0.05)
    shown = panel._show_measured({panel.ui.array: "mine", panel.ui.own: own})
    assert (
        not shown[panel.ui.charts_row].visible
        and "Nothing was measured with the array mine" in shown[panel.ui.measured]
    )


def test_a_map_is_drawn_from_its_lowest_to_its_highest():
    moment = SimpleNamespace(chunk=0, chunks=1, stage=None, power=np.array([-1.0, 0.0, 3.0]))
    assert step_payload(moment)["power"] == "AED/", "bytes 0, 64 and 255"


def test_the_host_s_microphones_are_for_who_sits_at_it(monkeypatch):
    monkeypatch.delenv("RESOUND_DEVICES", raising=False)
    here, guest = seen_from("127.0.0.1", HOME), seen_from("192.0.2.7", HOME)
    assert live_sources.may_use_devices(here) and not live_sources.may_use_devices(guest)
    assert live_sources.choices(False) == (live_sources.EVERYWHERE, "")
    monkeypatch.setenv("RESOUND_DEVICES", "1")
    assert live_sources.may_use_devices(guest)
    monkeypatch.setenv("RESOUND_DEVICES", "0")
    assert not live_sources.may_use_devices(here)


@pytest.mark.parametrize(
    ("headers", "local"),
    [
        ({"host": "localhost:7860", "referer": "http://localhost:7860/?tab=1"}, True),
        ({"host": "[::1]:7860", "origin": "http://[::1]:7860"}, True),
        (HOME | {"x-forwarded-for": "192.0.2.7"}, False),
        (HOME | {"forwarded": "for=192.0.2.7"}, False),
        (HOME | {"x-real-ip": "192.0.2.7"}, False),
        (HOME | {"via": "1.1 proxy"}, False),
        (HOME | {"origin": "https://lab.example"}, False),  # nginx without a further setting
        (HOME | {"referer": "https://lab.example/"}, False),
        (HOME | {"origin": "null"}, False),
        (HOME | {"origin": "http://[::1"}, False),
        ({"host": "rebound.example:7860", "origin": "http://rebound.example:7860"}, False),
        ({"host": "127.0.0.1.rebound.example"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_who_comes_by_another_name_or_through_a_proxy_does_not_sit_here(monkeypatch, headers, local):
    monkeypatch.delenv("RESOUND_DEVICES", raising=False)
    assert live_sources.may_use_devices(seen_from("127.0.0.1", headers)) == local


def seen_from(host: str, headers: dict) -> SimpleNamespace:
    return SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)


def test_another_input_takes_the_results_of_the_last_one_away(panel, tmp_path):
    ui, chosen = panel.ui, panel._input
    soundfile.write(tmp_path / "four.wav", np.zeros((RATE, 4)), RATE)
    moved = SimpleNamespace(voices=[{"x": 1.0, "y": 1.0, "sound": "speech"}])
    changes = [
        chosen._example_loader(EXAMPLES[2])(values(panel), VISITOR),
        chosen._choose_kind(values(panel, kind=LIVE), VISITOR),
        chosen._choose_array(values(panel, array="circle-6"), VISITOR),
        chosen._edit(values(panel), moved, VISITOR),
        chosen._rearrange(values(panel, noise="Loud"), VISITOR),
        chosen._load_own(values(panel, kind=RECORDING) | {ui.upload_area: str(tmp_path / "four.wav")}, VISITOR),
        panel._live_panel._refresh_sources(values(panel, kind=LIVE), VISITOR),
    ]
    assert all(shown[ui.polar]["kind"] == "rest" for shown in changes[:-1])
    for shown in changes:
        assert panel.results - {ui.polar} <= set(shown)
        assert not any(shown[widget] for widget in (ui.stems, ui.compare, ui.beam, ui.metrics, ui.made, ui.checked))
        assert "Ready" in shown[ui.status] and shown[ui.run].interactive


def test_who_listens_live_again_has_no_results_of_before(panel):
    asked = values(panel, kind=LIVE, source=live_sources.SIMULATED)
    panel._live_panel._start(asked, VISITOR)
    assert panel.results - {panel.ui.polar} <= set(panel._live_panel._forget_heard(asked, VISITOR))
    panel._live_panel._start(values(panel), VISITOR)
    assert not panel.results & set(panel._live_panel._forget_heard(values(panel), VISITOR)), "the room is the same"


def test_a_device_that_is_not_offered_cannot_be_asked_for(panel, said, monkeypatch):
    monkeypatch.setenv("RESOUND_DEVICES", "0")
    panel._live_panel._start(values(panel, kind=LIVE, source="hw:0"), VISITOR)
    assert "not on offer" in said[0]


def test_each_visitor_has_a_token_of_their_own_and_it_ends_with_them(panel):
    ui, live_panel = panel.ui, panel._live_panel
    asked = values(panel, kind=LIVE, source=live_sources.RELAY)
    commands = [live_panel._refresh_sources(asked, who)[ui.command].value for who in (VISITOR, VISITOR, other("ben"))]
    assert commands[0] == commands[1] != commands[2] and "core relay https://lab.example " in commands[0]
    token = commands[0].split()[-1]
    assert live_panel._relay.knows(token)
    panel.forget("anna")
    assert not live_panel._relay.knows(token) and live_panel._relay.knows(commands[2].split()[-1])


@pytest.mark.parametrize(
    "array", [RESPEAKER, replace(RESPEAKER, name="mine; rm -rf ~"), replace(RESPEAKER, name="respeaker-4 (own)")]
)
def test_the_command_that_is_shown_can_be_pasted(array):
    """Whatever a page's address or an array is called."""
    visitor = seen_from("192.0.2.7", {"origin": "http://lab.example/$(date)"})
    command = live_sources.relay_command(visitor, "secret", array)
    known = "respeaker-4" if array is RESPEAKER else "FILE.json"
    given = ["http://lab.example/$(date)", "--array", known, "--token", "secret"]
    assert shlex.split(command) == ["python", "-m", "core", "relay", *given]
    assert "'http://lab.example/$(date)'" in command


def test_no_token_is_taken_for_an_option():
    assert not any(new_token().startswith("-") for _ in range(2000))


def other(name: str) -> SimpleNamespace:
    return SimpleNamespace(session_hash=name, client=VISITOR.client, headers=VISITOR.headers)


def test_a_live_view_is_the_visitor_s_alone(panel):
    live, asked = panel._live_panel._live, values(panel)
    shown = panel._live_panel._start(asked, VISITOR)
    assert shown["kind"] == "live" and shown["movable"] and live.is_open("anna") and not live.is_open("ben")
    assert live.session("ben") is None and isinstance(live.session("anna"), LiveSession)
    panel.forget("anna")
    assert live.session("anna") is None


@pytest.mark.parametrize("many", [circular("many", 17, 0.1), circular("many", 4, 0.1, sample_rate=96_000)])
@pytest.mark.parametrize("chosen", [{}, {"kind": RECORDING}, *({"kind": LIVE, "source": source} for source in SOURCES)])
def test_arrays_that_would_take_too_much_memory_are_not_listened_to(panel, said, many, chosen):
    panel._live_panel._start(values(panel, own=many, array="many", **chosen), VISITOR)
    assert f"at most 16 microphones and 48000 Hz, but many has {many.count}" in said[0] and len(said) == 1
    assert panel._live_panel._live.session("anna") is None


def test_the_stand_in_walks():
    simulated = live_sources.SimulatedArray(RESPEAKER, live_sources.Clock(lambda: 0.0, lambda seconds: None))
    first = simulated._voices.angles[0]
    for _, block in zip(range(40), simulated.blocks(), strict=False):
        assert block.shape[0] == 4
    assert np.rad2deg(simulated._voices.angles[0] - first) > 10


def test_a_clicked_direction_is_heard_alone(panel):
    event = SimpleNamespace(angle=45)
    for beamformer in ("mvdr", "sum"):
        shown = panel._live_panel._beam(values(panel, beamformer=beamformer), event, VISITOR)
        assert [track["name"] for track in shown["tracks"]] == ["45°", "Microphone 0"] and shown["autoplay"]


def test_a_clicked_direction_waits_its_turn_and_is_bounded(panel, said, monkeypatch):
    """MVDR takes some sixty bytes a sample, so neither many at once nor any length."""
    ui, events = panel.ui, panel.page.fns.values()
    (beam,) = [event for event in events if (ui.polar._id, "select") in event.targets]
    assert beam.concurrency_id == "sampling"
    monkeypatch.setattr(array_recording, "MOST_SAMPLES_AT_ONCE", 2 * RATE * RESPEAKER.count)
    shown = panel._live_panel._beam(values(panel), SimpleNamespace(angle=45), VISITOR)
    assert shown["seconds"] == 2.0 and "the first 2.0 s are heard" in said[0]


def test_what_is_played_live_is_bounded(panel, said, monkeypatch, tmp_path):
    soundfile.write(tmp_path / "long.wav", 0.1 * np.ones((4 * RATE, 4)), RATE)
    loaded = load_recording(str(tmp_path / "long.wav"), RESPEAKER, None, None)
    monkeypatch.setattr(array_recording, "MOST_SAMPLES_AT_ONCE", RATE * RESPEAKER.count)
    panel._live_panel._start(values(panel, kind=RECORDING, loaded=loaded), VISITOR)
    assert "the first 1.0 s are heard" in said[0]
    played = panel._live_panel._live.session("anna")._open_source()
    assert played._samples.shape == (4, RATE)
