"""Voice conversion: what one voice says, said by another one.

The content is told as codes, pitch and loudness beside it. The converter makes the wanted voice's mel frames of them,
which the vocoder plays: the words, the timing and the melody stay, the voice is another's. A VQ-VAE has codes alone, of
which it says samples with one of its own speakers' voices.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from core.choices import ONE_PASS
from core.errors import InputError
from core.models.content_encoder import FRAMES_PER_STEP, STEPS_PER_CODE
from core.models.converter import VoiceConverter
from core.models.pitch import as_classes
from core.models.voice_features import Delivery
from core.models.vqvae import VQVAE
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.signal.resampling import resample
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.blocks import silent
from core.tasks.code_decoding import Spoken, check_speaker, passages_of, say_passages
from core.tasks.conversion_baselines import OWN, copies, own_voice
from core.tasks.drawing import Drawn, provenance
from core.tasks.loading import load_converter
from core.tasks.progress import SOUND, Progress, Run, Sounds
from core.tasks.report import Metrics, Outcome, conclude
from core.tasks.restoration import NOTHING_TO_DO, restoration_outcome
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, Utterance, hear, speech_of, understand
from core.tasks.voice import Voice, speaker_voice, voice_of, voices_named, warning_of
from core.types import Iterate
from core.zoo.playing import play

TASK = "convert-voice"
SAMPLE_BY_SAMPLE = "ancestral"  # what reports call the way that a VQ-VAE makes it
MOST_SEMITONES = 24.0
SPREADS = (0.7, 1.4)  # factors by which a melody is narrowed or widened towards the voice's
PIECE = 1024  # steps that are converted at once
QUIETEST = 1e-5  # root mean square of what is not made louder any more
NO_SOUNDS: Sounds = MappingProxyType({})


@dataclass(frozen=True)
class Manner:
    """How an utterance is to be said.

    Args:
        semitones: by which it is higher than the voice usually speaks.
        keep_intonation: the melody stays as wide as it was, instead of as wide as the voice's.
    """

    semitones: float = 0.0
    keep_intonation: bool = False

    def check(self) -> None:
        """Raises:
        InputError: out of range.
        """
        if not abs(self.semitones) <= MOST_SEMITONES:
            raise InputError(
                f"The voice can be transposed by {MOST_SEMITONES:g} semitones at most, not by {self.semitones:g}."
            )


@dataclass(frozen=True)
class _Way:
    """How one kind of model says a clip.

    Args:
        model: that says it.
        sample_rate: in Hz.
        sampler: what reports call it.
        facts: what they tell of it beside that.
        say: a mono clip at that rate -> what is said of it, as it grows, and a warning.
    """

    model: VoiceConverter | VQVAE
    sample_rate: int
    sampler: str
    facts: Mapping
    say: Callable[[Clip], tuple[Iterator[Spoken], str | None]]


def convert_voice(
    clip: Clip,
    *,
    speaker: str | None = None,
    voice: Clip | None = None,
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    temperature: float = 1.0,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
) -> Run:
    """Says what is said in a clip with another voice.

    Args:
        clip: mixed to mono.
        speaker: name of a bundled voice; of a VQ-VAE, which has no others, of one of its own.
        voice: a recording of the voice instead; some seconds are enough.
        temperature: of a VQ-VAE's draws; 0 takes the likeliest sample every time.

    Yields:
        Progress whenever more of it can be heard, then one Result at the rate of the converter.

    Raises:
        InputError: not just one of speaker and voice, an unknown speaker, an unusable clip or voice, a transposition
            or temperature out of range, or what the converter cannot do.
    """
    if (speaker is None) == (voice is None):
        raise InputError("Say whose voice it should be: a speaker, or a recording of the voice, and not both.")
    manner.check()
    check_clip("The clip", clip)
    model, began = load_converter(settings), time.monotonic()
    prepare = _by_vqvae if isinstance(model, VQVAE) else _by_converter
    way = prepare(model, speaker, voice, manner, temperature, settings.seed)
    observed = resample(clip.mono(), way.sample_rate)
    drawn, warning = yield from _drawn(observed, way, settings, began)
    facts = {**way.facts, **({"warning": warning} if warning else {})}
    made = Clip(drawn.waveform, way.sample_rate)
    outcome = restoration_outcome(TASK, made, drawn, observed=observed, truth=None, baselines={}, facts=facts)
    yield conclude(outcome, Metrics((), lambda *_: {}))


def convert_to_each(
    clip: Clip,
    names: Sequence[str],
    *,
    own: Voice | None = None,
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    settings: Settings = Settings(),  # noqa: B008 (frozen)
) -> Run:
    """Says what is said in a clip with each of some voices, and makes of it what they can be compared with.

    Args:
        names: of speakers, or of the own voice.
        own: a voice beside the speakers'.

    Yields:
        Progress whenever more of a voice can be heard, then one Result: its sounds by the names, and as baselines of a
        converter the clip in its own voice, and of the first voice those of `conversion_baselines.copies`.

    Raises:
        InputError: no voice, or an unknown one, an unusable clip, a transposition out of range, or what the model
            cannot do.
    """
    if not names:
        raise InputError("No voice is chosen; choose at least one.")
    manner.check()
    check_clip("The clip", clip)
    model, began, sounds = load_converter(settings), time.monotonic(), {}
    by_codes = isinstance(model, VQVAE)
    voices = [] if by_codes else voices_named(names, own, speech_of(model))
    ways = [_by_vqvae(model, name, None, manner, 1.0, settings.seed) for name in names if by_codes]
    ways += [_with_voice(voice, speech_of(model), manner, settings.seed) for voice in voices]
    observed = resample(clip.mono(), ways[0].sample_rate)
    for name, way in zip(names, ways, strict=True):
        drawn, warning = yield from _drawn(observed, way, settings, began, name, dict(sounds))
        sounds[name] = Clip(drawn.waveform, observed.sample_rate)
    seconds = round(_since(began), 3)  # of the voices; what they are compared with is not asked for
    beside = _beside(observed, voices[0], speech_of(model), settings) if drawn.worked and voices else {}
    facts = {"voices": list(sounds), "semitones": manner.semitones, "keep_intonation": manner.keep_intonation}
    facts |= {"warning": warning} if warning else {}
    told, notes = drawn.provenance | {"seconds": seconds}, () if drawn.worked else (NOTHING_TO_DO,)
    outcome = Outcome(TASK, sounds, observed, told, baselines=beside, facts=facts, notes=notes)
    yield conclude(outcome, Metrics((), lambda *_: {}))


def _beside(clip: Clip, voice: Voice, speech: Speech, settings: Settings) -> dict[str, Sounds]:
    """What stands beside a voice, by method; each is one sound."""
    heard, own, made = hear(clip, speech), own_voice(clip, speech), {}
    if own is not None:
        pieces = speak(understand(heard, speech), own, speech, Manner(), settings.seed)
        made[OWN] = Clip(np.concatenate(list(pieces))[None], clip.sample_rate)
    return {name: {SOUND: own} for name, own in (made | copies(clip, heard, voice, speech)).items()}


def speak(utterance: Utterance, voice: Voice, speech: Speech, manner: Manner, seed: int = 0) -> Iterator[np.ndarray]:
    """An utterance said with a voice, in consecutive pieces, float32 `[frames]`; the first is there at once."""
    delivery = delivered(utterance, voice, manner)
    mel = converted_frames(utterance, delivery, voice, speech)
    pitch = as_classes(at_frames(delivery.hertz), at_frames(delivery.voiced))
    mel, pitch = (torch.cat([part, part[..., -1:]], dim=-1) for part in (mel, pitch))  # a waveform ends at a frame
    made = 0
    for piece in play(speech.vocoder, MelSpectrogram(mel[0].cpu().numpy(), speech.front_end), seed, pitch):
        yield piece[: utterance.samples - made]
        made += len(piece)


def speak_part(
    utterance: Utterance, span: tuple[int, int], voice: Voice, speech: Speech, manner: Manner, seed: int = 0
) -> np.ndarray:
    """What `speak` makes of the codes from one number to another, but for the phases; float32 `[frames]`.

    Raises:
        InputError: there are no such codes.
    """
    first, stop = span
    if not 0 <= first < stop <= len(utterance.codes):
        raise InputError(f"The codes {first} to {stop} are none of the {len(utterance.codes)} that there are.")
    around = -(-(speech.converter.context + -(-speech.vocoder.context // FRAMES_PER_STEP)) // STEPS_PER_CODE)
    begin, end = max(0, first - around), min(len(utterance.codes), stop + around)
    part = utterance.rearranged(range(begin, end))
    waveform = np.concatenate(list(speak(part, voice, speech, manner, seed)))
    return waveform[(first - begin) * speech.code_samples : (stop - begin) * speech.code_samples]


def delivered(utterance: Utterance, voice: Voice, manner: Manner) -> Delivery:
    """How the voice says it: at its own pitch, moved by the manner's semitones."""
    if utterance.height is None:
        return utterance.delivery
    width = 1.0 if manner.keep_intonation else min(max(voice.spread / utterance.spread, SPREADS[0]), SPREADS[1])
    heights = torch.tensor([utterance.height, voice.height + manner.semitones / 12]).to(utterance.delivery.hertz)
    return utterance.delivery.moved(heights[:1], heights[1:], width)


@torch.no_grad()
def converted_frames(utterance: Utterance, delivery: Delivery, voice: Voice, speech: Speech) -> Tensor:
    """Log10 mel frames of the voice, `[1, bands, frames]`; pieces know what is around them, so their joins are exact.

    Args:
        delivery: of `delivered`.
    """
    converter, made = speech.converter, []
    codes = torch.from_numpy(utterance.codes)[None].to(converter.device)
    content = speech.encoder.decode(codes)
    steps = content.shape[1]
    for start in range(0, steps, PIECE):
        stop = min(start + PIECE, steps)
        first, last = max(0, start - converter.context), min(steps, stop + converter.context)
        frames = converter(content[:, first:last], delivery.at(slice(first, last)), voice.reference)
        made.append(frames[..., (start - first) * FRAMES_PER_STEP : (stop - first) * FRAMES_PER_STEP])
    return torch.cat(made, dim=-1) + utterance.level + at_frames(utterance.silence)[:, None]


def at_frames(steps: Tensor) -> Tensor:
    """Of every step `[1, steps]` to every frame."""
    return steps.repeat_interleave(FRAMES_PER_STEP, dim=1)


def _by_converter(
    converter: VoiceConverter, speaker: str | None, voice: Clip | None, manner: Manner, temperature: float, seed: int
) -> _Way:
    """With any voice; refuses what it cannot do."""
    if temperature != 1:
        raise InputError("A temperature is for VQ-VAEs alone, which draw sample by sample; leave it at 1.")
    speech = speech_of(converter)
    target = speaker_voice(speaker, speech) if speaker is not None else voice_of(voice, speech)
    return _with_voice(target, speech, manner, seed)


def _with_voice(voice: Voice, speech: Speech, manner: Manner, seed: int) -> _Way:
    """With a voice, by the converter that it is for."""

    def say(clip: Clip) -> tuple[Iterator[Spoken], str | None]:
        heard = hear(clip, speech)
        pieces = speak(understand(heard, speech), voice, speech, manner, seed)
        return _so_far(pieces, clip.frames), warning_of(heard)

    facts = {"voice": voice.name, "semitones": manner.semitones, "keep_intonation": manner.keep_intonation}
    return _Way(speech.converter, speech.front_end.sample_rate, ONE_PASS, facts, say)


def _by_vqvae(
    model: VQVAE, speaker: str | None, voice: Clip | None, manner: Manner, temperature: float, seed: int
) -> _Way:
    """With one of its own voices; refuses what it cannot do."""
    if voice is not None or manner != Manner():
        raise InputError(
            f"The VQ-VAE {model.name} speaks with its own speakers at their own pitch: name one of them, and leave out "
            "recordings of voices, transpositions and intonation."
        )
    check_speaker(speaker, model)

    def say(clip: Clip) -> tuple[Iterator[Spoken], str | None]:
        said = say_passages(passages_of(clip, model), model, speaker, temperature=temperature, seed=seed)
        return _as_loud(said, clip.samples[0]), None

    return _Way(model, model.sample_rate, SAMPLE_BY_SAMPLE, {"voice": speaker, "temperature": temperature}, say)


def _drawn(
    clip: Clip, way: _Way, settings: Settings, began: float, name: str = SOUND, before: Sounds = NO_SOUNDS
) -> Generator[Progress, None, tuple[Drawn, str | None]]:
    """What is said in a mono clip at the way's rate, as long as before, and a warning; silence stays as it is.

    Args:
        name: of the sound in the progress.
        before: sounds that are there already, and stand before it.
    """
    audible = not silent(clip.samples)[0]
    spoken, warning = way.say(clip) if audible else (_so_far(clip.samples, clip.frames), None)
    for so_far in spoken:
        waveform, ready = so_far.waveform[None, : clip.frames], min(so_far.ready, clip.frames)
        make = partial(_beside_others, before, name, clip.sample_rate, waveform)
        x, seconds = torch.from_numpy(waveform), _since(began)
        left = seconds * (1 / so_far.share - 1)
        yield Progress(seconds, left, Iterate(x, x, 0.0, ready, clip.frames, None, 0.0), None, make, make)
    told = provenance(way.model.name, way.sampler, settings, way.model.device, 1, _since(began))
    return Drawn(waveform, told, worked=audible), warning


def _so_far(pieces: Iterable[np.ndarray], frames: int) -> Iterator[Spoken]:
    """Consecutive pieces `[frames]` of a whole of so many frames, as it grows."""
    waveform, ready = np.zeros(frames, np.float32), 0
    for piece in pieces:
        waveform[ready : ready + len(piece)] = piece
        ready += len(piece)
        yield Spoken(waveform.copy(), ready, ready / frames)


def _as_loud(spoken: Iterable[Spoken], source: np.ndarray) -> Iterator[Spoken]:
    """As loud on the whole as the source `[frames]`, as far as both are known: a VQ-VAE has a loudness of its own."""
    for so_far in spoken:
        levels = [float(np.sqrt(np.mean(np.square(w[: so_far.ready])))) for w in (source, so_far.waveform)]
        yield replace(so_far, waveform=so_far.waveform * np.float32(levels[0] / max(levels[1], QUIETEST)))


def _beside_others(others: Sounds, name: str, sample_rate: int, waveform: np.ndarray) -> Sounds:
    return {**others, name: Clip(waveform, sample_rate)}


def _since(began: float) -> float:
    return time.monotonic() - began
