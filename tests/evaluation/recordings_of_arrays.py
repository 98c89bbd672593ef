"""A recording in the form of Cone of Silence's goldens, made with our own code: other arrays, sizes and names."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from core.arrays.angles import angular_distance, tiling, width, wrap
from core.arrays.cone.search import SearchSettings, search
from core.arrays.cone.separator import ConeSeparator
from core.arrays.cone.suppression import suppress
from core.arrays.cone.targets import training_pair
from core.arrays.doa.tracking import Detection
from core.arrays.geometry import circular
from core.arrays.steering import align, sample_shifts, unalign
from core.models.cone import ConeConfig, ConeNetwork, normalise, unnormalise
from core.signal.metrics import sdr_db, si_sdr_with_means_db
from core.zoo.importers.cone_of_silence import translate
from tests.originals import cone_state
from tests.runs import gathered

RADIUS, RATE = 0.05, 16000
TRIANGLE = circular("triangle", 3, RADIUS)


def record_cone(folder: Path) -> None:
    """Networks of 2 and of 3 microphones, and searches with the latter."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    sizes = ConeConfig(depth=2, channels=4, growth=1.5, lstm_layers=1)
    networks = {f"triangle_{n}": replace(sizes, microphones=n) for n in (2, 3)}
    separators = {name: _record_network(folder / name, config) for name, config in networks.items()}
    _record_utils(folder, networks)
    _record_shifts(folder)
    _record_nms(folder)
    _record_targets(folder)
    record_searches(folder, separators["triangle_3"])
    truth = {"gt": [0.1, 0.2, 3.0], "output": [0.18, 0.15], "permutation": [0, 1, 2]}  # ours are 0-1 and 1-0
    cases = [truth | {"tp": 2, "fn": 1, "fp": 0}, {"gt": [0.0], "output": [1.0], "permutation": [0], "tp": 0}]
    cases[1] |= {"fn": 1, "fp": 1}
    (folder / "precision_recall_cases.json").write_text(json.dumps(cases))


def _record_network(folder: Path, sizes: ConeConfig) -> ConeSeparator:
    folder.mkdir()
    torch.manual_seed(sizes.microphones)
    network = ConeNetwork(sizes).requires_grad_(False)
    weights = {name: weight.clone() for name, weight in cone_state(network).items()}
    torch.save(weights, folder / "model.pt")
    hparams = {"n_audio_channels": sizes.microphones, "depth": 2, "channels": 4, "growth": 1.5, "lstm_layers": 1}
    (folder / "config.json").write_text(json.dumps(hparams))
    mix, target = 0.1 * torch.randn(2, 3, sizes.microphones, 333)
    window = torch.tensor([1, 4, 0])
    np.savez(folder / "inputs.npz", mix=mix, target=target, cond=F.one_hot(window, 5).float())
    x, mean, std = normalise(mix)
    heads, length = network.heads(x, window), sizes.valid_length(333)
    expected = {"normalized": x, "means": mean, "stds": std, "valid_length_of_T": length}
    expected |= {"raw_output_shape": [3, 2, sizes.microphones, length], "raw_output_trimmed": heads}
    expected |= {"voice": network(mix, window), "background_head": unnormalise(heads[:, 1], mean, std)[:, :1]}
    weights = {name: weight.requires_grad_() for name, weight in weights.items()}
    loss = F.l1_loss(torch.func.functional_call(network, translate(weights), (mix, window)), target)
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    for name, gradient in zip(weights, gradients, strict=True):
        expected |= {f"grad_is_none.{name}": 1} if gradient is None else {f"grad.{name}": gradient}
    norm = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]).norm()
    np.savez(folder / "expected.npz", **expected, l1_loss=loss.detach(), grad_norm_before_clip=norm)
    return ConeSeparator(folder.name, network, "triangle", RATE)


def _record_utils(folder: Path, networks: Mapping[str, ConeConfig]) -> None:
    random, lengths = np.random.default_rng(1), [100, 4321]
    arrays = {"constants": [343.0, 3.0, 0.002, math.pi / 4, -7.0], "lengths": lengths}
    arrays["all_window_sizes"] = [width(level) for level in range(3)]
    arrays |= {f"starting_angles_{level}": tiling(width(level)) for level in range(3)}
    pairs, angles = random.uniform(-3, 3, (5, 2)), random.uniform(-9, 9, 7)
    arrays |= {"angdist_pairs": pairs, "angdist": angular_distance(*pairs.T)}
    arrays |= {"convert_in": angles, "convert_out": wrap(angles)}
    for name, sizes in {**networks, "default_depth3": ConeConfig(depth=3)}.items():
        arrays[name] = [sizes.valid_length(frames) for frames in lengths]
    references, estimates = random.normal(size=(2, 3, 50))
    ratios = [si_sdr_with_means_db(*pair) for pair in zip(references, estimates, strict=True)]
    arrays |= {"sisdr_ref": references, "sisdr_est": estimates, "si_sdr": ratios}
    arrays["si_sdr_noscale"] = [sdr_db(*pair) for pair in zip(references, estimates, strict=True)]
    np.savez(folder / "utils.npz", **arrays, compute_sdr_all=np.mean(ratios), compute_sdr_single=ratios[0])


def _record_shifts(folder: Path) -> None:
    inputs, expected = {"angles": np.linspace(-3, 3, 5)}, {}
    for mics, radius, rate in ((3, 0.05, 16000), (5, 0.4, 8000)):
        name, x = f"{mics}ch_r{radius}_sr{rate}", torch.randn(mics, 40)
        shifts = sample_shifts(circular("c", mics, radius), inputs["angles"], rate)
        inputs[f"data_{name}"] = x
        expected |= {f"shifts_{name}": shifts, f"forward_{name}": align(x, shifts)}
        expected |= {f"inverse_{name}": unalign(x, shifts)}
    np.savez(folder / "shift_inputs.npz", **inputs)
    np.savez(folder / "shift_expected.npz", **expected)


def _record_nms(folder: Path) -> None:
    random, angles = np.random.default_rng(2), np.array([0.1, 0.3, 0.5, 2.0])
    energies, signals = random.uniform(1, 2, 4), random.normal(size=(4, 3, 60)) + 3 * random.normal(size=(3, 60))
    arrays = {"angles": angles, "energies": energies, "data": signals, "alt_cutoff": 100.0}
    for name, cutoff in {"m12": -12.0, "4": 4.0, "alt": 100.0}.items():
        candidates = map(Detection, angles, energies, signals)
        arrays[f"kept_angles_cutoff_{name}"] = [v.angle for v in suppress(candidates, similarity_cutoff_db=cutoff)]
    np.savez(folder / "nms.npz", **arrays)


def _record_targets(folder: Path) -> None:
    """Three voices and a background, three microphones."""
    sources, positions = torch.randn(4, 3, 90), np.array([[1.0, 0.2], [-1, 1], [0, -2], [9, 9]])
    rows, arrays = np.array([[0, 0.3], [1, 2.3], [3, -1.5]]), {}
    for n, (level, angle) in enumerate(rows):
        directions = np.arctan2(positions[:3, 1], positions[:3, 0])
        pair = training_pair(sources, directions, angle, width(int(level)), TRIANGLE, RATE)
        arrays |= {f"mixed_{n}": pair[0], f"target_{n}": pair[1]}
    arrays |= {"sources": sources, "positions": positions, "window_idx_and_target_angle": rows}
    np.savez(folder / "dataset_item.npz", **arrays, mic_radius=RADIUS, sr=RATE)


def record_searches(
    folder: Path, separator: ConeSeparator, cutoff: float = 0.0, kept_over: float | None = None
) -> None:
    """Searches of three microphones. Without a cutoff of its own each has one that half the widest windows are over.

    Args:
        cutoff: that is recorded.
        kept_over: with which the original decided, where that differs.
    """
    mixture = 0.1 * np.random.default_rng(3).normal(size=(3, 3000)).astype(np.float32)
    inputs = {"mix": mixture, "sr": RATE, "mic_radius": RADIUS, "nms_cutoff": -3.0}
    expected: dict = {}
    for name in ("rms_mono_static", "rms_multichannel_moving"):
        _, rms, kind = name.split("_")
        settings = SearchSettings(cutoff, -3.0, rms=rms, moving=kind == "moving")
        if not cutoff:
            energies = [c.energy for c in next(search(mixture, TRIANGLE, RATE, separator, settings)).candidates]
            settings = replace(settings, energy_cutoff=float(np.mean(sorted(energies)[1:3])))
        inputs[f"energy_cutoff_{name}"] = settings.energy_cutoff
        decided = settings if kept_over is None else replace(settings, energy_cutoff=kept_over)
        expected |= _searched(name, mixture, separator, decided)
        expected[f"{name}_min_relative_cutoff_margin"] = 0.1
    inputs["energy_cutoff"] = inputs["energy_cutoff_rms_mono_static"]
    decided = SearchSettings(inputs["energy_cutoff"] if kept_over is None else kept_over, 200.0)
    searched = _searched("nms200", mixture, separator, decided)
    expected |= {key: array for key, array in searched.items() if key.endswith(("final_angles", "final_energies"))}
    np.savez(folder / "search_inputs.npz", **inputs)
    np.savez(folder / "search_expected.npz", **expected)


def _searched(name: str, mixture: np.ndarray, separator: ConeSeparator, settings: SearchSettings) -> dict:
    """What is recorded of a search: of the signals the first two."""
    stages, found = gathered(search(mixture, TRIANGLE, RATE, separator, settings))
    visited = [(stage.level, c.angle, c.energy) for stage in stages for c in stage.candidates]
    last = max(level for level, _, _ in visited)
    left = [(angle, energy) for level, angle, energy in visited if level == last and energy > settings.energy_cutoff]
    return {
        f"{name}_visited_level_angle_energy": visited,
        f"{name}_pre_nms": np.reshape(left, (-1, 2)),
        f"{name}_final_angles": [voice.angle for voice in found],
        f"{name}_final_energies": [voice.energy for voice in found],
        f"{name}_final_data": np.reshape([voice.signal for voice in found[:2]], (-1, *mixture.shape)),
    }
