"""Voices that can be spoken with: the bundled speakers, and anybody's from a recording of some seconds.

A voice is what a converter looks up: of a recording all of it, so nothing is fitted, and of the bundled ones a table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core import zoo
from core.errors import InputError
from core.models.voice_features import LOUD_DECADES, Reference
from core.models.voice_table import Speaker
from core.models.vqvae import VQVAE
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.tasks.loading import load_converter
from core.tasks.settings import Settings
from core.tasks.utterance import Heard, Speech, hear
from core.zoo.families import VOICES

TABLE = "voices"  # the checkpoint of the bundled ones
LEAST_SECONDS, MOST_SECONDS = 3.0, 40.0  # of speech; of the recording, what comes later is not looked at
NOISE_SHARE, CLEAR_DECADES = 0.1, 0.5  # the quietest steps, and how far under the voice they have to lie
NO_SPEECH, HARDLY_SPEECH = 1.0, 1.1  # articulation under which a voice is refused, and a clip is warned of
LEAST_SUNG = 0.1  # share of loud steps that must have a pitch
PITCHES_HZ = (65.0, 400.0)  # medians of what converts well
PITCH_SHARES = (0.1, 0.5, 0.9)  # of the steps with a pitch, that lie under the three pitches of a voice


@dataclass(frozen=True)
class Voice:
    """A voice to speak with.

    Args:
        name: of the speaker, or what it is called otherwise.
        reference: recordings of it, as the converter looks them up.
        height, spread: of its melody, see `Heard.melody`.
        pitch_hz: where its pitch lies but for the extremes, and between both its median.
    """

    name: str
    reference: Reference
    height: float
    spread: float
    pitch_hz: tuple[float, float, float]


def speakers() -> Mapping[str, Speaker]:
    """The bundled voices by name."""
    return zoo.load_model(VOICES, TABLE).speakers


def speakers_of(prior: str | None) -> Mapping[str, Speaker | None]:
    """The voices that a converter speaks with, by name; of a VQ-VAE's nothing but that is known.

    Raises:
        InputError: it cannot convert.
    """
    model = load_converter(Settings(prior))
    return dict.fromkeys(model.config.speakers) if isinstance(model, VQVAE) else speakers()


def find_speaker(name: str) -> Speaker:
    """The bundled voice of that name.

    Raises:
        InputError: there is none.
    """
    if name not in speakers():
        raise InputError(f"There is no speaker {name!r:.60}; choose one of {', '.join(speakers())}.")
    return speakers()[name]


def speaker_voice(name: str, speech: Speech) -> Voice:
    """A bundled voice.

    Raises:
        InputError: there is none of that name, or the converter does not know them.
    """
    speaker, table = find_speaker(name), zoo.load_model(VOICES, TABLE, str(speech.converter.device))
    if table.encoder != speech.encoder.name:
        raise InputError(
            f"The speakers are for converters that hear with {table.encoder}, {speech.converter.name} does with "
            f"{speech.encoder.name}; give a recording of the voice instead."
        )
    return Voice(name, table.reference(name), speaker.height, speaker.spread, speaker.pitch_hz)


def voices_named(names: Sequence[str], own: Voice | None, speech: Speech) -> list[Voice]:
    """Speakers by their names, and a voice beside them, of any device, by its own.

    Raises:
        InputError: see `speaker_voice`.
    """
    own = own and replace(own, reference=own.reference.to(speech.converter.device))
    return [own if own and name == own.name else speaker_voice(name, speech) for name in names]


def voice_of(clip: Clip, speech: Speech, name: str = "your own") -> Voice:
    """The voice of a recording.

    Raises:
        InputError: unusable audio, too little speech, too much noise, or no pitch.
    """
    check_clip("The recording of the voice", clip)
    heard = hear(clip.cut(0, round(MOST_SECONDS * clip.sample_rate)), speech)
    check_voice(heard, speech)
    height, spread = heard.melody
    return Voice(name, heard.reference, height, spread, pitch_of(heard.octaves))


def pitch_of(octaves: Tensor) -> tuple[float, float, float]:
    """Of a voice in Hz, see `Voice`; octaves are log2 of its pitches."""
    return tuple(octaves.quantile(torch.tensor(PITCH_SHARES).to(octaves)).exp2().tolist())


def check_voice(heard: Heard, speech: Speech) -> None:
    """Refuses a recording that no voice can be taken from.

    Raises:
        InputError: too little speech, too much noise, or no pitch.
    """
    loud = heard.delivery.loudness > -LOUD_DECADES
    seconds = loud.sum().item() * speech.code_samples / 2 / speech.front_end.sample_rate
    if seconds < LEAST_SECONDS:
        raise InputError(
            f"The recording of the voice holds {seconds:.1f} s of speech, of which {LEAST_SECONDS:g} s are needed and "
            "ten are better; record more."
        )
    unsung = (heard.delivery.sung.sum() < LEAST_SUNG * loud.sum()).item()
    if unsung or heard.articulation < NO_SPEECH:
        raise InputError("No voice is heard in the recording of the voice; record somebody who speaks.")
    if heard.delivery.loudness.quantile(NOISE_SHARE).item() > -CLEAR_DECADES:
        raise InputError("The recording of the voice is too noisy, or never pauses; record it in a quieter place.")


def warning_of(heard: Heard) -> str | None:
    """What a user should know of a recording that does not convert well."""
    delivery, octaves = heard.delivery, heard.octaves
    loud = (delivery.loudness > -LOUD_DECADES).sum().item()
    if len(octaves) < LEAST_SUNG * loud:
        return "Hardly any pitch is heard in the clip, as in noise or whispering; the result will not be understood."
    if heard.articulation < HARDLY_SPEECH:
        return "The clip hardly sounds like speech; music and loud noise do not convert well."
    height = octaves.median().exp2().item()
    if not PITCHES_HZ[0] <= height <= PITCHES_HZ[1]:
        return (
            f"The clip's pitch lies around {height:.0f} Hz; what converts well lies from {PITCHES_HZ[0]:g} to "
            f"{PITCHES_HZ[1]:g} Hz."
        )
    if delivery.loudness.quantile(NOISE_SHARE).item() > -CLEAR_DECADES:
        return "The clip is noisy, or never pauses; words may get lost."
    return None
