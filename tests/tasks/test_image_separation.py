"""Overlaid images are taken apart: they add up again, follow the seed, and come out of a sum that is never clipped."""

import json

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.signal.image_files import read_image, read_sum, write_image
from core.tasks.image_separation import separate_images
from core.tasks.settings import Settings
from tests.commands import refused, run
from tests.tasks.images import register_pixels

HEIGHT, WIDTH = 6, 8


@pytest.fixture(autouse=True)
def priors(own_home) -> list[str]:
    register_pixels(own_home, noise_conditional=True)
    register_pixels(own_home, "clean")
    register_pixels(own_home, "finer", noise_conditional=True, levels=5)
    return ["pixels", "pixels"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return list(np.random.default_rng(0).random((2, 1, HEIGHT, WIDTH), dtype=np.float32))


def separated(mixture, priors, truths=(), **changes):
    *moments, result = separate_images(mixture, priors, settings=Settings(**{"steps": 6} | changes), truths=truths)
    return moments, result


def test_sources_add_up_where_none_is_clipped(images, priors):
    moments, result = separated(sum(images), priors, images)
    assert len(moments) == 6 and list(result.images) == ["pixels", "pixels-2"]
    one, other = result.images.values()
    inside = (one > 0) & (one < 1) & (other > 0) & (other < 1)
    np.testing.assert_allclose((one + other)[inside], sum(images)[inside], atol=1e-5)
    assert result.report["metrics"]["psnr_db"] > 0 and set(result.report["baselines"]) == {"equal shares"}
    (_, turned) = separated(sum(images), priors, images[::-1])
    assert turned.report["metrics"] == result.report["metrics"], "of one prior, in any order"


def test_two_are_drawn_row_by_row_where_nothing_else_is_asked_for(images, priors):
    """They add up, and what is still to come has equal shares; particles are for two, and take no steps."""
    moments, result = separated(sum(images), priors, images, steps=None)
    assert len(moments) == HEIGHT and result.report["sampler"] == "particles" and result.report["particles"] == 64
    half = moments[2].images["pixels"]
    np.testing.assert_allclose(half[:, 3:], sum(images)[:, 3:] / 2, atol=1e-5)
    last = np.stack(list(result.images.values()))
    inside = ((last > 0) & (last < 1)).all(axis=0)
    np.testing.assert_allclose(last.sum(axis=0)[inside], sum(images)[inside], atol=1e-5)
    three = [*images, images[0]]
    assert separated(sum(three), [*priors, "pixels"], three)[1].report["sampler"] == "diffusion"
    for names, changes, sentence in (
        ([*priors, "pixels"], {"steps": None}, "Particles draw two images"),
        (priors, {}, "leave the number of steps out"),
    ):
        with pytest.raises(InputError, match=sentence):
            separated(sum(images), names, sampler="particles", **changes)


def test_the_same_seed_gives_the_same_images(images, priors):
    first, again, other = (separated(sum(images), priors, seed=seed)[1].images["pixels"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("change", "names", "sentence"),
    [
        (lambda x: x + 2, ["pixels"] * 2, "values from 0 to 2"),
        (lambda x: x * np.nan, ["pixels"] * 2, "values from 0 to 2"),
        (lambda x: x.repeat(3, 0), ["pixels"] * 2, "images of 1 colours"),
        (lambda x: x, ["pixels", "clean"], "can't separate"),
        (lambda x: x, ["pixels", "finer"], "priors of one kind"),
    ],
)
def test_what_makes_no_sense_is_refused(images, change, names, sentence):
    with pytest.raises(InputError, match=sentence):
        separated(change(sum(images)), names)


def test_the_command_takes_sums_and_images(images, tmp_path, capsys):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, images, strict=True):
        write_image(path, image)
    truths = [read_image(path, 1) for path in paths]
    np.save(tmp_path / "sum.npy", sum(truths)[0])
    grey = Image.fromarray((sum(truths)[0] / 2 * 65535).round().astype(np.uint16))
    grey.save(tmp_path / "sum.png")
    np.testing.assert_allclose(read_sum(tmp_path / "sum.png", 2), sum(truths), atol=1e-4)
    chosen = ("--prior", "pixels", "--prior", "pixels", "--steps", "3")
    assert run("separate", tmp_path / "sum.npy", tmp_path / "out", *chosen, "--report", tmp_path / "r.json") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["pixels-2.png", "pixels.png"]
    assert json.loads((tmp_path / "r.json").read_text())["metrics"] == {"psnr_db": None}
    assert run("separate", "--sources", *paths, tmp_path / "mixed", *chosen) == 0
    assert "equal shares" in capsys.readouterr().out
    for arguments, sentence in (
        ((paths[0], tmp_path / "no", *chosen), "has 8 bits"),
        ((tmp_path / "sum.npy", tmp_path / "no", *chosen[:2]), "Name a prior of images"),
        ((tmp_path / "sum.npy", tmp_path / "no", *chosen, "--level", "3"), "--level is for sounds"),
        ((tmp_path / "none.npy", tmp_path / "no", *chosen), "is no .npy file"),
    ):
        assert sentence in refused(capsys, "separate", *arguments)
        assert not (tmp_path / "no").exists()
