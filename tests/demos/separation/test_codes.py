"""A separation among codes as the tab shows it, without a browser: a run, its samples, and what is scrubbed to."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.choices import LATENT, WAVEFORM
from core.errors import InputError
from demos.page.history import Histories
from demos.page.menus import Choice
from demos.page.source import load
from demos.separation.codes import CodesHistory
from demos.separation.examples import EXAMPLES, MIXTURE, SOURCES, offered
from demos.tabs.separation import SeparationPanel

ANNA, RATE, FRAMES = "anna", 16000, 75 * 64


@pytest.fixture
def panel(tiny_code_priors, tmp_path, monkeypatch) -> SeparationPanel:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    with gr.Blocks(), gr.Tabs(), gr.Tab("Separation"):
        return SeparationPanel(Histories())


@pytest.fixture
def asked(panel, tiny_code_priors, tmp_path) -> dict:
    """Two sounds of 75 codes, mixed."""
    ui, held = panel.ui, []
    for seed, name in enumerate(("one.wav", "two.wav")):
        soundfile.write(tmp_path / name, 0.1 * np.random.default_rng(seed).standard_normal(FRAMES), RATE)
        held.append(load(str(tmp_path / name)))
    values = {widget: widget.value for widget in ui.inputs} | dict(zip(ui.code_priors, tiny_code_priors, strict=True))
    return values | {ui.kind: SOURCES, ui.first: held[0], ui.second: held[1], ui.method: LATENT, ui.samples: 3}


def run(panel, values: dict) -> tuple[list[dict], CodesHistory]:
    """All updates of a run, and what is kept of it."""
    updates = list(panel.updates(values, ANNA))
    return updates, panel._histories.get(ANNA, panel.task)


def tracks(shown: dict) -> list[str]:
    return [track["name"] for track in shown["tracks"]]


def test_a_run_shows_stems_and_streams_and_in_the_end_all_samples(panel, asked):
    ui = panel.ui
    updates, history = run(panel, asked)
    first, last = updates[0], updates[-1]
    assert "Sums of code" in first[ui.status] and first[ui.streams]["value"] is None
    drawn = [update for update in updates[:-1] if "Code " in update[ui.status]]
    assert drawn and all(update[ui.streams]["value"]["samples"] == [] for update in drawn)
    assert all(update[ui.streams]["visible"] is True and not update[ui.ladder]["visible"] for update in updates[:-1])
    assert len(last[ui.streams]["samples"]) == 3 and last[ui.streams]["chosen"] == 0
    heard = tracks(last[ui.compare])
    assert heard[:5] == ["Mixture", "tiny-drums", "tiny-bass", "tiny-drums, decoded", "tiny-bass, decoded"]
    assert {"tiny-drums, compressed truth", "tiny-bass, NMF", "tiny-bass, truth"} <= set(heard)
    assert "3 samples" in last[ui.status] and "Compressed truth" in last[ui.metrics]
    assert len(history.iterates) == 2, "of 64 and of 75 codes; sums of codes are no iterates"


def test_a_sample_is_heard_where_it_is_chosen(panel, asked):
    ui = panel.ui
    _, history = run(panel, asked)
    event, request = SimpleNamespace(number=2), SimpleNamespace(session_hash=ANNA)
    shown = panel._choose_sample(event, request)
    assert shown[ui.streams]["chosen"] == 2 and "Sample 3" in shown[ui.status]
    said = history.streams.say(2)
    assert tracks(shown[ui.monitor]) == list(said)
    compared = dict(zip(tracks(shown[ui.compare]), shown[ui.compare]["tracks"], strict=True))
    written, _ = soundfile.read(compared["tiny-bass, decoded"]["audio"]["path"])
    expected = said["tiny-bass"].samples[0] * 10 ** (shown[ui.compare]["gain_db"] / 20)
    np.testing.assert_allclose(written, expected.clip(-1, 1), atol=2e-3)
    assert shown[ui.compare]["arrives"] is False and history.nbytes > 6 * FRAMES * 4


def test_samples_that_are_not_there_are_refused(panel, asked, monkeypatch):
    texts = []
    monkeypatch.setattr(gr, "Warning", texts.append)
    run(panel, asked)
    wanted = [(ANNA, number) for number in (3, -1, "first", None, [0])] + [("bob", 0)]
    for session, number in wanted:
        shown = panel._choose_sample(SimpleNamespace(number=number), SimpleNamespace(session_hash=session))
        assert shown == {panel.ui.status: gr.skip()}
    assert len(texts) == len(wanted) and all("no longer kept" in text for text in texts)


def test_the_end_of_the_scrubber_is_the_end_of_the_run(panel, asked):
    ui = panel.ui
    _, history = run(panel, asked)
    early, late = (panel.past(position, history)[ui.streams]["value"] for position in (0, len(history.iterates) - 1))
    assert early["samples"] == [] and len(late["samples"]) == 3
    assert "Code 64 of 75" in panel.past_status(history.iterates[0])


def test_what_was_made_by_the_other_method_stands_beside_while_the_part_is_the_same(panel, asked, tiny_prior):
    ui, tiny = panel.ui, tiny_prior
    run(panel, asked)
    waveforms = asked | {ui.method: WAVEFORM, ui.priors[0]: tiny, ui.priors[1]: tiny, ui.steps: 2}
    updates, history = run(panel, waveforms)
    assert tracks(updates[-1][ui.compare])[5:7] == ["tiny-drums, as codes", "tiny-bass, as codes"]
    assert "As codes" in updates[-1][ui.metrics] and updates[-2][ui.ladder]["visible"]
    updates, _ = run(panel, asked | {ui.length: 0.2})
    assert not [name for name in tracks(updates[-1][ui.compare]) if "as waveforms" in name], "of another part"
    updates, _ = run(panel, waveforms | {ui.length: 0.2})
    assert "As codes" in updates[-1][ui.metrics]


def test_stop_leaves_what_was_drawn_until_then(panel, asked):
    ui = panel.ui
    updates = panel.updates(asked, ANNA)
    next(update for update in updates if "Code " in update[ui.status])
    updates.close()
    shown = panel.stopped(ANNA)
    assert tracks(shown[ui.compare]) == ["Mixture", "tiny-drums, so far", "tiny-bass, so far"]
    assert "Stopped" in shown[ui.status] and ui.ladder not in shown


def test_the_settings_of_a_method_are_seen_and_its_view_where_nothing_is_held(panel, asked):
    ui, request = panel.ui, SimpleNamespace(session_hash=ANNA)
    shown = panel._method_chosen({ui.method: LATENT}, request)
    seen = {widget for widget, update in shown.items() if update["visible"] is True}
    assert seen == {ui.code_row, ui.samples, ui.streams}
    run(panel, asked)
    shown = panel._method_chosen({ui.method: WAVEFORM}, request)
    assert {widget for widget, update in shown.items() if update["visible"] is True} == {
        ui.row, ui.quality, ui.sampler, ui.steps, ui.form,
    }  # fmt: skip


def test_without_priors_of_codes_nothing_speaks_of_them(panel, asked):
    ui = panel.ui
    assert [example.method for example in offered([])] == [WAVEFORM] * 3
    assert offered([Choice("drums", ""), Choice("bass", "")])[-1].method == LATENT == EXAMPLES[-1].method
    with pytest.raises(InputError, match="no priors of codes here"):
        panel.start(asked | {ui.code_priors[1]: None})


def test_a_mixture_alone_has_no_figures(panel, asked):
    ui = panel.ui
    updates, _ = run(panel, asked | {ui.kind: MIXTURE})
    assert "no truth" in updates[-1][ui.metrics]
    assert tracks(updates[-1][ui.compare])[3:] == ["tiny-drums, decoded", "tiny-bass, decoded"]


def test_results_that_were_not_of_codes_are_never_taken_for_them(panel, asked, tiny_prior):
    ui, tiny = panel.ui, tiny_prior
    run(panel, asked | {ui.method: WAVEFORM, ui.priors[0]: tiny, ui.priors[1]: tiny, ui.steps: 2})
    shown = panel._choose_sample(SimpleNamespace(number=0), SimpleNamespace(session_hash=ANNA))
    assert shown == {ui.status: gr.skip()}
