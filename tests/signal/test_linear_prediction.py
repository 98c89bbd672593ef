"""Linear prediction against closed forms: processes whose coefficients and conditional means are known."""

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from core.signal.linear_prediction import burg, fill_gap, fill_gaps, interpolate_gap, interpolate_gaps

GAP = slice(8000, 8400)


def interpolated(samples, start, stop):
    return interpolate_gap(samples, start, stop).mean


def tones(frames=16000):
    t = np.arange(frames) / 16000
    return 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1000 * t + 1)


def test_burg_finds_the_coefficients_of_an_autoregressive_process():
    noise = np.random.default_rng(0).standard_normal(50_000)
    process = lfilter([1], [1, -1.6, 0.8], noise)
    np.testing.assert_allclose(burg([process], 2), [1, -1.6, 0.8], atol=0.02)
    np.testing.assert_allclose(burg([process[:20_000], process[30_000:]], 2), [1, -1.6, 0.8], atol=0.02)


@pytest.mark.parametrize("fill", [fill_gap, interpolated])
def test_steady_tones_go_on_through_a_gap(fill):
    filled = fill(tones(), GAP.start, GAP.stop)
    assert np.abs(filled - tones()[GAP]).max() < 0.03


def test_interpolation_comes_close_to_the_conditional_mean_of_a_gaussian_process():
    """For an autoregressive process the least prediction error is the posterior mean, which no estimate can beat."""
    process = lfilter([1], [1, -1.2, 0.6], np.random.default_rng(1).standard_normal(60_000))
    length, context = 30, 60
    impulse = lfilter([1], [1, -1.2, 0.6], np.eye(1, 4000)[0])
    covariance = toeplitz(np.correlate(impulse, impulse, "full")[3999:][: 2 * context + length])
    gap = np.arange(context, context + length)
    known = np.setdiff1d(np.arange(2 * context + length), gap)
    weights = np.linalg.solve(covariance[np.ix_(known, known)], covariance[np.ix_(known, gap)])
    errors = {"posterior mean": [], "interpolated": []}
    for start in range(5000, 55_000, 2500):
        truth, around = process[start : start + length], process[start - context : start + length + context]
        errors["posterior mean"].append(around[known] @ weights - truth)
        errors["interpolated"].append(interpolated(process, start, start + length) - truth)
    power = {name: np.mean(np.square(rows)) for name, rows in errors.items()}
    assert power["posterior mean"] <= power["interpolated"] < 1.5 * power["posterior mean"]


def test_interpolation_is_sharper_than_cross_fading_on_notes_that_die_away():
    t = np.arange(24_000) / 16000
    rng = np.random.default_rng(2)
    notes = sum(
        np.exp(-3 * t) * np.sin(2 * np.pi * f * n * t + rng.uniform(0, 6)) / n
        for f in (220, 277.2, 329.6)
        for n in range(1, 9)
    )
    notes = notes + 1e-3 * rng.standard_normal(len(t))
    errors = [np.square(fill(notes, 9000, 9800) - notes[9000:9800]).sum() for fill in (interpolated, fill_gap)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("fill", [fill_gap, interpolated])
def test_gaps_at_the_ends_and_in_silence(fill):
    assert np.abs(fill(tones(), 0, 200) - tones()[:200]).max() < 0.05
    assert np.abs(fill(tones(), 15800, 16000) - tones()[15800:]).max() < 0.05
    assert not fill(np.zeros(4000), 1000, 1200).any()
    assert not fill(np.zeros(10), 0, 10).any()
    assert np.isfinite(fill(np.ones(4000), 1000, 1200)).all()


@pytest.mark.parametrize("fill", [fill_gaps, lambda samples, gaps: interpolate_gaps(samples, gaps).mean])
def test_gaps_do_not_look_into_each_other(fill):
    waveform = tones()
    spoiled = waveform.copy()
    gaps = [(4000, 4200), (9000, 9100)]
    for start, stop in gaps:
        spoiled[start:stop] = 1e3
    assert np.abs(fill(spoiled, gaps) - waveform).max() < 0.03


def test_doubt_tells_how_far_off_an_interpolation_is():
    """Tones in more and more noise: the doubt grows with the error, and is neither far under nor far over it."""
    rng = np.random.default_rng(3)
    errors, doubts = [], []
    for share in np.geomspace(1e-3, 1, 10):
        sound = tones() + 0.3 * share * rng.standard_normal(16000)
        made = interpolate_gap(sound, GAP.start, GAP.stop)
        errors.append(np.sqrt(np.mean((made.mean - sound[GAP]) ** 2)))
        doubts.append(np.sqrt(np.mean(made.doubt**2)))
    assert np.corrcoef(np.log(errors), np.log(doubts))[0, 1] > 0.9
    assert 0.3 < np.median(np.array(errors) / doubts) < 3


def test_there_is_no_doubt_where_samples_are_known_and_endless_doubt_without_two_sides():
    made = interpolate_gaps(tones(), [(0, 200), (8000, 8200)])
    doubt = made.doubt
    assert np.isinf(doubt[:200]).all()
    assert np.isfinite(doubt[8000:8200]).all()
    assert not doubt[200:8000].any() and not doubt[8200:].any()
    for waveform in (made.mean, made.joint, made.forward, made.backward):
        np.testing.assert_array_equal(waveform[200:8000], tones()[200:8000])


def test_predictions_from_one_side_do_not_see_the_other():
    first, second = tones(), tones()
    second[GAP.stop :] = 0.3 * np.sin(2 * np.pi * 777 * np.arange(16000 - GAP.stop) / 16000)
    one, other = (interpolate_gap(sound, GAP.start, GAP.stop) for sound in (first, second))
    np.testing.assert_array_equal(one.forward, other.forward)
    assert np.abs(one.forward - first[GAP]).max() < 0.03
    assert np.abs(one.backward - first[GAP]).max() < 0.03
    assert np.abs(one.backward - other.backward).max() > 0.1
