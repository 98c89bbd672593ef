"""Objective of the VQ-VAE: what its windows hold, that it learns, and that dead codes begin anew."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.vqvae import PAD_LEFT, PAD_RIGHT
from core.models.wavernn import HISTORY, HOP
from core.signal.sample_halves import as_waveform
from core.training.data import PackedData
from core.training.objectives import vqvae
from core.training.objectives.vqvae import VQVAEObjective
from core.training.objectives.vqvae_examples import FARTHEST, VALIDATED, VoiceWindowData, VoiceWindows, speakers_in

RATE = 16000
SMALL = {"width": 4, "classes": 5, "conv_channels": 4, "rnn_channels": 4, "gru": 6, "hidden": 5}
TRAINING = {"batch": 2, "segment": HOP}


def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def pack(tmp_path):
    """Ada says 1, 2, 3... over and over, Bob minus that; Eve says little."""
    said = {"Ada": np.arange(1, 16001), "Bob": -np.arange(1, 8001), "Eve": np.full(800, 5000)}
    samples, recordings = [], []
    for split in ("train", "valid"):
        for speaker, sound in said.items():
            place = {"shard": "shard-000.npy", "start": sum(map(len, samples)), "length": len(sound)}
            recordings.append(place | {"split": split, "label": "", "speaker": speaker})
            samples.append(sound.astype(np.int16))
    np.save(tmp_path / "shard-000.npy", np.concatenate(samples))
    (tmp_path / "index.json").write_text(json.dumps({"sample_rate": RATE, "source": "x", "recordings": recordings}))
    return tmp_path


@pytest.fixture
def objective(pack) -> VQVAEObjective:
    made = VQVAEObjective(speaker_seconds=0.4)
    made.opened = made.open_data(pack, "train")
    return made


def test_speakers_of_little_material_are_left_out(pack, objective):
    assert objective.names == ["Ada", "Bob"]
    drawn = objective.opened.batch({"batch": 40, "segment": HOP}, generator())
    assert drawn.speaker.unique().tolist() == [0, 1]
    assert not (drawn.samples == 5000).any(dim=1).logical_and(drawn.speaker == 1).any()
    with pytest.raises(InputError, match="no speaker of 9 s"):
        speakers_in(PackedData(pack, "train"), 9.0)


def test_windows_are_the_recordings_own_samples_between_silences(objective):
    drawn = objective.opened.batch({"batch": 20, "segment": HOP}, generator())
    assert drawn.samples.shape == (20, HISTORY + HOP + PAD_RIGHT + FARTHEST)
    for row, speaker in zip(drawn.samples, drawn.speaker.tolist(), strict=True):
        spoken = row[row != 0]
        assert (spoken.diff() == (-1 if speaker else 1)).all()
        assert row[HISTORY + 1] != 0  # targets are of the recording


def test_the_root_of_the_material_counts(objective):
    drawn = objective.opened.batch({"batch": 4000, "segment": HOP}, generator())
    assert (drawn.speaker == 0).float().mean().item() == pytest.approx(2**0.5 / (1 + 2**0.5), abs=0.04)


def test_segments_are_whole_codes(objective):
    with pytest.raises(InputError, match="multiple of 64, not 100"):
        objective.opened.batch({"batch": 1, "segment": 100}, generator())


def test_the_encoder_hears_its_window_moved_with_little_noise(monkeypatch):
    samples = torch.arange(HISTORY + HOP + PAD_RIGHT + FARTHEST).expand(50, -1)
    first, length = HISTORY - PAD_LEFT, PAD_LEFT + HOP + PAD_RIGHT
    heard = vqvae._disturbed(samples, generator())
    assert heard.shape == (50, length)
    assert 0.001 < (heard - as_waveform(samples[:, first : first + length])).std() < 0.02
    monkeypatch.setattr(vqvae, "ADDITIVE", 0.0)
    monkeypatch.setattr(vqvae, "MULTIPLICATIVE", 0.0)
    shifts = (vqvae._disturbed(samples, generator())[:, 0] * 32767.5 - 0.5).round() - first
    assert shifts.min() < -90 and shifts.max() > 90
    assert shifts.min() >= -128 and shifts.max() <= 127


def test_it_learns_and_what_must_hold_holds_after_every_update(objective):
    torch.manual_seed(0)
    model = objective.build(dict(SMALL))
    assert model.config.speakers == ("Ada", "Bob")
    optimizer = torch.optim.Adam(model.parameters(), 3e-2)
    losses = []
    for step in range(1, 9):
        loss, figures = objective.loss(model, objective.opened.batch(TRAINING, generator()), generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            objective.after_update(model, step)
        losses.append(figures["bits_per_sample"])
    assert losses[0] == pytest.approx(16, abs=0.5) and losses[-1] < losses[0] - 1
    cell = model.overtone.wavernn
    assert not cell.gru.weight_ih_l0[cell.mask == 0].any()
    torch.testing.assert_close(model.vq.embedding0.norm(dim=-1), torch.full((1, 5), model.vq.radius))


def test_half_precision_leaves_loss_and_gradients_nearly_as_they_are(objective, monkeypatch):
    torch.manual_seed(0)
    model = objective.build(dict(SMALL))
    examples = objective.opened.batch(TRAINING, generator())

    def learned() -> tuple[float, torch.Tensor]:
        model.zero_grad()
        loss, _ = objective.loss(model, examples, generator())
        loss.backward()
        return loss.item(), torch.cat([weight.grad.flatten() for weight in model.parameters()])

    loss, gradient = learned()
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    exact_loss, exact = learned()
    assert loss == pytest.approx(exact_loss, rel=1e-3) and gradient.dtype == torch.float32
    assert torch.cosine_similarity(gradient, exact, dim=0) > 0.999 and not torch.equal(gradient, exact)


@torch.no_grad()
def test_codes_that_nothing_is_near_to_begin_anew_where_the_encoder_is(objective, monkeypatch):
    monkeypatch.setattr(vqvae, "REVIVED_EVERY", 4)
    torch.manual_seed(0)
    model = objective.build(dict(SMALL))
    model.vq.embedding0[:] = -torch.eye(5, 4)  # far from where all inputs are
    model.vq.embedding0[0, 0] = torch.ones(4)
    where = torch.tensor([[[[1.0, 1.0, 1.0, 0.9]]]])
    for step in range(1, 5):
        objective._count(model.vq(where))
        before = model.vq.table.clone()
        objective.after_update(model, step)
        moved = (model.vq.table - before).abs().amax(dim=-1)[0] > 1e-6
        assert moved.tolist() == [False, step == 4, step == 4, step == 4, step == 4]
    torch.testing.assert_close(model.vq.table[0, 1:], model.vq(where).inputs[0, 0].expand(4, -1))


def test_a_resumed_run_goes_on_with_its_schedule(objective):
    model = objective.build(dict(SMALL))
    objective.loss(model, objective.opened.batch(TRAINING, generator()), generator())
    objective._updates = 1500
    other = VQVAEObjective()
    other.restore(objective.state())
    assert other._updates == 1500 and torch.equal(other._use, objective._use)


@pytest.mark.slow
def test_sounds_are_a_target_its_reconstruction_and_another_voice(pack, objective):
    model = objective.build(dict(SMALL)).eval()
    (window,) = objective.open_data(pack, "valid").held_out(1, HOP, generator())
    assert window.samples.shape[1] == HISTORY + VALIDATED * HOP + PAD_RIGHT + FARTHEST
    assert 0 < objective.validate(model, [window], generator())["bits_per_sample"] < 20
    short = VoiceWindows(window.samples[:, : 2 * HOP], window.speaker)
    made = objective.sounds(model, short, generator())
    assert list(made) == ["target", "generated", "transferred"]
    assert torch.equal(made["target"], as_waveform(short.samples))
    assert len(made["generated"]) == len(made["transferred"]) == 2 * HOP
    assert not torch.equal(made["generated"], made["transferred"])


def test_a_split_without_these_speakers_is_judged_as_the_first(pack):
    data = VoiceWindowData(PackedData(pack, "valid"), ["Zoe", "Yves"])
    assert data.batch({"batch": 3, "segment": HOP}, generator()).speaker.tolist() == [0, 0, 0]
