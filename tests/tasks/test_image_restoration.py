"""Images are restored by the samplers and observations of sounds: what is known stays, and draws follow the seed."""

import json

import numpy as np
import pytest

from core.cli import main
from core.errors import InputError
from core.signal.image_files import read_image, write_image
from core.tasks import image_restoration
from core.tasks.image_chains import DRAWS, start_chain
from core.tasks.image_restoration import DRAWN, inpaint_image, super_resolve_image
from core.tasks.settings import Settings
from tests.tasks.images import register_pixels

HEIGHT, WIDTH = 8, 10


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RESOUND_HOME", str(tmp_path))
    register_pixels(tmp_path, noise_conditional=True)
    register_pixels(tmp_path, "clean")
    return tmp_path


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH)).astype(np.float32) / 255


def settings(**changes) -> Settings:
    return Settings(**{"prior": "pixels", "steps": 6} | changes)


def test_what_is_around_a_box_stays(image):
    *moments, result = inpaint_image(image, [(2, 5, 3, 7)], settings=settings())
    box = np.zeros((HEIGHT, WIDTH), dtype=bool)
    box[2:5, 3:7] = True
    assert len(moments) == 6
    for made in (result.image, *(moment.images["result"] for moment in moments)):
        np.testing.assert_array_equal(made[:, ~box], image[:, ~box])
        assert ((made >= 0) & (made <= 1)).all()
    assert (result.image[:, box] != image[:, box]).any() and result.report["metrics"] == {"psnr_db": None}


def test_the_same_seed_gives_the_same_image(image):
    def made(seed: int) -> np.ndarray:
        *_, result = inpaint_image(image, [(0, 4, 0, WIDTH)], settings=settings(seed=seed))
        return result.image

    np.testing.assert_array_equal(made(1), made(1))
    assert (made(1) != made(2)).any()


def test_what_goes_on_to_the_end_begins_with_what_the_prior_draws(image, monkeypatch):
    """Of anything else noise says nothing yet."""
    begun = []

    def spy(*given, **settings):
        begun.append((given[2], settings["doubt"]))
        return start_chain(*given, **settings)

    monkeypatch.setattr(image_restoration, "start_chain", spy)
    for box in ((5, HEIGHT, 0, WIDTH), (0, 3, 0, WIDTH), (2, HEIGHT, 3, WIDTH)):
        *_, result = inpaint_image(image, [box], settings=settings(quality="draft"))
    (drawn, doubt), *others = begun
    assert drawn.shape == (DRAWS["draft"], 1, HEIGHT, WIDTH) and doubt == DRAWN
    assert set(drawn[:, :, 5:].unique().tolist()) == {0, 1, 2} and (drawn[0] != drawn[1]).any()
    assert all(len(x) == 1 and doubt == np.inf for x, doubt in others)


def test_every_kth_pixel_stays(image):
    *_, larger = super_resolve_image(image, 2, settings=settings())
    np.testing.assert_array_equal(larger.image[:, ::2, ::2], image)
    assert larger.image.shape == (1, 2 * HEIGHT, 2 * WIDTH)
    *_, again = super_resolve_image(image, 2, degrade=True, settings=settings())
    np.testing.assert_array_equal(again.image[:, ::2, ::2], image[:, ::2, ::2])
    assert again.report["metrics"]["psnr_db"] > 0 and set(again.report["baselines"]) == {"nearest", "cubic"}


def test_interpolations_of_what_is_flat_are_flat():
    *_, result = super_resolve_image(np.full((1, 5, 5), 0.5, np.float32), 3, settings=settings(steps=1))
    for made in result.baselines.values():
        np.testing.assert_allclose(made["result"], 0.5, atol=1e-6)


def test_figures_are_of_the_pixels_that_were_hidden(image):
    *_, result = inpaint_image(image, [(2, 5, 3, 7)], settings=settings(), reference=image)
    error = (result.image - image)[:, 2:5, 3:7]
    assert result.report["metrics"]["psnr_db"] == pytest.approx(-10 * np.log10((error**2).mean()))
    assert result.report["baselines"]["mean"]["psnr_db"] > 0


def test_the_chain_is_as_noisy_as_it_is(image):
    moments = list(inpaint_image(image, [(0, 4, 0, WIDTH)], settings=settings()))[:-1]
    first, last = (moment.chains["result"] for moment in (moments[0], moments[-1]))
    assert first.shape == image.shape and np.ptp(first) > 2 > np.ptp(last)


def test_without_a_prior_of_ones_own_the_bundled_one_restores():
    settings = Settings(steps=1, quality="draft")
    *_, result = inpaint_image(np.full((1, 8, 8), 0.5, np.float32), [(0, 4, 0, 8)], settings=settings)
    assert result.report["prior"] == "pixelcnn-mnist-noisy"


def test_what_makes_no_sense_is_refused(image):
    for run, why in (
        (inpaint_image(image, [(0, 4, 5, 11)], settings=settings()), "lies outside the image"),
        (inpaint_image(image, [(0, HEIGHT, 0, WIDTH)], settings=settings()), "Nothing is left"),
        (inpaint_image(image, [(0, 2, 0, 2)], settings=settings(), reference=image[:, 1:]), "bring them to one size"),
        (inpaint_image(np.zeros((1, 4000, 1001)), [(0, 2, 0, 2)], settings=settings()), "4 megapixels"),
        (super_resolve_image(image, 9, settings=settings()), "smaller side"),
        (super_resolve_image(image, 4, degrade=True, settings=settings()), "must be known"),
        (inpaint_image(image.repeat(3, 0), [(0, 2, 0, 2)], settings=settings()), "images of 1 colours"),
        (inpaint_image(image, [(0, 2, 0, 2)], settings=settings(prior="clean")), "can't inpaint"),
        (
            inpaint_image(image, [(0, 2, 0, 2)], settings=settings(sampler="original")),
            "samplers diffusion and langevin",
        ),
    ):
        with pytest.raises(InputError, match=why):
            list(run)


def test_the_commands_take_images(home, image, capsys):
    write_image(home / "in.png", image)
    chosen = ["--prior", "pixels", "--steps", "3", "--report", str(home / "r.json")]
    assert main(["inpaint", str(home / "in.png"), str(home / "out.png"), "--box", "2:5,3:7", *chosen]) == 0
    np.testing.assert_array_equal(read_image(home / "out.png", 1)[:, :2], read_image(home / "in.png", 1)[:, :2])
    assert json.loads((home / "r.json").read_text())["score_evaluations"] == 3 * 8
    command = ["super-resolve", str(home / "in.png"), str(home / "out.png"), "--factor", "2"]
    assert main([*command, "--degrade", "plain", *chosen]) == 0
    assert "cubic" in capsys.readouterr().out
    for refused, why in (
        (["inpaint", str(home / "in.png"), str(home / "o.png"), "--gap", "0-1", *chosen], "give --box"),
        (["inpaint", str(home / "in.png"), str(home / "o.wav"), "--box", "2:5,3:7", *chosen], ".png"),
        (["inpaint", str(home / "in.png"), str(home / "o.png"), "--box", "2:5", *chosen], "is not a box"),
        (
            ["inpaint", str(home / "in.png"), str(home / "o.png"), "--box", "2:5,3:7", "--prior", "piano-16k"],
            "no prior of images",
        ),
        ([*command[:2], str(home / "o.png"), *command[3:], "--reference", str(home / "in.png"), *chosen], "leave out"),
        (["inpaint", str(home / "in.wav"), str(home / "o.wav")], "give --gap"),
    ):
        assert main(refused) == 2
        assert why in capsys.readouterr().err and not (home / "o.png").exists()
