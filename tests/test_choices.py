"""How gaps and channels are written, wherever they are asked for."""

import pytest

from core.choices import parse_channels, parse_gaps
from core.errors import InputError


@pytest.mark.parametrize(
    ("text", "gaps"),
    [
        ("1.0-1.2", [(1.0, 1.2)]),
        ("1.0-1.2, 2.5-2.6", [(1.0, 1.2), (2.5, 2.6)]),
        (" .5 - 1 ;2 s to 3 s\n4–5,", [(0.5, 1.0), (2.0, 3.0), (4.0, 5.0)]),
        ("", []),
        ("2-1", [(2.0, 1.0)]),
    ],
)
def test_gaps_are_read(text, gaps):
    assert parse_gaps(text) == gaps


@pytest.mark.parametrize("text", ["1.0", "a-b", "1-2-3", "-1-2", "1..2-3", "nan-inf", "1e-", "²-3"])
def test_what_is_not_a_gap_gets_one_sentence(text):
    with pytest.raises(InputError, match="is not a gap") as caught:
        parse_gaps(f"1-2, {text}")
    assert text in str(caught.value)


def test_long_texts_are_refused_at_once():
    """A pattern that is ambiguous would take minutes."""
    with pytest.raises(InputError, match="is not a gap"):
        parse_gaps("1" * 40_000 + "x")


def test_channels_are_read():
    assert parse_channels(" 3, 2,1,0 ") == (3, 2, 1, 0) and parse_channels(" ") is None


@pytest.mark.parametrize("text", ["front, back", "1;2", "1,-2", "1,2.5", "1,1000", "²"])
def test_what_is_no_list_of_channels_gets_one_sentence(text):
    with pytest.raises(InputError, match="no list of channels"):
        parse_channels(text)
