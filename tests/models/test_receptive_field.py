"""Receptive fields, found by gradient, against their closed forms."""

import numpy as np
import pytest
import torch

from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.pixelcnn import FIRST_KERNEL, KERNEL, PixelCNN, PixelCNNConfig
from core.models.receptive_field import PREDICTION, of_onehot_wavenet, of_pixelcnn, of_wavenet
from core.models.wavenet import WaveNet, WaveNetConfig

FRAMES, HEIGHT, WIDTH = 40, 9, 11


def reaches(sights, frames: int) -> list[int]:
    """How far back each layer sees; it has to see all that lies between, and is seen to do so."""
    counts = []
    for sight in sights:
        seen = sight.weight.numpy() != 0
        counts.append(int(seen.sum()))
        assert len(seen) == frames and seen[frames - counts[-1] :].all(), sight.layer
    return counts


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("told", [False, True])
def test_each_layer_of_a_wavenet_adds_its_dilation_to_what_it_sees(kernel_size, told):
    torch.manual_seed(0)
    sizes = {"residual": 6, "gate": 12, "skip": 8, "classes": 16, "kernel_size": kernel_size}
    network = WaveNet(WaveNetConfig(layers=6, stacks=2, noise_conditional=told, **sizes))
    sights = list(of_wavenet(network, torch.rand(1, FRAMES) * 255, torch.zeros(1) if told else None))
    expected = 1 + (kernel_size - 1) * np.cumsum(network.config.dilations)
    assert reaches(sights, FRAMES) == [*expected, network.config.receptive_field]
    assert sights[2].layer == "Layer 3, dilation 4" and sights[-1].layer == PREDICTION


def test_each_layer_of_a_one_hot_wavenet_does_so_too():
    torch.manual_seed(0)
    network = OneHotWaveNet(OneHotWaveNetConfig(levels=8, width=6, head=6, stacks=2, layers=3, labels=2))
    sights = of_onehot_wavenet(network, torch.randint(8, (1, FRAMES)), torch.tensor([1]))
    expected = 2 + np.cumsum([0, *network.config.dilations])
    assert reaches(sights, FRAMES) == [*expected, network.config.receptive_field]


def seen_by_hand(blocks: int, row: int, column: int) -> list[np.ndarray]:
    """What each block of a PixelCNN may see: of each row, by how the two stacks are wired, the columns from - to."""
    both = []
    up, across = [{}], []  # offsets of rows above -> (left, right), of the vertical stack and of both, block by block
    for number in range(blocks):
        half, reach = (FIRST_KERNEL // 2, FIRST_KERNEL // 2 + 1) if number == 0 else (KERNEL // 2, KERNEL // 2 + 1)
        below = {0: (0, 0)} if number == 0 else up[-1]
        vertical = {}
        for rows in range(1, reach + 1):
            for offset, (left, right) in below.items():
                _widen(vertical, rows + offset, left + half, right + half)
        horizontal = {0: (half, -1)} if number == 0 else {}
        for offset, (left, right) in across[-1].items() if across else ():
            _widen(horizontal, offset, left + half, right)
        for offset, (left, right) in vertical.items():
            _widen(horizontal, offset, left, right)
        up.append(vertical)
        across.append(horizontal)
        seen = np.zeros((HEIGHT, WIDTH), bool)
        for offset, (left, right) in horizontal.items():
            if offset <= row:
                seen[row - offset, max(column - left, 0) : column + right + 1] = True
        both.append(seen)
    return both


def _widen(spans: dict, offset: int, left: int, right: int) -> None:
    known = spans.get(offset, (left, right))
    spans[offset] = max(known[0], left), max(known[1], right)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("place", [(8, 5), (6, 0), (5, 10), (0, 4)])
def test_each_block_of_a_pixelcnn_sees_the_rows_above_and_its_left_with_no_blind_spot(colours, place):
    torch.manual_seed(0)
    network = PixelCNN(PixelCNNConfig(colours=colours, width=12, blocks=3, labels=2))
    classes = torch.randint(4, (1, colours, HEIGHT, WIDTH))
    *blocks, prediction = of_pixelcnn(network, classes, *place, torch.tensor([0]))
    for sight, expected in zip(blocks, seen_by_hand(4, *place), strict=True):
        np.testing.assert_array_equal(sight.weight.numpy() != 0, expected, sight.layer)
    np.testing.assert_array_equal(prediction.weight.numpy() != 0, expected)


def test_the_first_pixel_sees_nothing():
    network = PixelCNN(PixelCNNConfig(width=6, blocks=1, labels=0))
    assert not any(s.weight.any() for s in of_pixelcnn(network, torch.zeros(1, 1, HEIGHT, WIDTH), 0, 0))
