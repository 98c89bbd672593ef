"""The WaveRNN and its overtone decoder: who is told what, and how far back it hears."""

import pytest
import torch

from core.models.wavernn import HISTORY, HOP, PAST_CODES, MelWaveRNN, Overtone, OvertoneConfig

SIZES = OvertoneConfig(conv_channels=6, rnn_channels=5, gru=8, hidden=7, code_width=4, speakers=3)


@pytest.fixture
def network() -> Overtone:
    torch.manual_seed(0)
    model = Overtone(SIZES).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter *= 2
    model.wavernn.apply_mask()
    return model


def heard(network: Overtone, x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Logits of both halves, `[frames, 2, 256]`."""
    return torch.stack(network(x, codes, torch.eye(3)[:1]).logits, dim=2)[0]


@pytest.fixture
def spoken() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(1, HISTORY + 2 * HOP, 3) * 2 - 1, torch.randn(1, PAST_CODES + 2, 4)


def test_the_original_hears_5629_samples_and_85_codes():
    assert (HISTORY, PAST_CODES) == (5629, 85)


def test_the_coarse_half_is_not_told_itself(network, spoken):
    x, codes = spoken
    told = x.clone()
    told[:, HISTORY + 20, 2] += 0.5
    changed = (heard(network, told, codes) - heard(network, x, codes)).abs().amax(dim=-1) > 1e-6
    assert not changed[:20].any()
    assert not changed[20, 0] and changed[20, 1]
    assert changed[21:].any(dim=0).all()  # what follows remembers it


@pytest.mark.parametrize("place", [0, 30])
def test_a_sample_is_heard_from_then_on(network, spoken, place):
    x, codes = spoken
    louder = x.clone()
    louder[:, HISTORY + place, :2] *= -1
    changed = (heard(network, louder, codes) - heard(network, x, codes)).abs().amax(dim=(-2, -1)) > 1e-6
    assert not changed[:place].any() and changed[place:].all()


def test_a_code_is_heard_from_its_first_sample_on(network, spoken):
    x, codes = spoken
    other = codes.clone()
    other[:, PAST_CODES + 1] += 1
    changed = (heard(network, x, other) - heard(network, x, codes)).abs().amax(dim=(-2, -1)) > 1e-7
    assert not changed[:HOP].any() and changed[HOP:].all()


def test_a_window_of_no_whole_codes_is_refused(network, spoken):
    with pytest.raises(ValueError, match="multiple of 64"):
        network(spoken[0][:, 1:], *spoken[1:], torch.eye(3)[:1])


def test_a_spectrogram_is_repeated_and_smoothed():
    """Five frames are 192 samples: filters take 3 of 20, 3 of 56 and 3 of 200 at each end, and one is cut."""
    model = MelWaveRNN(bands=2, gru=4, hidden=3)
    frames = torch.tensor([[[1.0, 1, 1, 1, 1], [0, 0, 7, 0, 0]]])
    made = model.upsample(frames)
    assert made.shape == (1, 2, 192)
    torch.testing.assert_close(made[0, 0], torch.ones(192))
    torch.testing.assert_close(made[0, 1], made[0, 1].flip(0))
    assert made[0, 1].argmax() in range(76, 116)
