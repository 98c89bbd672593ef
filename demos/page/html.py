"""What the page says in words and small tables: status, time, metrics, a model's card; and how gaps are written."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from core.choices import ONE_PASS
from core.signal.clip import Clip
from core.tasks.image_runs import ImageProgress
from core.tasks.progress import Figures, Progress, Result
from core.zoo import Entry
from demos.page import menus
from demos.page.figures import LOCALIZATION, METRICS, Figure, stem_gain
from demos.page.history import KeptIterate
from demos.turns.line import Place

RADIAN = math.pi / 180
BESIDE = 20 * RADIAN  # a voice found so near a true one is taken for it


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `12 s`, `2 min 05 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"


def status_html(state: str, text: str, share: float = 0.0) -> str:
    """The line over the live scope. state: "idle", "running", "done" or "stopped"."""
    width = f"{100 * min(max(share, 0), 1):.1f}%"
    return (
        f'<div class="status {state}" role="status"><span class="lamp"></span><span>{text}</span>'
        f'<div class="bar"><i style="width:{width}"></i></div></div>'
    )


def waiting_html(place: Place) -> str:
    """The line over the live scope of a run that waits for its turn."""
    state, begins = ("Paused for short runs", "goes on") if place.aside else ("Waiting for its turn", "begins")
    seconds = max(round(place.seconds), 1)
    soon = f"{seconds} s" if seconds < 10 else seconds_text(seconds)
    before = "next in line" if not place.ahead else f"{_counted(place.ahead, 'run')} before it"
    return status_html("running", f"<b>{state}</b><span>{before}</span><span>{begins} in about {soon}</span>")


def progress_html(progress: Progress) -> str:
    at = progress.iterate
    text = f"{_step_html(at.step, at.total_steps, at.level)}<span>{seconds_text(progress.seconds_left)} left</span>"
    total = progress.seconds + progress.seconds_left
    return status_html("running", text, progress.seconds / total if total else 0.0)


def _step_html(step: int, total_steps: int, level: float) -> str:
    """Step 0 is what is made of the evidence in one go, before the chain begins; without noise there is no chain."""
    if not level:
        return "<b>Made in one step</b>"
    return f"<b>Step {step} of {total_steps}</b><span>noise {level:.3g}</span>" if step else "<b>First estimate</b>"


def pixels_html(progress: ImageProgress) -> str:
    """The status line while images are drawn pixel by pixel."""
    total = progress.seconds + progress.seconds_left
    left = f"<span>{seconds_text(progress.seconds_left)} left</span>"
    return status_html("running", f"<b>Drawing</b>{left}", progress.seconds / total if total else 0.0)


def past_pixels_html(step: int, total_steps: int) -> str:
    """The status line while a part of them is on show."""
    return status_html("done", f"<b>{step} of {total_steps} pixels</b>", step / total_steps)


def _counted(count: int, thing: str) -> str:
    """`1 evaluation`, `2 evaluations`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def results_id(task: str) -> str:
    """The id of the place where a task's results are compared."""
    return f"results-of-{task}"


def compare_link(task: str) -> str:
    """The way to that place, in a status line."""
    return f'<a class="onward" href="#{results_id(task)}">Compare</a>'


def result_html(result: Result, onward: str = "") -> str:
    """The status line after a run; onward: further HTML for it."""
    report = result.report
    facts = [f"<b>Done in {seconds_text(report['seconds'])}</b>", f"<span>{escape(_models(report['prior']))}</span>"]
    if report.get("sampler") == ONE_PASS:
        facts.append(f"<span>{ONE_PASS}</span>")
    else:
        thing = "particle" if "particles" in report else "evaluation"
        work = _counted(report["particles" if "particles" in report else "score_evaluations"], thing)
        facts += [f"<span>{work}</span>", f"<span>seed {report['seed']}</span>"]
    return status_html("done", "".join([*facts, onward]), 1.0)


def looking_html(progress: Progress) -> str:
    """The status line while voices are looked for."""
    look = progress.look
    doing = "Looking around" if look.has_picture else "Taking voices apart"
    facts = [f"<b>{doing}{f', part {look.chunk + 1} of {look.chunks}' if look.chunks > 1 else ''}</b>"]
    if look.stage is not None:
        windows = look.stage.candidates
        width = round(look.stage.window / RADIAN, 1)
        kept = sum(window.kept for window in windows)
        facts.append(f"<span>{kept} of {len(windows)} windows of {width:g}° hold sound</span>")
    facts.append(f"<span>{seconds_text(progress.seconds_left)} left</span>")
    total = progress.seconds + progress.seconds_left
    return status_html("running", "".join(facts), progress.seconds / total if total else 0.0)


def found_html(result: Result, onward: str = "") -> str:
    """The status line after voices were looked for; onward: further HTML for it."""
    report, count = result.report, len(result.voices)
    voices = "No voice" if not count else "1 voice" if count == 1 else f"{count} voices"
    means = f"{report['method']}, {_models(report['prior'])}" if report["prior"] else report["method"]
    facts = [f"<b>{voices} in {seconds_text(report['seconds'])}</b>", f"<span>{escape(means)}</span>"]
    facts += [f"<span>{escape(report['array'])}</span>", onward]
    return status_html("done", "".join(facts), 1.0)


def _models(names: str | Sequence[str]) -> str:
    """As menus call them."""
    return " + ".join(map(menus.model_name, [names] if isinstance(names, str) else dict.fromkeys(names)))


def iterate_html(iterate: KeptIterate) -> str:
    """The status line while an iterate of the past is on show."""
    text = _step_html(iterate.step, iterate.total_steps, iterate.level)
    return status_html("done", text, iterate.step / iterate.total_steps)


def caption_html(name: str = "", seconds: float = 0.0, clip: Clip | None = None) -> str:
    """The line over the input: what is loaded."""
    if clip is None:
        return '<div class="caption-line"><b>Your sound</b></div>'
    channels = {1: "mono", 2: "stereo"}.get(clip.channels, f"{clip.channels} channels")
    facts = f"{seconds_text(seconds)}, {clip.sample_rate / 1000:g} kHz, {channels}"
    return f'<div class="caption-line"><b>{escape(name)}</b><span>{facts}</span></div>'


def card_html(entry: Entry) -> str:
    """What is known of a checkpoint."""
    rate = f"{entry.sample_rate / 1000:g} kHz" if entry.sample_rate else "of images"
    facts = {
        "Name": entry.name,
        "Kind": f"{entry.architecture}, {rate}, {entry.bytes / 2**20:.1f} MB",
        "Further files": ", ".join(f"{part}.safetensors" for part in entry.parts.values()),
        "Trained on": entry.data,
        "Training": ", ".join(filter(None, [f"{entry.steps:,} steps" if entry.steps else "", entry.hardware])),
        "Finished": entry.date,
        "Figures": ", ".join(f"{title(name)} {value:.4g}" for name, value in entry.metrics.items()),
        "Licence": entry.licence,
        "SHA-256": f"{entry.sha256[:16]}…",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(str(fact))}</dd>" for name, fact in facts.items() if fact)
    origin = "" if entry.bundled else '<p class="quiet">This is your own checkpoint; it does not ship with Resound.</p>'
    return f'<dl class="card">{rows}</dl>{origin}'


def metrics_rows(result: Result) -> dict[str, Figures]:
    """The metrics of the input, the result and its baselines."""
    rows = {"Input": result.observed_figures} if result.observed_figures else {}
    return rows | {"Result": result.metrics} | {title(name): own for name, own in result.baseline_metrics.items()}


def metrics_html(rows: Mapping[str, Figures]) -> str:
    """The table of metrics, the best of every column marked."""
    missing = "No figures: there is no truth to compare with. Advanced takes a reference, the sound as it should be."
    return table_html(rows, missing)


def separation_html(result: Result, others: Mapping[str, Figures] | None = None) -> str:
    """How much nearer to the truth each stem is than the mixture, of the result, the baselines and the oracles.

    Args:
        others: the same of further methods, by the names of the stems.
    """
    rows = {"Result": _gains(result.figures)} | dict(others or {})
    rows |= {title(name): _gains(stems) for name, stems in result.baseline_figures.items()}
    names = {name: stem_gain(name) for name in result.sounds}
    missing = "No figures: there is no truth to compare with. Mix two sounds here, and there is."
    return table_html(rows, missing, names)


def _gains(stems: Mapping[str, Figures]) -> Figures:
    return {name: figures["si_sdr_improvement_db"] for name, figures in stems.items()}


def localization_html(result: Result) -> str:
    """Means over the true voices, of the result, the untouched microphone, the baselines and the oracles."""
    rows = {"Result": result.metrics}
    of_result, gain = result.metrics.get("si_sdr_db"), result.metrics.get("si_sdr_improvement_db")
    if of_result is not None and gain is not None:
        rows["Microphone 0"] = {"si_sdr_db": of_result - gain, "si_sdr_improvement_db": 0.0}
    rows |= {title(name): figures for name, figures in result.baseline_metrics.items()}
    missing = "No figures: nobody knows the truth here. In the simulated room it is known."
    return table_html(rows, missing, LOCALIZATION, explain=False)


def degrees_text(angle: float) -> str:
    """Radians as `42°`, in [0, 360)."""
    return f"{_whole(angle / RADIAN) % 360}°"


def level_text(level_db: float) -> str:
    """`−18 dB`."""
    return f"{_whole(level_db)} dB".replace("-", "\N{MINUS SIGN}")


def _whole(value: float) -> int:
    """As `assets/polar.js` rounds what it is sent, which has one decimal place."""
    return math.floor(round(value, 1) + 0.5)


def table_html(
    rows: Mapping[str, Mapping[str, float | None]],
    missing: str,
    metrics: Mapping[str, Figure] = METRICS,
    mark_best: bool = True,
    explain: bool = True,
) -> str:
    """Figures by method, the best of every column marked, and what they mean; the sentence `missing` without any."""
    keys = [key for key in metrics if any(figures.get(key) is not None for figures in rows.values())]
    if not keys:
        return f'<p class="quiet">{missing}</p>'
    head = "".join(f'<th scope="col">{_metric_head(metrics[key])}</th>' for key in keys)
    best = dict.fromkeys(keys)
    if mark_best:
        values = {key: [figures.get(key) for figures in rows.values()] for key in keys}
        best = {key: _best(values[key], metrics[key].more_is_better) for key in keys}
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f"{''.join(_metric_cell(figures.get(key), best[key]) for key in keys)}</tr>"
        for name, figures in rows.items()
    )
    table = f'<table class="metrics"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'
    return table + (_meanings_html([metrics[key] for key in keys]) if explain else "")


def _meanings_html(figures: Iterable[Figure]) -> str:
    """A fold under a table."""
    meanings = dict(figure.explained for figure in figures)
    rows = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in meanings.items())
    return f'<details class="meanings"><summary>What the figures mean</summary><dl>{rows}</dl></details>'


def notes_html(notes: Sequence[str]) -> str:
    return "".join(f'<p class="quiet">{escape(note)}</p>' for note in notes)


def title(name: str) -> str:
    """`linear_prediction` -> `Linear prediction`."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _metric_head(figure: Figure) -> str:
    arrow, meaning = ("↑", "more is better") if figure.more_is_better else ("↓", "less is better")
    return (
        f"{escape(figure.name)}<small>{figure.unit} "
        f'<abbr role="img" aria-label="{meaning}" title="{meaning}">{arrow}</abbr></small>'
    )


def _metric_cell(value: float | None, best: float | None) -> str:
    if value is None:
        return "<td>–</td>"
    mark = ' class="best"' if value == best else ""
    return f"<td{mark}>{value:.1f}</td>" if abs(value) >= 1 or value == 0 else f"<td{mark}>{value:.2g}</td>"


def _best(values: Iterable[float | None], more_is_better: bool) -> float | None:
    known = [value for value in values if value is not None]
    return (max if more_is_better else min)(known, default=None)


def gaps_text(gaps: Iterable[Sequence[float]]) -> str:
    """The gaps as `parse_gaps` reads them, to the millisecond."""
    return ", ".join(f"{start:.3f}-{stop:.3f}" for start, stop in gaps)
