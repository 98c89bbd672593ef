"""What codes add to mixtures: learned of pairs of stems by command, kept beside a prior, used in either order."""

import numpy as np
import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.generators import finished
from core.models.code_parts import CodePartsFit
from core.models.lqvae_pieces import encode, hear
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.tasks.code_parts import keep_code_parts, mean_spectra, parts_of_both
from core.tasks.latent_separation import separate_latent
from core.zoo.families import CODE_PRIOR, CODEC
from tests.runs import finish

RATE = 16000


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> Clip:
    return Clip(0.3 * np.random.default_rng(seed).standard_normal((1, round(seconds * rate))), rate)


def loaded(names) -> list:
    return [zoo.load_model(CODE_PRIOR, name) for name in names]


def learn(names, count: int = 2):
    pairs = ((noise(1.0, 2 * n), noise(1.1, 2 * n + 1)) for n in range(count))
    return keep_code_parts(names, pairs, "noise")


def test_they_are_learned_of_pairs(tiny_code_priors):
    model = zoo.load_model(CODEC, "tiny-lqvae")
    assert parts_of_both(loaded(tiny_code_priors)) is None
    run = learn(tiny_code_priors)
    assert [next(run), next(run)] == [1, 2]
    entry = finished(run)
    assert entry.name == "tiny-drums.mixtures" and entry.data == "noise"
    fit = CodePartsFit(6, 3, 513)
    for n in range(2):
        first, second = noise(1.0, 2 * n).samples[0], noise(1.1, 2 * n + 1).samples[0, :RATE]
        spectra = mean_spectra(np.stack([first, second]))
        fit.add((encode(model, first), encode(model, second)), hear(model, (first + second) / 2), spectra)
    parts, expected = parts_of_both(loaded(tiny_code_priors)), fit.solve("tiny-bass")
    torch.testing.assert_close(parts.whiten, expected.whiten, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(parts.spectra, expected.spectra)
    swapped = parts_of_both(loaded(tiny_code_priors[::-1]))
    assert torch.equal(swapped.first, parts.second) and torch.equal(swapped.second, parts.first)
    assert parts_of_both(loaded(tiny_code_priors[:1] * 2)) is None


@pytest.mark.parametrize("reverse", [False, True])
def test_separation_uses_them_instead_of_sums(tiny_code_priors, reverse):
    finished(learn(tiny_code_priors))
    names, mixture = tiny_code_priors[:: -1 if reverse else 1], noise(0.5)
    *moments, result = separate_latent(mixture, names, samples=2)
    assert [moment.iterate.step for moment in moments] == [64, 125]
    for sounds in (moments[0].sounds, result.sounds):
        assert list(sounds) == list(names)
        np.testing.assert_allclose(sum(clip.samples for clip in sounds.values()), mixture.samples, atol=1e-6)
    assert not torch.equal(*moments[-1].iterate.expected)


def test_the_order_of_the_priors_does_not_matter_to_the_stems(tiny_code_priors):
    """Where priors say nothing, means do not depend on what is drawn."""
    finished(learn(tiny_code_priors))
    both = [
        finish(separate_latent(noise(0.5), names, samples=1, temperature=float("inf"))).sounds["tiny-bass"].samples
        for names in (tiny_code_priors, tiny_code_priors[::-1])
    ]
    np.testing.assert_allclose(*both, atol=1e-5)


def test_the_command_learns_of_a_folder(tiny_code_priors, tmp_path, capsys):
    for n in range(2):
        for m, part in enumerate(("drums", "bass")):
            write_clip(tmp_path / f"p{n}_{part}.wav", noise(0.6, 2 * n + m))
    command = ["code-parts", "--prior", *tiny_code_priors, "--data", str(tmp_path)]
    assert main(command) == 0
    assert "Kept as tiny-drums.mixtures" in capsys.readouterr().out
    assert parts_of_both(loaded(tiny_code_priors)) is not None
    assert main([*command, "--parts", "drums", "voice"]) == 2
    assert "no pair of sounds" in capsys.readouterr().err


def test_other_models_are_refused(tiny_code_priors):
    with pytest.raises(InputError, match="choose a prior of codes"):
        next(learn(("tiny-drums", "piano-16k")))
