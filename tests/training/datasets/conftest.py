"""What the tests of data sets share."""

import pytest

from tests.training.datasets.server import Files, serving


@pytest.fixture
def served(monkeypatch):
    """A server of files on this machine; no pauses between tries."""
    monkeypatch.setattr("core.training.datasets.download.PAUSE_SECONDS", 0)
    with serving(Files()) as files:
        yield files
