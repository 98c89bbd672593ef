"""The editor of codes: what an edit may ask for."""

from types import SimpleNamespace

import pytest

from core.errors import InputError
from demos.voice.editor import MOST_ORDERED, _order_of


def test_an_order_is_a_list_of_numbers():
    assert _order_of(SimpleNamespace(order=[2, 0, 0])) == [2, 0, 0]


@pytest.mark.parametrize("order", [None, "012", {"0": 1}, [0, "1"], [0.5], [0] * (MOST_ORDERED + 1)])
def test_anything_else_is_refused(order):
    with pytest.raises(InputError, match="list of up to"):
        _order_of(SimpleNamespace(order=order))
