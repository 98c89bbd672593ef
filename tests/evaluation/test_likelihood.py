"""evaluate likelihood: what is counted is what the networks say, on equal data for all; refusals in one sentence."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import soundfile
import torch

from core import zoo
from core.models.logistic_mixture import log_prob
from core.models.pixelcnn import PixelCNN
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig
from core.signal.image_files import read_image, write_image
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import IMAGES
from core.zoo.manifest import register
from tests.commands import refused, run
from tests.tasks.images import SIZE, register_pixels

BRIGHT = (0.0, 0.4, 1.0)


@pytest.fixture
def images(tmp_path):
    """Twelve images in folders for their labels, of pixels that are 0, 0.4 or 1."""
    random = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "images" / ("ring", "bar")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"{number}.png", random.choice(BRIGHT, (1, *SIZE)))
    return tmp_path / "images"


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(17000), 16000)
    return folder


def figures(folder) -> dict:
    return json.loads((folder / "likelihood.json").read_text())["figures"]


def test_images_of_several_priors_stand_side_by_side(own_home, images, tmp_path, capsys):
    network: PixelCNN = register_pixels(own_home)
    register_pixels(own_home, "even", levels=4, labels=())
    even = zoo.load_model(IMAGES, "even").network
    even.logits.weight.zero_(), even.logits.bias.zero_()
    out = tmp_path / "out"
    assert run("evaluate", "likelihood", "--data", images, "--prior", "pixels", "even", "-o", out) == 0
    found = figures(out)
    assert found["even"]["bits_per_dimension"] == pytest.approx(2, abs=1e-4) and found["even"]["examples"] == 12
    assert found["pixels"]["nats_per_image"] == pytest.approx(mean_nats(network, images), rel=1e-4)
    dimensions = math.prod(SIZE) * math.log(2)
    assert found["pixels"]["bits_per_dimension"] == pytest.approx(
        found["pixels"]["nats_per_image"] / dimensions, abs=1e-4
    )
    assert "equal classes" in (out / "likelihood.md").read_text() and "pixels" in capsys.readouterr().out


def mean_nats(network: PixelCNN, folder) -> float:
    """By hand: every image is told the label of its folder."""
    from core.signal.image_files import read_image

    nats = []
    for label, name in enumerate(("ring", "bar")):
        for path in sorted((folder / name).iterdir()):
            classes = (torch.from_numpy(read_image(path, 1)) * 3).floor().clamp(max=2).long()[None]
            nats.append(-network.log_prob(classes, torch.tensor([label])).sum().item())
    return float(np.mean(nats))


def test_two_levels_are_drawn_by_the_seed(own_home, images, tmp_path):
    """A pixel of 0.4 is white in two cases of five."""
    register_pixels(own_home, levels=2)
    command = ("evaluate", "likelihood", "--data", images, "--prior", "pixels", "--seed")
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        assert run(*command, seed, "-o", tmp_path / name) == 0
    first, again, other = (figures(tmp_path / name)["pixels"] for name in ("first", "again", "other"))
    assert first == again and first["nats_per_image"] != other["nats_per_image"]


def test_sounds_are_counted_by_wavenets(tiny_wavenet, recordings, tmp_path):
    out = tmp_path / "out"
    command = ("evaluate", "likelihood", "--data", recordings, "--prior", tiny_wavenet, "--seconds", "1")
    assert run(*command, "-o", out) == 0
    found = figures(out)[tiny_wavenet]
    assert found["examples"] == 2 and found["classes"] == 256 and 1 < found["bits_per_sample"] < 100
    network = zoo.load(tiny_wavenet).model
    network.logits.weight.zero_(), network.logits.bias.zero_()
    assert run(*command, "-o", tmp_path / "even") == 0
    assert figures(tmp_path / "even")[tiny_wavenet]["bits_per_sample"] == pytest.approx(8, abs=1e-4)


def test_a_mixture_of_logistics_is_counted_as_it_says_itself(own_home, tmp_path, capsys):
    torch.manual_seed(0)
    config = PixelCNNPPConfig(blocks=1, width=4, mixtures=2)
    network, path = PixelCNNPP(config).eval().requires_grad_(False), tmp_path / "pnf.safetensors"
    save_checkpoint(path, "pixelcnnpp", asdict(config), network.state_dict())
    register("pnf", path, {"sample_rate": 0})
    nats, random = [], np.random.default_rng(0)
    for number in range(3):
        (tmp_path / "images").mkdir(exist_ok=True)
        write_image(tmp_path / "images" / f"{number}.png", random.integers(0, 256, (3, 8, 4)) / 255)
        x = torch.from_numpy(read_image(tmp_path / "images" / f"{number}.png", 3))[None] * 2 - 1
        nats.append(-log_prob(network(x), x).sum().item())
    command = ("evaluate", "likelihood", "--prior", "pnf", "--data")
    assert run(*command, tmp_path / "images", "-o", tmp_path / "out") == 0
    found = figures(tmp_path / "out")["pnf"]
    assert found["nats_per_image"] == pytest.approx(np.mean(nats), rel=1e-4) and found["classes"] == 256
    (tmp_path / "odd").mkdir()
    write_image(tmp_path / "odd" / "0.png", np.zeros((3, 6, 5)))
    assert run(*command, tmp_path / "odd", "-o", tmp_path / "none") == 2
    assert "multiples of 4" in capsys.readouterr().err


def test_what_counts_nothing_is_refused(own_home, tiny_prior, tiny_wavenet, images, tmp_path, capsys):
    register_pixels(own_home)
    for priors, data, sentence in (
        ((tiny_prior,), images, "counts no likelihood"),
        (("pixels", tiny_wavenet), images, "one kind at a time"),
        (("pixels",), tmp_path / "none", "is no folder"),
        (("nobody",), images, "no prior named"),
    ):
        said = refused(capsys, "evaluate", "likelihood", "--data", data, "--prior", *priors, "-o", tmp_path / "out")
        assert sentence in said
    assert not (tmp_path / "out").exists()
