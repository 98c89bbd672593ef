"""Evaluation of generation: sounds that are asked for in turn, figures that say what they should, work that is kept."""

import json

import numpy as np
import pytest
import soundfile
import torch

from core import zoo
from core.evaluation import judged_sounds
from core.evaluation.generation import HELD_OUT, NOT_TOLD, TOLD, TRAINING, VALID, Evaluation, summarise, ways_of
from core.evaluation.judged_sounds import Judged, Panel, find_panel, joined, word_of
from core.evaluation.judges import RATE, word_listener
from core.models.sound_classifier import SoundClassifier
from core.signal.clip import Clip
from core.signal.resampling import resample
from core.tasks.generation import Wish
from core.tasks.settings import Settings
from core.zoo.checkpoint import save_checkpoint
from tests.commands import refused, run

LABELS = ("7", "yes")  # of `tiny_mel_prior`
QUICK = ("--count", "6", "--batch", "3", "--steps", "1", "--seconds", "0.05")


@pytest.fixture
def classifier(own_home, tmp_path) -> str:
    """The name of a registered classifier of the labels, with random weights."""
    torch.manual_seed(0)
    config = {"labels": list(LABELS), "channels": 2, "features": 4}
    path = tmp_path / "classifier.safetensors"
    save_checkpoint(path, "sound-classifier", config, SoundClassifier(**config).state_dict())
    zoo.register("tiny-classifier", path, {"sample_rate": RATE})
    path.unlink()
    return "tiny-classifier"


def hears_seven(_waveform) -> str:
    return "seven"


@pytest.fixture
def prior(tiny_mel_prior, classifier, monkeypatch) -> tuple[str, ...]:
    monkeypatch.setattr(judged_sounds, "word_listener", lambda words: hears_seven)
    return ("--prior", tiny_mel_prior)


def write_recordings(folder, labels=LABELS, splits=("train", "valid", "test")):
    """A folder of noise, seven sounds of each label in each split."""
    folder.mkdir()
    rows, random = ["path,label,split"], np.random.default_rng(0)
    for split in splits:
        for number in range(7 * len(labels)):
            name = f"{split}-{number}.wav"
            soundfile.write(folder / name, 0.1 * random.standard_normal(1600), RATE)
            rows.append(f"{name},{labels[number % len(labels)]},{split}")
    (folder / "metadata.csv").write_text("\n".join(rows))
    return folder


def judged(labels, chosen, features=None, heard=None, distances=None):
    """Sounds that the classifier is all but sure about."""
    probabilities = 0.98 * np.eye(len(LABELS))[chosen] + 0.01
    features = np.random.default_rng(0).standard_normal((len(labels), 3)) if features is None else features
    return Judged(labels, np.log(probabilities), features, heard, distances)


@pytest.fixture
def panel(classifier):
    return find_panel(LABELS, RATE)


def test_labels_take_equal_shares_and_every_sound_has_a_seed(panel):
    evaluation = Evaluation(ways_of(None, LABELS), 11, Wish(), Settings(seed=5, batch=4), panel)
    told = evaluation.draws(TOLD)
    assert [(draw.label, draw.seed, draw.count) for draw in told] == [
        ("7", 5, 4), ("7", 9, 2), ("yes", 11, 4), ("yes", 15, 1)
    ]  # fmt: skip
    assert sum(draw.count for draw in evaluation.draws(NOT_TOLD)) == 11


@pytest.mark.parametrize(
    ("label", "ways"),
    [
        (None, {TOLD: LABELS, NOT_TOLD: ("",)}),
        ("all", {TOLD: LABELS}),
        ("none", {NOT_TOLD: ("",)}),
        ("x", {TOLD: ("x",)}),
    ],
)
def test_what_is_told(label, ways):
    assert ways_of(label, LABELS) == ways


def test_a_prior_without_labels_is_told_nothing():
    assert ways_of(None, ()) == {NOT_TOLD: ("",)}


def test_sounds_of_any_rate_are_described_alike(panel):
    """A chirp under 3 kHz, at the rate of the judges and at half of it."""
    time = np.arange(RATE) / RATE
    chirp = Clip((0.3 * np.sin(2 * np.pi * (300 * time + 1200 * time**2)))[None], RATE)
    apart = [panel.describe([clip], ["7"]).features for clip in (chirp, resample(chirp, RATE // 2))]
    spread = np.abs(apart[0] - panel.describe([Clip(chirp.samples[:, ::-1], RATE)], ["7"]).features).max()
    assert np.abs(apart[0] - apart[1]).max() < 0.1 * spread


def test_balanced_rows_have_as_many_of_every_label():
    row = judged(["7"] * 9 + ["yes"] * 4, [0] * 9 + [1] * 4, distances=np.arange(13.0)).balanced()
    assert sorted(row.labels) == ["7"] * 4 + ["yes"] * 4
    assert [label == "yes" for label in row.labels] == (row.distances > 8).tolist(), "every sound keeps what is its own"


def test_figures_count_what_was_asked_for(panel):
    drawn = judged(["7", "yes", "yes", "yes"], [0, 1, 1, 0], heard=["seven", "yes", "", "seven"])
    figures = summarise({TOLD: drawn}, panel)[TOLD]
    assert (figures["right_percent"], figures["asked_percent"], figures["any_percent"]) == (75, 50, 75)
    assert figures["labels"] == 2 and "am_score" not in figures and "distance" not in figures
    nothing = summarise({NOT_TOLD: judged([""] * 2, [0, 0], heard=["", "yes"])}, panel)[NOT_TOLD]
    assert nothing["any_percent"] == 50 and nothing["labels"] == 1 and "right_percent" not in nothing


def test_rows_stand_beside_real_ones_that_they_share_no_clips_with(panel):
    random = np.random.default_rng(0)
    rows = {
        name: judged(["7", "yes"] * 20, [0, 1] * 20, random.standard_normal((40, 3)), distances=np.full(40, distance))
        for name, distance in ((TOLD, 3.0), (VALID, 2.0), (HELD_OUT, 2.0), (TRAINING, 0.0))
    }
    figures = summarise(rows, panel)
    assert figures[TOLD]["distance_ratio"] == 1.5 and figures[VALID]["distance_ratio"] == 1
    beside = {name: {key[7:] for key in own if key.startswith("beside")} for name, own in figures.items()}
    assert beside == {TOLD: {TRAINING, HELD_OUT}, VALID: {TRAINING}, HELD_OUT: {TRAINING}, TRAINING: {HELD_OUT}}


def test_what_is_kept_in_files_comes_back():
    row = judged(["7", ""], [0, 1], heard=["seven", ""], distances=np.array([0.5, 0.25]))
    back = Judged.from_record(json.loads(json.dumps(row.record())))
    assert (back.labels, back.heard) == (row.labels, row.heard)
    assert np.abs(joined([row, back]).features[2:] - row.features).max() < 1e-5 and back.distances[1] == 0.25


def test_digits_are_said_as_words():
    assert [word_of(label) for label in ("0", "9", "Yes", "12")] == ["zero", "nine", "yes", "12"]


@pytest.mark.slow
def test_sounds_stand_beside_recordings_and_what_is_done_is_kept(prior, tmp_path, capsys, sent_elsewhere):
    recordings, out = write_recordings(tmp_path / "recordings"), tmp_path / "out"
    command = ("evaluate", "generation", *prior, "--data", recordings, *QUICK, "-o", out)
    assert run(*command) == 0
    found = json.loads((out / "generation.json").read_text())["figures"]
    assert list(found) == [TOLD, NOT_TOLD, VALID, HELD_OUT, TRAINING]
    assert found[TOLD]["asked_percent"] == 50 and found[TOLD]["any_percent"] == 100, "it hears nothing but sevens"
    assert found[HELD_OUT]["sounds"] == 28 and found[TOLD][f"beside {TRAINING}"]["frechet_distance"] > 0
    table = (out / "generation.md").read_text()
    assert f"| {TOLD} | 6 |" in table and "69.2" in table and "depends on how many sounds" in table
    before = {path: path.stat().st_mtime_ns for path in (out / "sounds").iterdir()}
    assert len(before) == 2 + 2 and run(*command) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "sounds").iterdir()} == before, "not done again"
    capsys.readouterr()
    assert "other settings" in refused(capsys, *command, "--guidance", "2")


def test_without_recordings_nothing_real_stands_beside(prior, tmp_path, capsys):
    assert run("evaluate", "generation", *prior, *QUICK, "--label", "seven", "-o", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "generation.json").read_text())["figures"]
    assert list(found) == [TOLD] and found[TOLD]["asked_percent"] == 100 and "am_score" not in found[TOLD]
    assert "--data FOLDER" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--count", "0"), "not a whole number"),
        (("--count", "1000000"), "not a whole number"),
        (("--label", "eleven"), "knows no label"),
        (("--steps", "5000"), "number of steps"),
        (("--guidance", "99"), "guidance must lie"),
        (("--seconds", "9"), "draws sounds of up to"),
        (("--prior", "nobody"), "no prior named"),
        (("--prior", "piano-16k"), "can't generate"),
        (("--prior", "tiny-classifier"), "can't generate"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_refusals_leave_no_folder(prior, tmp_path, capsys, options, sentence):
    message = refused(capsys, "evaluate", "generation", *prior, "--count", "4", *options, "-o", tmp_path / "out")
    assert sentence in message and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"labels": ("7", "maybe")}, "No classifier tells maybe, seven apart"),
        ({"labels": ("bed", "cat", "happy")}, "other words"),
        ({"splits": ("train",)}, "is held out"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(prior, tmp_path, capsys, content, sentence):
    data = write_recordings(tmp_path / "recordings", **content)
    message = refused(capsys, "evaluate", "generation", *prior, "--data", data, "-o", tmp_path / "out")
    assert sentence in message and not (tmp_path / "out").exists()


def test_a_recogniser_hears_words_alike_in_any_order():
    listen = word_listener(["no", "yes"])
    if listen is None:
        pytest.skip("pocketsphinx is not installed")
    random = np.random.default_rng(0)
    sounds = [
        soundfile.read("assets/sounds/speech.flac")[0][:12000],
        0.1 * random.standard_normal(9000),
    ]
    heard = [listen(sound) for sound in sounds]
    assert set(heard) <= {"", "no", "yes"}
    assert [listen(sound) for sound in sounds[::-1]] == heard[::-1]
    assert word_listener(["no", "qwxzq"]) is None and word_listener(["no;", "yes"]) is None


def test_the_bundled_classifiers_know_the_labels_that_priors_are_told():
    for labels in (zoo.load("digits-16k").labels, ("bed", "cat", "happy")):
        panel = find_panel(labels, RATE)
        assert isinstance(panel, Panel) and len(panel.classifier.labels) == len(labels)
