"""How the named endpoints answer: arguments are checked at once, runs wait for their turn, progress streams."""

import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.image_runs import ImageProgress, ImageResult, ImageRun
from core.tasks.progress import Progress, Result, Run
from demos.arguments import DESCRIBED, as_sent
from demos.page.runner import UNBOUNDED
from demos.page.stream import Throttle, is_result, throttled
from demos.server.tool_calls import is_over, mark_of
from demos.turns.durations import kind_of
from demos.turns.line import Place
from demos.turns.worker import Asker, in_background

UPDATE_SECONDS = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What an endpoint was asked for, once its arguments are checked.

    Args:
        task: the command's name.
        start: reads the file and begins the run.
        write: makes what is sent of its result.
    """

    task: str
    start: Callable[[], Run | ImageRun]
    write: Callable[[Result | ImageResult], Any]


def text_argument(label: str, value: str = "") -> Component:
    """An argument that is a text."""
    return as_sent(gr.Textbox(value, label=label))


def number_argument(label: str, value: float | None) -> Component:
    """One that is a number, whole where its default is."""
    return as_sent(gr.Number(value, label=label, precision=0 if isinstance(value, int) else None))


def number_or_word(label: str, value: int, word: str) -> Component:
    """One that is a whole number or a word."""
    component = number_argument(label, value)
    either = {"anyOf": [{"type": "integer"}, {"enum": [word], "type": "string"}]}
    component.api_info = lambda: either
    return component


def endpoint(name: str, fn: Callable[..., Asked], given: list[Component], outputs: list[Component]) -> None:
    """Adds one to the current Blocks; nothing of it is seen on the page."""
    gr.Button(name).click(answering(fn), given, outputs, api_name=name, **UNBOUNDED)


def answering(endpoint: Callable[..., Asked]) -> Callable[..., AsyncIterator[tuple]]:
    """An endpoint as Gradio calls it: yields (None, progress) about twice a second and last (what was written, report).

    Arguments are checked at once; the run waits for its turn.
    """

    taken = signature(endpoint)

    async def answers(request: gr.Request, *given) -> AsyncIterator[tuple]:
        try:
            asked = endpoint(*given)
            visitor = mark_of(request.headers) or request.session_hash or uuid.uuid4().hex
            asker = Asker(visitor, kind_of(asked.task, dict(zip(taken.parameters, given, strict=False))), _waiting)
            async with aclosing(in_background(_answers(asked), asker)) as made:
                async for answer in made:
                    if is_over(request.headers):
                        return
                    yield answer
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except Exception:
            log.exception("%s failed", endpoint.__name__)
            raise gr.Error("Something went wrong on our side.", print_exception=False) from None

    request = Parameter("request", Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    answers.__signature__ = taken.replace(parameters=[request, *taken.parameters.values()])  # for Gradio, as are these
    answers.__annotations__ = {"request": gr.Request}
    answers.__name__, answers.__doc__ = endpoint.__name__.strip("_"), _description(endpoint)
    return answers


def _description(endpoint: Callable[..., Asked]) -> str:
    """Its docstring, with a line for each argument: programs read it. What many endpoints take is said once, in
    `DESCRIBED`."""
    summary, _, rest = getdoc(endpoint).partition("Args:\n")
    arguments, _, returns = rest.partition("Returns:\n")
    own = dict(line.strip().split(": ", 1) for line in arguments.splitlines() if line.strip())
    lines = [f"    {name}: {own.get(name) or DESCRIBED[name]}" for name in signature(endpoint).parameters]
    return "\n".join([summary.strip(), "", "Args:", *lines, "", "Returns:", returns])


def _waiting(place: Place) -> tuple:
    """What is sent before a run's turn has come."""
    return None, {"runs_ahead": place.ahead, "seconds_to_wait": round(place.seconds, 1)}


def _answers(asked: Asked) -> Iterator[tuple]:
    with closing(throttled(asked.start(), lambda progress: None, Throttle(UPDATE_SECONDS))) as updates:
        for item in updates:
            if is_result(item):
                yield asked.write(item), item.report
            else:
                yield None, _place(item)


def _place(progress: Progress | ImageProgress) -> Mapping:
    """Where a run is, and how long it still takes."""
    left = round(progress.seconds_left, 1)
    if isinstance(progress, Progress) and progress.look is not None:
        return {"chunk": progress.look.chunk, "chunks": progress.look.chunks, "seconds_left": left}
    return {"step": progress.iterate.step, "total_steps": progress.iterate.total_steps, "seconds_left": left}
