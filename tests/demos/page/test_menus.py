"""Menus: plain names for people, names of checkpoints for commands; the line under a menu follows its choice."""

import gradio as gr
import pytest

from core import zoo
from core.choices import SAMPLERS
from core.jobs import JOBS
from core.zoo.families import IMAGES, PRIOR
from demos.page import menus
from demos.page.menus import Choice


def test_bundled_models_have_plain_names_that_differ(monkeypatch):
    monkeypatch.setenv("RESOUND_OWN_CHECKPOINTS", "0")
    for job in JOBS:
        of_sounds, of_images = menus.model_choices(job), menus.model_choices(job, IMAGES)
        entries, choices = zoo.catalogue(job), [*of_sounds, *of_images]
        assert [choice.value for choice in of_sounds] == [entry.name for entry in entries if entry.kind != IMAGES]
        assert [choice.value for choice in of_images] == [entry.name for entry in entries if entry.kind == IMAGES]
        assert len({choice.name for choice in choices}) == len(choices) and all(choice.suits for choice in choices)
    names = {choice.value: choice.name for choice in menus.model_choices(kind=PRIOR)}
    assert names["piano-16k"] == "Piano" and names["voice-16k-wavenet"] == "Voice, WaveNet"
    assert len(set(names.values())) == len(names)
    assert menus.model_name("pixelcnn-mnist-noisy") == "Handwritten digits, noise-told"


@pytest.mark.parametrize(("wanted", "first"), [("b", "b"), ("c", "a"), (None, "a")])
def test_a_menu_stands_at_what_is_wanted_where_it_is_on_offer(wanted, first):
    assert menus.first_of([Choice("a", "A"), Choice("b", "B")], wanted) == first
    assert menus.first_of([], wanted) is None


def test_the_line_under_a_menu_follows_its_choice_and_is_no_markup():
    with gr.Blocks() as page:
        made = menus.menu([Choice("a", "A", "For <b>one</b>."), Choice("b", "B", "For two.")], "a", "Menu")
    (changed,) = page.fns.values()
    assert made.choices == [("A", "a"), ("B", "b")] and made.info == "For &lt;b&gt;one&lt;/b&gt;."
    assert changed.fn("b").info == "For two." and changed.fn("of somebody's own").info == ""


def test_every_sampler_has_a_name():
    assert [choice.value for choice in menus.sampler_choices(SAMPLERS)] == [menus.AUTOMATIC, *SAMPLERS]
