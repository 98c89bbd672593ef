"""What the page says."""

import re
from dataclasses import replace

import numpy as np
import pytest

from core.arrays.finding import Candidate, Stage
from core.choices import parse_gaps
from core.signal.clip import Clip
from core.tasks.progress import SOUND, DirectionsLook, Progress, Result
from core.types import Iterate
from demos.page import html
from demos.turns.line import Place

CLIP = Clip(np.zeros((1, 64), np.float32), 16000)


def test_gaps_round_trip():
    gaps = [(0.1234, 0.2), (10.0, 11.5)]
    assert parse_gaps(html.gaps_text(gaps)) == [(0.123, 0.2), (10.0, 11.5)]


def test_a_search_says_what_it_does():
    stage = Stage(0, 5, np.pi / 2, (Candidate(0.0, 1.0, True), Candidate(1.0, 0.0, False)), 0)
    looking = html.looking_html(Progress(1.0, 3.0, look=DirectionsLook(0, 1, (0.0, 4.0), stage)))
    assert "Looking around<" in looking and "1 of 2 windows of 90° hold sound" in looking and "3.0 s left" in looking
    assert "Taking voices apart, part 2 of 3" in html.looking_html(
        Progress(1.0, 3.0, look=DirectionsLook(1, 3, (9, 20)))
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_seconds_are_readable(seconds, text):
    assert html.seconds_text(seconds) == text


def test_progress_says_step_noise_and_time_left():
    iterate = Iterate(None, None, 0.03125, 3, 40, None, 0.1)
    shown = html.progress_html(Progress(1.0, 3.0, iterate))
    assert "Step 3 of 40" in shown and "noise 0.0312" in shown and "3.0 s left" in shown and "width:25.0%" in shown


def result(metrics, baselines) -> Result:
    report = {"seconds": 2.0, "prior": "<b>", "score_evaluations": 40, "seed": 0}
    return Result({SOUND: CLIP}, CLIP, report | {"metrics": metrics, "baselines": baselines})


def table(made: Result) -> str:
    return html.metrics_html(html.metrics_rows(made))


def test_metrics_have_units_and_the_best_is_marked():
    figures = {"psnr_db": 30.04, "si_sdr_db": None, "lsd_db": 4.0}
    shown = table(result(figures, {"linear_prediction": {"psnr_db": 28.0, "lsd_db": 3.96}}))
    heads = re.findall(r'<th scope="col">([A-Z]+)<small>dB', shown)
    assert heads == ["PSNR", "LSD"], "columns without a figure are left out"
    assert ">Linear prediction</th>" in shown
    assert re.findall(r'<td class="best">([\d.]+)', shown) == ["30.0", "4.0"]


def test_the_input_has_a_row_where_it_can_be_measured():
    made = result({"psnr_db": 30.0}, {})
    assert ">Input</th>" not in table(made)
    measured = table(replace(made, observed_figures={"psnr_db": 12.5}))
    assert measured.index(">Input</th>") < measured.index("12.5") < measured.index(">Result</th>")


def test_every_figure_that_is_shown_is_explained_once():
    shown = table(result({"psnr_db": 30.0, "si_sdr_db": None, "lsd_db": 4.0}, {}))
    assert re.findall("<dt>(.*?)</dt>", shown) == ["PSNR", "LSD"]
    stems = {"piano": {"si_sdr_improvement_db": 9.0}, "<voice>": {"si_sdr_improvement_db": 8.0}}
    taken = replace(result({}, {}), sounds=dict.fromkeys(stems, CLIP), figures=stems)
    shown = html.separation_html(taken)
    assert re.findall("<dt>(.*?)</dt>", shown) == ["SI-SDR gain"] and "<voice>" not in shown


def test_no_truth_no_table():
    assert "no truth" in table(result({"psnr_db": None}, {"spline": {"psnr_db": None}}))


@pytest.mark.parametrize(
    ("degrees", "text"), [(44.46, "45°"), (44.44, "44°"), (44.5, "45°"), (45.5, "46°"), (359.46, "0°"), (0.0, "0°")]
)
def test_an_angle_is_one_number_wherever_it_stands(degrees, text):
    """The picture is sent 44.5 for 44.46 and rounds it up, as JavaScript does."""
    assert html.degrees_text(np.deg2rad(degrees)) == text


def test_a_level_is_one_number_wherever_it_stands():
    assert html.level_text(-17.5) == "\N{MINUS SIGN}17 dB" and html.level_text(-17.46) == "\N{MINUS SIGN}17 dB"


def test_the_status_line_calls_models_as_menus_do():
    done = result({}, {})
    of_two = replace(done, report=done.report | {"prior": ["voice-16k", "piano-16k"]})
    assert "<span>Voice + Piano</span>" in html.result_html(of_two) and "seed" in html.result_html(of_two)
    played = replace(done, report=done.report | {"prior": "voice-vocoder", "sampler": "one pass"})
    shown = html.result_html(played)
    assert "<span>Voice, fast vocoder</span><span>one pass</span>" in shown and "seed" not in shown


def test_names_are_escaped():
    assert "<b>&lt;b&gt;" not in html.result_html(result({}, {})) and "&lt;b&gt;" in html.result_html(result({}, {}))
    assert "<script>" not in html.caption_html("<script>.wav", 1.0, CLIP)
    assert "<i>" not in html.notes_html(["<i>"])


def test_who_waits_reads_how_many_come_first_and_for_about_how_long():
    text = html.waiting_html(Place(3, 41.3, aside=False))
    assert "Waiting for its turn" in text and "3 runs before it" in text and "begins in about 41 s" in text
    assert "next in line" in html.waiting_html(Place(0, 0.2, aside=False))
    text = html.waiting_html(Place(1, 130.0, aside=True))
    assert "Paused for short runs" in text and "1 run before it" in text and "goes on in about 2 min 10 s" in text
