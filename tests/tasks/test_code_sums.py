"""Sums of a prior's codes: made, kept beside its checkpoint, taken from an import."""

import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.generators import finished
from core.models import transformer
from core.models.code_sums import CodeSums, sum_codes
from core.tasks.code_sums import code_sums, keep_code_sums
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import CODE_PRIOR

SIZES = {"classes": 9, "code_width": 3, "context": 6, "width": 8, "depth": 1, "blocks": 3}


@pytest.fixture
def drums(own_home, tmp_path) -> torch.Tensor:
    """Registers a prior of codes; its codebook."""
    torch.manual_seed(0)
    model = transformer.build(SIZES)
    model.codebook.normal_()
    save(tmp_path, "my-drums", "code-prior", SIZES, model.state_dict())
    return model.codebook


def save(folder, name: str, architecture: str, config: dict, state: dict) -> None:
    save_checkpoint(folder / "x.safetensors", architecture, config | {"sample_rate": 22050}, state)
    zoo.register(name, folder / "x.safetensors", {})


def table_of(codebook: torch.Tensor, shares=(0.5, 0.5)) -> torch.Tensor:
    return torch.stack(list(sum_codes(codebook, shares))).int()


def kept(name: str = "my-drums") -> CodeSums | None:
    return zoo.load_model(CODE_PRIOR, name).sums


def test_sums_are_kept_beside_the_prior(drums, capsys):
    assert kept() is None
    assert main(["codebook-sums", "--prior", "my-drums"]) == 0
    assert "Kept as my-drums.sums" in capsys.readouterr().out
    assert torch.equal(kept().table, table_of(drums)) and kept().shares == (0.5, 0.5)
    assert [entry.name for entry in zoo.catalogue() if not entry.bundled] == ["my-drums"]
    assert main(["codebook-sums", "--prior", "my-drums", "--alpha", "0.3", "0.7"]) == 0
    assert torch.equal(kept().table, table_of(drums, (0.3, 0.7))) and kept().shares == (0.3, 0.7)


def test_what_is_kept_is_not_made_again(drums):
    shares = list(keep_code_sums("my-drums"))
    assert shares == pytest.approx([n / 9 for n in range(1, 10)])
    prior = zoo.load_model(CODE_PRIOR, "my-drums")
    assert list(code_sums(prior)) == [] and finished(code_sums(prior)) is prior.sums
    assert torch.equal(finished(code_sums(prior, (0.2, 0.8))).table, table_of(drums, (0.2, 0.8)))


def test_other_weights_of_that_name_have_no_sums_yet(drums, tmp_path):
    finished(keep_code_sums("my-drums"))
    model = transformer.build(SIZES)
    save(tmp_path, "my-drums", "code-prior", SIZES, model.state_dict())
    assert kept() is None


def test_a_run_that_is_stopped_keeps_nothing(drums):
    run = keep_code_sums("my-drums")
    next(run)
    run.close()
    assert kept() is None


def test_imported_sums_are_kept_where_they_are_the_codebooks(drums, tmp_path, capsys):
    """Of ties any code is right, whatever the rounding of whoever made the table."""
    table = table_of(drums)
    tie = table[0, 1]
    table[0, 1] = 1 - tie if tie < 2 else tie
    for name, of in (("right", table), ("wrong", table_of(drums.flip(0)))):
        sums = CodeSums(of, (0.5, 0.5))
        save(tmp_path, name, "code-sums", sums.config, sums.state)
    assert main(["codebook-sums", "--prior", "my-drums", "--table", "right"]) == 0
    assert torch.equal(kept().table, table)
    assert main(["codebook-sums", "--prior", "my-drums", "--table", "wrong"]) == 2
    assert "sums of other codes" in capsys.readouterr().err


@pytest.mark.parametrize("alpha", [("0", "0"), ("1e9", "1")])
def test_shares_of_which_nothing_is_a_mixture_are_refused(drums, alpha, capsys):
    assert main(["codebook-sums", "--prior", "my-drums", "--alpha", *alpha]) == 2
    assert "cannot have the shares" in capsys.readouterr().err


def test_other_models_have_no_codes(drums):
    with pytest.raises(InputError, match="'my-drums' is no table of code sums"):
        finished(keep_code_sums("my-drums", known="my-drums"))
    with pytest.raises(InputError, match="'piano-16k' is no prior of codes"):
        finished(keep_code_sums("piano-16k"))
    with pytest.raises(InputError, match="no prior named"):
        finished(keep_code_sums("nowhere"))
