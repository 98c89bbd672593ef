"""Judges of sound that nobody here trained, as far as they are installed (`pip install .[evaluate]`)."""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import numpy as np

RATE = 16000
VOICE_LEVEL = 10 ** (-30 / 20)  # root mean square that the voice encoder was trained at
Judge = Callable[[np.ndarray, np.ndarray], float]  # (reference, estimate), [frames] at RATE
Listener = Callable[[np.ndarray], str]  # [frames] at RATE -> the word that is heard, "" where none is
RECOGNISER = "pocketsphinx"  # the package of the listener
PAUSE_SECONDS, LOUDEST = 0.25, 0.6  # silence at each end of what it hears, and its peak


def visqol(reference: np.ndarray, estimate: np.ndarray) -> float:
    """ViSQOL's mean opinion score for speech, by its polynomial mapping (Chinen et al. 2020)."""
    return _visqol().measure_from_arrays(reference, estimate, RATE).moslqo


def pesq(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Wide-band PESQ (ITU-T P.862.2)."""
    from pesq import PesqError, pesq

    try:
        return float(pesq(RATE, reference, estimate, "wb"))
    except PesqError:  # it finds no utterance
        return float("nan")


def stoi(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Short-time objective intelligibility (Taal et al. 2011)."""
    from pystoi import stoi

    return float(stoi(reference, estimate, RATE))


def dnsmos(_reference: np.ndarray, estimate: np.ndarray) -> float:
    """Overall DNSMOS (Reddy et al. 2022), which needs no reference."""
    from speechmos import dnsmos

    loudest = max(1.0, float(np.abs(estimate).max()))
    return float(dnsmos.run(estimate.astype(np.float64) / loudest, RATE)["ovrl_mos"])


def similarity(reference: np.ndarray, estimate: np.ndarray) -> float:
    """How alike the speakers are: the cosine of their voices' embeddings (GE2E, Wan et al. 2018)."""
    return float(voice_embedding(reference) @ voice_embedding(estimate))


JUDGES: Mapping[str, tuple[str, Judge]] = {  # name -> the package that it is of, and the judge
    "visqol": ("visqol", visqol),
    "pesq": ("pesq", pesq),
    "stoi": ("pystoi", stoi),
    "dnsmos": ("speechmos", dnsmos),
    "similarity": ("resemblyzer", similarity),
}
TITLES = {"visqol": "ViSQOL", "pesq": "PESQ", "stoi": "STOI", "dnsmos": "DNSMOS", "similarity": "speaker similarity"}


def installed_judges() -> dict[str, Judge]:
    return {name: judge for name, (package, judge) in JUDGES.items() if find_spec(package)}


def missing_judges() -> list[str]:
    """A note on those that are not installed, if there are any."""
    missing = [TITLES[name] for name in JUDGES if name not in installed_judges()]
    return [f"Not installed: {', '.join(missing)}; `pip install .[evaluate]` adds them."] if missing else []


def word_listener(words: Sequence[str]) -> Listener | None:
    """What tells which of some words is said, or that none is (PocketSphinx, Huggins-Daines et al. 2006).

    A sound is heard alike whatever was heard before it. None where it is not installed, or does not know a word.
    """
    return WordListener(tuple(words)) if find_spec(RECOGNISER) and _decoder(tuple(words)) else None


@dataclass(frozen=True)
class WordListener:
    """See `word_listener`; what is sent to another process listens there."""

    words: tuple[str, ...]

    def __call__(self, waveform: np.ndarray) -> str:
        decoder, padded = _decoder(self.words), np.pad(waveform, round(PAUSE_SECONDS * RATE))
        scaled = padded * (LOUDEST * 32767 / max(float(np.abs(padded).max()), 1e-6))
        decoder.reinit_feat()  # forgets the mean of the last sound
        decoder.start_utt()
        decoder.process_raw(scaled.astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""


@cache
def _decoder(words: tuple[str, ...]):
    """What hears these words; None where it does not know one."""
    from pocketsphinx import Config, Decoder

    decoder = Decoder(Config(lm=None, samprate=RATE, loglevel="FATAL"))
    if not all(word.isalpha() and decoder.lookup_word(word) for word in words):
        return None
    decoder.add_jsgf_string("words", f"#JSGF V1.0; grammar words; public <words> = {' | '.join(words)};")
    decoder.activate_search("words")
    return decoder


@cache
def _visqol():
    from visqol import VisqolApi

    api = VisqolApi()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the lattice mapping is not there
        api.create(mode="speech", use_lattice_model=False)
    return api


def voice_embedding(waveform: np.ndarray) -> np.ndarray:
    """Of the voice, float32 `[256]`."""
    level = max(float(np.sqrt(np.mean(waveform**2))), 1e-6)
    return _voice_encoder().embed_utterance((waveform * (VOICE_LEVEL / level)).astype(np.float32))


@cache
def _voice_encoder():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that scipy has moved
        # it imports a detector of pauses, which nobody asks here and which newer setuptools keep from loading
        sys.modules.setdefault("webrtcvad", ModuleType("webrtcvad"))
        from resemblyzer import VoiceEncoder
    return VoiceEncoder("cpu", verbose=False)
