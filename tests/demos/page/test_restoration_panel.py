"""A run's events without a browser: what the page is told when a run is refused, fails, or is cancelled."""

import asyncio
from functools import partial
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.progress import SOUND, Progress, Result
from core.types import Iterate
from demos.page import runner
from demos.page.downloads import FLOAT
from demos.page.history import Histories
from demos.page.runner import APOLOGY, TOO_LARGE
from demos.page.source import load
from demos.tabs.declipping import DeclippingPanel
from demos.tabs.inpainting import InpaintingPanel
from demos.tabs.super_resolution import SuperResolutionPanel
from demos.tabs.vocoding import VocodingPanel
from demos.turns import worker
from demos.turns.line import Line
from tests.loops import in_loop

ANNA = SimpleNamespace(session_hash="anna")


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """The warnings that pop up."""
    texts = []
    monkeypatch.setattr(gr, "Warning", texts.append)
    return texts


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Begins a job that starts like `start`; returns the generator of its updates as {widget: value}, and its panel."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))

    def begin_with(start):
        with gr.Blocks(), gr.Tabs(), gr.Tab("job"):
            panel = type("Job", (SuperResolutionPanel,), {"begin": staticmethod(start)})(Histories())
        path = tmp_path / "tone.wav"
        soundfile.write(path, 0.1 * np.sin(np.arange(8000) / 9), 16000)
        values = {widget: widget.value for widget in panel.ui.inputs}
        values |= {panel.ui.loaded: load(str(path)), panel.ui.prior: "piano-16k", panel.ui.length: 0.5}
        return panel._perform(values, ANNA.session_hash), panel

    return begin_with


@pytest.fixture
def run(begun):
    """As `begun`, to the end: all updates, and the widgets."""

    def run_with(start):
        updates, panel = begun(start)
        return list(updates), panel.ui

    return run_with


def refused(*_):
    raise InputError("The factor must be a whole number.")
    yield


def broken(*_):
    raise RuntimeError("secret detail")
    yield


def test_a_refusal_is_one_sentence_and_the_buttons_come_back(run, said):
    updates, ui = run(refused)
    assert said == ["The factor must be a whole number."]
    assert updates[-1][ui.run].interactive and not updates[-1][ui.stop].interactive
    assert ui.compare not in updates[-1], "the last result stays"


def test_our_own_mistake_gets_an_apology_and_goes_to_the_log_alone(run, said, caplog):
    updates, ui = run(broken)
    assert said == [APOLOGY]
    assert "secret detail" in caplog.text and "secret detail" not in str(updates)
    assert "Nothing was made" in updates[-1][ui.status]
    assert updates[-1][ui.run].interactive


def test_a_run_that_the_queue_drops_frees_the_buttons_and_a_stopped_one_says_so_again(monkeypatch):
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.01)
    with gr.Blocks():
        panel = SuperResolutionPanel(Histories())
    panel._begin(ANNA)
    dropped = in_loop(panel._left(ANNA))
    assert dropped[panel.ui.run].interactive and "Nothing was made" in dropped[panel.ui.status]
    panel._stop(ANNA)
    stopped = in_loop(panel._left(ANNA))
    assert stopped[panel.ui.run].interactive and "Stopped" in stopped[panel.ui.status], "an update came after Stop"
    assert panel.ui.run not in in_loop(left_and_begun(panel)), "the buttons belong to the next run"


def test_who_does_not_get_in_reads_a_sentence_with_a_time(monkeypatch, said):
    """One runs, and nobody may wait."""
    line = Line(1, 0, 8)
    monkeypatch.setattr(worker, "_background", worker.Background(line))
    with gr.Blocks():
        panel = SuperResolutionPanel(Histories())
    panel._begin(ANNA)

    async def crowded() -> list:
        line.join("bert", 60.0, lambda: None)
        return [update async for update in panel._run({}, ANNA)]

    (update,) = in_loop(crowded())
    assert update[panel.ui.run].interactive and "Nothing was made" in update[panel.ui.status]
    assert len(said) == 1 and said[0].endswith("try again in about 1 minute.")


def test_a_number_of_hundreds_of_digits_gets_a_sentence(run, said):
    updates, ui = run(lambda *_: iter([float(10**400)]))
    assert said == [TOO_LARGE] and updates[-1][ui.run].interactive


async def left_and_begun(panel) -> dict:
    leaving = asyncio.create_task(panel._left(ANNA))
    await asyncio.sleep(0)
    panel._begin(ANNA)
    return await leaving


def climbing(source, settings, chosen):
    """Three updates, each with a louder estimate, then the result."""
    for step in range(3):
        iterate = Iterate(None, None, 0.1, step, 2, None, 0.01)
        sounds = partial(dict, result=Clip(np.full((1, 8000), 0.1 * (step + 1)), 16000))
        yield Progress(step, 2 - step, iterate, make_sounds=sounds, make_chains=sounds)
    report = {"task": "declip", "seconds": 2.0, "prior": "tiny", "score_evaluations": 2, "seed": 0}
    report |= {"metrics": {}, "baselines": {}}
    yield Result({SOUND: source.clip}, source.clip, report)


def test_the_best_iterate_so_far_is_compared_and_taken_along_after_stop(begun):
    updates, panel = begun(climbing)
    _, first, last = (next(updates) for _ in range(3))
    assert first[panel.ui.compare] is None and panel.ui.compare not in last, "what comes late takes nothing away"
    shown = panel._stop(ANNA)
    tracks = shown[panel.ui.compare]["value"]["tracks"]
    assert [track["name"] for track in tracks] == ["Your sound", "So far"]
    samples, rate = soundfile.read(shown[panel.ui.made].written(FLOAT)[0])
    assert rate == 16000 and samples == pytest.approx(0.3, abs=1e-6)
    assert "step 2 of 2" in shown[panel.ui.status] and "stopped" in shown[panel.ui.notes]
    assert panel._scrub(2, ANNA)[panel.ui.status] != shown[panel.ui.status]
    assert panel._scrub(3, ANNA)[panel.ui.status] == shown[panel.ui.status], "the end of what there is"


def test_what_the_result_differs_by_is_heard_too_where_it_follows_the_waveform(begun, monkeypatch):
    names = ["Input", "Result", "Result \N{MINUS SIGN} input"]
    for keeps_phases, expected in ((True, names), (False, names[:2])):
        monkeypatch.setattr(SuperResolutionPanel, "keeps_phases", keeps_phases)
        updates, panel = begun(climbing)
        *_, last = updates
        compared = last[panel.ui.compare]["value"]
        assert [track["name"] for track in compared["tracks"]] == expected
        assert compared["matches_db"] == [0.0] * len(expected)
    assert not VocodingPanel.keeps_phases


def names_of(shown: dict, panel) -> list[str]:
    return [track["name"] for track in shown[panel.ui.compare]["value"]["tracks"]]


def run_again(panel, seed: int = 0, length: float = 0.5, session: str = ANNA.session_hash) -> dict:
    ui = panel.ui
    values = {widget: widget.value for widget in ui.inputs}
    values |= {ui.loaded: panel.sound, ui.prior: "tiny", ui.length: length, ui.seed: seed}
    *_, last = panel._perform(values, session)
    return last


def seeded(source, settings, chosen):
    *_, last = climbing(source, settings, chosen)
    report = last.report | {"seed": settings.seed, "metrics": {"psnr_db": 20.0 + settings.seed}}
    yield Result(last.sounds, last.observed, report)


@pytest.fixture
def keeping(begun, tmp_path):
    """A panel whose first run, with seed 0, is over."""
    updates, panel = begun(seeded)
    list(updates)
    panel.sound = load(str(tmp_path / "tone.wav"))
    return panel


def test_a_kept_result_stands_beside_the_next_one_until_it_is_dropped(keeping):
    ui = keeping.ui
    assert keeping._keep(ANNA)[ui.drops[0]].value == "Drop tiny, seed 0"
    again = run_again(keeping, seed=5)
    assert names_of(again, keeping) == ["Input", "Result", "tiny, seed 0", "Result \N{MINUS SIGN} input"]
    assert '<th scope="row">tiny, seed 0</th><td>20.0</td>' in again[ui.metrics] and again[ui.keep].interactive
    dropped = keeping._dropper(0)(ANNA)
    assert names_of(dropped, keeping) == ["Input", "Result", "Result \N{MINUS SIGN} input"]
    assert len(dropped[ui.compare]["value"]["matches_db"]) == 3
    assert "tiny" not in dropped[ui.metrics] and not dropped[ui.drops[0]].visible
    assert "tiny, seed 0" not in names_of(run_again(keeping), keeping)


def test_two_at_most_are_kept_each_under_a_name_of_its_own(keeping):
    ui = keeping.ui
    for name in ("tiny, seed 0", "tiny, seed 0 (2)"):
        assert name in [button.value.removeprefix("Drop ") for button in drops(keeping._keep(ANNA), ui)]
        run_again(keeping)
    assert not run_again(keeping, seed=7)[ui.keep].interactive
    assert [button.visible for button in drops(keeping._keep(ANNA), ui)] == [True, True], "a third is not taken"
    assert names_of(run_again(keeping), keeping)[2:4] == ["tiny, seed 0", "tiny, seed 0 (2)"]


def drops(shown: dict, ui) -> list:
    return [shown[button] for button in ui.drops if shown[button].visible]


def test_what_is_kept_belongs_to_one_session_and_one_part_of_one_sound(keeping, tmp_path):
    keeping._keep(ANNA)
    assert "tiny, seed 0" not in names_of(run_again(keeping, session="ben"), keeping)
    shown = run_again(keeping, length=0.25)
    assert "tiny, seed 0" not in names_of(shown, keeping) and "another part" in shown[keeping.ui.notes]
    keeping._keep(ANNA)
    keeping._load_own(str(tmp_path / "tone.wav"), ANNA)
    assert "tiny, seed 0" not in names_of(run_again(keeping, length=0.25), keeping), "another sound was chosen"


def test_stop_before_the_first_iterate_leaves_the_last_result(begun):
    updates, panel = begun(climbing)
    list(updates)
    panel._begin(ANNA)
    shown = panel._stop(ANNA)
    assert "Stopped" in shown[panel.ui.status] and panel.ui.compare not in shown


def test_the_scrubber_s_end_says_again_how_the_run_ended(begun):
    updates, panel = begun(climbing)
    *_, last = updates
    said = last[panel.ui.status]
    assert "Done in 2.0 s" in said and 'href="#results-of-super-resolve"' in said
    assert "Step 1 of 2" in panel._scrub(2, ANNA)[panel.ui.status]
    assert panel._scrub(3, ANNA)[panel.ui.status] == said


@pytest.mark.parametrize("kind", [SuperResolutionPanel, InpaintingPanel, DeclippingPanel, VocodingPanel])
def test_another_sound_takes_the_results_of_the_last_one_away(kind, tmp_path, monkeypatch, said):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks(), gr.Tabs(), gr.Tab("job"):
        panel = kind(Histories())
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    (tmp_path / "words.wav").write_bytes(b"these are words, not audio")
    for shown in (panel._load_own(str(tmp_path / "tone.wav"), ANNA), panel._example_loader(panel.examples[0])(ANNA)):
        assert panel.results <= set(shown)
        assert not any(shown[widget] for widget in (panel.ui.compare, panel.ui.metrics, panel.ui.made))
        assert shown[panel.ui.monitor] is None and not shown[panel.ui.ladder].data
        assert "Ready" in shown[panel.ui.status] and shown[panel.ui.run].interactive
    assert set(panel._load_own(str(tmp_path / "words.wav"), ANNA)) == {panel.ui.door}, (
        "a refused file takes nothing away"
    )
    assert len(said) == 1


def test_a_run_of_the_last_sound_ends_and_what_it_showed_last_is_taken_away():
    with gr.Blocks():
        panel = SuperResolutionPanel(Histories())

    def perform(values, session):
        yield {"first": 1}
        panel.forget_results(session, {panel.ui.loaded: "another"})
        yield {"second": 2}

    panel._perform = perform
    panel._begin(ANNA)

    async def shown() -> list:
        return [update async for update in panel._run({panel.ui.loaded: "one"}, ANNA)]

    first, last = in_loop(shown())
    assert first == {"first": 1} and "Ready" in last[panel.ui.status] and last[panel.ui.compare] is None


@pytest.mark.parametrize(("works_on", "goes_on"), [("chosen", True), ("the last one", False)])
def test_a_run_that_begins_while_a_sound_is_chosen_goes_on_if_it_is_of_that_sound(works_on, goes_on):
    """Both events are under way at once: which of them the server sees first says nothing."""
    with gr.Blocks():
        panel = SuperResolutionPanel(Histories())
    panel._perform = lambda values, session: ({"first": n} for n in (1,))
    panel._begin(ANNA)
    assert panel.ui.run not in panel.forget_results("anna", {panel.ui.loaded: "chosen"}), "whose buttons are not known"

    async def shown() -> list:
        return [update async for update in panel._run({panel.ui.loaded: works_on}, ANNA)]

    (update,) = in_loop(shown())
    assert update == {"first": 1} if goes_on else update[panel.ui.run].interactive


def test_after_stop_nothing_is_shown_but_what_stop_said():
    """The generator of a run that was stopped ends by itself, should it not be cancelled in time; its last update may
    have come after what Stop said."""
    with gr.Blocks():
        panel = SuperResolutionPanel(Histories())

    def perform(values, session):
        yield {"first": 1}
        panel._stop(ANNA)
        yield {"second": 2}

    panel._perform = perform
    panel._begin(ANNA)

    async def shown() -> list:
        return [update async for update in panel._run({}, ANNA)]

    first, last = in_loop(shown())
    assert first == {"first": 1} and last.keys() == {panel.ui.run, panel.ui.stop, panel.ui.status}
    assert "Stopped" in last[panel.ui.status] and last[panel.ui.run].interactive
