"""How the separation tab shows the method that draws codes: streams, samples of the posterior, what they say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from types import SimpleNamespace
from typing import Any

from core.choices import LATENT
from core.errors import InputError
from core.samplers.latent import LatentIterate
from core.signal.clip import Clip
from core.tasks.latent_separation import COMPRESSED, SAMPLES, separate_latent
from core.tasks.progress import CodeStreams, Progress, Result, Run
from core.tasks.settings import Settings
from core.types import Iterate
from demos.page import html, menus, zero_gpu
from demos.page.history import DrawnIterate
from demos.page.kept import KeptResult
from demos.page.scope import Track
from demos.separation.comparison import SeparationHistory, beside, compared, made, named, stacked
from demos.separation.streams import StreamsView, payload, sample_name, weights_text

GONE = "The samples of this run are no longer kept: run it again."


@dataclass
class CodesHistory(SeparationHistory):
    """Keeps codes as they were drawn, and the chains at the end, one of which is heard.

    Attributes:
        names: of the sources.
        streams: of the run, at its end.
        before, after: what stands in the comparison before and after what the chosen chain says.
    """

    method: str = LATENT
    keep: Callable[[Progress], DrawnIterate] = DrawnIterate.of
    names: Sequence[str] = ()
    streams: CodeStreams | None = None
    before: list[Track] = field(default_factory=list)
    after: list[Track] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        streams = self.streams.codes.nbytes + self.streams.log_likelihoods.nbytes if self.streams else 0
        return super().nbytes + streams + sum(track.clip.samples.nbytes for track in (*self.before, *self.after))

    def add(self, progress: Progress) -> None:
        if isinstance(progress.iterate, LatentIterate):
            super().add(progress)
        else:
            self.last = progress  # sums of codes, while which nothing is drawn


def begin(ui: SimpleNamespace, values: Mapping, mixture: Clip, truths: Sequence[Clip] | None, seed: int) -> Run:
    """A run of what the tab asks for.

    Raises:
        InputError: there are no priors of codes, or what `separate_latent` refuses.
    """
    priors = [values[menu] for menu in ui.code_priors]
    if not all(priors):
        raise InputError("There are no priors of codes here: train or import two, then reload the page.")
    samples = int(values[ui.samples] or SAMPLES)
    asked = {"samples": samples, "settings": Settings(seed=seed), "references": truths}
    return zero_gpu.run(separate_latent, mixture, priors, **asked)


def moment(ui: SimpleNamespace, progress: Progress, history: CodesHistory) -> dict:
    """What the page shows of an update: the stems, or what the codes say, and the streams so far."""
    sounds = progress.chains if history.chain else progress.sounds
    history.names = list(sounds)
    streams = progress.streams and _streams(history, progress.streams)
    return {ui.monitor: stacked(sounds, history), ui.streams: streams}


def past(ui: SimpleNamespace, position: int, history: CodesHistory) -> dict:
    """The same of a kept iterate; at the end of a run with all of its chains."""
    shown = moment(ui, history.iterates[position].progress, history)
    if history.streams and position == len(history.iterates) - 1:
        shown[ui.streams] = _streams(history, history.streams)
    return shown


def conclude(ui: SimpleNamespace, result: Result, history: CodesHistory, others: Sequence[KeptResult]) -> dict:
    """The streams of all chains, and beside the stems what the likeliest chain says, and what other methods make."""
    history.names, history.streams = list(result.sounds), result.streams
    history.before = made(result)
    history.after = [*named(result.baselines.get(COMPRESSED, {}), "compressed truth"), *beside(result, others)]
    streams = _streams(history, history.streams) if history.streams else None
    return {ui.streams: streams, ui.compare: compared(_tracks(history, 0), history, arrives=True)}


def choose(ui: SimpleNamespace, number: Any, history: CodesHistory | None) -> dict:
    """A chain is seen, and what it says is heard, above and among what is compared.

    Args:
        number: of the chain, as the page says it.

    Raises:
        InputError: there is no such chain any more.
    """
    streams = history.streams if isinstance(history, CodesHistory) else None
    if streams is None or number not in range(len(streams.codes)):
        raise InputError(GONE)
    said = escape(weights_text(history.names, streams.weights[number]))
    facts = f"<b>{sample_name(number)}</b><span>what its codes say</span><span>{said}</span>"
    return {
        ui.status: html.status_html("done", facts, 1.0),
        ui.streams: _streams(history, streams, number),
        ui.monitor: stacked(streams.say(number), history),
        ui.compare: compared(_tracks(history, number), history),
    }


def drawn_by(progress: Progress) -> bool:
    """Whether it is of a run that draws codes."""
    return not progress.iterate.x.is_floating_point()


def progress_status(progress: Progress) -> str:
    """The status line of an update."""
    left = f"<span>{html.seconds_text(progress.seconds_left)} left</span>"
    total = progress.seconds + progress.seconds_left
    at = progress.iterate
    where = _step(at) if isinstance(at, LatentIterate) else f"<b>Sums of code {at.step} of {at.total_steps}</b>"
    return html.status_html("running", where + left, progress.seconds / total if total else 0.0)


def past_status(iterate: DrawnIterate) -> str:
    """That of a kept iterate."""
    return html.status_html("done", _step(iterate), iterate.step / iterate.total_steps)


def result_status(result: Result, onward: str) -> str:
    """That of a result."""
    report = result.report
    models, samples = " + ".join(map(menus.model_name, report["prior"])), report["samples"]
    facts = [f"<b>Done in {html.seconds_text(report['seconds'])}</b>", f"<span>{escape(models)}</span>"]
    facts += [f"<span>{samples} sample{'s' * (samples != 1)}</span>", f"<span>seed {report['seed']}</span>", onward]
    return html.status_html("done", "".join(facts), 1.0)


def _step(at: Iterate | DrawnIterate) -> str:
    return f"<b>Code {at.step:,} of {at.total_steps:,}</b>"


def _streams(history: CodesHistory, streams: CodeStreams, number: int = 0) -> dict:
    return payload(StreamsView(history.key, streams, history.names, history.offset, number))


def _tracks(history: CodesHistory, number: int) -> list[Track]:
    """All that is compared, with what a chain says."""
    decoded = named(history.streams.say(number), "decoded") if history.streams else []
    return [*history.before, *decoded, *history.after]
