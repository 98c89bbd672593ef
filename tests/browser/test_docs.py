"""The examples of the documentation that call the page from a program run as they stand there, on short sounds."""

import base64
import re
from pathlib import Path

import pytest
import soundfile

from core.signal.image_files import write_image
from demos.generation.digits import digit
from demos.page.examples import SOUNDS
from tests.loops import in_loop
from tests.processes import ROOT

client = pytest.importorskip("gradio_client")

FENCED = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(client\.predict\(.*?\))`")
CALLS = re.compile(r"\.predict\(|\.submit\(|call_tool\(")
SERVED_AT = "http://127.0.0.1:7860"
FILES = {  # that the examples name: of which sound they are, and how many seconds of it
    "in.wav": ("speech", 1.5),
    "mix.wav": ("piano-and-speech", 1.0),
    "meeting.wav": ("two-voices-respeaker-4", 3.5),
    "me.wav": ("speech-garden", 12.0),
}
IMAGES = {"in.png": 3, "a.png": 8, "b.png": 4}  # and of which digit
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate([*FENCED.findall(page.read_text()), *INLINE.findall(page.read_text())])
    if CALLS.search(code)
]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where the examples run: the files that they name lie there."""
    for name, (sound, seconds) in FILES.items():
        samples, rate = soundfile.read(SOUNDS / f"{sound}.flac")
        samples = samples[: round(seconds * rate)]
        soundfile.write(tmp_path / name, 0.9 * samples / abs(samples).max(), rate)
    for name, number in IMAGES.items():
        write_image(tmp_path / name, digit(number)[None])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(code: str, server) -> dict:
    """The names that the example defines, with this test's server in the place of the one it names."""
    known = {
        "client": client.Client(server.url, verbose=False, httpx_kwargs={"timeout": 120}),
        "handle_file": client.handle_file,
    }
    exec(compile(code.replace(SERVED_AT, server.url), "example", "exec"), known)
    return known


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(code, server, folder):
    try:
        known = run(code, server)
    except client.exceptions.AppError as error:
        if "no prior named" in str(error):  # the default of this endpoint does not ship
            pytest.skip(str(error)[:60])
        raise
    if "restore" in known:
        sound = base64.b64encode((folder / "in.wav").read_bytes()).decode()
        known |= in_loop(known["restore"](f"data:audio/wav;base64,{sound}"))
        assert known["address"].startswith(server.url)
    assert "report" not in known or known["report"]["task"]


def test_every_endpoint_has_an_example(server):
    endpoints = set(
        client.Client(server.url, verbose=False, httpx_kwargs={"timeout": 120}).view_api(return_format="dict")[
            "named_endpoints"
        ]
    )
    code = (ROOT / "docs" / "api.md").read_text()
    assert endpoints == set(re.findall(r'api_name="(/\w+)"', code))
