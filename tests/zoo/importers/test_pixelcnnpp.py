"""PnF's files of PixelCNN++: one network or a ladder, with and without the prefix of a parallel training."""

from dataclasses import asdict

import pytest
import torch

from core.errors import InputError
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig
from core.priors.pixelcnnpp import from_checkpoint
from core.zoo.importers.originals import ImportOptions
from core.zoo.importing import read_original
from tests.originals import pixelcnnpp_state

SYSTEM = "pixelcnnpp"
SIZES = PixelCNNPPConfig(blocks=2, width=4, mixtures=2, colours=3)
NAME = "pcnn_input_sigma:{:.5f}_lr:0.00040_nr-resnet5_nr-filters160_{}.pth"
CLEAN = "pcnn_lr.0.00040_nr-resnet5_nr-filters160_889.pth"


def make(seed: int = 0, **changes) -> PixelCNNPP:
    torch.manual_seed(seed)
    return PixelCNNPP(PixelCNNPPConfig(**asdict(SIZES) | changes)).eval().requires_grad_(False)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_all_is_found_in_the_weights(tmp_path, colours, prefix):
    network = make(colours=colours)
    torch.save(pixelcnnpp_state(network, prefix), tmp_path / CLEAN)
    architecture, config, state = read_original(tmp_path / CLEAN, SYSTEM)
    assert architecture == "pixelcnnpp" and config == asdict(network.config)
    read, x = make(seed=1, colours=colours), torch.rand(2, colours, 8, 8)
    read.load_state_dict(state)
    torch.testing.assert_close(read(x), network(x))


def test_a_folder_is_a_ladder(tmp_path):
    """Of its last epochs; each level is answered by its own network."""
    for seed, (level, epoch) in enumerate(((0.5, 9), (0.5, 19), (0.05, 9))):
        torch.save(pixelcnnpp_state(make(seed)), tmp_path / NAME.format(level, epoch))
    torch.save(pixelcnnpp_state(make(7)), tmp_path / CLEAN)
    prior = from_checkpoint("read", *read_original(tmp_path, SYSTEM)[1:], "cpu")
    assert prior.levels == (0.5, 0.05) and sorted(prior.networks) == [0, 0.05, 0.5]
    x = torch.rand(1, 3, 8, 8) * 2 - 1
    for level, seed in ((0.5, 1), (0.4, 1), (0.05, 2), (0, 7)):
        own = prior.networks[0] if level == 0 else prior._nearest(level)
        torch.testing.assert_close(own(x), make(seed)(x))
    chosen = from_checkpoint("read", *read_original(tmp_path, SYSTEM, ImportOptions(iteration=9))[1:], "cpu")
    torch.testing.assert_close(chosen.networks[0.5](x), make(0)(x))


def test_what_is_no_such_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="no files of noise levels"):
        read_original(tmp_path, SYSTEM)
    state = pixelcnnpp_state(make())
    torch.save({key: w for key, w in state.items() if key != "nin_out.lin_a.bias"}, tmp_path / CLEAN)
    with pytest.raises(InputError, match="lacks the weight"):
        read_original(tmp_path / CLEAN, SYSTEM)
    torch.save({"model": state}, tmp_path / CLEAN)
    with pytest.raises(InputError, match="no bare state dict"):
        read_original(tmp_path / CLEAN, SYSTEM)
    with pytest.raises(InputError, match="give its folder"):
        read_original(tmp_path / CLEAN, SYSTEM, ImportOptions(iteration=3))
