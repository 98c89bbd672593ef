"""Pairs of stems played anew with other sounds.

    python -m benchmarks.other_timbres --data stems --sounds oneshots -o FOLDER

What is played is heard from the stems: every attack of the drums becomes a bass drum, a snare or a hat of other
recordings, by where its power lies, and every note of the bass another bass at its pitch. The songs remain; what priors
know of timbre does not help. For `python -m core evaluate latent-separation --data FOLDER`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np

from core.evaluation.latent_separation import find_pairs
from core.signal.clip import Clip
from core.signal.files import read_clip, write_clip
from core.signal.resampling import resample

RATE = 22050
HOP = 256  # samples between looks
ATTACK = 0.06  # seconds by which an attack's kind and level are told
LOW, HIGH = 150.0, 5000.0  # Hz: a bass drum lies under the one, a hat over the other
LOWEST, TOP = 30.0, 300.0  # Hz, of bass notes
FADE = 0.01  # seconds at the end of a note
KINDS = {"kick": ("bd_*",), "snare": ("sn_*", "drum_snare_*"), "hat": ("hat_*", "drum_cymbal_closed*")}


def drums_anew(drums: np.ndarray, kit: dict[str, np.ndarray]) -> np.ndarray:
    """`[frames]`, with a sound of the kit for every attack, as loud."""
    made = np.zeros_like(drums)
    for at, _ in _attacks(drums):
        heard = drums[at : at + round(ATTACK * RATE)]
        sound = kit[_kind(heard)]
        _add(made, at, sound * _level(heard) / _level(sound[: len(heard)]))
    return made


def bass_anew(bass: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """`[frames]`, with the sound at the pitch of every note, as loud and as long."""
    own, made = np.nanmedian(_pitches(sound)), np.zeros_like(bass)
    pitches = _pitches(bass)
    for at, end in _attacks(bass):
        voiced = pitches[at // HOP : max(end // HOP, at // HOP + 1)]
        if np.isnan(voiced).all():
            continue
        speed = np.nanmedian(voiced) / own
        frames = min(end - at, int(len(sound) / speed))
        note = np.interp(np.arange(frames) * speed, np.arange(len(sound)), sound)
        note *= np.clip((frames - np.arange(frames)) / (FADE * RATE), 0, 1)
        _add(made, at, note * _level(bass[at:end]) / _level(note))
    return made


def _attacks(samples: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where something begins, and where the next thing does."""
    starts = librosa.onset.onset_detect(y=samples, sr=RATE, hop_length=HOP, units="samples", backtrack=True)
    yield from zip(starts, [*starts[1:], len(samples)], strict=True)


def _kind(heard: np.ndarray) -> str:
    power = np.square(np.abs(np.fft.rfft(heard * np.hanning(len(heard)))))
    hertz = np.fft.rfftfreq(len(heard), 1 / RATE)
    shares = power[hertz < LOW].sum() / max(power.sum(), 1e-12), power[hertz > HIGH].sum() / max(power.sum(), 1e-12)
    return "kick" if shares[0] > 0.5 else "hat" if shares[1] > 0.5 else "snare"


def _pitches(samples: np.ndarray) -> np.ndarray:
    """Hz every `HOP` samples, not a number where there is none."""
    return librosa.pyin(samples, fmin=LOWEST, fmax=TOP, sr=RATE, hop_length=HOP)[0]


def _level(samples: np.ndarray) -> float:
    return max(float(np.sqrt(np.mean(np.square(samples)))), 1e-6)


def _add(made: np.ndarray, at: int, sound: np.ndarray) -> None:
    frames = min(len(sound), len(made) - at)
    made[at : at + frames] += sound[:frames]


def _read(path: Path) -> np.ndarray:
    return resample(read_clip(path, mono=True).clip, RATE).samples[0].astype(np.float64)


def _one_of(folder: Path, patterns: tuple[str, ...], chance: np.random.Generator) -> np.ndarray:
    return _read(chance.choice(sorted(path for pattern in patterns for path in folder.glob(pattern))))


def main() -> None:
    parser = argparse.ArgumentParser(description="Plays held-out pairs of stems anew with other sounds.")
    parser.add_argument("--data", type=Path, required=True, help="pairs NAME_drums and NAME_bass, with metadata.csv")
    parser.add_argument("--sounds", type=Path, required=True, help="single hits in drums/ and notes in bass/")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0, help="of the sounds that a song gets")
    parser.add_argument("-o", "--out", type=Path, required=True, help="gets the same pairs as WAV")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(arguments.seed)
    for pair in find_pairs(arguments.data, ("drums", "bass"), arguments.split):
        drums, bass = map(_read, pair)
        kit = {kind: _one_of(arguments.sounds / "drums", names, chance) for kind, names in KINDS.items()}
        made = drums_anew(drums, kit), bass_anew(bass, _one_of(arguments.sounds / "bass", ("*.ogg", "*.wav"), chance))
        for path, own in zip(pair, made, strict=True):
            write_clip(arguments.out / f"{path.stem}.wav", Clip(own[None].astype(np.float32).clip(-1, 1), RATE))
        print(pair[0].stem.removesuffix("_drums"))


if __name__ == "__main__":
    main()
