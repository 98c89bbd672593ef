"""Images are drawn row by row; each can be made again by itself, and says how in its file."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core.cli import main
from core.errors import InputError
from core.signal.image_files import read_image, tiled
from core.tasks.image_generation import ImageWish, generate_images
from core.tasks.image_runs import ImageResult
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings
from tests.tasks.images import SIZE, register_pixels


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RESOUND_HOME", str(tmp_path))
    register_pixels(tmp_path)
    return tmp_path


def drawn(seed: int = 0, batch: int | None = None, **wish) -> tuple[list, ImageResult]:
    *moments, result = generate_images(ImageWish(**wish), settings=Settings(prior="pixels", seed=seed, batch=batch))
    return moments, result


def test_images_appear_row_by_row():
    moments, result = drawn(count=2)
    assert len(moments) == SIZE[0] and list(result.images) == ["0000", "0001"]
    for row, moment in enumerate(moments, start=1):
        for name, image in moment.images.items():
            np.testing.assert_array_equal(image[:, :row], result.images[name][:, :row])
            assert not image[:, row:].any()
    assert set(np.unique(result.images["0000"])) <= {0, 0.5, 1}
    assert moments[-1].iterate.step == moments[-1].iterate.total_steps == 30
    assert 0 < result.report["bits_per_dimension"] < 4


def test_what_every_pixel_cost_is_what_the_network_says_of_the_whole_image(home):
    """Of rows that were given, too; NaN where nothing is drawn yet."""
    begun = np.ones((1, 2, SIZE[1]), np.float32)
    moments, result = drawn(count=2, label="bar", begun=begun)
    prior = load_image_prior("generate", Settings(prior="pixels"))
    images = torch.from_numpy(np.stack(list(result.images.values())))
    log_prob = prior.network.log_prob(prior.domain.encode(images).long(), torch.ones(2, dtype=torch.long))
    bits = np.stack(list(result.surprises.values()))
    np.testing.assert_allclose(bits, -log_prob[:, 0].numpy() / np.log(2), rtol=1e-4, atol=1e-5)
    first = moments[0].surprises["0000"]
    assert np.isfinite(first[:3]).all() and np.isnan(first[3:]).all()


def test_an_image_is_the_same_in_any_company():
    _, several = drawn(count=3, batch=2)
    _, alone = drawn(seed=2, count=1)
    np.testing.assert_array_equal(several.images["0002"], alone.images["0000"])
    assert several.report["images"]["0002"] == alone.report["images"]["0000"]


def test_labels_are_drawn_where_none_is_asked_for():
    _, result = drawn(count=2)
    assert {origin["label"] for origin in result.report["images"].values()} == {"ring", "bar"}
    _, told = drawn(count=2, label="Ring")
    assert [origin["label"] for origin in told.report["images"].values()] == ["ring", "ring"]


def test_guidance_tells_more_plainly_and_with_none_nothing_is_told():
    def images(**wish) -> np.ndarray:
        return np.stack(list(drawn(count=3, **wish)[1].images.values()))

    told, plain = images(label="ring", guidance=1.0), images(label="bar", guidance=1.0)
    assert (told != plain).any() and (images(label="ring", guidance=8.0) != told).any()
    np.testing.assert_array_equal(images(label="ring", guidance=0.0), images(label="bar", guidance=0.0))
    _, untold = drawn(count=2, guidance=0.0)
    assert not any("label" in origin for origin in untold.report["images"].values())
    assert untold.report["guidance"] == 0


def test_what_is_begun_is_gone_on_from():
    begun = np.ones((1, 2, SIZE[1]), np.float32)
    moments, result = drawn(count=2, begun=begun)
    assert all((image[:, :2] == 1).all() for image in result.images.values()) and len(moments) == SIZE[0] - 2


def test_other_sizes_can_be_asked_for_and_too_much_is_refused():
    assert drawn(count=1, height=3, width=9)[1].images["0000"].shape == (1, 3, 9)
    for wish, why in (
        ({"count": 0}, "between 1 and 4096"),
        ({"height": 5000}, "at most 512 pixels"),
        ({"count": 4096, "height": 100, "width": 100}, "4 megapixels"),
        ({"label": "square"}, "knows no label 'square'; choose one of ring, bar"),
        ({"temperature": -1.0}, "temperature"),
        ({"guidance": 21.0}, "guidance must lie between 0 and 20"),
        ({"begun": np.ones((1, 6, 5), np.float32)}, "leave some"),
        ({"begun": np.ones((1, 2, 4), np.float32)}, "5 pixels wide"),
    ):
        with pytest.raises(InputError, match=why):
            drawn(**wish)


def test_the_command_writes_images_that_say_how_they_were_made(home, capsys):
    command = ["generate", str(home / "out"), "--prior", "pixels", "--count", "3", "--grid", "2", "--seed", "7"]
    assert main([*command, "--report", str(home / "r.json")]) == 0
    assert "3 images of 5 x 6 pixels" in capsys.readouterr().out
    files = sorted(path.name for path in (home / "out").iterdir())
    assert files == ["0000.png", "0001.png", "0002.png", "grid.png"]
    said = json.loads(Image.open(home / "out" / "0001.png").text["Comment"])
    assert said["seed"] == 8 and said["prior"] == "pixels" and said["label"] in ("ring", "bar")
    images = [read_image(home / "out" / name, 1) for name in files[:3]]
    np.testing.assert_allclose(read_image(home / "out" / "grid.png", 1), tiled(images, 2), atol=1e-6)
    assert json.loads((home / "r.json").read_text())["images"]["0001"]["seed"] == 8


def test_options_of_sounds_are_refused(home, capsys):
    assert main(["generate", str(home / "out"), "--prior", "pixels", "--seconds", "2"]) == 2
    assert "--seconds is for sounds" in capsys.readouterr().err and not (home / "out").exists()
    assert main(["generate", str(home / "out"), "--grid", "3"]) == 2
    assert "--grid is for images" in capsys.readouterr().err
