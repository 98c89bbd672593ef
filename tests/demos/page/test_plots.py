"""Pictures of sound: columns stay aligned, levels are true, and the ladder plot says where the sampler is."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from core.signal.clip import Clip
from demos.page import plots

RATE = 16000


def picture(clip: Clip, **options) -> np.ndarray:
    """Palette indices of a spectrogram, [rows, columns]."""
    options = {"top_db": 0.0, "top_hz": clip.sample_rate / 2} | options
    return np.asarray(Image.open(io.BytesIO(plots.spectrogram_png(clip, **options))))


@pytest.mark.parametrize("frames", [2 * RATE, 3 * RATE + 7, 500])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_a_click_stands_in_the_same_column_of_waveform_and_spectrogram(frames, share):
    samples = np.zeros((1, frames), np.float32)
    samples[0, int(share * frames)] = 1
    clip = Clip(samples, RATE)
    wave_column = plots.outline(clip)[:, 1].argmax()
    energy = np.square(10 ** (plots.spectrum_db(clip) / 20)).sum(axis=1)
    assert abs(energy.argmax() - wave_column) <= 1
    assert plots.outline(clip).shape[0] == picture(clip).shape[1] == plots.columns_of(clip)


def test_outline_holds_the_extremes_of_every_channel():
    samples = np.stack([np.full(1440, 0.25), np.full(1440, -0.5)]).astype(np.float32)
    samples[0, 700] = 0.75
    outline = plots.outline(Clip(samples, RATE))
    assert outline.shape == (720, 2)
    assert outline[:, 0] == pytest.approx(-0.5) and outline[350, 1] == pytest.approx(0.75)


def test_a_full_scale_sine_has_0_db_in_its_row():
    time = np.arange(RATE) / RATE
    clip = Clip(np.sin(2 * math.pi * 2000 * time, dtype=np.float32), RATE)
    assert plots.loudest_db(clip) == pytest.approx(0, abs=0.1)
    rows = picture(clip)[:, 360]
    assert rows.max() >= 250
    assert abs((plots.ROWS - 0.5 - rows.argmax()) * 8000 / plots.ROWS - 2000) < 100


def test_a_comparison_shares_one_db_range():
    noise = np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    loud, quiet = Clip(0.1 * noise, RATE), Clip(0.01 * noise, RATE)
    top = plots.loudest_db(loud)
    difference = picture(loud, top_db=top).astype(float) - picture(quiet, top_db=top)
    assert np.median(difference) == pytest.approx(20 / plots.RANGE_DB * 255, abs=1.5)


def test_nothing_is_drawn_over_the_nyquist_frequency():
    noise = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
    image = picture(Clip(noise, 4000), top_hz=8000)
    assert image[: plots.ROWS * 3 // 4 - 1].max() == 0
    assert np.median(image[plots.ROWS * 3 // 4 + 2 :]) > 100


def test_silence_is_drawn():
    assert picture(Clip(np.zeros((1, 64), np.float32), RATE), top_db=-160.0).max() <= 255


def test_ladder_marks_where_the_sampler_is():
    figure = plots.ladder_figure([1.0, 0.1, 0.01], [0.3, 0.2, 0.1], [None] * 3, 1)
    curve, marker = figure.data
    assert (marker.x[0], marker.y[0]) == (curve.x[1], curve.y[1]) == (0.1, 0.2)
    assert figure.layout.xaxis.type == "log" and figure.layout.xaxis.autorange == "reversed"


def test_ladder_shows_log_probability_where_the_model_has_one():
    figure = plots.ladder_figure([1.0, 0.0], [0.3, 0.2], [-5.0, -4.0])
    assert [trace.name for trace in figure.data[:2]] == ["residual", "log-probability"]
    assert list(figure.data[1].y) == [-5.0, -4.0] and figure.data[1].yaxis == "y2"
    assert min(figure.data[0].x) > 0, "a level of zero has no place on a logarithm"


@pytest.mark.parametrize("residual", [0.02, 0.0])
def test_one_update_has_axes_of_a_decade(residual):
    figure = plots.ladder_figure([0.3], [residual], [None])
    for axis, value in ((figure.layout.xaxis, 0.3), (figure.layout.yaxis, residual or 1.0)):
        low, high = axis.autorangeoptions.include
        assert high / low == pytest.approx(10) and low < value < high


def test_an_empty_ladder_is_a_sentence_and_no_grid():
    figure = plots.ladder_figure([], [], [])
    assert not figure.data and not figure.layout.xaxis.visible and not figure.layout.yaxis.visible
    assert "noise ladder" in figure.layout.annotations[0].text.replace("<br>", " ")
