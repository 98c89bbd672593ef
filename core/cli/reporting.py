"""What commands print: tables, paragraphs, how a run went."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

PAGE_WIDTH = 110


def print_result(output: Path, result, notes: Sequence[str]) -> None:
    """Prints what was written, how, and how good it is."""
    report = result.report
    print(
        f"{output}: {result.clip.seconds:.2f} s at {result.clip.sample_rate} Hz, {report['prior']}, "
        f"{report['score_evaluations']} score evaluations, {report['seconds']:.1f} s"
    )
    for note in notes:
        print(f"Note: {note}")
    print_figures({"result": result.metrics, **result.baseline_metrics})


def print_figures(figures: Mapping[str, Mapping[str, float | None]]) -> None:
    """Prints a table of figures by method; nothing where the first method has none."""
    measured = [name for name, value in next(iter(figures.values())).items() if value is not None]
    if measured:
        rows = [[method, *(_figure(metrics.get(name)) for name in measured)] for method, metrics in figures.items()]
        print_table(["", *map(_title, measured)], rows)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints columns as wide as their widest cell: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    for row in [titles, *rows]:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([row[0].ljust(len(first)), *others]).rstrip())


def print_paragraph(title: str, text: str) -> None:
    """Prints a text under its title, wrapped and indented; nothing where there is no text."""
    if text:
        print(
            textwrap.fill(
                text, PAGE_WIDTH, initial_indent=f"  {title}: ", subsequent_indent="    ", break_on_hyphens=False
            )
        )


def _title(metric: str) -> str:
    """ "si_sdr_db" -> "SI-SDR dB", "mel_error" -> "Mel error"."""
    name, _, unit = metric.rpartition("_")
    return f"{name.upper().replace('_', '-')} dB" if unit == "db" else metric.replace("_", " ").capitalize()


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
