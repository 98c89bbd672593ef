"""Objectives of the LQ-VAE and of priors of its codes: pairs, scales, what resumes, and that both learn."""

import json

import numpy as np
import pytest
import torch

from core import zoo
from core.errors import InputError
from core.models import lqvae
from core.training.data import PackedData
from core.training.objectives.code_prior import CodePriorObjective
from core.training.objectives.lqvae import LQVAEObjective
from core.zoo.checkpoint import save_checkpoint

RATE, SEGMENT = 22050, 2048
SMALL = {"levels": [2], "width": 4, "depth": 1, "code_width": 3, "classes": 6}
PRIOR = {"context": 36, "width": 16, "depth": 2, "blocks": 6, "initial": 5.0}
TRAINING = {"batch": 4, "segment": SEGMENT, "quietest": 0.0}


def generator():
    return torch.Generator().manual_seed(0)


def packed(folder, frequency: float):
    """Notes of one frequency, on and off."""
    time = np.arange(4 * RATE) / RATE
    sound = 0.5 * np.sin(2 * np.pi * frequency * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    recordings = [{"shard": "shard-000.npy", "start": 0, "length": len(sound), "split": split} for split in SPLITS]
    recordings = [recording | {"label": "", "speaker": ""} for recording in recordings]
    folder.mkdir()
    np.save(folder / "shard-000.npy", (sound * 2**15).astype(np.int16))
    (folder / "index.json").write_text(json.dumps({"sample_rate": RATE, "source": "x", "recordings": recordings}))
    return folder


SPLITS = ("train", "valid")


@pytest.fixture
def low(tmp_path):
    return packed(tmp_path / "low", 110)


@pytest.fixture
def high(tmp_path):
    return packed(tmp_path / "high", 1760)


@pytest.fixture
def objective(low) -> LQVAEObjective:
    made = LQVAEObjective()
    made.sample_rate = RATE
    made.opened = made.open_data(low, "train")
    return made


def test_the_second_of_a_pair_is_of_the_others(objective, low, high):
    objective.others = [PackedData(high, "train")]
    paired = objective._paired(objective.opened.batch(TRAINING, generator()), generator())
    pitched = torch.fft.rfft(paired).abs()[:, 20:].argmax(dim=1) > 60  # over 650 Hz
    assert pitched.tolist()[:2] == [False, False] and all(pitched.tolist()[2:])
    objective.others = []
    examples = objective.opened.batch(TRAINING, generator())
    assert objective._paired(examples, generator()) is examples


def test_losses_are_relative_to_the_data(objective):
    weights = objective._weights(SEGMENT)
    assert weights.scale_l2 == pytest.approx(0.5**2 / 2 / 2, rel=0.2)  # a sine, half of the time
    assert weights.scale_l1 == pytest.approx(0.5 * 2 / np.pi / 2, rel=0.2)
    assert objective._weights(SEGMENT) is weights


def learn(objective, model, examples, steps: int, rate: float) -> list[dict[str, float]]:
    optimizer, figures = torch.optim.Adam(model.parameters(), rate), []
    for _ in range(steps):
        loss, said = objective.loss(model, examples(), generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        figures.append(said | {"loss": loss.item()})
    return figures


def test_an_lqvae_learns(objective):
    torch.manual_seed(0)
    model = objective.build(dict(SMALL))
    figures = learn(objective, model, lambda: objective.opened.batch(TRAINING, generator()), 12, 1e-2)
    assert figures[-1]["multispectral"] < figures[0]["multispectral"]
    assert model.codebook().counts.sum() > 0
    validated = objective.validate(model, objective.opened.held_out(3, SEGMENT, generator()), generator())
    assert validated.keys() == {"si_sdr_db", "sums_right", "perplexity"}
    assert 0 <= validated["sums_right"] <= 1 <= validated["perplexity"] <= 6
    sounds = objective.sounds(model, objective.opened.held_out(1, SEGMENT, generator())[0], generator())
    assert all(sound.shape == (1, SEGMENT) for sound in sounds.values()) and len(sounds) == 4


def test_running_sums_are_resumed(objective):
    model = objective.build(dict(SMALL))
    objective.loss(model, objective.opened.batch(TRAINING, generator()), generator())
    state = {level: {k: v.clone() for k, v in book.items()} for level, book in objective.state()["books"].items()}
    other = LQVAEObjective()
    fresh = other.build(dict(SMALL))
    other.restore({"books": state})
    assert torch.equal(fresh.codebook().sums, model.codebook().sums)
    assert torch.equal(fresh.codebook().counts, model.codebook().counts)


def test_known_codes_are_not_begun_anew(objective):
    """As after `--init`: the first batch finds codes, but no counts."""
    model = objective.build(dict(SMALL))
    model.codebook().k.normal_()
    before = model.codebook().k.clone()
    objective.loss(model, objective.opened.batch(TRAINING, generator()), generator())
    assert (model.codebook().k - before).abs().max() < 0.5


@pytest.mark.parametrize(
    ("training", "said"), [({"batch": 3}, "must be even, not 3"), ({"segment": 2000}, "multiple of 64, not 2000")]
)
def test_batches_that_cannot_be_paired_are_refused(objective, training, said):
    model = objective.build(dict(SMALL))
    with pytest.raises(InputError, match=said):
        objective.loss(model, objective.opened.batch(TRAINING | training, generator()), generator())


def test_sizes_that_do_not_fit_are_refused(objective, codec):
    with pytest.raises(InputError, match="model section"):
        objective.build(SMALL | {"levels": [4]})
    made = CodePriorObjective("codec")
    made.sample_rate = RATE
    with pytest.raises(InputError, match="model section"):
        made.build(PRIOR | {"blocks": 5})
    made.sample_rate = 16000
    with pytest.raises(InputError, match="hears 22050 Hz"):
        made.build(dict(PRIOR))


# ---- priors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def codec(own_home, tmp_path) -> lqvae.LQVAE:
    torch.manual_seed(0)
    model = lqvae.build(SMALL)
    model.codebook().k.copy_(model.latents(0.3 * torch.randn(1, 6 * 64))[0].t())
    save_checkpoint(tmp_path / "codec.safetensors", "lqvae", SMALL | {"sample_rate": RATE}, model.state_dict())
    zoo.register("codec", tmp_path / "codec.safetensors", {})
    return model.eval()


def test_a_prior_learns_the_codes_of_a_codec(codec, low):
    made = CodePriorObjective("codec")
    made.sample_rate = RATE
    config = dict(PRIOR)
    torch.manual_seed(0)
    model, data = made.build(config), made.open_data(low, "train")
    assert (config["classes"], config["code_width"]) == (6, 3)
    assert torch.equal(model.codebook, codec.codebook().k)
    figures = learn(made, model, lambda: data.batch(TRAINING, generator()), 30, 1e-2)
    assert figures[-1]["bits_per_code"] < figures[0]["bits_per_code"] - 0.3
    held_out = data.held_out(2, SEGMENT, generator())
    assert made.validate(model, held_out, generator()).keys() == {"bits_per_code", "blind_bits"}
    sounds = made.sounds(model, held_out[0], generator())
    assert {name: tuple(sound.shape) for name, sound in sounds.items()} == dict.fromkeys(sounds, (1, SEGMENT))
    with pytest.raises(InputError, match="64 to 2304 samples"):
        made.loss(model, data.batch(TRAINING | {"segment": 4096}, generator()), generator())
