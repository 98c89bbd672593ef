"""The priors that tasks ask for, by name: those that can do the task."""

from collections.abc import Sequence
from typing import Any

from core import zoo
from core.errors import InputError
from core.jobs import JOBS
from core.models.converter import VoiceConverter
from core.models.lqvae import LQVAE
from core.models.transformer import Transformer
from core.models.vocoder import Vocoder
from core.models.vqvae import VQVAE
from core.priors.codes import CodePrior
from core.priors.independent import Independent
from core.samplers.code_pairs import same_codes
from core.tasks.settings import Settings, resolve_devices
from core.types import Prior
from core.zoo.families import CODE_PRIOR, CODEC, IMAGES, PRIOR
from core.zoo.manifest import find


def load_prior(task: str, settings: Settings) -> Prior:
    """The prior that the settings ask for, or the task's own, on their device; one of codes with their LQ-VAE.

    Raises:
        InputError: no such prior or device, or a prior that cannot do this task.
    """
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    device = resolve_devices(settings)[0]
    if find(name).kind == CODE_PRIOR:
        codec, (network,) = load_code_priors([name], device)
        return CodePrior(codec, network)
    return zoo.load(name, device)


def load_image_prior(task: str, settings: Settings) -> Prior:
    """As `load_prior`, of a prior of images."""
    name = settings.prior or JOBS[task].image_prior
    _check_able(task, [name], "choose one of", IMAGES)
    if find(name).kind != IMAGES:
        able = ", ".join(sorted(entry.name for entry in zoo.catalogue(task, IMAGES)))
        raise InputError(f"{name!r} is no prior of images; choose one of {able}.")
    return zoo.load_model(IMAGES, name, resolve_devices(settings)[0])


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
    _check_able(task, names, "choose some of", PRIOR)
    return prior


def load_independent(names: Sequence[str], device: str) -> Independent:
    """As `load_sources`, of priors that are known to be able."""
    return Independent([zoo.load(name, device) for name in names])


def load_code_priors(names: Sequence[str], device: str) -> tuple[LQVAE, tuple[Transformer, ...]]:
    """The priors of codes of these names, and the LQ-VAE whose codes they are.

    Raises:
        InputError: an unknown prior, one of something else, priors of different codes, or no LQ-VAE of these codes.
    """
    priors = tuple(zoo.load_model(CODE_PRIOR, name, device) for name in names)
    for prior in priors:
        if not same_codes(prior.codebook, priors[0].codebook):
            raise InputError(f"{priors[0].name!r} and {prior.name!r} know codes of different LQ-VAEs; choose others.")
    codecs = (zoo.load_model(CODEC, entry.name, device) for entry in zoo.catalogue(kind=CODEC))
    for codec in codecs:
        if same_codes(codec.codebook().k, priors[0].codebook):
            return codec, priors
    raise InputError(f"There is no LQ-VAE of the codes that {names[0]!r} knows; register or import its own.")


def _load_able(task: str, settings: Settings) -> Any:
    """A model of any kind that can do the task."""
    name = settings.prior or JOBS[task].priors[0]
    _check_able(task, [name], "choose one of")
    kinds = {entry.name: entry.kind for entry in zoo.catalogue(task)}
    return zoo.load_model(kinds.get(name, PRIOR), name, resolve_devices(settings)[0])


def _check_able(task: str, names: Sequence[str], advice: str, kind: str | None = None) -> None:
    """Refuses a prior that is there and cannot do the task; those that are advised are of the kind."""
    entries = {entry.name: entry for entry in zoo.catalogue()}
    for name in names:
        if name in entries and task not in entries[name].task:
            able = ", ".join(sorted(entry.name for entry in zoo.catalogue(task, kind)))
            raise InputError(f"The prior {name} can't {task}; {advice} {able}.")
