"""Chainer's files: models and snapshots, whose pickles are never read; all sizes are those of the weights."""

import pickle
from dataclasses import asdict

import numpy as np
import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.zoo.families import IMAGES
from core.zoo.importers import pixelcnn_wavenet
from core.zoo.importers.originals import ImportOptions
from core.zoo.importers.pixelcnn_wavenet import SNAPSHOT
from core.zoo.importing import read_original
from core.zoo.manifest import find
from tests.originals import onehot_wavenet_state, pixelcnn_state

SYSTEM = "pixelcnn_wavenet"
PIXELS = PixelCNNConfig(levels=3, colours=3, width=7, blocks=2, head=5, labels=4, blind_first=True)
SOUNDS = OneHotWaveNetConfig(levels=8, width=5, head=6, stacks=2, layers=3, labels=3)


def pixels() -> PixelCNN:
    torch.manual_seed(0)
    network = PixelCNN(PIXELS).requires_grad_(False)
    for block in network.blocks:
        block.label.weight[:, PIXELS.width :] = block.label.weight[:, : PIXELS.width]
    return network


def sounds() -> OneHotWaveNet:
    torch.manual_seed(0)
    return OneHotWaveNet(SOUNDS).requires_grad_(False)


def save(path, arrays: dict):
    """As Chainer does: under a name without extension."""
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


class Trap:
    """Fails the test where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def test_networks_come_back(tmp_path):
    for name, network, state in (
        ("pixelcnn", pixels(), pixelcnn_state),
        ("onehot-wavenet", sounds(), onehot_wavenet_state),
    ):
        architecture, config, weights = read_original(save(tmp_path / f"{name}_1500", state(network)), SYSTEM)
        assert architecture == name and config.items() >= asdict(network.config).items()
        own = network.state_dict()
        assert weights.keys() == own.keys() and all(torch.equal(weights[key], own[key]) for key in own)


def test_a_snapshot_is_read_without_its_pickles(tmp_path):
    state = {SNAPSHOT + key: weight for key, weight in onehot_wavenet_state(sounds()).items()}
    moments = {f"updater/optimizer:main/predictor/{key}/m": weight for key, weight in state.items()}
    others = {"extensions/LogReport/_log": np.array([Trap()], dtype=object), "updater/iteration": np.array(3)}
    path = save(tmp_path / "snapshot_iter_3", state | moments | others)
    assert read_original(path, SYSTEM)[0] == "onehot-wavenet"


def test_a_rate_may_be_said(tmp_path):
    path = save(tmp_path / "wavenet_1", onehot_wavenet_state(sounds()))
    assert read_original(path, SYSTEM)[1]["sample_rate"] == 8000
    (tmp_path / "said.json").write_text('{"rate": 16000}')
    assert read_original(path, SYSTEM, ImportOptions(hparams=tmp_path / "said.json"))[1]["sample_rate"] == 16000


def test_what_is_no_such_file_is_refused(tmp_path):
    state = onehot_wavenet_state(sounds())
    (tmp_path / "text").write_text("no npz")
    (tmp_path / "pickle").write_bytes(pickle.dumps(state))
    cut = save(tmp_path / "cut", state)
    cut.write_bytes(cut.read_bytes()[:-300])
    missing = save(tmp_path / "missing", {key: w for key, w in state.items() if key != "conv2/W"})
    objects = save(tmp_path / "objects", state | {"conv2/W": np.array([Trap()], dtype=object)})
    other = save(tmp_path / "other", state | {"conv2/W": np.ones((3, 4, 1, 1), np.float32)})
    for path, why in {
        tmp_path / "text": "no npz file",
        tmp_path / "pickle": "no npz file",
        cut: "no npz file",
        objects: "no npz file",
        missing: "lacks the weight 'conv2/W'",
        other: "does not fit",
    }.items():
        with pytest.raises(InputError, match=why):
            read_original(path, SYSTEM)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(pixelcnn_wavenet, "LARGEST_BYTES", 10_000)
    with pytest.raises(InputError, match="GB unpacked"):
        read_original(save(tmp_path / "bomb", {"conv1/W": np.zeros((100, 100), np.float32)}), SYSTEM)


def test_imported_images_are_no_prior_of_sounds(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RESOUND_HOME", str(tmp_path))
    path = save(tmp_path / "pixelcnn_1500", pixelcnn_state(pixels()))
    assert main(["import-checkpoint", str(path), "--system", SYSTEM, "--register", "own-images"]) == 0
    prior = zoo.load_model(IMAGES, "own-images")
    assert prior.labels == ("0", "1", "2", "3") and find("own-images").sample_rate == 0
    with pytest.raises(InputError, match="prior of images"):
        zoo.load("own-images")
    x = torch.rand(2, 3, 4, 4) * 2
    score = prior.score(x, prior.levels[0])
    assert score.gradient.shape == x.shape and score.log_prob.shape == (2,)
    assert main(["models"]) == 0 and "images" in capsys.readouterr().out
