"""How endpoints answer: runs of programs that have gone end, descriptions name every argument."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from core.tasks.progress import Progress
from demos.answering import Asked, answering
from demos.server.tool_calls import MARK, ToolCallsMiddleware
from tests.loops import in_loop


def endless(ended: threading.Event):
    """A run that never ends by itself."""
    try:
        while True:
            yield Progress(0.0, 0.0, SimpleNamespace(step=1, total_steps=2))
    finally:
        ended.set()


def endpoint_of(ended: threading.Event):
    def endpoint(audio=None) -> Asked:
        """Does something.

        Args:
            audio: Nothing.

        Returns:
            report: object
        """
        return Asked("inpaint", lambda: endless(ended), lambda result: None)

    return answering(endpoint)


def request_of(headers) -> SimpleNamespace:
    return SimpleNamespace(headers=headers, session_hash="all the programs'")


def test_a_run_ends_once_its_program_has_gone():
    in_loop(run_ends_once_its_program_has_gone())


async def run_ends_once_its_program_has_gone():
    ended, came, gone = threading.Event(), asyncio.Event(), asyncio.Event()
    headers = {}

    async def app(scope, receive, send):
        headers.update({name.decode(): value.decode() for name, value in scope["headers"]})
        came.set()
        await gone.wait()  # the program listens

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/mcp/", "headers": [(MARK.encode(), b"chosen")]}
    call = asyncio.create_task(ToolCallsMiddleware(app)(scope, None, None))
    await came.wait()
    assert headers[MARK] != "chosen"
    answers = endpoint_of(ended)(request_of(headers))
    assert (await anext(answers))[1]["step"] == 1 and not ended.is_set()
    gone.set()
    await call
    assert [answer async for answer in answers] == []
    assert await asyncio.to_thread(ended.wait, 60)


def test_a_run_of_the_page_goes_on():
    in_loop(run_of_the_page_goes_on())


async def run_of_the_page_goes_on():
    ended = threading.Event()
    answers = endpoint_of(ended)(request_of({}))
    for _ in range(2):
        assert (await anext(answers))[1]["step"] == 1
    await answers.aclose()
    assert await asyncio.to_thread(ended.wait, 60)


def test_every_argument_is_described():
    """Shared ones in words of their own; one that nothing is said of is refused when the page is built."""

    def endpoint(audio, gaps="", seed=0) -> Asked:
        """Does something.

        Args:
            gaps: Text.

        Returns:
            report: object
        """

    lines = answering(endpoint).__doc__.splitlines()
    assert lines[0] == "Does something." and lines[-1].strip() == "report: object"
    assert [line.strip().split(":")[0] for line in lines[3:6]] == ["audio", "gaps", "seed"]
    endpoint.__doc__ = endpoint.__doc__.replace("gaps", "holes")
    with pytest.raises(KeyError, match="gaps"):
        answering(endpoint)
