"""Makes the example sounds of the page: a piano piece and two bars of drums and bass written below as notes, spoken
sentences, and damaged copies.

Needs Debian's `fluidsynth`, `fluid-soundfont-gm`, `flite` and `festvox-us-slt-hts`; run `PYTHONPATH=. python
assets/make_examples.py` once, the results are committed. Everything is 16-bit FLAC, and mono but for the recording of a
simulated array. All voices may be used and passed on freely (Carnegie Mellon University), as may sounds of the
instruments (FluidR3 GM, MIT).
"""

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

SAMPLE_RATE = 16000
SOUND_FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
SOUNDS = Path(__file__).parent / "sounds"
SENTENCE = "A low sun lit the harbour, and every sail that was out came home, slowly, singing."
# Further voices, for scenes of several: file -> (voice of Flite, what it says)
VOICES = {
    "speech-garden": ("rms", "The garden gate stood open, so we carried the table out under the old pear tree."),
    "speech-train": ("awb", "Trains to the coast leave at ten past every hour, and the last one waits for nobody."),
    "speech-kettle": ("kal16", "Put the kettle on, I shall be down as soon as I have found my other shoe."),
}
SCENE_SECONDS, SCENE_T60_SECONDS, SCENE_NOISE = 3.5, 0.25, 3e-4
SCENE_PLACES = ((50, 1.2), (200, 1.4))  # degrees, and metres from the array, of the scene's two voices

TICKS_PER_BEAT = 480
# Three bars of 3/4 and a last chord in F major: (beat, length in beats, MIDI pitch, velocity).
MELODY = [
    (0, 1.5, 81, 74), (1.5, 0.5, 84, 66), (2, 1, 89, 84),
    (3, 0.75, 88, 76), (3.75, 0.25, 86, 60), (4, 1, 84, 66), (5, 0.5, 81, 62), (5.5, 0.5, 79, 58),
    (6, 1, 82, 72), (7, 0.5, 86, 66), (7.5, 0.5, 82, 58), (8, 0.5, 79, 62), (8.5, 0.5, 76, 54),
    (9, 3, 77, 68), (9.04, 3, 72, 54), (9.08, 3, 69, 50),
]  # fmt: skip
ACCOMPANIMENT = [
    (0, 3, 41, 60), (0.5, 2.5, 48, 46), (1, 2, 57, 48), (1.5, 1.5, 60, 42), (2, 1, 57, 40), (2.5, 0.5, 60, 38),
    (3, 3, 38, 58), (3.5, 2.5, 45, 46), (4, 2, 53, 46), (4.5, 1.5, 57, 42), (5, 1, 53, 40), (5.5, 0.5, 57, 38),
    (6, 2, 46, 56), (6.5, 1.5, 53, 44), (7, 1, 58, 46), (7.5, 0.5, 62, 40), (8, 1, 48, 50), (8.5, 0.5, 58, 40),
    (9, 3, 41, 58), (9, 3, 53, 44), (9.5, 2.5, 60, 36),
]  # fmt: skip
# Two bars of 4/4 in E minor. Drums, of General MIDI's kit: 36 bass drum, 38 snare, 42 and 46 hi-hat, 45 tom, 49 crash.
DRUMS = [
    (0, 0.4, 36, 112), (1.5, 0.4, 36, 96), (2.5, 0.4, 36, 104), (4, 0.4, 36, 112), (5.25, 0.2, 36, 88),
    (5.5, 0.4, 36, 100), (1, 0.4, 38, 108), (3, 0.4, 38, 110), (5, 0.4, 38, 108), (6.75, 0.2, 38, 84),
    (7, 0.2, 38, 104), (7.25, 0.2, 38, 92), (7.5, 0.2, 45, 104), (7.75, 0.2, 45, 92), (0, 2, 49, 84),
    (3.5, 0.4, 46, 84),
    *((beat / 2, 0.2, 42, 84 if beat % 2 == 0 else 64) for beat in range(1, 14) if beat != 7),
]  # fmt: skip
BASS = [
    (0, 0.9, 28, 104), (1, 0.4, 28, 84), (1.5, 0.4, 31, 92), (2, 0.4, 33, 96), (2.5, 0.9, 35, 100), (3.5, 0.4, 33, 84),
    (4, 0.9, 31, 104), (5, 0.4, 31, 84), (5.5, 0.9, 36, 100), (6.5, 0.4, 35, 92), (7, 0.4, 33, 92), (7.5, 0.4, 30, 88),
]  # fmt: skip
DRUM_CHANNEL, FINGERED_BASS = 9, 33  # of General MIDI: a channel, and a program of any other
BAND_RATE, BAND_RMS = 22050, 0.08  # the LQ-VAE's rate, and about as loud as it knows sound


@dataclass(frozen=True)
class Part:
    """Notes for one instrument.

    Args:
        notes: (beat, length in beats, MIDI pitch, velocity).
        seconds: that are kept of it.
        fade_seconds: at its end.
    """

    notes: list[tuple[float, float, int, int]]
    beats_per_minute: int
    seconds: float
    fade_seconds: float
    channel: int = 0
    program: int = 0


PIANO = Part(MELODY + ACCOMPANIMENT, 100, 7.4, 0.6)
BAND = {
    "drums": Part(DRUMS, 160, 3.0, 0.05, channel=DRUM_CHANNEL),
    "bass": Part(BASS, 160, 3.0, 0.05, program=FINGERED_BASS),
}


def main() -> None:
    SOUNDS.mkdir(exist_ok=True)
    piano, speech = leveled(play(PIANO)), leveled(speak_clearly(SENTENCE))
    write("piano", piano)
    write("speech", speech)
    write("piano-dropout", dropped_out(piano, [(1.40, 1.45), (2.60, 2.80), (4.20, 4.28)]))
    write("piano-clipped", np.clip(piano, -0.12, 0.12))  # an SDR of about 7 dB
    write("piano-4k", soxr.resample(piano, SAMPLE_RATE, 4000, "VHQ"), 4000)
    write("piano-and-speech", leveled(together(piano, speech)))
    write("speech-4k", soxr.resample(speech, SAMPLE_RATE, 4000, "VHQ"), 4000)
    voices = {name: leveled(speak(sentence, voice)) for name, (voice, sentence) in VOICES.items()}
    for name, voice in voices.items():
        write(name, voice)
    write("two-voices-respeaker-4", leveled(around_an_array([speech, voices["speech-garden"]])).T)
    for name, part in BAND.items():
        sound = play(part, BAND_RATE)
        write(name, sound * (BAND_RMS / sound.std()), BAND_RATE)


def write(name: str, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    sf.write(SOUNDS / f"{name}.flac", samples, sample_rate, subtype="PCM_16")


def leveled(samples: np.ndarray, peak: float = 0.7) -> np.ndarray:
    """The same sound with its highest sample at `peak`."""
    return samples * (peak / np.abs(samples).max())


def together(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Both at once, equally loud, as long as the shorter one."""
    frames = min(len(first), len(second))
    return sum(sound[:frames] / sound[:frames].std() for sound in (first, second))


def dropped_out(samples: np.ndarray, gaps: list[tuple[float, float]]) -> np.ndarray:
    """Silence between the given seconds, as a scratched disc or a lost packet leaves it."""
    samples = samples.copy()
    for start, stop in gaps:
        samples[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)] = 0
    return samples


def play(part: Part, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Renders a part by FluidSynth, the end faded out."""
    with tempfile.TemporaryDirectory() as folder:
        score, audio = Path(folder, "piece.mid"), Path(folder, "piece.wav")
        score.write_bytes(midi_file(part))
        command = ["fluidsynth", "-ni", "-g", "0.6", "-r", "48000", "-F", str(audio), SOUND_FONT, str(score)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        samples = mono(audio, sample_rate)[: round(part.seconds * sample_rate)]
    fade = np.minimum(1, np.arange(len(samples))[::-1] / (part.fade_seconds * sample_rate))
    return samples * fade


def speak_clearly(sentence: str) -> np.ndarray:
    """The sentence in a voice that Flite has as well, by hidden Markov models (HTS): sharper in every partial."""
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder, "speech.wav")
        command = ["text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", str(audio)]
        subprocess.run(command, input=sentence.encode(), check=True)
        return mono(audio)


def speak(sentence: str, voice: str) -> np.ndarray:
    """The sentence in a voice of Flite's."""
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(audio)], check=True)
        return mono(audio)


def around_an_array(voices: list[np.ndarray]) -> np.ndarray:
    """What the four microphones of a ReSpeaker hear of voices in a simulated room: [mics, frames]."""
    from core.arrays.geometry import ARRAYS
    from core.arrays.scenes.random_scene import shoebox
    from core.arrays.scenes.scene import Scene, SoundSource, render

    room = shoebox((5.0, 4.0, 2.6), (2.6, 1.9, 0.8), SCENE_T60_SECONDS)
    places = [(r * np.cos(np.deg2rad(angle)), r * np.sin(np.deg2rad(angle)), 0.2) for angle, r in SCENE_PLACES]
    sources = tuple(SoundSource(f"voice{k:02d}", room, (place,), 0.3) for k, place in enumerate(places))
    frames = round(SCENE_SECONDS * SAMPLE_RATE)
    heard = render(Scene(ARRAYS["respeaker-4"], sources, frames, SAMPLE_RATE), voices).sum(axis=0)
    return heard + SCENE_NOISE * np.random.default_rng(0).standard_normal(heard.shape)


def mono(path: Path, wanted_rate: int = SAMPLE_RATE) -> np.ndarray:
    samples, sample_rate = sf.read(path, always_2d=True)
    return soxr.resample(samples.mean(axis=1), sample_rate, wanted_rate, "VHQ")


def midi_file(part: Part) -> bytes:
    """A standard MIDI file of format 0 with one track."""
    events = [(start, 0x90, pitch, velocity) for start, _, pitch, velocity in part.notes]
    events += [(start + length, 0x80, pitch, 0) for start, length, pitch, _ in part.notes]
    microseconds = 60_000_000 // part.beats_per_minute
    track = b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")
    track += bytes((0, 0xC0 | part.channel, part.program))
    now = 0
    for beat, status, pitch, velocity in sorted(events):
        tick = round(beat * TICKS_PER_BEAT)
        track += variable_length(tick - now) + bytes((status | part.channel, pitch, velocity))
        now = tick
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT) + b"MTrk" + struct.pack(">I", len(track)) + track


def variable_length(number: int) -> bytes:
    """MIDI's variable-length quantity: seven bits a byte, high bit set on all but the last."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


if __name__ == "__main__":
    main()
