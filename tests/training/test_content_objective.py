"""The content encoder's objective: features in time, what is explained, codebooks that are fitted, perturbations."""

import json

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.mel import FRONT_ENDS, mel_edges
from core.training.objectives.content import ContentData, ContentExamples, ContentObjective, unexplained
from core.training.objectives.mel_perturbation import perturb, warp

RATE, SEGMENT, FEATURES = 16000, 6400, 4
FRONT_END = FRONT_ENDS["resound-16k"]
SIZES = {"channels": 16, "blocks": 1, "features": FEATURES, "details": 2, "changes": 1}


@pytest.fixture
def pack(tmp_path):
    """Two recordings of noise, of 1 and 0.2 s; their features count frames of 20 ms."""
    lengths = {"a/one.wav": RATE, "a/two.wav": RATE // 5}
    samples = np.random.default_rng(0).integers(-9000, 9000, sum(lengths.values())).astype(np.int16)
    np.save(tmp_path / "shard-000.npy", samples)
    starts = dict(zip(lengths, [0, RATE], strict=True))
    recordings = [
        {"shard": "shard-000.npy", "start": starts[path], "length": length, "split": "train", "path": path}
        for path, length in lengths.items()
    ]
    (tmp_path / "index.json").write_text(json.dumps({"sample_rate": RATE, "recordings": recordings}))
    counted = {
        path: np.arange(length // 320, dtype=np.int8)[:, None].repeat(FEATURES, 1) for path, length in lengths.items()
    }
    np.savez(tmp_path / "features.npz", scale=0.5, **counted)
    return tmp_path


def test_features_are_those_of_the_moment(pack):
    data, generator = ContentData(pack, "train"), torch.Generator().manual_seed(3)
    for example in data.held_out(8, SEGMENT, generator):
        known = ~example.features.isnan()
        counted = example.features[0, :, 0][known[0, :, 0]] / 0.5
        assert torch.equal(counted.diff(), torch.ones(len(counted) - 1))
        if known.all():  # of the long one: the waveform begins where its first frame does
            at = int(counted[0]) * 320
            assert torch.equal(example.waveforms[0], data.read(0, at, SEGMENT))


def test_recordings_without_features_are_refused(pack):
    (pack / "features.npz").unlink()
    with pytest.raises(InputError, match="lacks the content"):
        ContentData(pack, "train")


def test_what_is_not_known_does_not_count():
    wanted = torch.tensor([[[1.0, -1.0], [torch.nan, torch.nan]]])
    assert unexplained(torch.zeros(1, 2, 2), wanted).item() == pytest.approx(1)
    assert unexplained(torch.tensor([[[1.0, -1.0], [9.0, 9.0]]]), wanted).item() == pytest.approx(0)


def examples() -> ContentExamples:
    """Noise in one of two bands in turn, which the features tell."""
    chance = torch.Generator().manual_seed(0)
    waveforms = torch.randn(4, SEGMENT, generator=chance) * 0.1
    bright = (torch.arange(SEGMENT) // 1600 % 2).bool()
    waveforms = torch.where(bright, waveforms, torch.nn.functional.avg_pool1d(waveforms[:, None], 9, 1, 4)[:, 0])
    told = torch.where(bright[::320], 1.0, -1.0)[None, :, None].repeat(4, 1, FEATURES)
    return ContentExamples(waveforms, told)


def test_training_explains_more_and_fits_the_codes():
    torch.manual_seed(0)
    objective, generator = ContentObjective(), torch.Generator().manual_seed(0)
    model = objective.build(SIZES)
    objective.progress = 0.9
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, 3e-3)
    for _ in range(40):
        loss, figures = objective.loss(model, examples(), generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = objective.validate(model, [examples()], generator)
    assert found["explained"] > 0.5 and found["by codes"] > 0.5 and figures["coarser"] < 0.1


def test_a_warp_moves_a_peak():
    centres = torch.from_numpy(mel_edges(FRONT_END)[1:-1])
    mel = -((centres.log2() - np.log2(1000)) ** 2)[None, :, None].float().repeat(2, 1, 3)
    peaks = centres[warp(mel, torch.tensor([[1.25], [0.8]]), FRONT_END)[..., 1].argmax(dim=1)]
    assert peaks.tolist() == pytest.approx([1250, 800], rel=0.05)
    assert torch.allclose(warp(mel, torch.ones(2, 1), FRONT_END), mel, atol=1e-4)


def test_perturbed_frames_are_others_of_the_same_times():
    mel = torch.full((16, 80, 40), -4.0)
    mel[..., 20:] = 0.0  # a loud half
    found = perturb(mel, FRONT_END, torch.Generator().manual_seed(0))
    assert found.shape == mel.shape and not torch.allclose(found, mel)
    assert (found[:, 5:60, 20:].mean(dim=(1, 2)) > found[:, 5:60, :20].mean(dim=(1, 2))).all()
