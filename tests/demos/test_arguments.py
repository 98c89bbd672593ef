"""Arguments of the named endpoints: what fits is taken as it is, what does not is refused in one sentence."""

import math

import gradio as gr
import pytest

from core.errors import InputError
from demos import arguments

OTHERS = [[1], {"a": 1}, True, "7", math.nan, math.inf, -math.inf, 10**400, -1, 2**70, 1.5]


def refusal(check, *given) -> str:
    with pytest.raises(InputError) as error:
        check(*given)
    sentence = str(error.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200
    return sentence


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: str(value)[:8])
def test_a_seed_of_another_kind_or_out_of_range(value):
    assert "seed" in refusal(arguments.settings, "", "", value)


def test_what_fits_is_taken():
    chosen = arguments.settings("piano-16k", "draft", 7.0)
    assert (chosen.prior, chosen.quality, chosen.seed) == ("piano-16k", "draft", 7) and isinstance(chosen.seed, int)
    assert arguments.settings(None, None, None) == arguments.settings("", "", 0)
    assert (
        arguments.number("threshold", 1, None, 0, 1) == 1.0 and arguments.number("threshold", None, None, 0, 1) is None
    )
    assert arguments.part(None, 2) == (0.0, 2.0)
    assert arguments.flag("moving", None) is False and arguments.flag("moving", True) is True


@pytest.mark.parametrize("value", ["low-pass", "PLAIN", 3, ["plain"], {}, True])
def test_a_choice_is_one_of_its_names(value):
    assert "plain, lowpass" in refusal(arguments.choice, "degrade", value, ("plain", "lowpass"))


@pytest.mark.parametrize("value", [3, ["a"], {"a": 1}, False, "x" * 1_000_000])
def test_texts_are_texts_of_bounded_length(value):
    assert "gaps" in refusal(arguments.text, "gaps", value)


@pytest.mark.parametrize("value", ["yes", 1, [], "true"])
def test_flags_are_true_or_false(value):
    assert "true or false" in refusal(arguments.flag, "moving", value)


@pytest.mark.parametrize("value", [None, "in.wav", 3, ["in.wav"], {}, {"path": None}, {"path": "a\0b"}])
def test_files_are_uploaded_files(value):
    assert "uploaded" in refusal(arguments.file_of, "audio", value)


def test_files_lie_where_uploads_do(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    inside = tmp_path / "cache" / "a" / "in.wav"
    inside.parent.mkdir(parents=True)
    inside.touch()
    (inside.parent / "link.wav").symlink_to(tmp_path / "secret.wav")
    assert arguments.file_of("audio", {"path": str(inside)}) == str(inside)
    for path in (tmp_path / "secret.wav", inside.parent / "link.wav", inside.parent / ".." / ".." / "secret.wav"):
        assert "upload it first" in refusal(arguments.file_of, "audio", {"path": str(path)})


def test_components_pass_on_what_was_sent():
    """And are described as before."""
    for component in (gr.Number(4, precision=0), gr.Textbox(), gr.Checkbox(), gr.Audio(type="filepath")):
        before = component.api_info()
        assert arguments.as_sent(component).preprocess(["anything"]) == ["anything"]
        assert component.api_info() == before and component.data_model is None
