"""Addresses of files lead to what was sent to this server, and nowhere else."""

import gradio as gr
import pytest
from gradio import processing_utils

from demos.server import addresses
from tests.loops import in_loop


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """A file that was sent to this server, which fetches nothing from elsewhere."""
    for name in ("async_ssrf_protected_download", "async_ssrf_protected_get"):
        monkeypatch.setattr(processing_utils, name, getattr(processing_utils, name))  # put back afterwards
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    addresses.fetch_nothing()
    file = tmp_path / "cache" / "a" / "in the garden.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"RIFF")
    return file


def taken(address: str):
    """What Gradio makes of an address in a request, before a component sees it."""
    given = {"path": address, "meta": {"_type": "gradio.FileData"}}
    component = gr.File(render=False)
    return in_loop(processing_utils.async_move_files_to_cache(given, component, check_in_upload_folder=True))


@pytest.mark.parametrize("host", ["http://127.0.0.1:7860", "https://resound.example.org/under"])
def test_the_address_of_a_file_that_was_sent_is_its_path(sent, host):
    address = f"{host}/gradio_api/file={str(sent).replace(' ', '%20')}"
    assert taken(address)["path"] == str(sent)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/in.wav",
        "http://127.0.0.1:7860/in.wav",
        "http://127.0.0.1:7860/gradio_api/file=",
        "http://127.0.0.1:7860/gradio_api/file=/etc/hostname",
        "http://127.0.0.1:7860/gradio_api/file={folder}/../../secret.wav",
        "http://127.0.0.1:7860/gradio_api/file={folder}/%00",
        "http://[/gradio_api/file=/etc/hostname",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_any_other_address_is_refused_and_nothing_is_fetched(sent, address, monkeypatch):
    def fetched(*anything, **more):
        raise AssertionError("something was fetched")

    monkeypatch.setattr("socket.getaddrinfo", fetched)
    with pytest.raises(gr.Error, match="fetches nothing from elsewhere"):
        taken(address.format(folder=sent.parent))
    with pytest.raises(gr.Error, match="fetches nothing from elsewhere"):
        in_loop(processing_utils.async_ssrf_protected_get(address))
