"""The parity command's framework on small made-up systems; the goldens of metrics and mel front-ends."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import InputError
from core.evaluation.parity import Check, compare, format_check, golden_names, run_parity


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two systems: `toy` has checks for most goldens, `untouched` for none. `ran` records the groups that ran."""
    ran = []

    def flat(folder):
        ran.append("flat")
        yield compare("right", 1.0, np.load(folder / "flat.npz")["right"], atol=1e-3)
        yield compare("wrong", 1.0, np.load(folder / "flat.npz")["wrong"], atol=1e-3)

    def model(folder):
        ran.append("model")
        yield compare("first", np.zeros(3), np.load(folder / "model" / "expected.npz")["first"], atol=1e-3)
        raise RuntimeError("out of luck")

    toy = SimpleNamespace(groups=lambda _: {"flat": flat, "model": model}, INPUTS=("*/x",))
    monkeypatch.setitem(sys.modules, "core.evaluation.goldens.toy", toy)
    find = "core.evaluation.parity.importlib.util.find_spec"
    monkeypatch.setattr(find, lambda name: toy if name.endswith(".toy") else None)
    for folder in ("toy/model", "untouched"):
        (tmp_path / folder).mkdir(parents=True)
    for system in ("toy", "untouched"):
        (tmp_path / system / "README.md").touch()
    np.savez(tmp_path / "toy/flat.npz", x=0.0, right=1.0001, wrong=2.0, uncovered=3.0)
    np.savez(tmp_path / "toy/model/expected.npz", first=np.zeros(3), second=np.zeros(2))
    np.savez(tmp_path / "toy/model/inputs.npz", x=0.0)
    np.savez(tmp_path / "untouched/part_expected.npz", y=0.0)
    return SimpleNamespace(folder=tmp_path, ran=ran)


def outcomes(*arguments, **options):
    return {check.name: check.ok for check in run_parity(*arguments, **options)}


TOY = {
    "toy/flat/right": True,
    "toy/flat/wrong": False,
    "toy/flat/uncovered": False,
    "toy/model/first": True,
    "toy/model/second": False,
}


def test_every_golden_has_an_outcome(house):
    """Those that no check covers, or whose check failed with an exception, fail; inputs are no goldens."""
    assert outcomes(house.folder) == {**TOY, "untouched/part/y": False}
    reasons = {check.name: check.reason for check in run_parity(house.folder)}
    assert reasons["toy/model/second"] == "RuntimeError: out of luck"
    assert reasons["toy/flat/uncovered"] == reasons["untouched/part/y"] == "no check covers it"


def test_one_system(house):
    assert outcomes(house.folder, system="toy") == TOY
    assert outcomes(house.folder / "toy") == TOY
    assert outcomes(house.folder / "toy", system="toy") == TOY


@pytest.mark.parametrize("only", ["model", "toy/model", "toy/model/"])
def test_only_runs_the_groups_it_names(house, only):
    assert set(outcomes(house.folder, only=only)) == {"toy/model/first", "toy/model/second"}
    assert house.ran == ["model"]


def test_only_can_name_one_golden(house):
    assert outcomes(house.folder, system="toy", only="flat/right") == {"toy/flat/right": True}
    assert house.ran == ["flat"]


def test_checks_come_as_they_are_made(house):
    checks = run_parity(house.folder)
    assert next(checks).name == "toy/flat/right" and house.ran == ["flat"]


@pytest.mark.parametrize(
    ("folder", "options", "message"),
    [
        ("none", {}, "is not a folder"),
        (".", {"system": "other"}, "has no system other. It has: toy, untouched"),
        (".", {"only": "nothing"}, "no golden whose name starts with nothing"),
        ("toy/model/..", {"only": "x"}, "no golden"),
    ],
)
def test_refusals(house, folder, options, message):
    with pytest.raises(InputError, match=message):
        list(run_parity(house.folder / folder, **options))


def test_an_unreadable_file_is_a_golden_that_fails(house):
    (house.folder / "toy" / "broken.npz").write_bytes(b"not a zip")
    assert "broken" in golden_names(house.folder / "toy")
    assert outcomes(house.folder, system="toy", only="broken") == {"toy/broken": False}


def test_errors_of_a_comparison():
    assert compare("a", [1.0, 2.5], [1.0, 2.0], atol=1.0) == Check("a", 0.5, 1.0)
    assert compare("a", [110.0], [100.0], atol=1.0, rtol=0.19) == Check("a", 0.5, 1.0)
    assert compare("a", [1.0, 3.0], [0.0, 2.0], atol=np.array([4.0, 2.0])) == Check("a", 0.5, 1.0)
    assert not compare("a", np.zeros(2), np.zeros(1), atol=np.ones(1)).ok
    assert not compare("a", np.zeros(2), np.zeros(3), atol=1.0).ok
    assert not compare("a", [math.nan], [0.0], atol=1.0).ok
    assert not compare("a", [math.nan], [math.nan], atol=1.0).ok
    assert compare("a", [3], [3], atol=0).ok


def test_a_line_has_four_words():
    assert format_check(Check("toy/x", 0.5, 1.0)).split() == ["toy/x", "0.5", "1", "ok"]
    assert format_check(Check("toy/x", math.inf, math.nan, "why")).split() == ["toy/x", "inf", "nan", "FAIL"]


def test_metrics_goldens(parity_folder):
    checks = list(run_parity(parity_folder, system="metrics"))
    assert len(checks) == 7 and all(check.ok for check in checks)


@pytest.mark.parametrize(
    "only", ["pnf/plain_feats", "pnf/with_silence_mu_wave", "tacotron/harder_hop2048_mel_first1000"]
)
def test_mel_front_end_goldens(parity_folder, only):
    assert all(check.ok for check in run_parity(parity_folder, system="mel_frontends", only=only))
