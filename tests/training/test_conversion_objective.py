"""The voice converter's objective: voices from other sound, results that come nearer, a critic that is kept."""

import json

import numpy as np
import pytest
import torch

from core import zoo
from core.models import content_encoder
from core.training.objectives.conversion import ConversionObjective
from core.training.objectives.conversion_examples import ConversionData
from core.zoo.checkpoint import save_checkpoint

RATE, SEGMENT = 16000, 26624
TRAINING = {"batch": 2, "segment": SEGMENT}
SIZES = {"channels": 16, "blocks": 1, "features": 8, "encoder": "tiny-content"}


@pytest.fixture
def encoder(own_home, tmp_path):
    torch.manual_seed(0)
    config = {"channels": 16, "blocks": 1, "features": 8, "details": 2, "changes": 1}
    model = content_encoder.build(config)
    for codebook in model.codebooks:
        codebook.data.normal_()
    save_checkpoint(tmp_path / "tiny.safetensors", "content-encoder", config, model.state_dict())
    zoo.register("tiny-content", tmp_path / "tiny.safetensors", {"sample_rate": RATE})
    return model.eval()


@pytest.fixture
def pack(tmp_path):
    """Ada in two recordings of 1 s, whose samples tell where they lie, and somebody in one of 4 s."""
    folder = tmp_path / "pack"
    folder.mkdir()
    t = np.arange(6 * RATE) / RATE
    samples = (6000 * np.sin(2 * np.pi * 150 * t) * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.int16)
    np.save(folder / "shard-000.npy", samples)
    rows = [("ada/1.wav", "ada", 0, RATE), ("ada/2.wav", "ada", RATE, RATE), ("x/3.wav", "", 2 * RATE, 4 * RATE)]
    recordings = [
        {"shard": "shard-000.npy", "start": start, "length": length, "split": split, "speaker": who, "path": path}
        for path, who, start, length in rows
        for split in ("train", "valid")
    ]
    (folder / "index.json").write_text(json.dumps({"sample_rate": RATE, "recordings": recordings}))
    return folder


def test_a_voice_is_heard_in_its_other_sound(pack, encoder):
    data = ConversionData(pack, "train", lambda: encoder)
    chance = torch.Generator().manual_seed(0)
    for example in data.held_out(12, SEGMENT, chance):
        steps = example.voices.known.sum().item()
        if example.lengths.item() == RATE:  # Ada's other recording
            assert steps == RATE // 256
        else:  # half of the long one was said, or what fits; the rest is the voice
            assert example.lengths.item() == SEGMENT and steps <= (4 * RATE - SEGMENT) // 256 + 1
        assert not example.waveforms[0, example.lengths.item() :].any()


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_training_makes_results_nearer(pack, encoder, progress):
    torch.manual_seed(0)
    objective, chance = ConversionObjective(adversarial_from=0.5), torch.Generator().manual_seed(0)
    data = objective.open_data(pack, "train")
    model = objective.build(SIZES)
    objective.progress = progress
    optimizer, examples = torch.optim.AdamW(model.parameters(), 3e-3), data.batch(TRAINING, chance)
    held_out = [examples]
    before = objective.validate(model, held_out, torch.Generator().manual_seed(1))
    for _ in range(12):
        loss, figures = objective.loss(model, examples, chance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.validate(model, held_out, torch.Generator().manual_seed(1))
    assert after["near"] < before["near"]
    assert ("told" in figures) == (progress > 0.5)


def parameters_of(objective) -> list:
    return [*objective.critic.parameters(), *objective.judge.parameters()]


def test_critic_and_judge_are_taken_up_again(encoder):
    torch.manual_seed(0)
    one, other = ConversionObjective(), ConversionObjective()
    other.restore(one.state())
    pairs = zip(parameters_of(one), parameters_of(other), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
