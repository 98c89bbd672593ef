"""Where results are taken along: a format, a button for the sound and one for the report."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import gradio as gr

from core.errors import InputError
from demos.page import html
from demos.page.downloads import ARCHIVE, FLOAT, Made
from demos.page.menus import Choice, menu
from demos.page.toasts import warn

FORMAT_CHOICES = [
    Choice(FLOAT, "WAV, 32-bit float", "The result as it is, peaks over full scale included."),
    Choice("wav-24", "WAV, 24 bit", "For editors; finer than can be heard."),
    Choice("wav-16", "WAV, 16 bit", "For whatever plays sound."),
    Choice("flac", "FLAC, 24 bit", "As the WAV of 24 bits, in less space."),
]


def build(label: str = "", formats: Sequence[Choice] = FORMAT_CHOICES, form: str = FLOAT) -> dict:
    """Makes the widgets and connects them; whoever has results sets `made`, a `Made`, or another that can be `written`
    in one of the formats and has a `report`, or None.

    Args:
        label: of the button for an archive of several files.
        formats: on offer; `form` is the first that is chosen.
    """
    ui = SimpleNamespace(made=gr.State(None, time_to_live=24 * 3600))
    ui.format = menu(formats, form, "Format")
    with gr.Row(elem_classes="actions"):
        ui.download = gr.DownloadButton("Download", interactive=False, min_width=160, elem_classes="download")
        ui.report = gr.DownloadButton("Report", interactive=False, min_width=80, elem_classes="report")
    note = gr.HTML()

    def write(made: Made | None, form: str) -> tuple:
        if made is None:
            return _nothing(), _nothing(), ""
        try:
            path, said = made.written(form)
        except InputError as error:
            warn(str(error))
            return _nothing(), _nothing(), ""
        report = gr.DownloadButton(value=made.report, interactive=True) if made.report else _nothing()
        kind = Path(path).suffix
        said_on_it = label if kind == ARCHIVE else f"Download {kind[1:].upper()}"
        download = gr.DownloadButton(said_on_it, value=path, interactive=True)
        return download, report, html.notes_html([said] if said else [])

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    outputs = [ui.download, ui.report, note]
    gr.on([ui.made.change, ui.format.input], write, [ui.made, ui.format], outputs, trigger_mode="always_last", **quiet)
    return vars(ui)


def _nothing() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)
