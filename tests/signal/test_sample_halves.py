"""Halves of 16-bit samples: every sample has its own, and comes back from them."""

import torch

from core.signal.sample_halves import as_waveform, joined, quantised, scaled, split, stacked

ALL = torch.arange(-(2**15), 2**15)


def test_every_sample_comes_back():
    coarse, fine = split(ALL)
    assert torch.equal(joined(coarse, fine), ALL)
    assert coarse.unique().tolist() == fine.unique().tolist() == list(range(256))
    assert (coarse[1:] >= coarse[:-1]).all()


def test_full_scale_is_reached_on_both_sides():
    assert as_waveform(ALL[[0, -1]]).tolist() == [-1.0, 1.0]
    assert quantised(torch.tensor([-7.0, -1.0, 1.0, 7.0])).tolist() == [-(2**15), -(2**15), 2**15 - 1, 2**15 - 1]
    assert scaled(torch.tensor([0, 255])).tolist() == [-1.0, 1.0]


def test_quantised_waveforms_lie_within_a_step():
    waveform = torch.linspace(-1, 1, 10001)
    assert (as_waveform(quantised(waveform)) - waveform).abs().max() <= 1 / 32767.5 + 1e-7


def test_what_is_heard_ends_with_the_next_coarse_half():
    coarse, fine = torch.tensor([[10, 20, 30]]), torch.tensor([[1, 2]])
    expected = scaled(torch.tensor([[[10, 1, 20], [20, 2, 30]]]))
    assert torch.equal(stacked(coarse, fine), expected)
