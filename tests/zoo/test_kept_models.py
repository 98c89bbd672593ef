"""Models that are kept: as many as fit, and one build for all who ask at once."""

import threading

import pytest

from core.errors import InputError
from core.zoo.kept_models import KeptModels

MEGABYTE = 2**20


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setenv("RESOUND_MODEL_MB", "10")
    models = KeptModels()
    models.built = []

    def get(name: str, megabytes: int = 4) -> str:
        return models.get(name, lambda: (models.built.append(name) or f"model {name}", megabytes * MEGABYTE))

    models.ask = get
    return models


def test_a_model_is_built_once(kept):
    assert [kept.ask("a"), kept.ask("a")] == ["model a"] * 2 and kept.built == ["a"]


def test_those_asked_for_longest_ago_are_let_go(kept):
    for name in ("a", "b", "a", "c"):  # 4 + 4 + 4 MB do not fit
        kept.ask(name)
    kept.ask("a"), kept.ask("c"), kept.ask("b")
    assert kept.built == ["a", "b", "c", "b"]


def test_one_that_is_too_large_is_kept_alone(kept):
    kept.ask("a"), kept.ask("huge", 50), kept.ask("huge", 50), kept.ask("a")
    assert kept.built == ["a", "huge", "a"]


def test_who_asks_at_once_waits_for_one_build_and_others_do_not(kept):
    begun, may_end, got = threading.Event(), threading.Event(), []

    def slow() -> tuple[str, int]:
        kept.built.append("slow")
        begun.set()
        assert may_end.wait(10)
        return "slow model", MEGABYTE

    threads = [threading.Thread(target=lambda: got.append(kept.get("slow", slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    assert kept.ask("quick") == "model quick", "while the slow one is being built"
    assert not got
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert got == ["slow model"] * 3 and kept.built == ["slow", "quick"]


def test_a_failed_build_is_tried_again(kept):
    def fail():
        raise InputError("broken")

    for _ in range(2):
        with pytest.raises(InputError, match="broken"):
            kept.get("a", fail)
    assert kept.ask("a") == "model a"


@pytest.mark.parametrize("limit", ["much", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused(kept, monkeypatch, limit):
    monkeypatch.setenv("RESOUND_MODEL_MB", limit)
    with pytest.raises(InputError, match="RESOUND_MODEL_MB"):
        kept.ask("a")
