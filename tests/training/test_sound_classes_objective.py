"""Objective of the sound classifier: what is changed of its examples, and that it learns whatever was changed."""

import json

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.sound_classifier import HEARD, WINDOW
from core.training.objectives.sound_classes import LONGEST_MASK, WIDEST_MASK, SoundClassObjective, changed

RATE = HEARD.sample_rate
FLOOR = -3.0
SIZES = {"channels": 8, "features": 16}


def pack_of(folder, labels):
    """Two seconds of packed tones, low ones and high ones, with a label each."""
    samples, recordings = [], []
    for split in ("train", "valid"):
        for number, label in enumerate(labels):
            wave = 0.3 * np.sin(2 * np.pi * (300 + 1700 * (number % 2)) * np.arange(4000) / RATE)
            place = {"shard": "shard-000.npy", "start": sum(map(len, samples)), "length": len(wave)}
            recordings.append(place | {"split": split, "label": label, "speaker": ""})
            samples.append((wave * 32767).astype(np.int16))
    np.save(folder / "shard-000.npy", np.concatenate(samples))
    (folder / "index.json").write_text(json.dumps({"sample_rate": RATE, "source": "x", "recordings": recordings}))
    return folder


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_masks_are_stretches_of_bounded_size(generator):
    mels = changed(torch.full((200, HEARD.bands, 128), 0.0), generator)
    silent = mels <= FLOOR + 1e-6
    frames, bands = silent.all(dim=1).sum(dim=1), silent.all(dim=2).sum(dim=1)
    assert 0 < frames.max() <= LONGEST_MASK and 0 < bands.max() <= WIDEST_MASK
    assert (frames > 0).float().mean() > 0.4 and frames.float().std() > 1


def test_noise_fills_silence_and_leaves_sound(generator):
    """Mostly; and powers add up, so nothing becomes quieter than the slope makes it."""
    quiet = changed(torch.full((200, HEARD.bands, 128), FLOOR), generator)
    assert quiet.min() == pytest.approx(FLOOR) and (quiet > FLOOR + 0.3).float().mean() > 0.2
    loud = changed(torch.full((200, HEARD.bands, 128), 0.5), generator)
    heard = loud[loud > FLOOR + 0.1]
    assert heard.mean().item() == pytest.approx(0.5, abs=0.05) and 0.1 < heard.std() < 0.4


@pytest.mark.slow
def test_it_learns_to_tell_two_tones_apart(tmp_path, generator):
    objective = SoundClassObjective()
    data = objective.open_data(pack_of(tmp_path, ["low", "high"]), "train")
    torch.manual_seed(0)
    config = dict(SIZES)
    model = objective.build(config)
    assert config["labels"] == ["high", "low"]
    objective.prepare(model, data, WINDOW, generator)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        loss, _ = objective.loss(model, data.batch({"batch": 6, "segment": WINDOW}, generator), generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    valid = objective.open_data(tmp_path, "valid").held_out(16, WINDOW, generator)
    figures = objective.validate(model, valid, generator)
    assert figures["right_percent"] == 100 and figures["nats"] < 0.3


def test_what_cannot_be_told_apart_is_refused(tmp_path):
    with pytest.raises(InputError, match="no two labels"):
        SoundClassObjective().open_data(pack_of(tmp_path, ["same", "same"]), "train")


def test_segments_of_another_length_are_refused(tmp_path, generator):
    objective = SoundClassObjective()
    data = objective.open_data(pack_of(tmp_path, ["low", "high"]), "train")
    with pytest.raises(InputError, match="16384 samples"):
        objective.prepare(objective.build(dict(SIZES)), data, 8192, generator)
