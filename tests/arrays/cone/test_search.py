"""The search: sources that a known extractor separates are found, each once, and every stage is yielded."""

import math

import numpy as np
import pytest
import torch

from core.arrays.angles import WINDOWS, angular_distance, width
from core.arrays.cone import search as module
from core.arrays.cone.search import SearchSettings, search
from core.arrays.cone.separator import ConeSeparator
from core.arrays.cone.suppression import suppress
from core.arrays.cone.targets import training_pair
from core.arrays.doa.tracking import Detection
from core.arrays.energy import mean_rms
from core.arrays.finding import Stage
from core.arrays.geometry import ArrayGeometry, circular
from core.arrays.steering import Steering
from core.errors import InputError
from core.evaluation.parity import run_parity
from core.models.cone import ConeConfig, ConeNetwork
from tests.runs import gathered

RATE, FRAMES = 44100, 7999  # odd, so that exact alignment loses nothing
ARRAY = circular("circle", 6, 0.0725)
RNG = np.random.default_rng(0)


class Oracle:
    """Knows the sources and their directions: gives those inside the window, as images at the aligned microphones."""

    def __init__(self, sources: dict[float, np.ndarray], levels: int = len(WINDOWS)):
        self.levels, steering = levels, Steering(ARRAY, RATE, "exact")
        self.sources = {
            angle: steering.back(torch.from_numpy(source).float().expand(6, -1), angle)
            for angle, source in sources.items()
        }
        self.mixture = torch.stack(list(self.sources.values())).sum(dim=0)
        self.encoded, self.batches = 0, []

    def encode(self, mixture: torch.Tensor, steering: Steering):
        torch.testing.assert_close(mixture, self.mixture)
        self.encoded += 1

        def ask(angles, level):
            self.batches.append((level, len(angles)))
            return torch.stack([steering.towards(self._inside(angle, level), angle) for angle in angles])

        return ask

    def _inside(self, centre: float, level: int) -> torch.Tensor:
        inside = [s for a, s in self.sources.items() if angular_distance(a, centre) < width(level) / 2]
        return sum(inside, torch.zeros(6, FRAMES))


class OneSided:
    """Knows a source beside a line of microphones, and hears it in the windows of its mirror image as well."""

    levels = len(WINDOWS)

    def __init__(self, source: np.ndarray, angle: float):
        self.source, self.angle = torch.from_numpy(source).float(), angle

    def encode(self, mixture: torch.Tensor, steering: Steering):
        def heard(centre, level):
            near = min(angular_distance(own, centre) for own in (self.angle, -self.angle)) < width(level) / 2
            return steering.towards(steering.back(self.source.expand(1, 4, -1), [self.angle])[0], centre) * near

        return lambda angles, level: torch.stack([heard(angle, level) for angle in angles])


@pytest.mark.parametrize("degrees", [62.0, -62.0])
def test_beside_a_line_of_microphones_mirror_images_are_one(degrees):
    line = ArrayGeometry("line", tuple((0.05 * k, 0.0) for k in range(4)))
    extractor = OneSided(0.1 * RNG.standard_normal(FRAMES), np.deg2rad(degrees))
    _, found = gathered(search(np.zeros((4, FRAMES)), line, RATE, extractor))
    (detected,) = found
    assert np.rad2deg(detected.angle) == pytest.approx(62, abs=3)


def oracle(*angles: float, **settings) -> Oracle:
    return Oracle({angle: 0.1 * RNG.standard_normal(FRAMES) for angle in angles}, **settings)


def run(extractor: Oracle, **settings) -> tuple[list[Stage], list[Detection]]:
    mixture = extractor.mixture.numpy()
    return gathered(search(mixture, ARRAY, RATE, extractor, SearchSettings(pre_shift="exact", **settings)))


def test_sources_are_found_where_they_are():
    known = oracle(0.3, -2.0, 2.9)
    _, found = run(known)
    assert len(found) == 3
    assert [s.energy for s in found] == sorted((s.energy for s in found), reverse=True)
    for angle, signal in known.sources.items():
        source = min(found, key=lambda source: angular_distance(source.angle, angle))
        assert angular_distance(source.angle, angle) < WINDOWS[-1] / 2
        np.testing.assert_allclose(source.signal, signal, atol=1e-5)


def test_every_stage_is_yielded():
    known = oracle(0.3)
    stages, found = run(known)
    assert [(s.level, s.window, len(s.candidates), s.remaining) for s in stages] == [
        (level, window, 4 if level == 0 else 2, 0) for level, window in enumerate(WINDOWS)
    ]
    for stage in stages:
        assert [c.kept for c in stage.candidates].count(True) == 1
        assert all((c.energy > 0.002) == c.kept for c in stage.candidates)
    assert known.batches == [(0, 4), (1, 2), (2, 2), (3, 2), (4, 2)] and known.encoded == 1
    assert (found[0].angle, found[0].energy) in [(c.angle, c.energy) for c in stages[-1].candidates]


def test_a_network_that_knows_finer_windows_is_asked_about_them():
    stages, found = run(oracle(0.3, levels=7))
    assert [stage.level for stage in stages] == list(range(7)) and {stage.levels for stage in stages} == {7}
    assert stages[-1].window == pytest.approx(np.deg2rad(180 / 2**7))
    assert angular_distance(found[0].angle, 0.3) < np.deg2rad(0.71)


def test_sources_that_move_are_not_looked_for_as_finely():
    stages, found = run(oracle(0.3), moving=True)
    assert [stage.level for stage in stages] == [0, 1, 2]
    assert angular_distance(found[0].angle, 0.3) < WINDOWS[2] / 2


def test_batches_are_bounded(monkeypatch):
    whole = run(oracle(0.3))[1]
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 3 * FRAMES)
    bounded = oracle(0.3)
    stages, found = run(bounded)
    assert bounded.batches[:2] == [(0, 3), (0, 1)] and [stage.remaining for stage in stages[:2]] == [1, 0]
    assert found[0].angle == whole[0].angle
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 1)  # one at a time then
    alone = oracle(0.3)
    run(alone)
    assert {size for _, size in alone.batches} == {1}


def test_nothing_is_found_in_silence():
    stages, found = run(Oracle({0.3: np.zeros(FRAMES)}))
    assert found == [] and len(stages) == 1


@pytest.mark.parametrize("pre_shift", ["original", "exact"])
@pytest.mark.parametrize("rms", ["mono", "multichannel"])
def test_a_network_is_asked_whatever_the_length(pre_shift, rms):
    torch.manual_seed(0)
    network = ConeNetwork(ConeConfig(microphones=6, depth=2, channels=4, lstm_layers=1))
    separator = ConeSeparator("fresh", network, "circle-6", RATE)
    settings = SearchSettings(energy_cutoff=0.0, moving=True, pre_shift=pre_shift, rms=rms)
    for frames in (1, 2, 700):
        mixture = RNG.standard_normal((6, frames)).astype(np.float32)
        before = mixture.copy()
        stages, found = gathered(search(mixture, ARRAY, RATE, separator, settings))
        assert all(math.isfinite(c.energy) for stage in stages for c in stage.candidates)
        assert all(source.signal.shape == (6, frames) for source in found)
        np.testing.assert_array_equal(mixture, before)


@pytest.mark.parametrize("shape", [(4, 100), (6, 0)])
def test_mixtures_of_another_array(shape):
    with pytest.raises(InputError, match="needs 6 channels with samples"):
        next(search(np.zeros(shape, dtype=np.float32), ARRAY, RATE, oracle(0.0)))


def candidate(angle: float, energy: float, signal: np.ndarray) -> Detection:
    return Detection(angle, energy, signal[None])


def test_a_voice_seen_twice_is_kept_once():
    voice, other = RNG.standard_normal((2, 1000))
    near, far = 0.1, 2.0
    loud, echo = candidate(0.0, 1.0, voice), candidate(near, 0.5, 0.3 * voice + 0.01 * other)
    assert suppress([echo, loud]) == [loud]
    for kept in (candidate(near, 0.5, other), candidate(far, 0.5, voice)):  # sounds different; is somewhere else
        assert suppress([kept, loud]) == [loud, kept]
    assert suppress([loud, candidate(near, 0.5, voice)]) == [loud]  # not one sample differs
    assert suppress([]) == []


def test_silent_channels_explain_nothing_and_do_no_harm():
    loud, silent = (candidate(0.0, 1.0, RNG.standard_normal(100)), candidate(0.1, 0.5, np.zeros(100)))
    assert suppress([loud, silent]) == [loud, silent]


def test_levels_of_a_constant():
    """One everywhere: reflected ends are as loud, silent ones are not; channels of opposite sign cancel in mono."""
    ones = np.ones((3, 4, 5000), dtype=np.float32)
    assert mean_rms(ones) == pytest.approx([1, 1, 1])
    hops = np.arange(5000 // 512 + 1) * 512
    inside = np.minimum(hops + 1024, 5000) - np.maximum(hops - 1024, 0)
    assert mean_rms(ones, "multichannel") == pytest.approx(3 * [np.sqrt(inside / 2048).mean()])
    ones[:, ::2] = -1
    assert mean_rms(ones) == pytest.approx([0, 0, 0])
    assert mean_rms(ones, "multichannel").min() > 0.8


def test_targets_are_the_voices_inside_the_window():
    sources, directions = torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0)), [0.2, -1.5]
    pair = circular("pair", 2, 0.001)  # so small that there is nothing to align
    mixture, target = training_pair(sources, directions, 0.0, math.pi / 2, pair, RATE)
    assert torch.equal(mixture, sources.sum(dim=0)) and torch.equal(target, sources[0])
    assert torch.equal(training_pair(sources, directions, 1.4, 0.3, pair, RATE)[1], sources[1])  # its mirror image
    assert not training_pair(sources, directions, 2.8, 0.3, pair, RATE)[1].any()


@pytest.mark.parametrize("only", ["nms", "search", "dataset_item"])
def test_goldens(parity_folder, only):
    checks = list(run_parity(parity_folder, system="cone_of_silence", only=only))
    assert checks and all(check.ok for check in checks)
