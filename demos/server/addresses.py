"""What the addresses of files lead to: files that were sent to this server, and nothing elsewhere.

Of an address in a request Gradio would fetch what it names, of any size, from anywhere in the internet.
"""

from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder

FILE = "/gradio_api/file="
ELSEWHERE = (
    "This server fetches nothing from elsewhere; send the file to /gradio_api/upload first, and name its address here."
)


def fetch_nothing() -> None:
    """Puts the functions of this file in the place of those by which Gradio fetches: it has no setting for that."""
    processing_utils.async_ssrf_protected_download = _sent_file
    processing_utils.async_ssrf_protected_get = _refused


def was_sent(path: str) -> bool:
    """Whether a path is of a file among those that were sent to this server, or made by it."""
    return "\0" not in path and Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())


async def _sent_file(url: str, cache_dir: str) -> str:
    """The path of a file that was sent to this server, by the address that it has here."""
    try:
        path = unquote(urlsplit(url).path).partition(FILE)[2]
    except ValueError:
        path = ""
    if not path or not was_sent(path):
        await _refused()
    return path


async def _refused(*anything, **more) -> NoReturn:
    raise gr.Error(ELSEWHERE, print_exception=False)
