"""Separation among codes: against the enumerated posterior, and what must hold whatever the models make up."""

import itertools

import numpy as np
import pytest
import torch

from core import zoo
from core.errors import InputError
from core.generators import finished
from core.models import lqvae_pieces
from core.models.code_sums import sum_codes
from core.models.lqvae_pieces import decode, encode
from core.samplers.latent import typical_distance
from core.signal.clip import Clip
from core.signal.masks import spectrum, waveform_of
from core.tasks import latent_separation
from core.tasks.code_sums import keep_code_sums
from core.tasks.latent_mixture import LatentMixture
from core.tasks.latent_separation import COMPRESSED, DECODED, separate_latent
from core.tasks.settings import Settings
from core.zoo.families import CODE_PRIOR, CODEC
from tests.runs import finish

RATE, HOP = 16000, 64


def noise(seconds: float = 0.1, rate: int = RATE, channels: int = 1, seed: int = 0) -> Clip:
    return Clip(0.3 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate))), rate)


def codec():
    return zoo.load_model(CODEC, "tiny-lqvae")


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_add_up_to_the_mixture(tiny_code_priors, rate, channels):
    mixture = noise(rate=rate, channels=channels)
    result = finish(separate_latent(mixture, tiny_code_priors, samples=2))
    assert list(result.sounds) == ["tiny-drums", "tiny-bass"]
    made = [*result.sounds.values(), *(clip for draw in result.draws for clip in draw.values())]
    assert all(s.samples.shape == mixture.samples.shape and s.sample_rate == rate for s in made)
    total = sum(stem.samples for stem in result.sounds.values())
    assert np.abs(total - mixture.samples).max() == result.report["misses_mixture_by"] <= 3e-7
    assert result.baselines[DECODED] == result.draws[0] and len(result.draws) == 2


def test_one_codes_posterior_is_the_enumerated_one(tiny_code_priors, monkeypatch):
    """Of a mixture of one code the chains are draws from p(a) p(b) exp(-|k(a, b) - m|^2 / (2 sigma^2))."""
    monkeypatch.setattr(latent_separation, "TIGHTNESS", 4.0)  # so that many pairs are likely
    mixture, book = noise(HOP / RATE * 4), codec().codebook().k
    shown = LatentMixture(mixture, tiny_code_priors, codec(), (0.5, 0.5)).vectors[0]
    first, second = (
        zoo.load_model(CODE_PRIOR, name)(torch.zeros(1, 1, dtype=torch.long))[0, 0].log_softmax(-1)
        for name in tiny_code_priors
    )
    sigma, sums, truth = 4 * typical_distance(book), list(sum_codes(book)), torch.empty(6, 6)
    for a, b in itertools.product(range(6), repeat=2):
        missed = (book[sums[a][b]] - shown).square().sum()
        truth[a, b] = first[a] + second[b] - missed / (2 * sigma**2)
    truth, found = truth.flatten().softmax(0).view(6, 6), torch.zeros(6, 6)
    for seed in range(4):
        *_, last, _ = separate_latent(mixture, tiny_code_priors, samples=256, settings=Settings(seed=seed))
        found.index_put_(tuple(last.iterate.x[:, :, 0].t()), torch.tensor(1 / 1024), accumulate=True)
    assert (found - truth).abs().sum() < 0.15 and (truth > 0.02).sum() > 3


def test_chains_are_weighed_by_priors_and_misfits(tiny_code_priors):
    """What the report says of the chains is what the likeliest pairs of them are."""
    result = finish(separate_latent(noise(), tiny_code_priors, samples=5))
    for name in tiny_code_priors:
        own = [row[name] for row in result.report["chains"]]
        assert sorted(figures["chain"] for figures in own) == [1, 2, 3, 4, 5]
        weights = [figures["posterior"] for figures in own]
        assert weights == sorted(weights, reverse=True) and sum(weights) == pytest.approx(1, abs=1e-3)
        assert all(figures["nats_per_code"] > 0 for figures in own)
    assert result.report["method"] == "latent" and result.report["codec"] == "tiny-lqvae"


def test_what_is_missed_is_shared_out_by_what_is_said(tiny_code_priors):
    """Each stem is what is said of it, and its share of the rest; where nothing is said, half of the mixture."""
    heard = LatentMixture(noise(0.5), tiny_code_priors, codec(), (0.5, 0.5))
    said = np.concatenate([noise(0.5, seed=seed).samples * level for seed, level in ((1, 3.0), (2, 1.0))])
    parts, whole = spectrum(said), spectrum(heard.mixture.samples)
    masks = np.square(np.abs(parts)) / np.square(np.abs(parts)).sum(axis=0)
    expected = waveform_of(parts + masks * (whole - parts.sum(axis=0)), said.shape[1])
    stems = [clip.samples[0] for clip in heard.stems(said).values()]
    np.testing.assert_allclose(stems, expected, atol=1e-5)
    for clip in heard.stems(np.zeros((2, 0), np.float32)).values():
        np.testing.assert_allclose(clip.samples, heard.mixture.samples / 2, atol=1e-6)


@pytest.mark.parametrize("seconds", [0.5, 0.02])  # of the latter a window is all there is
def test_where_nothing_is_said_kinds_of_sounds_share_by_their_spectra(tiny_code_priors, seconds):
    low = torch.linspace(0, 1, 513).sigmoid()
    heard = LatentMixture(noise(seconds), tiny_code_priors, codec(), (0.5, 0.5), torch.stack([1 - low, low]))
    whole = spectrum(heard.mixture.samples[0])
    shares = np.interp(np.linspace(0, 512, len(whole)), np.arange(513), low.numpy())[:, None]
    expected = waveform_of(np.stack([1 - shares, shares]) * whole, heard.mixture.frames)
    stems = [clip.samples[0] for clip in heard.stems(np.zeros((2, 0), np.float32)).values()]
    np.testing.assert_allclose(stems, expected, atol=2e-3)
    loud = 100 * np.stack([heard.mixture.samples[0], -heard.mixture.samples[0]])  # then what is said decides
    both = [clip.samples[0] for clip in heard.stems(loud.astype(np.float32)).values()]
    np.testing.assert_allclose(both, loud + heard.mixture.samples / 2, atol=1e-2)


def test_what_is_said_stays_out_of_silent_channels(tiny_code_priors):
    mixture = Clip(np.concatenate([noise(0.5).samples, np.zeros((1, 8000))]), RATE)
    heard = LatentMixture(mixture, tiny_code_priors, codec(), (0.5, 0.5))
    for clip in heard.stems(np.concatenate([noise(0.5, seed=1).samples, noise(0.5, seed=2).samples])).values():
        assert np.abs(clip.samples[0]).max() > 0.1 and np.abs(clip.samples[1]).max() < 1e-6


def test_partial_stems_can_be_heard_at_any_time(tiny_code_priors):
    """First the sums are made, then codes drawn; what has not been drawn yet is shared out equally."""
    mixture = noise(1.2)
    *moments, result = separate_latent(mixture, tiny_code_priors, samples=2)
    assert len(moments) == 6 + 5
    assert [m.iterate.step for m in moments] == [1, 2, 3, 4, 5, 6, *range(64, 300, 64), 300]
    for moment in moments:
        assert list(moment.sounds) == list(moment.chains) == list(result.sounds)
        total = sum(clip.samples for clip in moment.sounds.values())
        np.testing.assert_allclose(total, mixture.samples, atol=1e-6)
    drawn = moments[6]
    assert not drawn.chains["tiny-drums"].samples[0, 64 * HOP + 100 :].any()
    np.testing.assert_allclose(drawn.sounds["tiny-drums"].samples[0, 8000:], mixture.samples[0, 8000:] / 2, atol=1e-6)
    assert moments[-1].seconds_left == pytest.approx(0)


def test_sums_that_are_kept_are_not_made_again_and_say_the_shares(tiny_code_priors):
    finished(keep_code_sums("tiny-drums", (0.3, 0.7)))
    *moments, result = separate_latent(noise(), tiny_code_priors, samples=2)
    assert moments[0].iterate.total_steps == 25
    raw = LatentMixture(noise(), tiny_code_priors, codec(), (0.3, 0.7)).raw_stems(np.ones((2, 1600), np.float32))
    assert [clip.samples[0, 800] for clip in raw.values()] == pytest.approx([0.6, 1.4])
    assert np.isfinite([clip.samples for clip in result.sounds.values()]).all()


def test_sums_in_which_a_source_has_no_share_are_refused(tiny_code_priors):
    finished(keep_code_sums("tiny-drums", (0.0, 1.0)))
    with pytest.raises(InputError, match="nothing is a mixture of both sources"):
        next(separate_latent(noise(), tiny_code_priors))


def test_with_the_truth_there_are_figures_of_everything(tiny_code_priors):
    parts = [noise(0.3, seed=seed) for seed in (1, 2)]
    mixture = Clip(sum(part.samples for part in parts), RATE)
    result = finish(separate_latent(mixture, tiny_code_priors, samples=2, references=parts))
    assert {DECODED, COMPRESSED, "mixture", "ratio mask (oracle)"} <= result.baselines.keys()
    assert result.metrics["si_sdr_improvement_db"] is not None
    compressed = result.baselines[COMPRESSED]["tiny-bass"].samples[0]
    said = decode(codec(), encode(codec(), parts[1].samples[0])[None])[0]
    np.testing.assert_allclose(compressed, said[: len(compressed)], atol=1e-6)


def test_clips_are_longer_than_pieces_and_contexts(tiny_code_priors, monkeypatch):
    whole = encode(codec(), noise(0.3).samples[0])
    said = decode(codec(), whole[None])
    monkeypatch.setattr(lqvae_pieces, "PIECE", 20)
    assert torch.equal(encode(codec(), noise(0.3).samples[0]), whole)
    torch.testing.assert_close(decode(codec(), whole[None]), said)


def test_a_silent_mixture_is_shared_out_equally(tiny_code_priors):
    *moments, result = separate_latent(Clip(np.full((1, 4000), 0.1), RATE), tiny_code_priors)
    assert not moments and "silent or a constant" in result.notes[0] and not result.draws
    for stem in result.sounds.values():
        np.testing.assert_allclose(stem.samples, 0.05, atol=1e-6)


def other_codes() -> None:
    """Registers a prior of another codebook, of no LQ-VAE."""
    from core.models import transformer
    from core.zoo.checkpoint import save_checkpoint

    config = {"classes": 6, "code_width": 3, "context": 24, "width": 8, "depth": 1, "blocks": 4}
    path = zoo.manifest.own_folder().parent / "other.safetensors"
    save_checkpoint(path, "code-prior", config, transformer.build(config).state_dict())
    zoo.register("other", path, {"sample_rate": 16000})


@pytest.mark.parametrize(
    ("priors", "more", "words"),
    [
        (["tiny-drums"], {}, "takes two sources apart, not 1"),
        (["tiny-drums"] * 3, {}, "takes two sources apart, not 3"),
        (["tiny-drums", "piano-16k"], {}, "'piano-16k' is a prior of sounds; choose a prior of codes"),
        (["tiny-drums", "tiny-lqvae"], {}, "'tiny-lqvae' is a VQ-VAE.*; choose a prior of codes"),
        (["tiny-drums", "other"], {}, "codes of different LQ-VAEs"),
        (["other", "other"], {}, "no LQ-VAE of the codes"),
        (["tiny-drums", "ghost"], {}, "no prior named 'ghost'"),
        (["tiny-drums", "tiny-bass"], {"samples": 0}, "between 1 and 256, not 0"),
        (["tiny-drums", "tiny-bass"], {"references": [noise()]}, "2 stems, but 1 references"),
    ],
)
def test_what_cannot_be_separated_is_refused(tiny_code_priors, priors, more, words):
    other_codes()
    with pytest.raises(InputError, match=words):
        next(separate_latent(noise(), priors, **more))


def test_a_prior_may_serve_both_sources(tiny_code_priors):
    result = finish(separate_latent(noise(), ["tiny-bass"] * 2, samples=1))
    assert list(result.sounds) == ["tiny-bass", "tiny-bass-2"]


def test_the_mixture_is_heard_in_all_its_channels(tiny_code_priors):
    """Channels share their masks: a silent one stays silent."""
    mono = noise().samples
    result = finish(separate_latent(Clip(np.concatenate([mono, 0 * mono]), RATE), tiny_code_priors, samples=1))
    assert all(not stem.samples[1].any() and stem.samples[0].any() for stem in result.sounds.values())
    assert latent_separation.SAMPLES == 8
