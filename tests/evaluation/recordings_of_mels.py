"""A recording in the form of the goldens of mel front-ends, made with our own code: other signals and sizes."""

import json
from pathlib import Path

import numpy as np
import torch

from core.signal.companding import Linear, MuLaw
from core.signal.mel import MelFrontEnd, MelScaler, magnitudes, mel_filters, mel_spectrogram
from core.signal.preparation import low_cut, prepare, spoken_part


def record_mels(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    _record_pnf(folder)
    _record_tacotron(folder)


def _record_pnf(folder: Path) -> None:
    """Three signals at 16 kHz, 20 bands, windows of 512 samples."""
    hparams = {"sample_rate": 16000, "fft_size": 512, "win_length": 512, "hop_size": 128, "num_mels": 20}
    hparams |= {"fmin": 50, "fmax": 5000, "highpass_cutoff": -1.0}
    (folder / "pnf_hparams.json").write_text(json.dumps(hparams))
    front_end, random = MelFrontEnd(16000, 512, 128, 20, 50, 5000, "log10", 1e-10), np.random.default_rng(1)
    signals = {name: 0.3 * random.normal(size=5000).astype(np.float32) for name in ("hum", "late", "late_again")}
    signals["late"][:2500] = 0
    mels, expected = {}, {}
    for name, signal in signals.items():
        trimmed = prepare(signal, 16000)
        mel = mels[name] = mel_spectrogram(trimmed, front_end)
        wave = torch.from_numpy(np.pad(trimmed, (0, 512))[: mel.shape[1] * 128])
        expected |= {f"{name}_trim_index": spoken_part(signal), f"{name}_trim_index_reflect": spoken_part(signal)}
        expected |= {f"{name}_mu_wave": MuLaw().encode(wave).short(), f"{name}_li_wave": Linear().encode(wave).short()}
        expected |= {f"{name}_feats": mel.T}
    scaler = MelScaler.fit(mels.values())
    expected |= {f"{name}_normalized": scaler.normalise(mel).T for name, mel in mels.items()}
    expected |= {"scaler_mean": scaler.mean, "scaler_scale": scaler.scale, "scaler_var": scaler.scale**2}
    expected |= {"mel_basis_row7": mel_filters(front_end)[7], "low_cut_120": low_cut(signals["hum"], 120, 16000)[:300]}
    np.savez(folder / "pnf_inputs.npz", **signals)
    np.savez(folder / "pnf_expected.npz", **expected)


def _record_tacotron(folder: Path) -> None:
    """Two configurations, at 16 kHz and 8 kHz."""
    signal = np.random.default_rng(2).integers(-9000, 9000, 4000).astype(np.int16)
    waveform, configs, expected = signal / np.float32(32768), {}, {}
    for name, rate, window, hop in (("wide", 16000, 512, 100), ("narrow", 8000, 256, 700)):
        configs[name] = {"filter_length": window, "win_length": window, "hop_length": hop}
        configs[name] |= {"sampling_rate": rate, "mel_fmin": 20.0, "mel_fmax": 3500.0}
        front_end = MelFrontEnd(rate, window, hop, 80, 20.0, 3500.0, "natural", 1e-5)
        expected[f"{name}_mel"] = mel_spectrogram(waveform, front_end)
        expected[f"{name}_mel_first900"] = mel_spectrogram(waveform[:900], front_end)
        expected[f"{name}_mag_frame3"] = magnitudes(waveform, front_end)[:, 3]
        expected[f"{name}_mel_basis_rowsum"] = mel_filters(front_end).sum(axis=1)
    expected["mel_basis_row8"] = mel_filters(front_end)[8]
    (folder / "tacotron_configs.json").write_text(json.dumps(configs))
    np.savez(folder / "tacotron_inputs.npz", speech=signal)
    np.savez(folder / "tacotron_expected.npz", **expected)
