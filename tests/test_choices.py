"""How gaps and channels are written, wherever they are asked for."""

import pytest

from core.choices import parse_channels, parse_gap, parse_gaps
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


@pytest.mark.timeout(60)
@pytest.mark.parametrize("parse", [parse_gap, parse_gaps, parse_channels])
@pytest.mark.parametrize("written", ["1", " ", "1 ", "1.", "1-", "1s", "s", "e", "-", ".", ",", "1,", "1e+", "²"])
def test_long_texts_are_refused_at_once(parse, written):
    """A pattern that is ambiguous would take hours: whatever is repeated, at the beginning, within and at the end."""
    long = written * (4_000_000 // len(written))
    for text in (f"{long}x", f"1{long}x", f"1 {long}-2", f"1-2{long}x", f"x{long}"):
        with pytest.raises(InputError) as error:
            parse(text)
        assert len(str(error.value)) < 200


def test_a_thousand_gaps_are_read():
    gaps = [(k / 10, round(k / 10 + 0.0015, 4)) for k in range(1000)]
    assert parse_gaps(", ".join(f"{start:.4f}-{stop:.4f}" for start, stop in gaps)) == gaps


def test_channels_are_read():
    assert parse_channels(" 3, 2,1,0 ") == (3, 2, 1, 0) and parse_channels(" ") is None


@pytest.mark.parametrize("text", ["front, back", "1;2", "1,-2", "1,2.5", "1,1000", "²"])
def test_what_is_no_list_of_channels_gets_one_sentence(text):
    with pytest.raises(InputError, match="no list of channels"):
        parse_channels(text)
