"""The priors that tasks ask for, by name: those that can do the task."""

from collections.abc import Sequence
from typing import Any

from core import zoo
from core.errors import InputError
from core.jobs import JOBS
from core.models.converter import VoiceConverter
from core.models.vocoder import Vocoder
from core.models.vqvae import VQVAE
from core.priors.independent import Independent
from core.tasks.settings import Settings, resolve_devices
from core.types import Prior
from core.zoo.families import IMAGES, PRIOR


def load_prior(task: str, settings: Settings) -> Prior:
    """The prior that the settings ask for, or the task's own, on their device.

    Raises:
        InputError: no such prior or device, or a prior that cannot do this task.
    """
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    return zoo.load(name, resolve_devices(settings)[0])


def load_image_prior(task: str, settings: Settings) -> Prior:
    """As `load_prior`, of a prior of images, which has to be named."""
    _check_able(task, [settings.prior], "choose one of")
    return zoo.load_model(IMAGES, settings.prior, resolve_devices(settings)[0])


def load_player(task: str, settings: Settings) -> Prior | Vocoder:
    """As `load_prior`, of a task that vocoders do as well."""
    return _load_able(task, settings)


def load_converter(settings: Settings) -> VoiceConverter | VQVAE:
    """As `load_prior`, of the models that convert voices."""
    return _load_able("convert-voice", settings)


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


def _load_able(task: str, settings: Settings) -> Any:
    """A model of any kind that can do the task."""
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    kinds = {entry.name: entry.kind for entry in zoo.catalogue(task)}
    return zoo.load_model(kinds.get(name, PRIOR), name, resolve_devices(settings)[0])


def _check_able(task: str, names: Sequence[str], advice: str) -> None:
    """Refuses a prior that is there and cannot do the task."""
    entries = {entry.name: entry for entry in zoo.catalogue()}
    for name in names:
        if name in entries and task not in entries[name].task:
            able = ", ".join(sorted(own for own, entry in entries.items() if task in entry.task))
            raise InputError(f"The prior {name} can't {task}; {advice} {able}.")
