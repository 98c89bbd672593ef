"""Objectives of PixelCNNs and one-hot WaveNets: losses are what they say; recipes train and are drawn from."""

import math

import numpy as np
import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.signal.clip import Clip
from core.signal.companded_chunks import read_stream
from core.signal.files import write_clip
from core.training.image_data import Images
from core.training.objectives.onehot_wavenet import OneHotWaveNetObjective
from core.training.objectives.pixelcnn import PixelCNNObjective
from core.training.recipe import load_recipe
from core.zoo.checkpoint import load_checkpoint
from core.zoo.families import IMAGES
from core.zoo.importers.pixelcnn_wavenet import SNAPSHOT
from tests.originals import pixelcnn_state
from tests.training.images import write_idx

MODEL = {"levels": 3, "colours": 1, "width": 8, "blocks": 1, "head": 8, "noise_conditional": True}
SMALL = ["width=8", "blocks=1", "head=8", "batch=4", "validation_segments=10"]


def test_levels_hold_equal_parts():
    objective, model = PixelCNNObjective(), torch.nn.Module()
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    for levels in (2, 4, 256):
        model.config = type("Sizes", (), {"levels": levels, "colours": 1})
        classes = objective.classes(model, pixels, torch.Generator()).flatten()
        assert classes.tolist() == [min(value * levels // 255, levels - 1) for value in range(256)]


def test_white_is_drawn_with_a_pixels_brightness():
    objective, model = PixelCNNObjective(drawn=True), torch.nn.Module()
    model.config = type("Sizes", (), {"levels": 2, "colours": 1})
    pixels = torch.tensor([0, 64, 255], dtype=torch.uint8).repeat(4000, 1).view(4000, 1, 1, 3)
    shares = objective.classes(model, pixels, torch.Generator().manual_seed(0)).float().mean(dim=(0, 1, 2))
    torch.testing.assert_close(shares, torch.tensor([0, 64 / 255, 1]), atol=0.02, rtol=0)


def test_knowing_nothing_costs_the_logarithm_of_the_levels(tmp_path):
    objective, generator = PixelCNNObjective(), torch.Generator().manual_seed(0)
    data = objective.open_data(write_idx(tmp_path), "train")
    model = objective.build(dict(MODEL))
    for weight in (model.logits.weight, model.logits.bias):
        torch.nn.init.zeros_(weight)
    loss, figures = objective.loss(model, data.batch({"batch": 4}, generator), generator)
    assert loss.item() == pytest.approx(math.log(3)) and figures["bits_per_dimension"] == pytest.approx(math.log2(3))
    figures = objective.validate(model, data.held_out(5, 0, generator), generator)
    assert figures["nats_per_image"] == pytest.approx(30 * math.log(3), rel=1e-5)
    assert figures["bits_per_dimension/noise_0.5"] == pytest.approx(math.log2(3), rel=1e-5)


def test_impossible_sizes_are_refused():
    for changes in ({"levels": 1}, {"levels": 100_000}, {"colours": 2}, {"blocks": 0}, {"width": 0}):
        with pytest.raises(InputError, match="A PixelCNN has"):
            PixelCNNObjective().build(MODEL | changes)
    with pytest.raises(InputError, match="A WaveNet has"):
        OneHotWaveNetObjective().build({"levels": 1, "width": 4, "head": 4, "stacks": 1, "layers": 2})


@pytest.mark.parametrize("levels", ["1", "100000"])
def test_impossible_levels_are_refused_by_the_command(levels, tmp_path, capsys):
    data, out = write_idx(tmp_path / "data"), tmp_path / "new.safetensors"
    command = ["train", "pixelcnn-mnist", "--data", str(data), "--epochs", "1", "--out", str(out)]
    assert main([*command, "--set", f"levels={levels}"]) == 2
    assert "2 to 256 levels" in capsys.readouterr().err and not out.exists()


@pytest.mark.slow
def test_training_goes_on_from_a_chainer_snapshot(tmp_path, capsys):
    """At a rate of 0 the weights stay what they were; blocks that see other pixels fit no snapshot."""
    torch.manual_seed(0)
    sizes = {"levels": 3, "colours": 3, "width": 7, "blocks": 1, "head": 5}
    network = PixelCNN(PixelCNNConfig(**sizes, labels=3, blind_first=True)).requires_grad_(False)
    state = {SNAPSHOT + key: weight for key, weight in pixelcnn_state(network).items()}
    with (tmp_path / "snapshot_iter_3").open("wb") as file:
        np.savez(file, **state, **{"updater/iteration": np.array(3)})
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    imported = ["import-checkpoint", str(tmp_path / "snapshot_iter_3"), "--system", "pixelcnn_wavenet"]
    assert main([*imported, "-o", str(old)]) == 0
    data = write_idx(tmp_path / "data")
    command = ["train", "pixelcnn-mnist", "--data", str(data), "--epochs", "1", "--init", str(old), "--out", str(new)]
    chosen = [f"{name}={value}" for name, value in sizes.items()]
    chosen += ["learning_rate=0", "weight_decay=0", "batch=8", "validation_segments=4"]
    settings = [part for setting in chosen for part in ("--set", setting)]
    assert main([*command, *settings]) == 2
    assert "set blind_first=true" in capsys.readouterr().err
    settings += ["--set", "blind_first=true"]
    assert main([*command, *settings]) == 2
    assert "set vertical_residual=false" in capsys.readouterr().err
    assert main([*command, *settings, "--set", "vertical_residual=false"]) == 0
    before, after = load_checkpoint(old), load_checkpoint(new)
    assert after.config["blind_first"] and after.config["names"] == ["0", "1", "2"]
    for name, weight in before.state.items():
        torch.testing.assert_close(after.state[name].float(), weight.float(), atol=1e-3, rtol=1e-2)


def test_settings_may_be_said_without_their_section():
    recipe = load_recipe("pixelcnn-mnist", {"blocks": "4", "weight_decay": "0.1"})
    assert recipe["model"]["blocks"] == 4 and recipe["training"]["weight_decay"] == 0.1
    with pytest.raises(InputError, match="no setting stacks"):
        load_recipe("pixelcnn-mnist", {"stacks": "4"})


@pytest.mark.slow
def test_a_recipe_trains_in_epochs_and_is_drawn_from(tmp_path, monkeypatch):
    """What the images show is learnt: a bright row, whose place the label says; some are drawn for the log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("RESOUND_HOME", str(tmp_path / "home"))
    folder = write_idx(tmp_path / "data", count=400)
    settings = [part for setting in [*SMALL, "learning_rate=2e-2"] for part in ("--set", setting)]
    command = ["train", "pixelcnn-mnist", "--data", str(folder), "--epochs", "4", "--register", "rows", "--stats"]
    assert main([*command, *settings]) == 0
    log = EventAccumulator(str(tmp_path / "home" / "training" / "rows.log")).Reload()
    assert len(log.Tags()["images"]) == 1
    prior = zoo.load_model(IMAGES, "rows")
    assert prior.size == (6, 5) and prior.labels == ("0", "1", "2")
    steps = prior.stepwise(3, 6, 5)
    steps.begin(torch.tensor([0, 1, 0]))
    classes, _ = steps.draw(torch.rand(3, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    brightest = classes.view(3, 6, 5).float().mean(dim=2).argmax(dim=1)
    assert brightest.tolist() == [1, 2, 1]


@pytest.fixture
def recordings(tmp_path):
    """Two tones, each in a folder of its own."""
    for name, pitch in (("high", 0.9), ("low", 0.2)):
        (tmp_path / "recordings" / name).mkdir(parents=True)
        for n in range(12):
            tone = 0.4 * np.sin(pitch * np.arange(3000) + n, dtype=np.float32)
            write_clip(tmp_path / "recordings" / name / f"{n}.wav", Clip(tone[None], 8000))
    rows = [f"{name}/{n}.wav,{'valid' if n == 0 else 'train'},{name}" for name in ("high", "low") for n in range(12)]
    (tmp_path / "recordings" / "metadata.csv").write_text("\n".join(["path,split,label", *rows]))
    return tmp_path / "recordings"


@pytest.mark.slow
def test_recordings_are_preprocessed_and_learnt(recordings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RESOUND_HOME", str(tmp_path / "home"))
    sizes = ["--stacks", "1", "--layers", "4", "--target-length", "100", "--workers", "3", "--overlap"]
    assert main(["preprocess", str(recordings), str(tmp_path / "chunks"), *sizes]) == 0
    assert "in 3 streams" in capsys.readouterr().out
    streams = [read_stream(path) for path in sorted((tmp_path / "chunks").glob("vctk_*"))]
    assert sum(map(len, streams)) == 24 * 29 and streams[0].shape[1] == 116
    small = ["width=8", "head=8", "stacks=1", "layers=4", "segment=100", "validation_segments=4", "levels=16"]
    settings = [part for setting in small for part in ("--set", setting)]
    for data, told in ((tmp_path / "chunks", "0.0"), (recordings, "0.5")):
        command = ["train", "onehot-wavenet", "--data", str(data), "--epochs", "1", "--register", "tones"]
        assert main([*command, *settings, "--set", f"told={told}"]) == 0
        assert zoo.load("tones").labels == ((), ("high", "low"))[told != "0.0"]


def test_a_training_that_never_ends_is_refused(tmp_path, capsys):
    assert main(["train", "pixelcnn-mnist", "--data", str(tmp_path), "--out", str(tmp_path / "a.safetensors")]) == 2
    assert "give --minutes or --epochs" in capsys.readouterr().err


def test_images_move_to_a_device():
    images = Images(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.zeros(1)).to("cpu")
    assert images.pixels.shape == (1, 1, 2, 2)
