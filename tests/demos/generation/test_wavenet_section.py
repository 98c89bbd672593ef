"""What the section "WaveNet" goes on from, and what it shows and keeps, without a browser."""

import json

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import write_clip
from demos.generation import wavenet
from demos.generation.wavenet import WaveNetPanel
from demos.page.history import Histories
from demos.page.source import load
from demos.page.stream import is_result

RATE = 16000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))


@pytest.fixture
def panel(tiny_wavenet) -> WaveNetPanel:
    with gr.Blocks(), gr.Tabs(), gr.Tab("wavenet"):
        return WaveNetPanel(Histories())


@pytest.fixture
def recording(tmp_path):
    """Three seconds: a rising tone."""
    path = tmp_path / "mine.wav"
    t = np.arange(3 * RATE) / RATE
    write_clip(path, Clip((0.1 * t * np.sin(300 * t * (1 + t)))[None].astype(np.float32), RATE))
    return load(str(path))


def asked(panel, loaded=None, **changes) -> dict:
    ui, values = panel.ui, {"prior": "tiny-wavenet", "label": "", "seconds": 0.5, "temperature": 1.0, "seed": 7}
    chosen = values | {"onward": 0.0} | changes
    return {ui.loaded: loaded} | {getattr(ui, name): value for name, value in chosen.items()}


def run(panel, values: dict):
    """The history of a whole run, and its result."""
    items, history, context = panel.start(values)
    history.context = context
    for item in items:
        if is_result(item):
            return history, item, panel.conclude(item, history, context)
        history.add(item)
    raise AssertionError("no result")


def test_a_sound_goes_on_from_the_recording_and_both_are_heard(panel, recording):
    history, result, shown = run(panel, asked(panel, recording, onward=2.5))
    np.testing.assert_allclose(history.beginning, wavenet._end_of(recording, 2.5).samples[0, -2 * RATE :], atol=1e-6)
    update = shown[panel.ui.monitor]
    assert update["regions"] == [[2.0, 2.5]] and update["value"]["seconds"] == 2.5
    made = shown[panel.ui.made]
    names = ["tiny-wavenet-seed-7", "tiny-wavenet-seed-7-with-its-beginning"]
    assert [name for name, _ in made.sounds] == names
    new, whole = (soundfile.read(path, dtype="float32")[0] for _, path in made.sounds)
    np.testing.assert_array_equal(whole, np.concatenate([history.beginning, new]))
    said = json.loads(made.comments[0])
    assert said["prime"] == "mine.wav" and said["seed"] == 7 and result.report["bits_per_sample"] > 0


def test_without_a_recording_there_is_one_sound_and_nothing_is_marked(panel):
    _, _, shown = run(panel, asked(panel))
    assert shown[panel.ui.monitor]["regions"] == [] and len(shown[panel.ui.made].sounds) == 1


def test_what_is_drawn_so_far_is_what_grows(panel, recording):
    items, history, context = panel.start(asked(panel, recording))
    history.context = context
    progress = next(items)
    shown = panel.moment(progress, history)[panel.ui.monitor]["value"]
    assert shown["grows"] and shown["seconds"] == pytest.approx(2 + 2000 / RATE)
    stopped = panel.so_far(progress, history)[panel.ui.made]
    assert json.loads(stopped.comments[0])["stopped_at_step"] == 2000 and stopped.report is None
    items.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"onward": 9.0}, "9 s lies outside the recording, which lasts 3.0 s"),
        ({"seconds": 60}, "up to 10 s here, not 60 s"),
        ({"prior": None}, "no WaveNet here"),
        ({"label": "Ada"}, "knows no label 'Ada'"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_said(panel, recording, changes, why):
    with pytest.raises(InputError, match=why):
        run(panel, asked(panel, recording, **changes))


def test_a_silent_recording_is_nothing_to_go_on_from(panel, tmp_path):
    write_clip(tmp_path / "silence.wav", Clip(np.zeros((1, RATE), np.float32), RATE))
    with pytest.raises(InputError, match="prime is silent"):
        run(panel, asked(panel, load(str(tmp_path / "silence.wav"))))
