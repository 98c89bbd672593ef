"""What the page gets of code streams: one chain's, and what all are called."""

import base64

import numpy as np
import pytest

from core.tasks.progress import CodeStreams
from demos.separation.streams import StreamsView, payload

NAMES = ("drums", "bass")


def streams(**more) -> CodeStreams:
    """Two chains of three codes out of four."""
    codes = np.array([[[0, 1, 2], [3, 3, 3]], [[5, 4, 3], [300, 1, 0]]])
    fits = np.array([[-0.5, -1.5, -0.25], [-9.0, -2.0, 0.0]])
    likeness = np.eye(301, 3, dtype=np.float32)
    shared = {"total_steps": 4, "step_seconds": 0.25, "likeness": likeness, "say": dict, "log_probs": np.zeros((2, 2))}
    return CodeStreams(codes, fits, np.array([1, 0]), **shared, **more)


def unpacked(text: str, kind: str) -> list:
    return np.frombuffer(base64.b64decode(text), kind).tolist()


def test_while_they_are_drawn_the_likeliest_chain_is_seen_and_none_can_be_chosen():
    shown = payload(StreamsView("k", streams(), NAMES, offset=2.0))
    assert [unpacked(own, "<u2") for own in shown["codes"]] == [[0, 1, 2], [3, 3, 3]]
    assert unpacked(shown["likelihoods"], "<f4") == [-0.5, -1.5, -0.25]
    assert shown["seconds"] == 1.0 and shown["offset"] == 2.0 and len(shown["colours"]) == 301
    assert shown["samples"] == [] and shown["disagreement"] is None


def test_at_the_end_all_chains_are_named_and_the_chosen_one_is_seen():
    weights, spread = np.array([[0.623, 0.9], [0.377, 0.1]]), np.array([0.0, 0.5, 0.25])
    shown = payload(StreamsView("k", streams(weights=weights, disagreement=spread), NAMES, chosen=1))
    assert [unpacked(own, "<u2") for own in shown["codes"]] == [[5, 4, 3], [300, 1, 0]]
    assert shown["samples"] == [["Sample 1", "drums 62 %, bass 90 %"], ["Sample 2", "drums 38 %, bass 10 %"]]
    assert shown["chosen"] == 1 and unpacked(shown["disagreement"], "<f4") == [0.0, 0.5, 0.25]


@pytest.mark.parametrize(("worst", "lowest"), [(-0.2, -1), (-8.5, -9)])
def test_likelihoods_of_all_chains_share_a_scale_of_whole_nats(worst, lowest):
    made = streams()
    made.log_likelihoods[:] = worst
    assert payload(StreamsView("k", made, NAMES))["lowest"] == lowest
