"""Results that are kept: called by what made them."""

from dataclasses import replace

import pytest

from demos.page.kept import KeptResult, Shelf


@pytest.mark.parametrize(
    ("report", "name"),
    [
        ({"prior": "piano-16k", "sampler": "diffusion", "quality": "standard"}, "Piano, seed 3"),
        ({"prior": "piano-16k", "sampler": "langevin", "quality": "fine"}, "Piano, langevin, fine, seed 3"),
        ({"prior": "voice-vocoder", "sampler": "one pass", "quality": "standard"}, "Voice, fast vocoder"),
    ],
)
def test_a_result_is_called_by_what_made_it_and_no_two_alike(report, name):
    kept = KeptResult(name, "a.wav", {}, (0.0, 1.0))
    assert Shelf().free_name(report | {"seed": 3}) == name
    assert Shelf((kept,)).free_name(report | {"seed": 3}) == f"{name} (2)"
    assert Shelf((kept, replace(kept, name=f"{name} (2)"))).free_name(report | {"seed": 3}) == f"{name} (3)"
