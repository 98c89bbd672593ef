"""What the generation tab asks for and shows, without a browser."""

import os
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.tasks.emerging import mel_of
from core.tasks.generation import COMPARED_STEPS
from core.tasks.progress import Progress
from core.types import Iterate
from demos.page import recordings
from demos.page.downloads import keep_generated
from demos.page.history import DrawnIterate, Histories
from demos.tabs import generation, generation_layout
from demos.tabs.generation import GenerationPanel, GridHistory, read_drawing
from demos.tabs.generation_layout import MORPH, SEVERAL, STEPS

CHOSEN = {
    "kind": SEVERAL,
    "prior": "tiny-mel",
    "label": "yes",
    "speaker": "",
    "count": 3,
    "seed": 5,
    "second": 9,
    "sampler": "heun",
    "steps": 0,
    "guidance": 1.5,
    "seconds": 0,
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(recordings.FOLDER, raising=False)


@pytest.fixture
def panel(tiny_mel_prior) -> GenerationPanel:
    with gr.Blocks(), gr.Tabs(), gr.Tab("generation"):
        return GenerationPanel(Histories())


def tone(hertz: float) -> Clip:
    times = np.arange(3200) / 16000
    return Clip(np.float32(0.3 * np.sin(2 * np.pi * hertz * times))[None], 16000)


def moment(step: int, made: list[str]) -> Progress:
    """Of three sounds; `made` gets the names of what is made of it."""

    def make(name, of):
        return lambda: made.append(name) or {f"{k:04d}": of(300 * (k + 1)) for k in range(3)}

    def mel(hertz):
        return mel_of(tone(hertz).samples[0], 16000)

    iterate = Iterate(torch.zeros(3, 80, 25), torch.zeros(3, 80, 25), 1 / step, step, 4, None, 0.0)
    parts = (make("sounds", tone), make("chains", tone), make("mels", mel), make("chain mels", mel))
    return Progress(step, 4 - step, iterate, None, *parts)


def history(kind: str = SEVERAL, chain: bool = True) -> GridHistory:
    drawing = read_drawing(CHOSEN | {"kind": kind})
    return GridHistory("run", None, chain=chain, keep=DrawnIterate.of, drawing=drawing)


@pytest.mark.usefixtures("tiny_mel_prior")
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (SEVERAL, ["Seed 5", "Seed 6", "Seed 7"]),
        (MORPH, ["Seed 5", "50%", "Seed 9"]),
        (STEPS, [f"{steps} steps" for steps in COMPARED_STEPS]),
    ],
)
def test_sounds_are_called_by_what_tells_them_apart(kind, names):
    assert read_drawing(CHOSEN | {"kind": kind}).names == names


@pytest.mark.usefixtures("tiny_mel_prior")
def test_sounds_whose_labels_were_drawn_are_called_by_them_too():
    names = read_drawing(CHOSEN | {"label": "", "seed": 4, "count": 2}).names
    assert sorted(name.partition(", ")[2] for name in names) == ["seven", "yes"]
    way = read_drawing(CHOSEN | {"label": "", "kind": MORPH}).names
    assert way[0].startswith("Seed 5, ") and {name.partition(", ")[2] for name in way} < {"seven", "yes"}
    untold = read_drawing(CHOSEN | {"label": "", "guidance": 0.0, "count": 2}).names
    assert untold == ["Seed 5", "Seed 6"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "seed must be a whole number"),
        ({"kind": MORPH, "second": 2**40}, "seed must be a whole number"),
        ({"seconds": 60}, "up to 10 s"),
        ({"prior": None}, "no model"),
    ],
)
def test_what_cannot_be_drawn_is_said(wrong, said):
    with pytest.raises(InputError, match=said):
        read_drawing(CHOSEN | wrong)


def test_nothing_is_an_answer():
    drawing = read_drawing(CHOSEN | {"seed": None, "label": None, "seconds": None, "steps": None})
    assert drawing.settings.seed == 0 and drawing.settings.steps is None
    assert drawing.wish.label is None and drawing.wish.seconds is None


def test_pictures_come_with_the_first_update_and_sounds_with_the_second(panel):
    run, made = history(), []
    first, second = moment(1, made), moment(2, made)
    run.add(first)
    shown = panel.moment(first, run)[panel.ui.grid]
    assert made == ["chain mels"] and all(sound["audio"] is None for sound in shown["sounds"])
    run.add(second)
    shown = panel.moment(second, run)[panel.ui.grid]
    assert made[1:] == ["chain mels", "chains"] and all(sound["audio"] for sound in shown["sounds"])
    assert [sound["name"] for sound in shown["sounds"]] == ["Seed 5", "Seed 6", "Seed 7"]


def test_iterates_are_kept_as_they_were_drawn_and_rendered_when_they_are_scrubbed_to(panel):
    run, made = history(chain=False), []
    for step in (1, 2, 3):
        run.add(moment(step, made))
    assert made == [] and run.nbytes == 3 * 2 * 3 * 80 * 25 * 4
    shown = panel.past(0, run)[panel.ui.grid]
    assert sorted(made) == ["mels", "sounds"] and all(sound["audio"] for sound in shown["sounds"])
    assert "sounds" not in vars(run.iterates[0].progress), "what was made is not kept"


def test_after_stop_there_is_what_the_model_makes_of_the_sounds(panel):
    run, made = history(), []
    last = moment(2, made)
    shown = panel.so_far(last, run)
    assert sorted(made) == ["mels", "sounds"] and shown[panel.ui.grid]["over"]
    assert shown[panel.ui.made].report is None
    assert shown[panel.ui.made].sounds[1][0] == "tiny-mel-yes-seed-6-4-steps"
    assert '"stopped_at_step": 2' in shown[panel.ui.made].comments[1]


def test_names_of_the_model_are_words_and_stay_where_it_knows_them(tiny_mel_prior):
    labels, speakers, *_ = generation_layout.of_prior(tiny_mel_prior, "yes", "Bob", "heun")
    assert labels.choices == [("Anything", ""), ("seven", "7"), ("yes", "yes")] and labels.value == "yes"
    assert speakers.value == "" and speakers.visible
    for unknown in (None, "nobody"):
        labels, speakers, *_ = generation_layout.of_prior(unknown, "yes", "", "heun")
        assert not labels.visible and not speakers.visible and labels.value == ""


def test_the_sampler_follows_the_model(tiny_mel_prior, tiny_wavenet):
    """WaveNets have one of their own; what suits a model stays."""
    for prior, before, after in (
        (tiny_wavenet, "sde", "ancestral"),
        (tiny_mel_prior, "ancestral", "heun"),
        (tiny_mel_prior, "sde", None),
        (tiny_wavenet, "ancestral", None),
    ):
        way = generation_layout.of_prior(prior, "", "", before)[2]
        assert getattr(way, "value", None) == after


def test_the_nearest_recording_is_shown_for_the_sound_that_was_asked_of(panel, tmp_path, monkeypatch):
    for hertz in (310, 2000):
        os.makedirs(tmp_path / "recordings" / str(hertz))
        write_clip(tmp_path / "recordings" / str(hertz) / "one.wav", tone(hertz))
    monkeypatch.setenv(recordings.FOLDER, str(tmp_path / "recordings"))
    origins = [{"prior": "tiny", "seed": seed, "steps": 4} for seed in range(2)]
    made = keep_generated({"0000": tone(1990), "0001": tone(300)}, origins, None)
    found = panel._nearest(made, SimpleNamespace(number=1, key="run"))["nearest"]
    assert found["number"] == 1 and found["key"] == "run"
    assert found["said"].endswith("away: 310") and "are usually" in found["usual"]


def test_without_recordings_it_is_said_how_to_get_them(panel, monkeypatch):
    said = []
    monkeypatch.setattr(generation, "warn", said.append)
    assert panel._nearest(None, SimpleNamespace(number=0, key="run"))["nearest"]["key"] is None
    assert len(said) == 1 and recordings.FOLDER in generation._said_of_recordings()
