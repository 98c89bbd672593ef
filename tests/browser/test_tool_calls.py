"""Endpoints as tools, by the official client of the Model Context Protocol (MCP)."""

import base64
import json
import re
import time
from contextlib import asynccontextmanager
from io import BytesIO

import anyio
import httpx
import numpy as np
import pytest
import soundfile

from demos.page.examples import SOUNDS
from tests.loops import in_loop

client = pytest.importorskip("gradio_client")
mcp = pytest.importorskip("mcp")
streamable_http = pytest.importorskip("mcp.client.streamable_http")

ENDPOINTS = {
    "super_resolve",
    "inpaint",
    "declip",
    "vocode",
    "separate",
    "localize",
    "convert_voice",
    "generate",
    "generate_images",
    "inpaint_image",
    "super_resolve_image",
    "separate_images",
}
KINDS = ("Audio file", "Image file", "Text, ", "Number from", "Whole number from", "Boolean, ")
RANGE = re.compile(r"(?:N|Whole n)umber from (\S+) to ([^\s,;:]+)")


@asynccontextmanager
async def session(server):
    async with (
        streamable_http.streamablehttp_client(f"{server.url}/gradio_api/mcp/") as (read, write, _),
        mcp.ClientSession(read, write) as opened,
    ):
        await opened.initialize()
        yield opened


def in_session(server, work):
    """What the work makes of a session."""

    async def run():
        async with session(server) as opened:
            return await work(opened)

    return in_loop(run())


def call(server, name: str, **given):
    return in_session(server, lambda opened: opened.call_tool(name, given))


def within_call(samples: np.ndarray, rate: int) -> str:
    """A sound as it is given within a call."""
    file = BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


def sent(server, path) -> str:
    """The address of a file that was sent to the server first."""
    with path.open("rb") as file:
        (there,) = httpx.post(f"{server.url}/gradio_api/upload", files={"files": file}).raise_for_status().json()
    return f"{server.url}/gradio_api/file={there}"


def made_by(result) -> tuple[list[tuple[np.ndarray, int]], dict]:
    """The sounds whose addresses a result names, and the report."""
    assert not result.isError, result.content[0].text
    *addresses, report = (item.text for item in result.content)
    fetched = [httpx.get(address).raise_for_status().content for address in addresses]
    return [soundfile.read(BytesIO(content)) for content in fetched], json.loads(report)


@pytest.fixture(scope="module")
def tools(server):
    return in_session(server, lambda opened: opened.list_tools()).tools


def test_every_endpoint_is_a_tool_that_says_what_it_takes_and_returns(tools):
    assert {tool.name for tool in tools} == ENDPOINTS
    for tool in tools:
        assert "Returns: " in tool.description and "report: object" in tool.description
        for name, taken in tool.inputSchema["properties"].items():
            said = taken["description"]
            assert said.startswith(KINDS), name
            is_number = taken.get("type") in ("number", "integer") or "anyOf" in taken
            assert is_number == ("umber from" in said), f"{tool.name}: {name}"


def test_ranges_are_described_as_they_are_checked(server, tools):
    """Of each a number beyond it is refused with the same range."""
    api = client.Client(server.url, verbose=False, httpx_kwargs={"timeout": 120})
    audio = client.handle_file(str(SOUNDS / "piano.flac"))
    beyond = [
        (tool, name, found)
        for tool in tools
        for name, taken in tool.inputSchema["properties"].items()
        if (found := RANGE.match(taken["description"]))
    ]
    assert len(beyond) > 30
    for tool, name, found in beyond:
        files = {"audio", "image"} & set(tool.inputSchema["properties"])
        given = {name: int(float(found[2])) + 1} | dict.fromkeys(files, audio)
        given |= {"method": "latent"} if name == "samples" else {}
        with pytest.raises(client.exceptions.AppError, match=f"{name} must be .* from {found[1]} to {found[2]}, not"):
            api.predict(**given, api_name=f"/{tool.name}")


def test_a_sound_within_the_call_is_restored(server):
    samples = soundfile.read(SOUNDS / "piano.flac", frames=8000, dtype="float32")[0]
    result = call(server, "inpaint", audio=within_call(samples, 16000), gaps="0.2-0.25", prior="tiny", quality="draft")
    ((restored, rate),), report = made_by(result)
    outside = np.r_[0:3200, 4000:8000]
    assert rate == 16000 and np.array_equal(restored[outside].astype(np.float32), samples[outside])
    assert report["task"] == "inpaint"


def test_a_file_that_was_sent_first_is_taken_apart(server):
    audio = sent(server, SOUNDS / "piano-and-speech.flac")
    result = call(server, "separate", audio=audio, priors="tiny, tiny", quality="draft", length=0.5)
    stems, _ = made_by(result)
    mixture = soundfile.read(SOUNDS / "piano-and-speech.flac", frames=8000)[0]
    assert len(stems) == 2 and np.abs(sum(stem for stem, _ in stems) - mixture).max() < 1e-6


def test_sounds_are_generated(server):
    result = call(server, "generate", count=2, label="yes", prior="tiny-words", steps=2, seconds=0.05)
    sounds, report = made_by(result)
    assert [len(samples) for samples, _ in sounds] == [800, 800] and report["count"] == 2


def test_the_factor_may_be_a_word(server):
    audio = sent(server, SOUNDS / "piano-4k.flac")
    result = call(server, "super_resolve", audio=audio, factor="auto", prior="tiny", quality="draft", length=0.5)
    assert made_by(result)[1]["factor"] == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"audio": "/etc/hostname"}, "Invalid file data format"),
        ({"audio": "file:///etc/hostname"}, "Invalid file data format"),
        ({"audio": "https://resound.invalid/a.wav"}, "fetches nothing from elsewhere"),
        ({"audio": "http://127.0.0.1/gradio_api/file=/etc/hostname"}, "fetches nothing from elsewhere"),
        ({"audio": "data:audio/wav;base64,AAAA"}, "audio"),
        ({"audio": None, "gaps": 3}, "validation"),
    ],
)
def test_what_is_no_file_of_this_server_is_refused_in_one_sentence(server, given, said):
    result = call(server, "inpaint", **{"gaps": "0.1-0.2"} | given)
    assert result.isError and said in result.content[0].text and "Traceback" not in result.content[0].text


def test_programs_get_their_own_results(server):
    """At the same time, with sounds of their own."""

    async def both(opened):
        results = {}

        async def one(name: str, level: float):
            noise = (level * np.random.default_rng(0).standard_normal(4000)).astype(np.float32)
            asked = {"audio": within_call(noise, 16000), "gaps": "0.1-0.12", "prior": "tiny", "quality": "draft"}
            results[name] = noise, await opened.call_tool("inpaint", asked)

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(one, str(number), 0.01 * (number + 1))
        return results

    for noise, result in in_session(server, both).values():
        ((restored, _),), _ = made_by(result)
        assert np.array_equal(restored[:1600].astype(np.float32), noise[:1600])


def test_runs_end_once_their_program_has_gone(server):
    """Two that take hours hold both turns; when a run begins without having waited, they have ended."""
    asked = {"count": 64, "prior": "tiny-words", "steps": 1000, "seconds": 10}

    async def go_away(opened):
        async with anyio.create_task_group() as group:
            for _ in range(2):
                begun = anyio.Event()
                group.start_soon(hear, opened, begun)
                await begun.wait()
            group.cancel_scope.cancel()

    async def hear(opened, begun):
        async def heard(progress, total, message):
            if message == "Processing":
                begun.set()

        await opened.call_tool("generate", asked, progress_callback=heard)

    in_session(server, go_away)
    api = client.Client(server.url, verbose=False, httpx_kwargs={"timeout": 120})
    while "runs_ahead" in first_answer(api):
        time.sleep(0.2)


def first_answer(api) -> dict:
    """The first word on a short run: where it is in the line, or how far it is."""
    job = api.submit(1, prior="tiny-words", steps=1, seconds=0.05, api_name="/generate")
    job.result()
    return job.outputs()[0][1]


def test_other_sites_call_no_tools(server):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepted = {"accept": "application/json, text/event-stream"}
    address = f"{server.url}/gradio_api/mcp/"
    for foreign in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        assert httpx.post(address, json=asked, headers=accepted | foreign).status_code == 403
    assert httpx.post(address, json=asked, headers=accepted).status_code == 200
