"""Runs on GPUs that a Space lends: they work in another process, and the page shows what it shows anywhere."""

import os
import sys

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.inpainting import inpaint
from core.tasks.progress import SOUND
from core.tasks.settings import DEVICE_VARIABLE, Settings, resolve_device
from demos.page import zero_gpu
from demos.page.history import Histories
from demos.page.source import load
from demos.page.zero_gpu import LEAST_SECONDS, LENT, MOST_SECONDS, loan_seconds
from demos.tabs.inpainting import InpaintingPanel
from demos.turns.line import Line
from demos.turns.worker import Asker, Background, expected_seconds
from tests.lent_gpu import stand_in
from tests.loops import in_loop

TONE = Clip(0.1 * np.sin(np.arange(8000) / 9)[None], 16000)
GAPS = [(0.2, 0.22)]


@pytest.fixture
def lending(monkeypatch):
    """The package, in a Space that lends GPUs."""
    package = stand_in()
    monkeypatch.setenv(DEVICE_VARIABLE, "")
    monkeypatch.setitem(sys.modules, "spaces", package)
    monkeypatch.setenv(LENT, "true")
    monkeypatch.setattr(zero_gpu, "_lent", zero_gpu._borrowing())
    return package


def refused():
    raise InputError("The clip is too long; give a shorter one.")
    yield


def test_a_run_works_in_another_process_and_makes_the_same(lending, tiny_prior):
    settings = Settings(tiny_prior, "draft", steps=2, seed=3)
    *_, here = inpaint(TONE, GAPS, settings=settings)
    *shown, lent = zero_gpu.run(inpaint, TONE, GAPS, settings=settings)
    assert np.abs(lent.clip.samples - here.clip.samples).max() < 1e-4
    assert shown[-1].clip.samples.shape == shown[-1].chain.samples.shape == TONE.samples.shape
    assert shown[-1].iterate.step == 2 and shown[-1].iterate.x.shape[0] == 1 and lending.asked == [LEAST_SECONDS]


def test_a_refusal_is_the_visitor_s_to_mend(lending):
    with pytest.raises(InputError, match="too long; give a shorter one"):
        list(zero_gpu.run(refused))


def test_no_gpu_to_lend_is_said_in_a_sentence(monkeypatch):
    def lent(*_):
        raise gr.Error("You have <b>exceeded</b> your quota.", print_exception=False)
        yield

    monkeypatch.setattr(zero_gpu, "_lent", lent)
    with pytest.raises(InputError, match=r"lends no GPU for this run now \(You have exceeded your quota\); try"):
        list(zero_gpu.run(inpaint, TONE, GAPS))


def test_the_page_shows_of_a_lent_gpu_what_it_shows_anywhere(lending, tiny_prior, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    with gr.Blocks(), gr.Tabs(), gr.Tab("job"):
        panel = InpaintingPanel(Histories())
    ui = panel.ui
    soundfile.write(tmp_path / "tone.wav", TONE.samples[0], 16000)
    values = {widget: widget.value for widget in ui.inputs} | {ui.loaded: load(str(tmp_path / "tone.wav"))}
    values |= {ui.prior: tiny_prior, ui.length: 0.5, ui.steps: 2, ui.choices["gaps"]: "0.2-0.22"}
    *_, last = panel._perform(values, "anna")
    names = [track["name"] for track in last[ui.compare]["value"]["tracks"]]
    assert {"Input", "Result", "Truth"} <= set(names) and last[ui.run].interactive
    assert len(lending.asked) == 1 and panel._histories.get("anna", panel.task).iterates


def test_who_leaves_ends_the_loan(lending):
    run = zero_gpu.run(inpaint, TONE, GAPS, settings=Settings("piano-16k", "fine"))
    assert next(run).sounds[SOUND].frames == TONE.frames
    run.close()  # the stand-in's process is waited for
    assert list(run) == []


def test_the_page_itself_computes_on_the_cpu(lending):
    assert resolve_device("auto") == "cpu" and os.environ[DEVICE_VARIABLE] == "cpu"


def test_where_nothing_is_lent_a_run_is_the_task_s_own(monkeypatch):
    monkeypatch.setenv(LENT, "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert zero_gpu._borrowing() is None
    monkeypatch.setitem(sys.modules, "spaces", stand_in())
    monkeypatch.delenv(LENT)
    assert zero_gpu._borrowing() is None and DEVICE_VARIABLE not in os.environ
    assert zero_gpu._lent is None and zero_gpu.run(str, 5) == "5"


@pytest.mark.parametrize(("expected", "asked"), [(0.1, LEAST_SECONDS), (30.0, 90), (1000.0, MOST_SECONDS)])
def test_a_loan_lasts_as_long_as_such_runs_took_with_some_room(expected, asked):
    assert loan_seconds(inpaint, (), {}, expected) == asked


def test_a_run_knows_how_long_it_should_take():
    """As those like it took, in the thread that it works in."""
    kind, background = ("inpaint", "draft"), Background(Line(1, 1, 8))
    background._durations.learn(kind, 42.0)

    def asking():
        yield expected_seconds.get()

    async def asked() -> list:
        return [item async for item in background.run(asking(), Asker("anna", kind, lambda place: place))]

    assert in_loop(asked()) == [42.0] and expected_seconds.get() != 42.0
