"""Mel front-ends of the vocoders: what they make of the recorded signals."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.evaluation.parity import Check, compare
from core.signal.companding import Linear, MuLaw
from core.signal.mel import FRONT_ENDS, mel_spectrogram

PADDING = 1024  # samples of silence that PnF appends to its classes


def check_pnf(folder: Path) -> Iterator[Check]:
    """Log-mel features and quantised waveforms of the trimmed signals, at a peak of 1."""
    inputs, expected = np.load(folder / "pnf_inputs.npz"), np.load(folder / "pnf_expected.npz")
    front_end = FRONT_ENDS["pnf"]
    for signal in inputs.files:
        trimmed = np.clip(inputs[signal], -1, 1)[slice(*expected[f"{signal}_trim_index"])]
        trimmed = trimmed / np.abs(trimmed).max()
        features = mel_spectrogram(trimmed, front_end).T
        yield compare(f"{signal}_feats", features, expected[f"{signal}_feats"], atol=1e-4)
        for domain, key in ((MuLaw(), f"{signal}_mu_wave"), (Linear(), f"{signal}_li_wave")):
            padded = torch.from_numpy(np.pad(trimmed, (0, PADDING)))[: len(features) * front_end.hop_length]
            yield compare(key, domain.encode(padded), expected[key], atol=int(isinstance(domain, MuLaw)))


def check_tacotron(folder: Path) -> Iterator[Check]:
    """Log-mel spectrograms of the whole signal and of its start, also with hops longer than the window."""
    waveform = np.load(folder / "tacotron_inputs.npz")["audio_int16"] / np.float32(32768)
    expected = np.load(folder / "tacotron_expected.npz")
    for name, hop_length in {"vocoder_hop256": 256, "harder_hop2048": 2048}.items():
        front_end = replace(FRONT_ENDS["tacotron"], hop_length=hop_length)
        for key, part in ((f"{name}_mel", waveform), (f"{name}_mel_first1000", waveform[:1000])):
            yield compare(key, mel_spectrogram(part, front_end), expected[key], atol=2e-4)


GROUPS = {"pnf": check_pnf, "tacotron": check_tacotron}
