"""The voice converter and what it is told: spectra that are looked up, pitch that is moved, loudness, reach."""

import pytest
import torch

from core.models import converter
from core.models.converter import VoiceConverter, harmonic_bands
from core.models.pitch import LOWEST_HZ, OCTAVE
from core.models.voice_features import (
    Delivery,
    Reference,
    concatenated,
    delivery_of,
    frames_of,
    loudness,
    timbre,
    voice_level,
    whole_steps,
)
from core.signal.mel import FRONT_ENDS, mel_edges

FEATURES = 8
FRONT_END = FRONT_ENDS["resound-16k"]


@pytest.fixture
def model() -> VoiceConverter:
    torch.manual_seed(0)
    return converter.build({"channels": 16, "blocks": 2, "features": FEATURES}).eval()


def voice(steps: int = FEATURES) -> Reference:
    """Every step says something else, with another spectrum."""
    frames = torch.randn(1, steps, 160, generator=torch.Generator().manual_seed(1))
    content = torch.eye(FEATURES)[None, :steps]
    return Reference(content, frames, torch.zeros(1, steps), torch.ones(1, steps, dtype=torch.bool))


def delivery(steps: int, loud: float = 0.0) -> Delivery:
    return Delivery(torch.full((1, steps), 120.0), torch.ones(1, steps), torch.full((1, steps), loud))


def test_a_fresh_network_says_things_with_the_spectra_that_the_voice_has_for_them(model):
    own = voice()
    made = model(own.content[:, [5, 2]], delivery(2, loud=-0.5), own)
    wanted = own.frames[0, [5, 2]].reshape(4, 80).T - 0.5
    assert (made[0] - wanted).abs().max() < 0.05


def test_steps_that_are_not_there_are_not_looked_up(model):
    torch.nn.init.normal_(model.head.weight)
    own, content = voice(), torch.randn(1, 6, FEATURES)
    longer = own.padded(20)
    longer.frames[:, 8:] = 99.0
    assert torch.allclose(model(content, delivery(6), longer), model(content, delivery(6), own), atol=1e-3)


def test_a_step_depends_on_no_more_than_the_context(model):
    model.fast = False
    torch.nn.init.normal_(model.head.weight)
    content = torch.randn(1, 60, FEATURES)
    before = model(content, delivery(60), voice())
    content[:, 30] += 5
    changed = (model(content, delivery(60), voice()) - before).abs().amax(dim=(0, 1)).reshape(60, 2).amax(dim=1) > 1e-5
    assert changed[30] and changed.nonzero().min() >= 30 - model.context
    assert changed.nonzero().max() <= 30 + model.context


def test_harmonics_lie_at_multiples_of_the_pitch():
    number = round(OCTAVE * torch.tensor(220 / LOWEST_HZ).log2().item())
    bands = harmonic_bands(FRONT_END)[number]
    centres = torch.from_numpy(mel_edges(FRONT_END)[1:-1])
    for hertz in (220, 440, 660):
        at = (centres - hertz).abs().argmin()
        between = (centres - hertz - 110).abs().argmin()
        assert bands[at] > bands[between] + 0.5


def test_a_voice_is_moved_to_another_pitch_but_hissing_is_not():
    said = Delivery(torch.tensor([[100.0, 200.0, 50.0, 500.0]]), torch.ones(1, 4), torch.zeros(1, 4))
    heights = torch.tensor([100.0]).log2(), torch.tensor([150.0]).log2()
    narrow = Delivery(torch.tensor([[100.0, 140.0, 50.0, 500.0]]), torch.ones(1, 4), torch.zeros(1, 4))
    assert torch.allclose(narrow.moved(*heights).hertz, torch.tensor([[150.0, 210.0, 75.0, 500.0]]))
    assert torch.allclose(narrow.moved(*heights, width=0.5).hertz[0, 1], torch.tensor(150 * 1.4**0.5))
    unknown = torch.tensor([torch.nan])
    assert torch.equal(said.moved(unknown, heights[1]).hertz, said.hertz)


def test_loudness_is_relative_to_the_voice():
    mel = torch.full((1, 80, 12), -1.0)
    mel[..., 8:] = -4.0
    loud = loudness(mel)
    assert torch.allclose(loud, torch.tensor([[-1.0, -1, -1, -1, -4, -4]]))
    assert voice_level(loud).item() == pytest.approx(-1)
    frames = frames_of(mel, voice_level(loud))
    assert frames.shape == (1, 6, 160) and frames[0, 0, 0].item() == pytest.approx(0, abs=1e-6)
    assert frames[0, -1, 0].item() == pytest.approx(-3)


def test_timbre_is_of_loud_known_steps():
    own = voice()
    quiet = Reference(own.content, own.frames + 7, own.loudness - 2, own.known)
    assert torch.allclose(timbre(concatenated([own, quiet], dim=1)), timbre(own), atol=1e-5)
    assert torch.allclose(timbre(own.padded(30)), timbre(own), atol=1e-5)


def test_pitch_is_told_step_by_step():
    pitch = torch.zeros(1, 169, 4)
    pitch[0, 48, :2] = pitch[0, 96, 2:] = 0.75
    pitch[0, -1] = 0.25
    told = delivery_of(pitch, torch.zeros(1, 2))
    assert torch.allclose(told.hertz, torch.tensor([[110.0, 220.0]]))
    assert torch.allclose(told.voiced, torch.tensor([[0.75, 0.75]]))


@pytest.mark.parametrize(("frames", "left"), [(9, 8), (8, 6), (3, 2)])
def test_whole_steps_leave_the_last_frame_out(frames, left):
    assert whole_steps(torch.zeros(1, 80, frames)).shape[-1] == left
