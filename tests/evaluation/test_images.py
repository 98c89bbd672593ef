"""evaluate images: figures are what they say, of held-out images and of those that a prior draws."""

import json

import numpy as np
import pytest

from core.evaluation.images import in_levels, nearest, psnr_db, summarise
from core.training.image_data import ImageData
from tests.commands import refused, run
from tests.tasks.images import register_pixels
from tests.training.images import write_idx

SIZE = (16, 16)


@pytest.fixture
def data(own_home, tmp_path):
    register_pixels(own_home, labels=("0", "1", "2"), noise_conditional=True)
    register_pixels(own_home, "clean", labels=())
    write_idx(tmp_path / "data", 60, size=SIZE)
    return write_idx(tmp_path / "data", 30, split="t10k", size=SIZE)


def test_every_question_has_its_baselines(data, tmp_path, capsys, sent_elsewhere):
    pytest.importorskip("sklearn")
    asked = ("evaluate", "images", "--data", data, "--prior", "pixels", "--count", "3", "--draws", "6")
    asked = (*asked, "--quality", "draft", "-o", tmp_path / "out")
    assert run(*asked) == 0
    found = json.loads((tmp_path / "out" / "images.json").read_text())
    assert list(found["figures"]) == [
        *("lower half: result", "lower half: mean", "lower half: training mean"),
        *("2x: result", "2x: nearest", "2x: cubic"),
        *("4x: result", "4x: nearest", "4x: cubic"),
        *("two overlaid: result", "two overlaid: equal shares"),
    ]
    assert 0 <= found["figures"]["two overlaid: result"]["recognised"] <= 1
    assert found["drawn"]["images"] == 6 and 0 <= found["drawn"]["agreement"] <= 1 and found["drawn"]["ratio"] > 0
    assert "PSNR" in (tmp_path / "out" / "images.md").read_text() and "judge" in capsys.readouterr().out
    pairs = sorted((tmp_path / "out" / "pairs").iterdir())
    written = [pair.stat().st_mtime_ns for pair in pairs]
    assert len(pairs) == 3 and run(*asked) == 0
    assert [pair.stat().st_mtime_ns for pair in pairs] == written, "what is done is not done again"


def test_the_training_mean_is_that_of_the_training_images(data, tmp_path):
    pytest.importorskip("sklearn")
    asked = ("evaluate", "images", "--data", data, "--prior", "pixels", "--count", "1", "--draws", "3")
    assert run(*asked, "--quality", "draft", "-o", tmp_path / "out") == 0
    train, test = (ImageData(data, split) for split in ("train", "test"))
    mean = train._pixels.double().mean(dim=0).numpy() / 255
    record = json.loads((tmp_path / "out" / "pairs" / "00000.json").read_text())
    own = record["lower half"]["training mean"]["psnr_db"]
    there = [psnr_db(image.numpy()[:, 8:] / 255, mean[:, 8:]) for image in test._pixels]
    assert min(abs(own - value) for value in there) < 1e-3


def test_a_prior_that_only_draws_is_asked_for_nothing_else(data, tmp_path):
    pytest.importorskip("sklearn")
    asked = ("evaluate", "images", "--data", data, "--prior", "clean", "--draws", "4", "-o", tmp_path / "out")
    assert run(*asked) == 0
    found = json.loads((tmp_path / "out" / "images.json").read_text())
    assert found["figures"] == {} and "agreement" not in found["drawn"] and found["drawn"]["images"] == 4


def test_distances_are_to_the_nearest():
    others = np.random.default_rng(0).random((300, 1, 3, 3)).astype(np.float32)
    images = others[[5, 290]] + np.float32([0, 0.01])[:, None, None, None]
    np.testing.assert_allclose(nearest(images, others), [0, 0.03], atol=2e-3)


def test_levels_and_means_by_hand():
    np.testing.assert_allclose(in_levels(np.float32([0, 0.4, 0.6, 1]), 2), [0, 0, 1, 1])
    assert psnr_db(np.zeros(4), np.full(4, 0.1)) == pytest.approx(20)
    records = [{"half": {"result": {"psnr_db": value}}} for value in (10.0, 13.0)]
    assert summarise(records) == {"half: result": {"psnr_db": 11.5}}


def test_what_cannot_be_evaluated_gets_a_sentence(data, tmp_path, capsys):
    asked = ("evaluate", "images", "-o", tmp_path / "out")
    assert "is no folder" in refused(capsys, *asked, "--data", tmp_path / "none")
    assert "can't generate" in refused(capsys, *asked, "--data", data, "--prior", "piano-16k")
    assert not (tmp_path / "out").exists()
