"""The content encoder: steps and codes, what microphones do to it, residual codebooks."""

import pytest
import torch

from core.models.content_encoder import ContentConfig, ContentEncoder, nearest, without_channel

TINY = ContentConfig(channels=16, blocks=1, features=4, details=2, changes=1)


@pytest.fixture
def encoder() -> ContentEncoder:
    torch.manual_seed(0)
    model = ContentEncoder(TINY)
    for scale, codebook in zip((3.0, 0.1, 0.1, 0.1), model.codebooks, strict=True):
        codebook.normal_(std=scale)
    return model.eval()


@pytest.mark.parametrize(("frames", "steps", "codes"), [(8, 4, 2), (7, 4, 2), (10, 5, 3)])
def test_steps_are_of_two_frames_and_codes_of_two_steps(encoder, frames, steps, codes):
    features = encoder(torch.randn(1, 80, frames))
    assert features.shape == (1, steps, 4)
    assert encoder.encode(features).shape == (1, codes, 4)
    assert encoder.decode(encoder.encode(features)).shape == (1, 2 * codes, 4)


def test_what_a_microphone_does_to_every_frame_is_not_heard():
    mel = torch.randn(2, 80, 30)
    assert torch.allclose(without_channel(mel + torch.linspace(-1, 1, 80)[:, None]), without_channel(mel), atol=0.3)
    assert torch.allclose(without_channel(mel - 2), without_channel(mel), atol=1e-5)


def test_the_nearest_entry_is_chosen():
    codebook = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    assert nearest(torch.tensor([[2.0, 0.4], [0.2, -9.0], [-1.0, 1.8]]), codebook).tolist() == [1, 0, 2]


def test_what_the_coarse_number_leaves_is_said_by_others_of_some_features_each(encoder):
    codes = torch.tensor([[[7, 9, 200, 3], [8, 0, 1, 255]]])
    features = encoder.decode(codes)
    assert torch.equal(encoder.encode(features), codes)
    coarse, first, second, change = (book[at] for book, at in zip(encoder.codebooks, codes[0, 0], strict=True))
    total, difference = features[0, 0] + features[0, 1], features[0, 0] - features[0, 1]
    told = torch.stack([first, second], dim=1).flatten()  # of every other feature each
    assert torch.allclose(total, 2**0.5 * (coarse[:4] + told), atol=1e-5)
    assert torch.allclose(difference, 2**0.5 * (coarse[4:] + change), atol=1e-5)


def test_coarse_numbers_alone_give_coarse_features(encoder):
    codes = torch.tensor([[[7, 9, 200, 3]]])
    features = encoder.decode(codes[..., :1])
    assert torch.allclose(features.sum(dim=1)[0], 2**0.5 * encoder.codebooks[0][7, :4], atol=1e-5)
