"""Pitch as classes, and pulses that follow it."""

import pytest
import torch

from core.models.pitch import CLASSES, PITCHES, as_classes, class_of, expected_pitch, pulses, turns_at_frames

HOP, RATE = 128, 16000


def likely(hertz: float, frames: int = 3) -> torch.Tensor:
    """Probabilities around a pitch."""
    places = torch.arange(PITCHES)
    near = (-0.5 * (places - class_of(torch.tensor(hertz))).square()).softmax(dim=0) * 0.9
    return torch.cat([near, torch.tensor([0.1])])[None, :, None].expand(1, CLASSES, frames)


@pytest.mark.parametrize("hertz", [70.0, 123.4, 440.0])
def test_a_pitch_between_classes_is_their_mean(hertz):
    assert expected_pitch(likely(hertz)).tolist()[0] == pytest.approx([hertz] * 3, rel=1e-3)


def test_another_voice_does_not_pull_at_it():
    both = 0.6 * likely(100.0) + 0.4 * likely(300.0)
    assert expected_pitch(both)[0, 0].item() == pytest.approx(100, rel=1e-3)


def test_phase_is_the_sum_of_the_pitch():
    hertz = torch.tensor([[100.0, 150.0, 200.0, 200.0]])
    expected = [0, 125 * HOP / RATE, 300 * HOP / RATE, 500 * HOP / RATE]
    assert turns_at_frames(hertz, HOP, RATE)[0].tolist() == pytest.approx([turns % 1 for turns in expected], abs=1e-6)


def test_phase_is_known_at_any_frame():
    hertz = torch.rand(1, 20) * 300 + 60
    whole = turns_at_frames(hertz, HOP, RATE)
    part = turns_at_frames(hertz[:, 5:], HOP, RATE, (3, whole[:, 8]))
    torch.testing.assert_close(part, whole[:, 5:], atol=1e-6, rtol=0)


@pytest.mark.parametrize("hertz", [61.0, 200.0, 433.0])
def test_pulses_are_all_harmonics_alike(hertz):
    """One second of a steady pitch: a line at each harmonic under half the rate, of one height, and nothing else."""
    pitch = torch.full((1, RATE // HOP + 1), hertz)
    made = pulses(pitch, turns_at_frames(pitch, HOP, RATE), HOP, RATE)[0]
    power = torch.fft.rfft(made).abs()
    harmonics = torch.arange(1, int(RATE / 2 / hertz)) * round(hertz)
    lines = power[harmonics]
    assert made.std().item() == pytest.approx(1, rel=0.02)
    torch.testing.assert_close(lines, lines.mean().expand_as(lines), rtol=0.02, atol=0)
    power[harmonics] = 0
    assert power[: int(RATE / 2 - 1.5 * hertz)].max() < 0.02 * lines.mean()


def test_no_harmonic_appears_at_once():
    """Where the pitch falls a harmonic comes in at the top; the pulses' height there grows without a step."""
    pitch = torch.linspace(210, 190, 126)[None]
    made = pulses(pitch, turns_at_frames(pitch, HOP, RATE), HOP, RATE)[0]
    exact = torch.zeros_like(made)
    share = torch.arange(HOP) / HOP
    at = (pitch[:, :-1, None] + pitch.diff()[..., None] * share).flatten().double()
    phase = turns_at_frames(at[None].float(), 1, RATE)[0].double() * 2 * torch.pi
    for h in range(1, 45):
        exact += ((RATE / 2 / at - h).clamp(0, 1) * (h * phase).cos() * (2 / (RATE / 2 / at - 1)).sqrt()).float()
    assert (made - exact).square().mean().sqrt() < 0.02


def test_a_pitch_becomes_classes_of_which_it_is_the_mean():
    hertz = torch.tensor([[55.0, 100.0, 131.7, 600.0, 30.0]])
    voiced = torch.tensor([[1.0, 0.8, 0.2, 0.5, 1.0]])
    classes = as_classes(hertz, voiced)
    assert torch.allclose(classes.sum(dim=1), torch.ones(1, 5), atol=1e-6)
    assert torch.allclose(expected_pitch(classes), hertz.clamp_min(55), rtol=1e-4)
    assert torch.allclose(classes[:, -1], 1 - voiced)
