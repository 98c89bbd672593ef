"""Menus with plain names, and under each a line on what its choice suits; values stay what commands and reports say."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core import zoo
from core.choices import ANCESTRAL, EXTENDER
from core.errors import InputError
from core.zoo.families import IMAGES

AUTOMATIC = "automatic"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """One choice of a menu.

    Args:
        value: what commands, API and reports call it.
        name: what the menu calls it.
        suits: a line on what it is good for.
    """

    value: str
    name: str
    suits: str = ""


SAMPLERS = {
    choice.value: choice
    for choice in (
        Choice("diffusion", "Reverse diffusion", "From noise to sound in few steps; several draws are averaged."),
        Choice("langevin", "Annealed Langevin", "Small random steps at each noise level; wants many to be good."),
        Choice("original", "Original Langevin", "As in the paper, hundreds of steps a level: very slow."),
        Choice(EXTENDER, "Band extender", "Makes the band over the end of a low-passed sound in one step."),
        Choice(ANCESTRAL, "Ancestral", "One sample after the other, for WaveNets that are told spectrograms."),
    )
}

GENERATION_SAMPLERS = [
    Choice("heun", "Heun", "Two looks a step and no new noise: the best in few steps."),
    Choice("sde", "Heun, with new noise", "Each step adds some noise and takes it away again; wants more of them."),
    Choice("ddim", "DDIM", "One look a step and no new noise."),
    Choice("ddpm", "DDPM", "One look a step, with new noise in each, as models of diffusion were first drawn from."),
    Choice("fast", "Six steps", "The short schedule of DiffWave; six steps, no more and no fewer."),
    Choice(ANCESTRAL, "Ancestral", "One sample after the other, as WaveNets draw, and nothing else."),
]


def menu(choices: Sequence[Choice], value: str | None, label: str, **options) -> gr.Dropdown:
    """A dropdown of choices; the line under it follows what is chosen.

    Args:
        options: of `gr.Dropdown`.
    """
    suits = {choice.value: escape(choice.suits, quote=False) for choice in choices}
    made = gr.Dropdown(pairs(choices), value=value, label=label, info=suits.get(value), **options)
    quiet = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    made.change(lambda chosen: gr.Dropdown(info=suits.get(chosen, "")), made, made, **quiet)
    return made


def pairs(choices: Sequence[Choice]) -> list[tuple[str, str]]:
    """Names and values, as Gradio takes them."""
    return [(choice.name, choice.value) for choice in choices]


def model_choices(
    task: str | None = None, kind: str | None = None, architectures: Sequence[str] | None = None
) -> list[Choice]:
    """The models on offer, bundled ones first; of a task, a kind or some architectures alone where these are given, as
    `zoo.catalogue`.

    Those of images are no choice where none of them is asked for: what tabs work on are sounds.
    """
    try:
        entries = [entry for entry in zoo.catalogue(task, kind) if kind or entry.kind != IMAGES]
        wanted = [entry for entry in entries if architectures is None or entry.architecture in architectures]
        return [Choice(entry.name, entry.label, entry.suits) for entry in wanted]
    except InputError:
        log.exception("the catalogue cannot be read")
        return []


def model_name(name: str) -> str:
    """What menus call a model."""
    return next((choice.name for choice in model_choices() + model_choices(kind=IMAGES) if choice.value == name), name)


def first_of(choices: Sequence[Choice], wanted: str | None = None) -> str | None:
    """What a menu stands at: what is wanted where it is on offer, else the first."""
    values = [choice.value for choice in choices]
    return wanted if wanted in values else next(iter(values), None)


def sampler_choices(names: Sequence[str]) -> list[Choice]:
    """The samplers of these names, after the one that leaves the choice to the task."""
    automatic = Choice(AUTOMATIC, "Automatic", "What suits the prior and the question; mostly reverse diffusion.")
    return [automatic, *(SAMPLERS[name] for name in names)]
