"""Voice conversion: what is heard, said and rearranged; whose voices; what is refused and warned of."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.voice_features import HIGHEST_OCTAVES
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, hear, load_speech, understand
from core.tasks.voice import Voice, find_speaker, speaker_voice, speakers, speakers_of, voice_of, warning_of
from core.tasks.voice_conversion import (
    Manner,
    convert_to_each,
    convert_voice,
    converted_frames,
    delivered,
    speak,
    speak_part,
)
from core.tasks.voice_making import make_table

RATE = 16000


def talk(seconds: float = 1.0, hertz: float = 120.0, noise: float = 0.001) -> Clip:
    """Harmonics of a gliding pitch that pause every half second."""
    t = np.arange(round(seconds * RATE)) / RATE
    turns = np.cumsum(hertz * (1 + 0.1 * np.sin(2 * np.pi * 1.5 * t))) / RATE
    sound = sum(np.cos(2 * np.pi * h * turns) / h for h in range(1, 15)) * 0.05 * (np.sin(2 * np.pi * 2 * t) > -0.5)
    return Clip((sound + noise * np.random.default_rng(0).standard_normal(len(t)))[None], RATE)


@pytest.fixture
def settings(tiny_converter) -> Settings:
    return Settings(tiny_converter, seed=1)


@pytest.fixture
def speech(settings) -> Speech:
    return load_speech(settings)


@pytest.fixture
def voice(speech) -> Voice:
    return voice_of(talk(6.0, 200.0), speech)


def test_a_converted_clip_is_as_long_as_before(settings):
    clip = talk(0.75)
    *progress, result = convert_voice(clip, voice=talk(6.0, 200.0), settings=settings)
    assert result.clip.samples.shape == (1, 12000) and result.clip.samples.std() > 1e-4
    assert progress[-1].seconds_left == 0
    assert result.report["voice"] == "your own" and result.report["semitones"] == 0


def test_a_clip_of_another_rate_in_stereo_comes_back_mono_at_the_converters(settings):
    samples = np.repeat(talk(1.0).samples[:, ::2], 2, axis=0)
    *_, result = convert_voice(Clip(samples, RATE // 2), voice=talk(6.0, 200.0), settings=settings)
    assert result.clip.samples.shape == (1, RATE) and result.clip.sample_rate == RATE


def test_silence_stays_and_says_so(settings):
    *_, result = convert_voice(Clip(np.zeros((1, 8000)), RATE), voice=talk(6.0), settings=settings)
    assert not result.clip.samples.any() and result.notes


def test_several_voices_stand_beside_what_they_are_compared_with(settings, tiny_voices, voice):
    *progress, result = convert_to_each(talk(1.0), ["ada", voice.name, "bob"], own=voice, settings=settings)
    assert list(result.sounds) == ["ada", "your own", "bob"] == list(progress[-1].sounds)
    assert list(progress[0].sounds) == ["ada"], "one after the other"
    assert set(result.baselines) == {"source's own voice", "pitch and formants", "plain vocoder"}
    assert {clip.frames for clip in result.sounds.values()} == {RATE}
    *_, alone = convert_voice(talk(1.0), speaker="bob", settings=settings)
    assert np.array_equal(alone.clip.samples, result.sounds["bob"].samples)


def test_a_vqvae_says_it_with_several_of_its_speakers_as_loud_as_it_was(tiny_vqvae):
    clip = talk(0.5)
    *_, result = convert_to_each(clip, ["Bob", "Ada"], settings=Settings(tiny_vqvae))
    assert list(result.sounds) == ["Bob", "Ada"] and not result.baselines
    levels = [np.sqrt(np.mean(sound.samples**2)) for sound in result.sounds.values()]
    assert levels == pytest.approx([np.sqrt(np.mean(clip.samples**2))] * 2, rel=1e-3)


@pytest.mark.parametrize("names", [[], ["nobody"]])
def test_no_voice_and_unknown_ones_are_refused(settings, tiny_voices, names):
    with pytest.raises(InputError, match="voice|speaker"):
        list(convert_to_each(talk(0.5), names, settings=settings))


def test_pauses_stay(speech, voice):
    clip = talk(2.0)
    samples = clip.samples.copy()
    samples[:, 12000:24000] = 0
    said = np.concatenate(list(speak(understand(hear(Clip(samples, RATE), speech), speech), voice, speech, Manner())))
    assert said[14000:22000].std() < 0.01 * said[:10000].std()


def test_pieces_of_frames_join_exactly(speech, voice, monkeypatch):
    speech.converter.fast = False
    utterance = understand(hear(talk(3.0), speech), speech)
    delivery = delivered(utterance, voice, Manner())
    whole = converted_frames(utterance, delivery, voice, speech)
    monkeypatch.setattr("core.tasks.voice_conversion.PIECE", 50)
    assert torch.allclose(converted_frames(utterance, delivery, voice, speech), whole, atol=1e-4)


def test_the_voice_speaks_at_its_own_pitch(speech, voice):
    utterance = understand(hear(talk(2.0), speech), speech)
    sung = utterance.delivery.sung & (utterance.delivery.hertz.log2() < utterance.height + HIGHEST_OCTAVES)
    own = delivered(utterance, voice, Manner(keep_intonation=True)).hertz[sung].median().item()
    higher = delivered(utterance, voice, Manner(semitones=12.0, keep_intonation=True)).hertz[sung].median().item()
    assert own == pytest.approx(2**voice.height, rel=1e-3) and higher == pytest.approx(2 * own, rel=1e-3)


def test_codes_can_be_rearranged(speech):
    utterance = understand(hear(talk(1.0), speech), speech)
    order = [5, 6, 7, 6, 6, 2]
    changed = utterance.rearranged(order)
    assert np.array_equal(changed.codes, utterance.codes[order])
    assert changed.samples == len(order) * speech.code_samples
    assert torch.equal(changed.delivery.hertz[0, :4], utterance.delivery.hertz[0, 10:14])
    assert changed.height == utterance.height
    runs = changed.runs()
    assert [first for _, first, _ in runs[1:]] == [stop for _, _, stop in runs[:-1]]
    assert (runs[0][1], runs[-1][2]) == (0, 6)


def test_a_part_is_said_as_it_is_in_the_whole(speech, voice):
    utterance = understand(hear(talk(4.0), speech), speech)
    whole = np.concatenate(list(speak(utterance, voice, speech, Manner())))
    span = (60, 70)
    part = speak_part(utterance, span, voice, speech, Manner())
    each = speech.code_samples
    assert part.shape == (10 * each,)
    same = whole[span[0] * each : span[1] * each]
    spectra = [np.abs(np.fft.rfft(w.reshape(5, -1) * np.hanning(len(w) // 5))).mean(axis=0) for w in (part, same)]
    assert np.corrcoef(np.log(np.stack(spectra) + 1e-3))[0, 1] > 0.8


@pytest.mark.parametrize("order", [[], [0, 1], [0, 1, 999], [0, -1, 2], [1] * 20_001])
def test_codes_that_cannot_be_said_are_refused(speech, order):
    with pytest.raises(InputError, match="codes"):
        understand(hear(talk(1.0), speech), speech).rearranged(order)


@pytest.mark.parametrize("span", [(5, 5), (-1, 4), (3, 1000)])
def test_parts_that_are_not_there_are_refused(speech, voice, span):
    with pytest.raises(InputError, match="codes"):
        speak_part(understand(hear(talk(1.0), speech), speech), span, voice, speech, Manner())


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (talk(1.0), "of speech"),
        (Clip(np.random.default_rng(0).standard_normal((1, 6 * RATE)) * 0.1, RATE), "No voice"),
        (Clip(talk(6.0).samples + 0.1 * np.sin(np.arange(6 * RATE) * 0.05), RATE), "noisy"),
    ],
)
def test_recordings_that_hold_no_voice_are_refused(speech, clip, reason):
    with pytest.raises(InputError, match=reason):
        voice_of(clip, speech)


def test_choices_that_make_no_sense_are_refused(settings):
    for choice in ({}, {"speaker": "ls1688", "voice": talk(6.0)}):
        with pytest.raises(InputError, match="whose voice"):
            next(convert_voice(talk(), settings=settings, **choice))
    with pytest.raises(InputError, match="no speaker 'nobody'"):
        next(convert_voice(talk(), speaker="nobody", settings=settings))
    with pytest.raises(InputError, match="24 semitones"):
        next(convert_voice(talk(), voice=talk(6.0), manner=Manner(25.0), settings=settings))
    with pytest.raises(InputError, match="VQ-VAEs alone"):
        next(convert_voice(talk(), voice=talk(6.0), temperature=0.5, settings=settings))
    with pytest.raises(InputError, match="a code stands for"):
        next(convert_voice(talk(0.02), voice=talk(6.0), settings=settings))


def test_what_converts_badly_is_warned_of(speech):
    chance = np.random.default_rng(0)
    assert warning_of(hear(talk(2.0), speech)) is None
    assert "pitch" in warning_of(hear(Clip(chance.standard_normal((1, 2 * RATE)) * 0.1, RATE), speech))
    assert "what converts well" in warning_of(hear(talk(2.0, 450.0), speech))


def test_speakers_are_spoken_with_in_their_own_voices(settings, speech, tiny_voices):
    assert list(speakers()) == ["ada", "bob"]
    ada, bob = (speaker_voice(name, speech) for name in speakers())
    assert bob.pitch_hz[1] == pytest.approx(110, rel=0.05) and ada.pitch_hz[1] == pytest.approx(220, rel=0.05)
    assert find_speaker("ada").description == "high voice, a test" and ada.height == pytest.approx(
        np.log2(220), abs=0.1
    )
    *_, result = convert_voice(talk(0.5), speaker="bob", settings=settings)
    assert result.report["voice"] == "bob" and result.clip.frames == RATE // 2


@pytest.mark.slow
def test_a_vqvae_speaks_as_one_of_its_own_speakers(tiny_vqvae):
    clip, settings = talk(3.01), Settings(tiny_vqvae, seed=1)

    def said(**asked) -> list:
        return list(convert_voice(clip, speaker="Bob", **{"settings": settings} | asked))

    *progress, result = said()
    assert result.clip.frames == clip.frames and result.report["sampler"] == "ancestral"
    assert (result.report["voice"], result.report["temperature"]) == ("Bob", 1.0)
    steps = [item.iterate.step for item in progress]
    assert steps == sorted(steps) and 0 < steps[0] < steps[-1] == clip.frames and progress[-1].seconds_left == 0
    early = progress[0].clip.samples[0, : steps[0]]
    later = result.clip.samples[0, : steps[0]]
    assert early.any(), "and the same later, but for how loud it is"
    np.testing.assert_allclose(early * (later.std() / early.std()), later, atol=1e-5)
    assert np.array_equal(said()[-1].clip.samples, result.clip.samples)
    assert not np.array_equal(said(settings=Settings(tiny_vqvae, seed=2))[-1].clip.samples, result.clip.samples)
    careful = [said(temperature=0.0, settings=Settings(tiny_vqvae, seed=seed))[-1].clip.samples for seed in (1, 2)]
    assert np.array_equal(*careful)


def test_a_vqvae_leaves_silence_and_refuses_what_it_cannot_do(tiny_vqvae):
    settings = Settings(tiny_vqvae)
    *_, result = convert_voice(Clip(np.zeros((1, 8000)), RATE), speaker="Ada", settings=settings)
    assert not result.clip.samples.any() and result.notes
    assert dict(speakers_of(tiny_vqvae)) == {"Ada": None, "Bob": None}
    for choice, reason in (
        ({"speaker": "ls1688"}, "no speaker 'ls1688'; choose one of Ada, Bob"),
        ({"voice": talk(6.0)}, "its own speakers at their own pitch"),
        ({"speaker": "Ada", "manner": Manner(2.0)}, "leave out recordings of voices, transpositions"),
        ({"speaker": "Ada", "manner": Manner(keep_intonation=True)}, "transpositions and intonation"),
        ({"speaker": "Ada", "temperature": -1.0}, "temperature"),
    ):
        with pytest.raises(InputError, match=reason):
            list(convert_voice(talk(), settings=settings, **choice))
    with pytest.raises(InputError, match="its own speakers alone"):
        load_speech(settings)


def test_a_table_of_another_encoder_is_refused(speech, monkeypatch, tiny_voices):
    monkeypatch.setattr(speech.encoder, "name", "another")
    with pytest.raises(InputError, match="give a recording of the voice instead"):
        speaker_voice("ada", speech)


def test_a_speaker_of_whom_there_is_too_little_is_named(speech, tmp_path):
    write_clip(tmp_path / "a.wav", talk(1.0))
    known = [{"name": "ada", "description": "", "licence": ""}]
    with pytest.raises(InputError, match="too little of ada"):
        make_table(known, {"ada": [tmp_path / "a.wav"]}, speech)
