"""Vocoding: the spectrogram comes out again, changed where asked; files that are no spectrograms are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.mel import FRONT_ENDS, shift_pitch, stretch_time
from core.tasks.loading import load_player
from core.tasks.settings import Settings
from core.tasks.vocoding import front_end_for, mel_error, vocode
from core.tasks.vocoding import spectrogram_of as spectrogram_at
from core.tasks.vocoding_runs import mel_condition
from core.zoo.playing import play
from tests.runs import finish

FRONT_END = FRONT_ENDS["pnf-16k"]


def spectrogram_of(clip):
    return spectrogram_at(clip, FRONT_END)


def glide(seconds=1.0, low=300.0, rate=16000):
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (low * t + 100 * t**2)
    return Clip(sum(0.1 / n * np.sin(n * phase) for n in range(1, 6)), rate)


@pytest.fixture
def settings(tiny_prior):
    return Settings(prior=tiny_prior, quality="draft", steps=2)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_audio_comes_out_with_its_own_spectrogram(settings, rate):
    result = finish(vocode(glide(1.0, rate=rate), settings=settings))
    assert result.clip.sample_rate == 16000 and abs(result.clip.frames - 16000) < 256
    assert result.metrics["mel_error"] < 0.3 and result.metrics["lsd_db"] > 0
    assert set(result.baselines) == {"Griffin-Lim"} and result.report["task"] == "vocode"


def test_a_spectrogram_has_no_truth_but_a_mel_error(settings):
    result = finish(vocode(spectrogram_of(glide()), settings=settings))
    assert result.metrics["lsd_db"] is None and result.metrics["mel_error"] < 0.3 and result.truth is None


def test_a_spectrogram_of_another_front_end_is_played_with_a_note(tiny_vocoder):
    spectrogram = spectrogram_at(glide(), FRONT_ENDS["tacotron"])
    result = finish(vocode(spectrogram, settings=Settings(tiny_vocoder)))
    assert abs(result.clip.seconds - 1) < 0.02 and result.report["front_end"] == "resound-16k"
    (note,) = result.notes
    assert "80 bands from 0 to 8000 Hz every 256 samples at 22050 Hz" in note and tiny_vocoder in note
    own = spectrogram_at(glide(), FRONT_ENDS["resound-16k"])
    assert finish(vocode(own, settings=Settings(tiny_vocoder))).notes == ()


def test_time_is_stretched_and_pitch_shifted(settings):
    longer = finish(vocode(glide(), settings=settings, stretch=1.5))
    assert abs(longer.clip.seconds - 1.5) < 0.05 and longer.truth is None
    higher = finish(vocode(glide(0.5, 500), settings=settings, semitones=7))

    def centroid(clip):
        spectrum = np.abs(np.fft.rfft(clip.samples[0]))
        return (spectrum * np.arange(len(spectrum))).sum() / spectrum.sum() / clip.frames * clip.sample_rate

    assert 1.2 < centroid(higher.clip) / centroid(glide(0.5, 500)) < 2


@pytest.mark.parametrize("sampler", [None, "diffusion", "langevin", "original"])
def test_a_wavenet_is_told_the_spectrogram(conditioned, sampler):
    result = finish(
        vocode(glide(0.3), settings=Settings(conditioned, "draft", sampler, steps=1 if sampler == "original" else 3))
    )
    assert result.clip.frames == spectrogram_of(glide(0.3)).samples and np.isfinite(result.clip.samples).all()
    assert result.report["front_end"] == "pnf-16k" and result.metrics["mel_error"] is not None


@pytest.mark.parametrize("sampler", [None, "diffusion", "langevin"])
def test_a_waveform_diffusion_is_told_the_spectrogram(tiny_diffwave, sampler):
    result = finish(vocode(glide(0.3), settings=Settings(tiny_diffwave, "draft", sampler, steps=3)))
    assert result.clip.frames == spectrogram_of(glide(0.3)).samples and np.isfinite(result.clip.samples).all()
    higher = finish(vocode(glide(0.3), settings=Settings(tiny_diffwave, "draft", sampler, steps=3), semitones=5))
    assert not np.allclose(higher.clip.samples, result.clip.samples, atol=1e-4)


@pytest.mark.parametrize("window", [1.0, 1.3])
def test_blocks_of_a_waveform_diffusion_stand_on_frames(tiny_diffwave, window):
    settings = Settings(tiny_diffwave, "draft", steps=2, window_seconds=window)
    result = finish(vocode(glide(2.5), settings=settings))
    assert result.clip.frames == spectrogram_of(glide(2.5)).samples and np.isfinite(result.clip.samples).all()


@pytest.mark.parametrize("sampler", ["original", "ancestral"])
def test_a_waveform_diffusion_is_no_wavenet(tiny_diffwave, sampler):
    with pytest.raises(InputError, match=f"no WaveNet that is told .* sampled by {sampler}"):
        finish(vocode(glide(0.3), settings=Settings(tiny_diffwave, "draft", sampler)))


def test_the_diffusion_imposes_it_too(conditioned):
    *_, result = vocode(glide(), settings=Settings(conditioned, "draft", "diffusion", steps=3))
    *_, alone = vocode(glide(), settings=Settings(conditioned, "draft", "langevin", steps=3))
    assert result.metrics["mel_error"] < 0.6 * alone.metrics["mel_error"], "what an untrained network says is mended"


def test_another_spectrogram_sounds_different_to_it(conditioned):
    settings = Settings(conditioned, "draft", "ancestral")
    one, same, other = (finish(vocode(glide(0.3, low), settings=settings)).clip for low in (300, 300, 900))
    assert np.array_equal(one.samples, same.samples) and not np.array_equal(one.samples, other.samples)


def test_what_is_drawn_is_heard_before_the_rest_exists(conditioned):
    *moments, result = vocode(glide(0.5), settings=Settings(conditioned, sampler="ancestral"))
    clips = [m.clip for m in moments]
    assert len(clips) == 4 and all(clip.frames == result.clip.frames for clip in clips)
    assert clips[0].samples[0, :2000].any() and not clips[0].samples[0, 2000:].any()
    assert np.array_equal(clips[0].samples[0, :2000], result.clip.samples[0, :2000])
    assert result.report["sampler"] == "ancestral" and moments[-1].seconds_left == pytest.approx(0)


def test_a_vocoder_plays_in_pieces_that_are_heard_at_once(tiny_vocoder):
    *moments, result = vocode(glide(9.0), settings=Settings(tiny_vocoder))
    clips, made = [m.clip for m in moments], 512 * 128
    assert len(clips) == 3 and all(clip.frames == result.clip.frames == 9 * 16000 for clip in clips)
    assert clips[0].samples[0, :made].any() and not clips[0].samples[0, made:].any()
    assert np.array_equal(clips[0].samples[0, :made], result.clip.samples[0, :made])
    assert result.report["front_end"] == "resound-16k" and result.report["prior"] == tiny_vocoder
    assert set(result.baselines) == {"Griffin-Lim"} and moments[-1].seconds_left == pytest.approx(0)


def test_a_vocoder_of_fresh_weights_has_the_spectrogram_already(tiny_vocoder):
    result = finish(vocode(glide(), settings=Settings(tiny_vocoder)))
    assert result.metrics["mel_error"] < 0.3


def test_the_seed_of_a_vocoder_is_that_of_its_noise(tiny_vocoder):
    one, same, other = (finish(vocode(glide(0.3), settings=Settings(tiny_vocoder, seed=s))).clip for s in (0, 0, 1))
    assert np.array_equal(one.samples, same.samples) and not np.array_equal(one.samples, other.samples)


@pytest.mark.parametrize("frames", [2, 3, 30])
def test_a_vocoder_plays_short_spectrograms(tiny_vocoder, frames):
    spectrogram = spectrogram_at(glide(), FRONT_ENDS["resound-16k"])
    short = replace(spectrogram, mel=spectrogram.mel[:, 20 : 20 + frames])
    assert sum(len(piece) for piece in play(load_player("vocode", Settings(tiny_vocoder)), short)) == short.samples


def test_a_careful_voice_is_not_a_daring_one(conditioned):
    settings = Settings(conditioned, sampler="ancestral")
    spread = [finish(vocode(glide(0.2), settings=settings, temperature=t)).clip.samples.std() for t in (0.05, 1.0)]
    assert spread[0] < spread[1]


def test_a_long_spectrogram_is_told_in_blocks(conditioned):
    result = finish(vocode(glide(9.0), settings=Settings(conditioned, "draft", steps=1)))
    assert result.clip.frames == spectrogram_of(glide(9.0)).samples


def test_frames_around_what_is_told_are_the_spectrograms_own():
    spectrogram = spectrogram_of(glide())
    middle = mel_condition(spectrogram, 1.0, 10, 14, 2)
    np.testing.assert_allclose(middle.mel[0], spectrogram.mel[:, 8:16])
    louder = mel_condition(spectrogram, 10.0, 0, 3, 2).mel[0]
    np.testing.assert_allclose(louder[:, 2:], spectrogram.mel[:, :5] + 1, atol=1e-5)
    assert torch.equal(louder[:, 0], louder[:, 2]), "the ends are repeated"


def test_each_model_has_its_front_end(conditioned, tiny_prior, tiny_vocoder):
    assert front_end_for(Settings(tiny_vocoder)) == FRONT_ENDS["resound-16k"]
    assert front_end_for(Settings(conditioned)) == front_end_for(Settings(tiny_prior)) == FRONT_END


def test_changes_of_a_spectrogram():
    mel = spectrogram_of(glide()).mel
    assert stretch_time(mel, 2).shape == (80, 2 * mel.shape[1])
    np.testing.assert_allclose(stretch_time(mel, 1.0), mel, atol=1e-5)
    np.testing.assert_allclose(shift_pitch(mel, FRONT_END, 0), mel, atol=1e-4)
    assert shift_pitch(mel, FRONT_END, 12).mean(axis=1).argmax() > mel.mean(axis=1).argmax()


def test_mel_error_is_in_decades_and_looks_five_under_the_loudest():
    truth = np.zeros((3, 4))
    assert mel_error(truth, truth) == 0 and mel_error(truth, truth + 0.3) == pytest.approx(0.3)
    assert mel_error(truth, truth - 9) == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stretch": 9.0}, "0.25 to 4"),
        ({"stretch": float("nan")}, "0.25 to 4"),
        ({"semitones": 99.0}, "24 semitones"),
        ({"settings": Settings(prior="piano-16k-wavenet")}, "can't vocode"),
        ({"settings": Settings(prior="tiny", sampler="original")}, "is no WaveNet"),
        ({"settings": Settings(prior="tiny", sampler="ancestral")}, "is no WaveNet"),
        ({"settings": Settings(prior="conditioned", sampler="ancestral"), "temperature": 0.0}, "temperature must lie"),
        (
            {"settings": Settings(prior="conditioned", sampler="langevin"), "temperature": 0.8},
            "for the sampler ancestral",
        ),
        ({"temperature": 0.8}, "for the sampler ancestral"),
        ({"settings": Settings(prior="conditioned", sampler="ancestral", steps=9)}, "has no steps"),
        ({"settings": Settings(prior="conditioned", sampler="ancestral", batch=2)}, "has no batch"),
        ({"settings": Settings(prior="tiny-vocoder", sampler="diffusion")}, "one pass and has no sampler"),
        ({"settings": Settings(prior="tiny-vocoder", steps=9)}, "one pass and has no steps"),
        ({"settings": Settings(prior="tiny-vocoder"), "temperature": 0.8}, "for the sampler ancestral"),
        ({"source": Clip(np.full((1, 500), 0.1), 16000)}, "too short"),
    ],
)
def test_refusals(settings, conditioned, tiny_vocoder, change, reason):
    arguments = {"source": glide(), "settings": settings} | change
    with pytest.raises(InputError, match=reason):
        list(vocode(arguments.pop("source"), **arguments))
