"""What stands beside a converted voice: the source in its own voice, its copy by the vocoder, and the classical way."""

from collections.abc import Mapping

import numpy as np

from core.models.voice_features import FRAMES_PER_STEP
from core.signal.clip import Clip
from core.signal.mel import mel_edges
from core.signal.voice_shift import HOP, SIZE, best_warp, envelope, shift_voice
from core.tasks.settings import Settings
from core.tasks.utterance import FEWEST_PITCHES, Heard, Speech, hear
from core.tasks.vocoding import vocode
from core.tasks.voice import MOST_SECONDS, Voice, pitch_of

OWN, CLASSICAL, VOCODED = "source's own voice", "pitch and formants", "plain vocoder"
WARPS = np.linspace(0.8, 1.25, 19)
MOST_COMPARED_SECONDS = 60.0  # of a sound that the classical way is shown of, which is slow


def own_voice(clip: Clip, speech: Speech) -> Voice | None:
    """The voice of the clip that is converted, however little there is of it; None where it has no melody."""
    heard = hear(clip.cut(0, round(MOST_SECONDS * clip.sample_rate)), speech)
    if len(heard.octaves) < FEWEST_PITCHES:
        return None
    return Voice(OWN, heard.reference, *heard.melody, pitch_of(heard.octaves))


def copies(clip: Clip, heard: Heard, voice: Voice, speech: Speech) -> Mapping[str, Clip]:
    """What else can be made of a mono clip at the converter's rate: a plain copy, and of one that is not long the
    classical way to a voice."""
    *_, vocoded = vocode(clip, settings=Settings(device=str(speech.converter.device)))
    if clip.seconds > MOST_COMPARED_SECONDS:
        return {VOCODED: vocoded.clip}
    moved = classical(clip, heard, voice, speech)
    return {CLASSICAL: Clip(moved[None], clip.sample_rate), VOCODED: vocoded.clip}


def classical(clip: Clip, heard: Heard, voice: Voice, speech: Speech) -> np.ndarray:
    """A mono clip with its pitch moved to a voice's median, and its formants by the warp that fits best."""
    import librosa

    waveform, octaves = clip.samples[0], heard.octaves
    semitones = 12 * (voice.height - octaves.median().item()) if len(octaves) else 0.0
    spectrum = librosa.stft(waveform, n_fft=SIZE, hop_length=HOP)
    mean = envelope(spectrum, clip.sample_rate).mean(axis=1)
    target = mean_spectrum(voice, speech, len(mean))
    return shift_voice(waveform, clip.sample_rate, semitones, best_warp(mean, target, WARPS))


def mean_spectrum(voice: Voice, speech: Speech, bins: int) -> np.ndarray:
    """Of a voice, natural logarithms `[bins]` from 0 Hz to half its rate."""
    front_end = speech.front_end
    frames = voice.reference.frames[0].unflatten(-1, (FRAMES_PER_STEP, front_end.bands)).mean(dim=(0, 1)).cpu().numpy()
    places = mel_edges(front_end)[1:-1]
    return np.interp(np.linspace(0, front_end.sample_rate / 2, bins), places, frames) * np.log(10)
