"""Objective of the mel denoiser: what its examples are, and that training takes noise away."""

import json

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.mel_denoiser import NOT_TOLD
from core.signal.short_sounds import LEVEL, at_level, centred, trimmed
from core.training.data import PackedData
from core.training.objectives.mel import MelObjective
from core.training.objectives.mel_examples import MelExamples, at_speed, names_in

RATE, SEGMENT = 16000, 8 * 128
SMALL = {"bands": 80, "frames": 8, "patch": 2, "channels": 16, "blocks": 1, "heads": 2}


def tone(hertz: float, seconds: float = 0.1) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def pack(tmp_path):
    """Three low tones by Ada and one high tone by Bob in both splits."""
    sounds = [("low", "Ada", 300.0), ("low", "Ada", 320.0), ("low", "Ada", 310.0), ("high", "Bob", 3000.0)]
    samples, recordings = [], []
    for split in ("train", "valid"):
        for label, speaker, hertz in sounds:
            wave = torch.cat([torch.zeros(800), tone(hertz), torch.zeros(800)])
            place = {"shard": "shard-000.npy", "start": sum(map(len, samples)), "length": len(wave)}
            recordings.append(place | {"split": split, "label": label, "speaker": speaker})
            samples.append((wave * 32767).to(torch.int16).numpy())
    np.save(tmp_path / "shard-000.npy", np.concatenate(samples))
    (tmp_path / "index.json").write_text(json.dumps({"sample_rate": RATE, "source": "x", "recordings": recordings}))
    return tmp_path


def generator():
    return torch.Generator().manual_seed(0)


def test_quiet_ends_are_cut_off_and_no_more():
    sound = torch.cat([torch.zeros(4000), tone(440), torch.zeros(6000)])
    left = trimmed(sound, RATE)
    assert len(tone(440)) <= len(left) <= len(tone(440)) + 4 * 256
    assert left.square().sum() == pytest.approx(sound.square().sum().item())
    assert len(trimmed(torch.zeros(4000), RATE)) == 4000


def test_every_sound_has_one_level_but_none_is_over_full_scale():
    assert at_level(tone(440)).square().mean().sqrt().item() == pytest.approx(LEVEL, rel=1e-3)
    click = torch.zeros(16000)
    click[100] = 0.5
    assert at_level(click).abs().max().item() == pytest.approx(0.95)


def test_faster_is_shorter_and_higher():
    faster = at_speed(tone(1000, 0.2), 1.25)
    assert len(faster) == round(0.16 * RATE)
    assert torch.fft.rfft(faster).abs().argmax().item() / 0.16 == pytest.approx(1250, abs=10)
    assert faster.abs().max().item() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(("frames", "shift", "first"), [(10, 0, 3), (10, 2, 5), (10, 99, 6), (10, -99, 0), (2, 0, 0)])
def test_a_sound_lies_in_the_middle_and_is_moved(frames, shift, first):
    window = centred(torch.ones(4), frames, shift)
    assert len(window) == frames and window.nonzero()[0].item() == first


def test_labels_and_frequent_speakers_can_be_told(pack):
    assert names_in(PackedData(pack, "train"), 3) == (["high", "low"], ["Ada"])


def test_classes_are_drawn_equally_often(pack):
    objective = MelObjective(speaker_recordings=3)
    data = objective.open_data(pack, "train")
    examples = data.batch({"batch": 400, "segment": SEGMENT}, generator())
    assert examples.mel.shape == (400, 80, 8)
    assert 0.4 < (examples.label == 1).float().mean().item() < 0.6, "one high tone among three low ones"
    assert set(examples.speaker[examples.label == 1].tolist()) == {NOT_TOLD}
    assert set(examples.speaker[examples.label == 2].tolist()) == {1}


def test_the_checkpoint_knows_what_can_be_told(pack):
    objective, config = MelObjective(speaker_recordings=3), dict(SMALL)
    objective.open_data(pack, "train")
    model = objective.build(config)
    assert config["labels"] == ["high", "low"] and config["speakers"] == ["Ada"]
    assert model.labels.num_embeddings == 3 and model.speakers.num_embeddings == 2


def test_segments_of_another_length_are_refused(pack):
    objective = MelObjective()
    data = objective.open_data(pack, "train")
    with pytest.raises(InputError, match="1024 samples"):
        objective.prepare(objective.build(dict(SMALL)), data, 2 * SEGMENT, generator())


def test_training_takes_noise_away(pack):
    objective = MelObjective(speaker_recordings=3)
    data = objective.open_data(pack, "train")
    torch.manual_seed(0)
    model = objective.build(dict(SMALL))
    objective.prepare(model, data, SEGMENT, generator())
    held_out, drawn = data.held_out(8, SEGMENT, generator()), generator()
    assert model.normalise(torch.cat([e.mel for e in held_out])).std().item() == pytest.approx(1, abs=0.3)
    before = objective.validate(model, held_out, generator())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss, _ = objective.loss(model, data.batch({"batch": 8, "segment": SEGMENT}, drawn), drawn)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.validate(model, held_out, generator())
    assert all(after[name] < before[name] - 1 for name in before if "at 1 " in name or "at 3 " in name)


@pytest.mark.parametrize("labels", [["low", "high"], []], ids=["told", "alone"])
@pytest.mark.parametrize("vocoders", [True, False], ids=["vocoder", "Griffin-Lim"])
def test_the_log_hears_what_is_drawn(monkeypatch, labels, vocoders):
    """And training goes on with the same network."""
    if not vocoders:
        monkeypatch.setattr("core.training.objectives.mel.vocoder_of", lambda *_: None)
    torch.manual_seed(0)
    objective = MelObjective()
    objective.names = (labels, [])
    model = objective.build(dict(SMALL) | {"frames": 16})
    example = MelExamples(torch.zeros(1, 80, 16), torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    sounds = objective.sounds(model, example, generator())
    assert list(sounds) == ([f"drawn/{label}" for label in labels] or ["drawn"])
    assert all(sound.shape == (15 * 128,) and sound.std() > 0 for sound in sounds.values())
    assert all(weight.requires_grad for weight in model.parameters())
