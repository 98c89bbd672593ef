"""Mel front-ends of the vocoders: what they make of the recorded signals."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.evaluation.parity import Check, Group
from core.evaluation.recording import Recording, numbered
from core.signal.companding import Linear, MuLaw
from core.signal.mel import FRONT_ENDS, MelFrontEnd, MelScaler, magnitudes, mel_filters, mel_spectrogram
from core.signal.preparation import low_cut, prepare, spoken_part

PNF_FIELDS = {
    "sample_rate": "sample_rate",
    "win_length": "window_length",
    "hop_size": "hop_length",
    "num_mels": "bands",
    "fmin": "lowest_hz",
    "fmax": "highest_hz",
}
TACOTRON_FIELDS = {
    "sampling_rate": "sample_rate",
    "win_length": "window_length",
    "hop_length": "hop_length",
    "mel_fmin": "lowest_hz",
    "mel_fmax": "highest_hz",
}


def check_pnf(folder: Path) -> Iterator[Check]:
    """Where recordings are trimmed, log-mel features and quantised waveforms of them, and their normalisation."""
    recorded, hparams = Recording(folder, "pnf_"), json.loads((folder / "pnf_hparams.json").read_text())
    front_end, spectrograms = _front_end("pnf", hparams, PNF_FIELDS, transform="fft_size"), {}
    for signal in recorded.inputs.files:
        samples = recorded.inputs[signal]
        part = spoken_part(np.clip(samples, -1, 1))
        yield from recorded.check(f"{signal}_trim_index", part, atol=0)
        yield from recorded.check(f"{signal}_trim_index_reflect", part, atol=0)
        trimmed = prepare(samples, front_end.sample_rate, max(hparams["highpass_cutoff"], 0))
        mel = spectrograms[signal] = mel_spectrogram(trimmed, front_end)
        yield from recorded.check(f"{signal}_feats", mel.T, atol=1e-4)
        padded = np.pad(trimmed, (0, front_end.window_length))[: mel.shape[1] * front_end.hop_length]
        padded = torch.from_numpy(padded)
        yield from recorded.check(f"{signal}_mu_wave", MuLaw().encode(padded), atol=1)
        yield from recorded.check(f"{signal}_li_wave", Linear().encode(padded), atol=0)
    scaler = MelScaler.fit(spectrograms.values())
    for key, value in {"mean": scaler.mean, "scale": scaler.scale, "var": scaler.scale**2}.items():
        yield from recorded.check(f"scaler_{key}", value, atol=1e-4)
    for signal, mel in spectrograms.items():
        yield from recorded.check(f"{signal}_normalized", scaler.normalise(mel).T, atol=1e-3)
    for key, row in numbered(recorded.expected, "mel_basis_row"):
        yield from recorded.check(key, mel_filters(front_end)[row], atol=1e-6)
    plain = recorded.inputs[recorded.inputs.files[0]]
    for key, cutoff_hz in numbered(recorded.expected, "low_cut_"):
        cut = low_cut(plain, cutoff_hz, front_end.sample_rate)[: len(recorded.expected[key])]
        yield from recorded.check(key, cut, atol=1e-6)


def check_tacotron(folder: Path) -> Iterator[Check]:
    """Log-mel spectrograms of the whole signal and of its start, also with hops longer than the window; what they are
    made of: magnitudes of single frames, and the bands' weights (single rows are of the last configuration)."""
    recorded, configs = Recording(folder, "tacotron_"), json.loads((folder / "tacotron_configs.json").read_text())
    (signal,) = recorded.inputs.values()
    waveform = signal / np.float32(32768)
    for name, config in configs.items():
        front_end = _front_end("tacotron", config, TACOTRON_FIELDS, transform="filter_length")
        yield from recorded.check(f"{name}_mel", mel_spectrogram(waveform, front_end), atol=2e-4)
        for key, frames in numbered(recorded.expected, f"{name}_mel_first"):
            yield from recorded.check(key, mel_spectrogram(waveform[:frames], front_end), atol=2e-4)
        for key, frame in numbered(recorded.expected, f"{name}_mag_frame"):
            yield from recorded.check(key, magnitudes(waveform, front_end)[:, frame], atol=1e-4)
        filters = mel_filters(front_end)
        yield from recorded.check(f"{name}_mel_basis_rowsum", filters.sum(axis=1), atol=1e-6)
    for key, row in numbered(recorded.expected, "mel_basis_row"):
        yield from recorded.check(key, filters[row], atol=1e-6)


def _front_end(name: str, hparams: dict, fields: dict[str, str], transform: str) -> MelFrontEnd:
    """One of `FRONT_ENDS` with the recorded sizes."""
    sizes = {ours: hparams[theirs] for theirs, ours in fields.items()}
    if hparams[transform] != sizes["window_length"]:
        raise ValueError(f"a window of {sizes['window_length']} in a transform of {hparams[transform]} is none of ours")
    return replace(FRONT_ENDS[name], **sizes)


def groups(_folder: Path) -> dict[str, Group]:
    return {"pnf": check_pnf, "tacotron": check_tacotron}
