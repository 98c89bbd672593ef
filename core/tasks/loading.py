"""The priors that tasks ask for, by name: those that can do the task."""

from collections.abc import Sequence

from core import zoo
from core.errors import InputError
from core.jobs import JOBS
from core.models.converter import VoiceConverter
from core.models.vocoder import Vocoder
from core.priors.independent import Independent
from core.tasks.settings import Settings, resolve_devices
from core.types import Prior
from core.zoo.families import CONVERTER, PRIOR


def load_prior(task: str, settings: Settings) -> Prior:
    """The prior that the settings ask for, or the task's own, on their device.

    Raises:
        InputError: no such prior or device, or a prior that cannot do this task.
    """
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    return zoo.load(name, resolve_devices(settings)[0])


def load_player(task: str, settings: Settings) -> Prior | Vocoder:
    """As `load_prior`, of a task that vocoders do as well."""
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    kinds = {entry.name: entry.kind for entry in zoo.catalogue(task)}
    return zoo.load_model(kinds.get(name, PRIOR), name, resolve_devices(settings)[0])


def load_converter(settings: Settings) -> VoiceConverter:
    """As `load_prior`, of the task that converters do."""
    name = settings.prior or JOBS["convert-voice"].priors[0]
    _check_able("convert-voice", [name], "choose one of")
    return zoo.load_model(CONVERTER, name, resolve_devices(settings)[0])


def load_sources(task: str, names: Sequence[str], device: str) -> Independent:
    """The priors of these names as one prior over sources.

    Raises:
        InputError: an unknown prior, one that cannot do this task, or priors that cannot be added.
    """
    prior = load_independent(names, device)
    _check_able(task, names, "choose some of")
    return prior


def load_independent(names: Sequence[str], device: str) -> Independent:
    """As `load_sources`, of priors that are known to be able."""
    return Independent([zoo.load(name, device) for name in names])


def _check_able(task: str, names: Sequence[str], advice: str) -> None:
    """Refuses a prior that is there and cannot do the task."""
    entries = {entry.name: entry for entry in zoo.catalogue()}
    for name in names:
        if name in entries and task not in entries[name].task:
            able = ", ".join(sorted(own for own, entry in entries.items() if task in entry.task))
            raise InputError(f"The prior {name} can't {task}; {advice} {able}.")
