"""Original checkpoints: read exactly, and refused in one sentence where they cannot be."""

import json
import pickle

import pytest
import torch

from core.errors import InputError
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.wavenet import LEVELS, from_checkpoint
from core.zoo.checkpoint import load_checkpoint
from core.zoo.importers.originals import ImportOptions
from core.zoo.importing import import_checkpoint, read_original
from tests.originals import wavenet_state

SIZES = WaveNetConfig(layers=4, stacks=2, residual=6, gate=8, skip=5, kernel_size=3, classes=256)
HPARAMS = {
    "input_type": "mulaw-quantize",
    "manual_scalar_input": True,
    "quantize_channels": 256,
    "sample_rate": 22050,
    "layers": 4,
    "stacks": 2,
    "residual_channels": 6,
    "gate_channels": 8,
    "skip_out_channels": 5,
    "kernel_size": 3,
    "cin_channels": -1,
    "gin_channels": -1,
}


def make_model(seed: int = 0) -> WaveNet:
    torch.manual_seed(seed)
    return WaveNet(SIZES).requires_grad_(False)


def save(path, model: WaveNet, hparams: dict = HPARAMS, **changes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = wavenet_state(model) | changes
    state = {key: weight for key, weight in state.items() if weight is not None}
    torch.save({"state_dict": state, "optimizer": None, "global_step": 7}, path)
    (path.parent / "hparams.json").write_text(json.dumps(hparams))


@pytest.fixture
def source(tmp_path):
    return tmp_path / "original" / "checkpoint.pth"


def refusal(source, hparams=None, system="pnf_wavenet") -> str:
    with pytest.raises(InputError) as refused:
        read_original(source, system, ImportOptions(hparams=hparams))
    return str(refused.value)


def test_one_file(source, tmp_path):
    model, out = make_model(), tmp_path / "ours.safetensors"
    save(source, model, {**HPARAMS, "input_type": "linear-quantize"})
    import_checkpoint(source, "pnf_wavenet", out)
    checkpoint = load_checkpoint(out)
    assert checkpoint.architecture == "wavenet"
    prior = from_checkpoint("ours", checkpoint.config, checkpoint.state, "cpu")
    assert (prior.sample_rate, type(prior.domain).__name__) == (22050, "Linear")
    x = 255 * torch.rand(1, 40)
    torch.testing.assert_close(prior.model(x), model(x), atol=1e-4, rtol=1e-4)


def save_ladder(folder, levels=LEVELS) -> None:
    for n, level in enumerate(levels):
        save(folder / f"checkpoints{level}".replace(".", "pt") / "checkpoint_latest_ema.pth", make_model(n))
    (folder / "config.json").write_text(json.dumps(HPARAMS))


def test_folder_of_noise_levels(tmp_path):
    save_ladder(tmp_path / "pnf")
    architecture, config, state = read_original(tmp_path / "pnf", "pnf_wavenet")
    assert architecture == "wavenet-ladder"
    prior = from_checkpoint("ours", config, state, "cpu")
    assert prior.levels == LEVELS
    x = 255 * torch.rand(1, 40)
    answer = prior.networks[10.5].model(x)
    torch.testing.assert_close(answer, make_model(LEVELS.index(10.5))(x), atol=1e-4, rtol=1e-4)


def test_missing_levels_are_named(tmp_path):
    save_ladder(tmp_path, LEVELS[:-2])
    assert "2 of PnF's 24 noise levels: 0pt15, 0pt1." in refusal(tmp_path)


class Poison:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("write", [torch.save, lambda poison, path: path.write_bytes(pickle.dumps(poison))])
def test_poisoned_pickle(source, write, capsys):
    save(source, make_model())
    write({"state_dict": Poison()}, source)
    assert "more than weights" in refusal(source)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken"])
def test_damaged_files(source, content):
    save(source, make_model())
    source.write_bytes(content)
    assert source.name in refusal(source)


def test_what_does_not_fit(source, tmp_path):
    bad = {
        "lacks the weight": {"first_conv.weight_g": None},
        "disagree about a spectrogram": {"conv_layers.0.conv1x1c.weight_v": torch.zeros(8, 80, 1)},
        "wrong shape": {"first_conv.weight_v": torch.zeros(6)},
        "does not fit its hyper-parameters": {"last_conv_layers.3.bias": torch.zeros(3)},
    }
    for reason, change in bad.items():
        save(source, make_model(), **change)
        assert reason in refusal(source)
    torch.save({"weights": torch.zeros(3)}, source)
    assert "no state_dict" in refusal(source)
    torch.save(torch.zeros(3), source)
    assert "no dictionary" in refusal(source)


def test_hyper_parameters(source, tmp_path):
    save(source, make_model(), {**HPARAMS, "layers": 8})
    assert "does not fit its hyper-parameters" in refusal(source)
    save(source, make_model(), {**HPARAMS, "cin_channels": 80})
    assert "no upsample_scales" in refusal(source)
    told = {**HPARAMS, "cin_channels": 80, "upsample_params": {"upsample_scales": [4, 4]}}
    save(source, make_model(), told)
    assert "disagree about a spectrogram" in refusal(source)
    save(source, make_model(), told | {"cin_pad": -1})
    assert "cin_pad = -1" in refusal(source)
    save(source, make_model(), {**HPARAMS, "gin_channels": 7})
    assert "speaker" in refusal(source)
    save(source, make_model(), {key: value for key, value in HPARAMS.items() if key != "stacks"})
    assert "have no stacks" in refusal(source)
    save(source, make_model(), {**HPARAMS, "layers": "many"})
    assert "layers = 'many'" in refusal(source)
    save(source, make_model(), {**HPARAMS, "stacks": 3})
    assert "multiple of stacks" in refusal(source)
    save(source, make_model(), {**HPARAMS, "input_type": "raw"})
    assert "class indices" in refusal(source)
    (source.parent / "hparams.json").write_text("{")
    assert "no readable JSON" in refusal(source)
    (source.parent / "hparams.json").unlink()
    assert "--hparams" in refusal(source)
    other = tmp_path / "preset.json"
    other.write_text(json.dumps(HPARAMS))
    assert read_original(source, "pnf_wavenet", ImportOptions(hparams=other))[0] == "wavenet"


def test_unknown_system_and_source(source):
    assert "supported: pnf_wavenet" in refusal(source, system="nobody")
    assert "There is no checkpoint" in refusal(source)
