"""The judge of voices: embeddings of unit length, of loud steps alone; its confusion."""

import math

import pytest
import torch

from core.models.voice_judge import VoiceJudge


@pytest.fixture
def judge() -> VoiceJudge:
    torch.manual_seed(0)
    return VoiceJudge(20, channels=8, blocks=1).eval()


def test_quiet_steps_far_from_speech_have_no_say(judge):
    frames, loudness = torch.randn(1, 60, 20), torch.zeros(1, 60)
    loudness[:, 30:] = -2
    changed = frames.clone()
    changed[:, 40:] += 5
    one, other = judge(frames, loudness), judge(changed, loudness)
    assert torch.allclose(one.norm(dim=-1), torch.ones(1)) and torch.allclose(one, other, atol=1e-3)
    assert not torch.allclose(judge(changed, torch.zeros(1, 60)), one, atol=1e-2)


def test_confusion_is_that_of_a_guess_where_all_voices_are_alike(judge):
    alike = torch.nn.functional.normalize(torch.ones(4, 8), dim=-1)
    assert judge.confusion(alike, alike).item() == pytest.approx(math.log(4), rel=1e-5)
    assert judge.confusion(torch.eye(4), torch.eye(4)).item() < 0.01


def test_it_learns_whose_moments_are_whose(judge):
    torch.manual_seed(1)
    own = torch.randn(6, 1, 20)
    optimizer = torch.optim.AdamW(judge.parameters(), 3e-3)
    found = []
    for _ in range(60):
        frames = own + torch.randn(2, 6, 30, 20)
        one, other = (judge(part, torch.zeros(6, 30)) for part in frames)
        loss = judge.confusion(one, other)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.5 * found[0]
