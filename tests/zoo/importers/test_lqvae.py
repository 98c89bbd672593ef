"""Checkpoints of LQ-VAEs, their priors and code sums: names, precisions, settings, and what is refused."""

import json

import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.models import code_sums, lqvae, transformer
from core.zoo.checkpoint import load_checkpoint
from core.zoo.families import CODE_PRIOR, CODE_SUMS, CODEC
from core.zoo.importers.originals import ImportOptions
from core.zoo.importing import import_checkpoint, read_original
from tests.originals import code_prior_settings, code_prior_state, lqvae_settings, lqvae_state

SYSTEM = "lqvae"
SIZES = {"width": 4, "depth": 2, "code_width": 3, "classes": 6}
PRIOR = {"classes": 6, "code_width": 3, "context": 12, "width": 8, "depth": 3, "blocks": 3, "heads": 2}


def networks(**changes) -> lqvae.LQVAE:
    torch.manual_seed(0)
    model = lqvae.build({**SIZES, **changes})
    for level in model.config.levels:
        model.codebook(level).k.normal_()
    return model.requires_grad_(False)


def prior(**changes) -> transformer.Transformer:
    torch.manual_seed(1)
    model = transformer.build({**PRIOR, **changes})
    model.codebook.normal_()
    return model.requires_grad_(False)


def save(path, state: dict, settings: dict | None, **others):
    content = {"model": state, "opt": None, "step": 60001, **others}
    torch.save(content if settings is None else {"hps": settings, **content}, path)
    return path


@pytest.fixture
def source(tmp_path):
    model = networks()
    return save(tmp_path / "checkpoint_step_60001.pth.tar", lqvae_state(model), lqvae_settings(model))


@pytest.fixture
def prior_source(tmp_path):
    model = prior()
    return save(tmp_path / "checkpoint_latest.pth.tar", code_prior_state(model), code_prior_settings(model))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"downs": [1, 3], "strides": [4, 2], "multipliers": [1, 1], "levels": [0, 1]},
        {"dilation_cycle": 1, "reversed_dilation": False, "residual_factor": 0.5},
    ],
    ids=str,
)
def test_networks_of_any_sizes_are_read(tmp_path, changes):
    model = networks(**changes)
    path = save(tmp_path / "x.pth.tar", lqvae_state(model), lqvae_settings(model))
    architecture, config, state = read_original(path, SYSTEM)
    assert architecture == "lqvae" and (config["sample_rate"], config["steps"]) == (22050, 60001)
    read = lqvae.from_checkpoint("read", config, state, "cpu")
    assert read.config == model.config
    sound = torch.randn(2, 640, generator=torch.Generator().manual_seed(1))
    assert torch.equal(read.decode(read.encode(sound)), model.eval().decode(model.encode(sound)))


@pytest.mark.parametrize(
    "changes", [{}, {"order": 0, "blocks": 1}, {"attention_factor": 0.5, "mlp_factor": 2}], ids=str
)
def test_a_priors_weights_say_its_sizes(tmp_path, changes):
    model = prior(**changes)
    path = save(tmp_path / "x.pth.tar", code_prior_state(model), code_prior_settings(model) | {"l_bins": 512})
    architecture, config, state = read_original(path, SYSTEM)
    read = transformer.from_checkpoint("read", config, state, "cpu")
    codes = torch.randint(6, (2, 12))
    assert architecture == "code-prior"
    assert torch.equal(read(codes), model.eval()(codes)) and torch.equal(read.codebook, model.codebook)


def test_names_from_several_processes_half_precision_and_more_weights_are_taken(tmp_path, prior_source):
    model = prior()
    state = {f"module.{key}": weight for key, weight in code_prior_state(model).items()}
    state = {key: weight.half() if key.endswith(".w") else weight for key, weight in state.items()}
    state["module.conditioner_blocks.0.w"] = torch.ones(3)
    path = save(tmp_path / "half.pth.tar", state, code_prior_settings(model))
    import_checkpoint(path, SYSTEM, tmp_path / "half.safetensors")
    read = load_checkpoint(tmp_path / "half.safetensors")
    whole = read_original(prior_source, SYSTEM)[2]
    assert read.state.keys() == whole.keys()
    for key, weight in read.state.items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, whole[key].half().float() if key.endswith(".w") else whole[key])


def test_given_settings_win(tmp_path, source):
    wrong = save(tmp_path / "b.pth.tar", lqvae_state(networks()), lqvae_settings(networks()) | {"width": 5})
    with pytest.raises(InputError, match="does not fit its hyper-parameters"):
        read_original(wrong, SYSTEM)
    own = tmp_path / "own.json"
    own.write_text(json.dumps(lqvae_settings(networks())))
    assert read_original(wrong, SYSTEM, ImportOptions(hparams=own))[1] == read_original(source, SYSTEM)[1]
    bare = save(tmp_path / "c.pth.tar", lqvae_state(networks()), None)
    with pytest.raises(InputError, match="no hyper-parameters"):
        read_original(bare, SYSTEM)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"width": "wide"}, "width = 'wide'"),
        ({"depth": 10**6}, "depth = 1000000"),
        ({"strides_t": [2, 2]}, "does not fit"),
        ({"downs_t": 2}, "downs_t = 2"),
        ({"m_conv": -1}, "m_conv = -1"),
        ({"levels": 4}, "levels = 4"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(tmp_path, changes, match):
    path = save(tmp_path / "x.pth.tar", lqvae_state(networks()), lqvae_settings(networks()) | changes)
    with pytest.raises(InputError, match=match):
        read_original(path, SYSTEM)


def test_orders_of_attention_that_are_not_known_are_refused(tmp_path):
    settings = code_prior_settings(prior()) | {"attn_order": 8}
    with pytest.raises(InputError, match="order 8; read are 0, 1, 2"):
        read_original(save(tmp_path / "x.pth.tar", code_prior_state(prior()), settings), SYSTEM)


@pytest.mark.parametrize("missing", ["x_out.weight", "pos_emb.pos_emb", "bottleneck.level_blocks.2.k"])
def test_a_missing_weight_is_refused_rather_than_made_up(tmp_path, missing):
    state = code_prior_state(prior())
    del state[f"prior.{missing}"]
    with pytest.raises(InputError):
        read_original(save(tmp_path / "x.pth.tar", state, code_prior_settings(prior())), SYSTEM)


class Harmful:
    def __reduce__(self):
        return (open, ("harm-was-done", "w"))


def test_nothing_in_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path / "x.pth.tar", lqvae_state(networks()), lqvae_settings(networks()), extra=Harmful())
    with pytest.raises(InputError, match="more than weights and settings"):
        read_original(path, SYSTEM)
    assert not (tmp_path / "harm-was-done").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.pth.tar"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_original(path, SYSTEM)


# ---- code sums -------------------------------------------------------------------------------------------------------


def test_sums_keep_their_shares(tmp_path):
    """The row's code had the first share; the original then reads the table with the sources the wrong way round."""
    table, path, alpha = torch.randint(5, (1, 25)), tmp_path / "codebook_precalc_22050_latent.pt", tmp_path / "a.json"
    torch.save(table, path)
    architecture, config, state = read_original(path, SYSTEM)
    read = code_sums.from_checkpoint("x", config, state, "cpu")
    assert architecture == "code-sums" and read.shares == (0.5, 0.5)
    assert torch.equal(read.table.long(), table.view(5, 5))
    alpha.write_text('{"alpha": [0.3, 0.7]}')
    assert read_original(path, SYSTEM, ImportOptions(hparams=alpha))[1]["shares"] == [0.3, 0.7]


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (torch.zeros(1, 24, dtype=torch.long), "no table"),
        (torch.zeros(1, 25), "no table"),
        (torch.zeros(0, dtype=torch.long), "no table"),
        (torch.full((1, 25), 5), "no codes"),
        (torch.full((1, 25), -1), "no codes"),
    ],
    ids=["count", "floats", "empty", "over", "under"],
)
def test_other_tables_are_refused(tmp_path, table, match):
    torch.save(table, tmp_path / "x.pt")
    with pytest.raises(InputError, match=match):
        read_original(tmp_path / "x.pt", SYSTEM)


@pytest.mark.parametrize("alpha", [0.5, [0.5], ["a", "b"]])
def test_shares_that_are_none_are_refused(tmp_path, alpha):
    torch.save(torch.zeros(1, 25, dtype=torch.long), tmp_path / "x.pt")
    (tmp_path / "a.json").write_text(json.dumps({"alpha": alpha}))
    with pytest.raises(InputError, match="two shares"):
        read_original(tmp_path / "x.pt", SYSTEM, ImportOptions(hparams=tmp_path / "a.json"))


# ---- the command -----------------------------------------------------------------------------------------------------


def test_all_three_can_be_registered(tmp_path, source, prior_source, own_home, capsys):
    torch.save(torch.zeros(1, 36, dtype=torch.long), tmp_path / "sums.pt")
    files = {"networks": source, "my-drums": prior_source, "sums": tmp_path / "sums.pt"}
    for name, file in files.items():
        assert main(["import-checkpoint", str(file), "--system", SYSTEM, "--register", name]) == 0
        assert ("No command can use it" in capsys.readouterr().out) == (name != "my-drums")
    assert zoo.load_model(CODEC, "networks").hop() == 64
    assert zoo.load_model(CODE_PRIOR, "my-drums").config.context == 12
    assert zoo.load_model(CODE_SUMS, "sums").classes == 6
    with pytest.raises(InputError, match="is a prior of codes, for --method latent; choose a prior of sounds"):
        zoo.load("my-drums")
