"""DiffWave's checkpoints: both backbones and layouts are read exactly, averaged, and refused where they do not fit."""

import json
import pickle

import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.sashimi import SaShiMi, SaShiMiConfig
from core.models.state_space_kernels import cut_off
from core.priors.waveform_diffusion import from_checkpoint
from core.signal.mel import FRONT_ENDS
from core.zoo.importers.originals import ImportOptions
from core.zoo.importing import import_checkpoint, read_original
from core.zoo.manifest import find
from tests.originals import diffwave_state, sashimi_state

EMBEDDING = {"diffusion_step_embed_dim_in": 8, "diffusion_step_embed_dim_mid": 10, "diffusion_step_embed_dim_out": 512}
NOISE = {"T": 20, "beta_0": 1e-4, "beta_T": 0.05}
SIZES = {"wavenet": DiffWaveConfig(layers=2, cycle=2, residual=4, skip=5, embedding=(8, 10, 512))}
SIZES["sashimi"] = SaShiMiConfig(4, 1, (2,), embedding=(8, 10, 512), length=32, kernel="s4", state=4)
SIZES["older"] = SaShiMiConfig(4, 1, (2,), embedding=(8, 10, 512), length=32, kernel="s4-older", state=4)
CONFIGS = {"wavenet": {"_name_": "wavenet", "res_channels": 4, "skip_channels": 5, "num_res_layers": 2}}
CONFIGS["wavenet"] |= {"dilation_cycle": 2, **EMBEDDING}
CONFIGS["sashimi"] = {"_name_": "sashimi", "unconditional": True, "d_model": 4, "n_layers": 1, "pool": [2]}
CONFIGS["sashimi"] |= {"expand": 2, "ff": 2, "unet": True, "L": 32, **EMBEDDING}
CONFIGS["older"] = CONFIGS["sashimi"]
SYSTEMS = {"wavenet": "diffwave_wavenet", "sashimi": "diffwave_sashimi", "older": "diffwave_sashimi"}


def make(kind: str, seed: int = 0, sizes=None):
    torch.manual_seed(seed)
    network = (DiffWave if kind == "wavenet" else SaShiMi)(sizes or SIZES[kind])
    torch.nn.init.normal_(network.noise.weight)
    return network.requires_grad_(False)


def save(path, network, **changes) -> None:
    state = (diffwave_state if isinstance(network, DiffWave) else sashimi_state)(network) | changes
    state = {key: weight for key, weight in state.items() if weight is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model_state_dict": state, "optimizer_state_dict": {"state": {}}}, path)


def describe(path, kind: str, by_authors: bool = False, **changes) -> None:
    names = ("wavenet_config", "diffusion_config") if by_authors else ("model", "diffusion")
    config = dict(zip(names, (CONFIGS[kind], NOISE), strict=True)) | changes
    path.with_name("config.json").write_text(json.dumps(config))


@pytest.fixture(params=["wavenet", "sashimi", "older"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def source(tmp_path):
    """The file of a small WaveNet in its authors' layout."""
    path = tmp_path / "original" / "2000.pkl"
    save(path, make("wavenet"))
    describe(path, "wavenet", by_authors=True)
    return path


def prior_of(source, kind: str, **options):
    architecture, config, state = read_original(source, SYSTEMS[kind], ImportOptions(**options))
    return from_checkpoint("ours", config, state, "cpu", architecture)


def refusal(source, system: str = "diffwave_wavenet", **options) -> str:
    with pytest.raises(InputError) as refused:
        read_original(source, system, ImportOptions(**options))
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_is_the_same_network(tmp_path, kind):
    path, network, x = tmp_path / "a" / "7.pkl", make(kind), torch.randn(2, 32)
    save(path, network)
    describe(path, kind)
    prior = prior_of(path, kind)
    step = torch.tensor([2.0, 9.0])
    torch.testing.assert_close(prior.model(x, step), network(x, step), atol=1e-5, rtol=1e-4)
    assert len(prior.levels) == 20 and prior.sample_rate == 16000


@pytest.mark.parametrize("kind", ["wavenet", "sashimi"], indirect=True)
def test_vocoders_know_their_front_end(tmp_path, kind):
    told = {"bands": 80, "upsampling": (16, 16)} | ({"truncated_mel": True} if kind == "sashimi" else {})
    sizes = type(SIZES[kind])(**vars(SIZES[kind]) | told)
    path, network = tmp_path / "a" / "7.pkl", make(kind, sizes=sizes)
    save(path, network)
    model = CONFIGS[kind] | {"unconditional": False, "mel_upsample": [16, 16]}
    describe(path, kind, model=model, dataset={"sampling_rate": 22050, "hop_length": 256, "mel_fmax": 8000.0})
    prior = prior_of(path, kind)
    assert prior.front_end == FRONT_ENDS["tacotron"] and prior.sample_rate == 22050
    x, mel = torch.randn(1, 320), torch.randn(1, 80, 2)
    answers = (prior.model(x, torch.zeros(1), mel), network(x, torch.zeros(1), mel))
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-4)
    describe(path, kind, model=model, dataset={"hop_length": 300})
    assert "factors, 256, is not the spectrogram's hop_length, 300" in refusal(path, SYSTEMS[kind])
    describe(path, kind, model=model | {"unconditional": True})
    assert "disagree about a spectrogram" in refusal(path, SYSTEMS[kind])
    describe(path, kind, model=model | {"mel_upsample": "sixteen"})
    assert "mel_upsample = 'sixteen'" in refusal(path, SYSTEMS[kind])


def test_both_layouts_say_the_same_but_of_the_residual(source):
    authors = read_original(source, "diffwave_wavenet")[1]
    describe(source, "wavenet")
    other = read_original(source, "diffwave_wavenet")[1]
    assert (authors.pop("leaky"), other.pop("leaky")) == (True, False) and authors == other


@pytest.mark.parametrize("residual", ["leaky", "clean"])
def test_the_residual_can_be_said(source, residual):
    assert read_original(source, "diffwave_wavenet", ImportOptions(residual=residual))[1]["leaky"] == (
        residual == "leaky"
    )


def test_files_from_before_the_first_forward_pass_are_brought_to_the_others_form(tmp_path):
    path, network = tmp_path / "a" / "7.pkl", make("sashimi")
    state = sashimi_state(network)
    save(path, network, **{key: torch.tensor(0) for key in state if key.endswith("kernel.L")})
    describe(path, "sashimi")
    prior, own = prior_of(path, "sashimi"), network.centre[0].s4.kernel
    C, P = torch.view_as_complex(own.C), torch.view_as_complex(own.P)
    poles = torch.complex(-own.log_decay.exp(), own.frequency)
    cut = torch.view_as_real(cut_off(C, P, poles, own.log_step.exp(), 16))
    assert (cut - own.C).abs().max() > 1e-2, "the response lasts longer than 16 samples"
    torch.testing.assert_close(prior.model.centre[0].s4.kernel.C, cut)


def test_an_s4_of_another_length_is_refused(tmp_path):
    path, network = tmp_path / "a" / "7.pkl", make("sashimi")
    save(path, network)
    describe(path, "sashimi", model=CONFIGS["sashimi"] | {"L": 64})
    assert "trained at 32 samples, not at 64" in refusal(path, "diffwave_sashimi")


def test_iterations_of_a_folder(tmp_path):
    folder, x = tmp_path / "iterations", torch.randn(1, 32)
    networks = {n: make("wavenet", seed=n) for n in (100, 900, 1000)}
    for n, network in networks.items():
        save(folder / f"{n}.pkl", network)
    save(folder / "last.pkl", make("wavenet", seed=5))
    describe(folder / "config.json", "wavenet")
    for n, iteration in ((1000, None), (1000, 1000), (100, 100)):
        found = prior_of(folder, "wavenet", iteration=iteration).model
        torch.testing.assert_close(found(x, torch.ones(1)), networks[n](x, torch.ones(1)), atol=1e-5, rtol=1e-4)
    assert "no iteration 7; it has 100, 900, 1000" in refusal(folder, iteration=7)
    assert "one file" in refusal(folder / "100.pkl", iteration=100) and "one file" in refusal(
        folder / "100.pkl", average=2
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "named by their iteration" in refusal(empty)


@pytest.mark.parametrize(
    ("iteration", "average", "numbers"), [(None, 2, (900, 1000)), (900, 2, (100, 900)), (None, 3, 0)]
)
def test_files_are_averaged(tmp_path, iteration, average, numbers):
    folder, weights = tmp_path / "iterations", {}
    for n in (100, 900, 1000):
        network = make("wavenet", seed=n)
        save(folder / f"{n}.pkl", network)
        weights[n] = network.layers[1].gates.weight
    describe(folder / "config.json", "wavenet")
    state = read_original(folder, "diffwave_wavenet", ImportOptions(iteration=iteration, average=average))[2]
    mean = torch.stack([weights[n] for n in numbers or weights]).mean(dim=0)
    torch.testing.assert_close(state["layers.1.gates.weight"], mean, atol=1e-6, rtol=1e-5)
    assert "3 files up to iteration 1000, not the 5" in refusal(folder, average=5)
    assert "From 1 to 64" in refusal(folder, average=0)


def test_files_of_several_networks_are_not_averaged(tmp_path):
    folder = tmp_path / "iterations"
    save(folder / "1.pkl", make("wavenet", sizes=DiffWaveConfig(2, 2, 4, 6, (8, 10, 512))))
    save(folder / "2.pkl", make("wavenet"))
    describe(folder / "config.json", "wavenet")
    assert "not of one network" in refusal(folder, average=2)


def test_the_other_backbone_is_named(tmp_path, source):
    describe(source, "sashimi")
    assert "for SaShiMi choose --system diffwave_sashimi" in refusal(source)
    describe(source, "wavenet", by_authors=True)
    assert "for WaveNets choose --system diffwave_wavenet" in refusal(source, "diffwave_sashimi")
    describe(source, "sashimi")
    assert "no DiffWave with a SaShiMi" in refusal(source, "diffwave_sashimi")


class Poison:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("write", [torch.save, lambda poison, path: path.write_bytes(pickle.dumps(poison))])
def test_a_poisoned_pickle_is_not_run(source, write, capsys):
    write({"model_state_dict": Poison()}, source)
    assert "more than weights" in refusal(source) and "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"init_conv.0.conv.weight_g": None}, "lacks the weight"),
        ({"init_conv.0.conv.weight_v": torch.zeros(3)}, "wrong shape"),
        ({"final_conv.2.conv.bias": torch.zeros(3)}, "does not fit its hyper-parameters"),
    ],
)
def test_weights_that_do_not_fit(source, change, said):
    save(source, make("wavenet"), **change)
    assert said in refusal(source)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("wavenet", {"diffusion": {"T": 20}}, "a beta_0 and a beta_T"),
        ("wavenet", {"diffusion": NOISE | {"T": 0}}, "T = 0"),
        ("wavenet", {"diffusion": 3}, "neither wavenet_config"),
        ("wavenet", {"dataset": {"sampling_rate": 5}}, "sampling_rate = 5"),
        ("wavenet", {"model": CONFIGS["wavenet"] | {"num_res_layers": "two"}}, "num_res_layers = 'two'"),
        ("wavenet", {"model": CONFIGS["wavenet"] | {"diffusion_step_embed_dim_in": 7}}, "steps in 7 numbers"),
        ("sashimi", {"model": CONFIGS["sashimi"] | {"pool": "4x4"}}, "pool = '4x4'"),
        ("sashimi", {"model": CONFIGS["sashimi"] | {"unet": 1}}, "unet = 1"),
        ("sashimi", {"model": CONFIGS["sashimi"] | {"pool": [2, 2]}}, "not"),
        ("sashimi", {"model": CONFIGS["sashimi"] | {"diffusion_step_embed_dim_out": 64}}, "take 512 numbers"),
    ],
)
def test_hyper_parameters_that_do_not_fit(tmp_path, kind, changes, said):
    path = tmp_path / "a" / "7.pkl"
    save(path, make(kind))
    describe(path, kind, **changes)
    assert said in refusal(path, SYSTEMS[kind])


def test_options_of_other_systems_are_refused(source, tmp_path):
    assert "have no --scaler" in refusal(source, scaler=tmp_path)
    assert "have no --residual" in refusal(source, "diffwave_sashimi", residual="leaky")
    assert "have no --average" in refusal(source, "pnf_wavenet", average=3)
    assert "leaky or clean, not open" in refusal(source, residual="open")


def test_the_command_says_how_the_residual_was_taken(source, tmp_path, capsys):
    out = tmp_path / "ours.safetensors"
    assert "--residual clean" in import_checkpoint(source, "diffwave_wavenet", out)
    assert import_checkpoint(source, "diffwave_wavenet", out, ImportOptions(residual="clean")) is None
    describe(source, "wavenet")
    command = ["import-checkpoint", str(source.parent), "--system", "diffwave_wavenet", "--register", "waves"]
    assert main([*command, "--iteration", "max", "--average", "1"]) == 0
    said = capsys.readouterr().out
    assert "Registered as waves" in said and "branch checkpoints need --residual leaky" in said
    assert find("waves").task == ("super-resolve", "inpaint", "declip", "separate", "generate")
    assert zoo.load("waves").score(torch.randn(1, 40), 0.5).gradient.shape == (1, 40)
    assert main([*command, "--iteration", "7"]) == 2 and "no iteration 7" in capsys.readouterr().err
