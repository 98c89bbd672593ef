"""Mel front-ends of the vocoders: what they make of the recorded signals."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.evaluation.parity import Check, compare
from core.signal.companding import Linear, MuLaw
from core.signal.mel import FRONT_ENDS, MelScaler, mel_filters, mel_spectrogram
from core.signal.preparation import low_cut, prepare, spoken_part

PADDING = 1024  # samples of silence that PnF appends to its classes


def check_pnf(folder: Path) -> Iterator[Check]:
    """Where recordings are trimmed, log-mel features and quantised waveforms of them, and their normalisation."""
    inputs, expected = np.load(folder / "pnf_inputs.npz"), np.load(folder / "pnf_expected.npz")
    front_end, spectrograms = FRONT_ENDS["pnf"], {}
    for signal in inputs.files:
        part = spoken_part(np.clip(inputs[signal], -1, 1))
        for key in (f"{signal}_trim_index", f"{signal}_trim_index_reflect"):
            yield compare(key, part, expected[key], atol=0)
        trimmed = prepare(inputs[signal], front_end.sample_rate)
        mel = spectrograms[signal] = mel_spectrogram(trimmed, front_end)
        yield compare(f"{signal}_feats", mel.T, expected[f"{signal}_feats"], atol=1e-4)
        for domain, key in ((MuLaw(), f"{signal}_mu_wave"), (Linear(), f"{signal}_li_wave")):
            padded = torch.from_numpy(np.pad(trimmed, (0, PADDING)))[: mel.shape[1] * front_end.hop_length]
            yield compare(key, domain.encode(padded), expected[key], atol=int(isinstance(domain, MuLaw)))
    scaler = MelScaler.fit(spectrograms[signal] for signal in ("plain", "with_silence"))
    for key, value in {"mean": scaler.mean, "scale": scaler.scale, "var": scaler.scale**2}.items():
        yield compare(f"scaler_{key}", value, expected[f"scaler_{key}"], atol=1e-4)
    for signal, mel in spectrograms.items():
        key = f"{signal}_normalized"
        yield compare(key, scaler.normalise(mel).T, expected[key], atol=1e-3)
    yield compare("mel_basis_row3", mel_filters(front_end)[3], expected["mel_basis_row3"], atol=1e-6)
    cut = low_cut(inputs["plain"], 70, front_end.sample_rate)[:4000]
    yield compare("low_cut_70", cut, expected["low_cut_70"], atol=1e-6)


def check_tacotron(folder: Path) -> Iterator[Check]:
    """Log-mel spectrograms of the whole signal and of its start, also with hops longer than the window."""
    waveform = np.load(folder / "tacotron_inputs.npz")["audio_int16"] / np.float32(32768)
    expected = np.load(folder / "tacotron_expected.npz")
    for name, hop_length in {"vocoder_hop256": 256, "harder_hop2048": 2048}.items():
        front_end = replace(FRONT_ENDS["tacotron"], hop_length=hop_length)
        for key, part in ((f"{name}_mel", waveform), (f"{name}_mel_first1000", waveform[:1000])):
            yield compare(key, mel_spectrogram(part, front_end), expected[key], atol=2e-4)


GROUPS = {"pnf": check_pnf, "tacotron": check_tacotron}
