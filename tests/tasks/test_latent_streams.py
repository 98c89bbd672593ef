"""The code streams of a separation among codes: ranked chains as they were drawn, what they say, where they differ."""

import numpy as np
import pytest
import torch

from core import zoo
from core.signal.clip import Clip
from core.signal.masks import FRAME
from core.tasks.latent_mixture import LatentMixture
from core.tasks.latent_separation import separate_latent
from core.tasks.latent_streams import disagreement
from core.zoo.families import CODEC
from tests.tasks.test_latent_separation import HOP, RATE, noise


def heard(mixture: Clip, names: tuple[str, str]) -> LatentMixture:
    return LatentMixture(mixture, names, zoo.load_model(CODEC, "tiny-lqvae"), (0.5, 0.5))


def test_chains_are_ranked_with_all_that_belongs_to_them(tiny_code_priors):
    *_, last, result = separate_latent(noise(), tiny_code_priors, samples=5)
    streams, drawn = result.streams, last.iterate
    assert sorted(streams.numbers) == [0, 1, 2, 3, 4]
    assert (streams.codes == drawn.x.numpy()[streams.numbers]).all()
    np.testing.assert_array_equal(streams.log_likelihoods, drawn.log_likelihoods.numpy()[streams.numbers])
    np.testing.assert_allclose(streams.log_probs, drawn.log_probs.numpy()[streams.numbers] / drawn.step)
    together = streams.weights.prod(axis=1)
    assert (np.diff(together) <= 0).all() and streams.weights.sum(axis=0) == pytest.approx([1, 1])
    for source, name in enumerate(tiny_code_priors):
        reported = {row[name]["chain"] - 1: row[name]["posterior"] for row in result.report["chains"]}
        own = dict(zip(streams.numbers.tolist(), streams.weights[:, source].tolist(), strict=True))
        assert own == pytest.approx(reported, abs=1e-4)


def test_a_chain_is_heard_as_it_was_drawn(tiny_code_priors):
    mixture = noise()
    result = list(separate_latent(mixture, tiny_code_priors, samples=3))[-1]
    streams = result.streams
    for rank in range(3):
        both = heard(mixture, tiny_code_priors)
        alone = both.raw_stems(both.said(torch.from_numpy(streams.codes[rank])))
        for name, clip in streams.say(rank).items():
            np.testing.assert_array_equal(clip.samples, alone[name].samples)


def test_while_chains_are_drawn_the_likeliest_so_far_comes_first(tiny_code_priors):
    *moments, _ = separate_latent(noise(1.2), tiny_code_priors, samples=4)
    summed, drawn = moments[0], moments[-2]
    assert summed.streams is None, "before that sums of codes are made"
    streams, at = drawn.streams, drawn.iterate
    assert streams.codes.shape == (4, 2, 256) and streams.total_steps == 300
    assert streams.step_seconds == pytest.approx(HOP / RATE) and streams.likeness.shape == (6, 3)
    scores = (at.log_probs.sum(dim=1) + at.log_likelihoods.sum(dim=1)).numpy()[streams.numbers]
    assert (np.diff(scores) <= 0).all() and streams.weights is None and streams.disagreement is None
    np.testing.assert_allclose(streams.say(0)["tiny-bass"].samples, drawn.chains["tiny-bass"].samples)


def test_chains_disagree_where_they_share_the_mixture_out_differently(tiny_code_priors):
    """Of two chains that give all of the second half to one source each the standard deviation is a half there."""
    mixture = noise(1.0)
    both, half = heard(mixture, tiny_code_priors), mixture.frames // 2
    one, other = noise(1.0, seed=1).samples[0], noise(1.0, seed=2).samples[0]
    said = np.stack([[one, other], [one, other]])
    assert not disagreement(both, said).any(), "alike they disagree nowhere"
    said[0, 0, half:], said[1, 1, half:] = 0, 0
    spread = disagreement(both, said)
    middle = len(spread) // 2
    edge = 2 * FRAME // (FRAME // 4)  # windows that hold both halves
    np.testing.assert_allclose(spread[: middle - edge], 0, atol=1e-6)
    np.testing.assert_allclose(spread[middle + edge :], 0.5, atol=1e-3)


def test_loud_bins_count_for_more(tiny_code_priors):
    """Chains that disagree about one of two tones alone disagree by its share of the mixture's power."""
    times = np.arange(RATE) / RATE
    low, high = 0.6 * np.sin(2 * np.pi * 500 * times), 0.2 * np.sin(2 * np.pi * 3000 * times)
    both = heard(Clip((low + high)[None].astype(np.float32), RATE), tiny_code_priors)
    said = np.stack([[low + high, 0 * low], [low, high]]).astype(np.float32)
    spread = disagreement(both, said)
    np.testing.assert_allclose(spread[8:-8], 0.5 * 0.2**2 / (0.6**2 + 0.2**2), atol=0.005)


def test_a_single_chain_disagrees_with_none_and_silence_is_drawn_of_none(tiny_code_priors):
    assert list(separate_latent(noise(), tiny_code_priors, samples=1))[-1].streams.disagreement is None
    silent = Clip(np.zeros((1, 4000), np.float32), RATE)
    assert list(separate_latent(silent, tiny_code_priors))[-1].streams is None
