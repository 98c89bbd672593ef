"""What tests of evaluations share."""

import pickle

import pytest

from core.cli import engines


@pytest.fixture
def sent_elsewhere(monkeypatch):
    """Work, examples and figures are sent as other processes get them, whatever engine is asked for."""

    def sent(thing):
        return pickle.loads(pickle.dumps(thing))

    def engine(work, jobs):
        for job in jobs:
            yield sent(sent(work)(sent(job)))

    monkeypatch.setattr(engines, "engine", lambda *_: engine)
