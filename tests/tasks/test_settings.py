"""Where tasks run."""

import pytest

from core.errors import InputError
from core.tasks.settings import DEVICE_VARIABLE, Settings, resolve_device, resolve_devices


def test_a_server_s_owner_says_what_is_used_where_nobody_says_else(monkeypatch):
    monkeypatch.setenv(DEVICE_VARIABLE, "cuda:7")
    with pytest.raises(InputError, match="no device cuda:7 here"):
        resolve_device("auto")
    assert resolve_device("cpu") == "cpu"
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert resolve_devices(Settings(workers=2)) == ["cpu", "cpu"]
