"""What a localization comes to where voices must be more or less sure."""

import numpy as np
import pytest

from core.signal.clip import Clip
from core.tasks.localization_outcome import RATIO, Known, Search, conclude
from core.tasks.progress import Voice
from core.tasks.voices import Truth
from tests.crossing import crossed

RATE = 16000
DEGREES, CONFIDENCES, ENERGIES = (10, 100, 200), (0.9, 0.3, 0.6), (0.1, 0.3, 0.2)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Three voices, and nothing else, at two microphones."""
    noise = np.random.default_rng(0).standard_normal((3, 2, RATE // 2)).astype(np.float32)
    return np.concatenate([0.1 * noise, np.zeros_like(noise[:1])])


@pytest.fixture(scope="module")
def voices(images) -> list[Voice]:
    """What was found: the true voices themselves."""
    return [
        Voice(float(np.deg2rad(angle)), energy, Clip(image[:1], RATE), confidence=sure)
        for angle, sure, energy, image in zip(DEGREES, CONFIDENCES, ENERGIES, images[:-1], strict=True)
    ]


def concluded(images, found, doubtful=()):
    references = tuple(Clip(image[:1], RATE) for image in images[:-1])
    truth = Truth(references, tuple((float(np.deg2rad(angle)),) for angle in DEGREES))
    mixture = Clip(images.sum(axis=0)[:1], RATE)
    search = Search("localize", tuple(found), mixture, {"seconds": 1.0}, doubtful=tuple(doubtful))
    return conclude(search, Known(truth, images), {})


def test_it_is_as_if_it_had_been_asked_for_at_once(images, voices):
    first, second, third = voices
    result = concluded(images, [third, first], [second])
    for least, counting, others in (
        (0.0, [second, third, first], []),
        (0.3, [second, third, first], []),
        (0.5, [third, first], [second]),
        (0.7, [first], [second, third]),
        (0.95, [], [second, third, first]),
    ):
        moved, anew = result.at_confidence(least), concluded(images, counting, others)
        assert list(moved.voices) == counting and list(moved.doubtful) == others, "from loud to quiet"
        assert moved.report == anew.report and moved.figures == anew.figures and list(moved.sounds) == list(anew.sounds)
        assert moved.metrics["recall"] == pytest.approx(len(counting) / 3, abs=1e-3)
        assert moved.metrics["precision"] == (1 if counting else None)
        assert moved.at_confidence(0.5).report == result.report


def test_it_can_be_asked_of_a_result_that_another_process_made(images, voices):
    result = concluded(images, voices)
    sent = crossed(result)
    assert sent.at_confidence(0.7).report == result.at_confidence(0.7).report


def test_bounds_are_not_measured_again(images, voices, monkeypatch):
    result = concluded(images, voices)
    monkeypatch.setattr("core.tasks.localization_outcome.measure_oracles", None)
    assert result.at_confidence(0.7).baseline_figures[RATIO] == result.baseline_figures[RATIO]
