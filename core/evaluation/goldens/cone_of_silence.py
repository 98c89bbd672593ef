"""Cone of Silence (Jenrungrot et al. 2020): network, steering, helpers of the search, and whole searches."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from core.arrays.angles import angular_distance, tiling, width, wrap
from core.arrays.cone.search import SearchSettings, search
from core.arrays.cone.separator import ConeSeparator, from_checkpoint
from core.arrays.cone.suppression import RADIUS, SIMILARITY_CUTOFF_DB, suppress
from core.arrays.cone.targets import training_pair
from core.arrays.doa.matching import match_angles
from core.arrays.doa.tracking import Detection
from core.arrays.geometry import SPEED_OF_SOUND, circular
from core.arrays.steering import FAR_FIELD_METRES, align, sample_shifts, unalign
from core.evaluation.parity import Check, Group, compare
from core.evaluation.recording import Recording, numbered
from core.generators import finished, mapped
from core.models.cone import ConeConfig, normalise, unnormalise
from core.signal.metrics import sdr_db, si_sdr_with_means_db
from core.zoo.importers.cone_of_silence import translate
from core.zoo.importers.originals import load_original
from core.zoo.importing import read_original

ROUNDING = 1e-4  # of energies, relative: nearer to its cutoff a candidate may fall on either side
ARRAY = re.compile(r"r(?P<radius>[\d.]+)_sr(?P<rate>\d+)")
exact = partial(compare, atol=0)


class _Network(Recording):
    """One network with its recorded inputs and outputs."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.folder, self.network = folder, load_separator(folder).network
        self.mixtures, self.window = self.input("mix"), self.input("cond").argmax(dim=1)

    def checks(self) -> Iterator[Check]:
        yield from self.forward()
        yield from self.training()
        yield from self.formats()

    def forward(self) -> Iterator[Check]:
        """Levels, both outputs, and the voices."""
        x, mean, std = normalise(self.mixtures)
        heads = self.network.heads(x, self.window)
        yield from self.check("normalized", x, atol=1e-5)
        yield from self.check("means", mean, atol=1e-7)
        yield from self.check("stds", std, atol=1e-7)
        yield from self.check("valid_length_of_T", self.network.config.valid_length(x.shape[-1]), atol=0)
        yield from self.check("raw_output_trimmed", heads, atol=1e-5)
        yield from self.check("voice", self.network(self.mixtures, self.window), atol=1e-6)
        yield from self.check("background_head", unnormalise(heads[:, 1], mean, std)[:, :1], atol=1e-6)

    def training(self) -> Iterator[Check]:
        """The loss, and its gradients at the original's own weights."""
        weights = {name: w.clone().requires_grad_() for name, w in load_original(self.folder / "model.pt").items()}
        voices = torch.func.functional_call(self.network, translate(weights), (self.mixtures, self.window))
        loss = F.l1_loss(voices, self.input("target"))
        yield from self.check("l1_loss", loss, atol=0, rtol=1e-5)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        gradients = dict(zip(weights, gradients, strict=True))
        norm = math.hypot(*(gradient.norm().item() for gradient in gradients.values() if gradient is not None))
        yield from self.check("grad_norm_before_clip", norm, atol=0, rtol=1e-5)
        for name in self.expected:
            kind, _, weight = name.partition(".")
            if kind == "grad":
                yield from self.check(name, gradients[weight], rtol=1e-4, atol=1e-7)
            elif kind == "grad_is_none":
                yield from self.check(name, int(gradients[weight] is None), atol=0)

    def formats(self) -> Iterator[Check]:
        """The same weights in the older file format, where they are there."""
        legacy = self.folder / "model_legacy_serialization.pt"
        if not legacy.exists():
            return
        read = read_original(legacy, "cone_of_silence")[2]
        same = [torch.equal(read[name], weight) for name, weight in self.network.state_dict().items()]
        yield exact("model_legacy_serialization", same, np.ones_like(same))


def check_utils(folder: Path) -> Iterator[Check]:
    """Constants, windows, angles, lengths, and ratios of signals."""
    golden = np.load(folder / "utils.npz")
    constants = [SPEED_OF_SOUND, FAR_FIELD_METRES, SearchSettings.energy_cutoff, RADIUS, SIMILARITY_CUTOFF_DB]
    yield exact("constants", constants, golden["constants"])
    windows = golden["all_window_sizes"]
    yield compare("all_window_sizes", list(map(width, range(len(windows)))), windows, atol=1e-9)
    for name, level in numbered(golden, "starting_angles_"):
        yield compare(name, tiling(windows[level]), golden[name], atol=1e-9)
    yield compare("angdist", angular_distance(*golden["angdist_pairs"].T), golden["angdist"], atol=1e-9)
    yield compare("convert_out", wrap(golden["convert_in"]), golden["convert_out"], atol=1e-9)
    sizes = {name: ConeConfig(depth=depth) for name, depth in numbered(golden, "default_depth")}
    sizes |= {path.name: load_separator(path).network.config for path in _network_folders(folder)}
    for name in filter(golden.__contains__, sizes):
        yield exact(name, [sizes[name].valid_length(frames) for frames in golden["lengths"].tolist()], golden[name])
    signals = list(zip(golden["sisdr_ref"], golden["sisdr_est"], strict=True))
    ratios = [si_sdr_with_means_db(*pair) for pair in signals]
    yield compare("si_sdr", ratios, golden["si_sdr"], atol=1e-6)
    yield compare("si_sdr_noscale", [sdr_db(*pair) for pair in signals], golden["si_sdr_noscale"], atol=1e-6)
    yield compare("compute_sdr_all", np.mean(ratios), golden["compute_sdr_all"], atol=1e-6)
    yield compare("compute_sdr_single", ratios[0], golden["compute_sdr_single"], atol=1e-6)


def check_shifts(folder: Path) -> Iterator[Check]:
    """Delays of every direction in samples, and channels rolled by them and back; an array's name says what it is."""
    recorded = Recording(folder, "shift_")
    for key in recorded.inputs:
        kind, _, name = key.partition("_")
        if kind != "data":
            continue
        channels, place = recorded.input(key), ARRAY.search(name)
        array = circular("recorded", len(channels), float(place["radius"]))
        shifts = sample_shifts(array, recorded.inputs["angles"], int(place["rate"]))
        yield from recorded.check(f"shifts_{name}", shifts, atol=0)
        yield from recorded.check(f"forward_{name}", align(channels, shifts), atol=0)
        yield from recorded.check(f"inverse_{name}", unalign(channels, shifts), atol=0)


def check_nms(folder: Path) -> Iterator[Check]:
    """Which candidates non-maximum suppression keeps; `m7` is a cutoff of -7 dB, `alt` that of `alt_cutoff`."""
    golden = np.load(folder / "nms.npz")
    recorded = (golden[key] for key in ("angles", "energies", "data"))
    candidates = [Detection(*candidate) for candidate in zip(*recorded, strict=True)]
    for key in golden:
        if key.startswith("kept_angles_cutoff_"):
            name = key.removeprefix("kept_angles_cutoff_")
            cutoff = float(golden[f"{name}_cutoff"]) if f"{name}_cutoff" in golden else _decibels(name)
            kept = [voice.angle for voice in suppress(candidates, similarity_cutoff_db=cutoff)]
            yield compare(key, kept, golden[key], atol=1e-9)


def check_precision_recall(folder: Path) -> Iterator[Check]:
    """Which directions are found, missed and made up; any matching with the most close pairs is right."""
    for number, case in enumerate(json.loads((folder / "precision_recall_cases.json").read_text())):
        truth, found = case["gt"], case["output"]
        matching = match_angles(truth, found)
        counts = [len(matching.pairs), matching.misses, matching.false_alarms]
        yield exact(f"counts_{number}", counts, [case["tp"], case["fn"], case["fp"]])
        close = [(i, j) for i, j in matching.pairs if angular_distance(truth[i], found[j]) < math.pi / 18]
        matched = [len(set(side)) for side in zip(*close, strict=True)] or [0, 0]  # no direction counts twice
        yield exact(f"pairs_{number}", matched, [case["tp"]] * 2)


def check_targets(folder: Path) -> Iterator[Check]:
    """Mixtures aligned to an angle, and the voices (all sources but the last) inside the window around it."""
    golden = np.load(folder / "dataset_item.npz")
    sources, directions = torch.from_numpy(golden["sources"]), np.arctan2(*golden["positions"].T[::-1])
    directions = directions[: len(sources) - 1]
    array = circular("recorded", sources.shape[1], float(golden["mic_radius"]))
    for row, (level, angle) in enumerate(golden["window_idx_and_target_angle"]):
        pair = training_pair(sources, directions, angle, width(int(level)), array, int(golden["sr"]))
        for name, actual in zip(("mixed", "target"), pair, strict=True):
            yield compare(f"{name}_{row}", actual, golden[f"{name}_{row}"], atol=1e-6)


def check_search(folder: Path) -> Iterator[Check]:
    """Whole searches: each that has a cutoff of its own, and those with another cutoff of the suppression."""
    recorded = Recording(folder, "search_")
    separator = _separator_of(folder, len(recorded.inputs["mix"]))
    for key in recorded.inputs:
        if key.startswith("energy_cutoff_"):
            name = key.removeprefix("energy_cutoff_")
            yield from _check_search(recorded, separator, name, _settings(recorded, name))
    for key in recorded.expected:
        found = re.fullmatch(r"nms(m?[\d.]+)_final_angles", key)
        if found:
            settings = replace(_settings(recorded, "rms_mono_static"), similarity_cutoff_db=_decibels(found[1]))
            yield from _check_search(recorded, separator, f"nms{found[1]}", settings)


def _settings(recorded: Recording, name: str) -> SearchSettings:
    _, rms, kind = name.split("_")
    energy, similarity = (float(recorded.inputs[key]) for key in (f"energy_cutoff_{name}", "nms_cutoff"))
    return SearchSettings(energy, similarity, rms=rms, moving=kind == "moving")


def _check_search(
    recorded: Recording, separator: ConeSeparator, name: str, settings: SearchSettings
) -> Iterable[Check]:
    """One search; where not all is as recorded, a cutoff that is moved by a rounding error may tell why."""
    cutoffs = (settings.energy_cutoff * (1 + error) for error in (0, -ROUNDING, ROUNDING))
    attempts = (
        list(_checks_of_search(recorded, separator, name, replace(settings, energy_cutoff=cutoff)))
        for cutoff in cutoffs
    )
    first = next(attempts)
    return first if _all_ok(first) else next(filter(_all_ok, attempts), first)


def _all_ok(checks: list[Check]) -> bool:
    return all(check.ok for check in checks)


def _checks_of_search(
    recorded: Recording, separator: ConeSeparator, name: str, settings: SearchSettings
) -> Iterator[Check]:
    """Its windows in their order, those left at the end, and the sources, of which the first signals were recorded.

    Tolerances: angles 1e-9, energies rtol 1e-4, signals 1e-6.
    """
    inputs, expected, stages = recorded.inputs, recorded.expected, []
    array = circular("recorded", len(inputs["mix"]), float(inputs["mic_radius"]))
    run = search(inputs["mix"], array, int(inputs["sr"]), separator, settings)
    found = finished(mapped(run, stages.append))
    visited = [[stage.level, c.angle, c.energy] for stage in stages for c in stage.candidates]
    finest = [c for stage in stages if stage.level == stages[-1].level for c in stage.candidates]
    left = [[c.angle, c.energy] for c in finest if c.kept]
    for part, rows in {"visited_level_angle_energy": visited, "pre_nms": left}.items():
        if f"{name}_{part}" in expected:
            wanted = expected[f"{name}_{part}"]
            atol = np.full_like(wanted, 1e-9)
            atol[:, -1] = ROUNDING * wanted[:, -1]
            yield from recorded.check(f"{name}_{part}", np.reshape(rows, (-1, wanted.shape[1])), atol=atol)
    yield from recorded.check(f"{name}_final_angles", [voice.angle for voice in found], atol=1e-9)
    yield from recorded.check(f"{name}_final_energies", [voice.energy for voice in found], atol=0, rtol=ROUNDING)
    if f"{name}_final_data" in expected:
        wanted = expected[f"{name}_final_data"]
        signals = [voice.signal for voice in found[: len(wanted)]] or np.empty((0, *wanted.shape[1:]))
        yield from recorded.check(f"{name}_final_data", signals, atol=1e-6)


def load_separator(folder: Path) -> ConeSeparator:
    """The network of a golden folder, as `import-checkpoint` reads it."""
    _, config, state = read_original(folder / "model.pt", "cone_of_silence")
    return from_checkpoint(folder.name, config, state, "cpu")


def _separator_of(folder: Path, microphones: int) -> ConeSeparator:
    """The first network of so many microphones, by name."""
    for separator in map(load_separator, _network_folders(folder)):
        if separator.microphones == microphones:
            return separator
    raise ValueError(f"no network of {microphones} microphones was recorded")


def _network_folders(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/model.pt"))


def _decibels(name: str) -> float:
    """`m7` is -7 dB, `60` is 60 dB."""
    return float(name.replace("m", "-"))


def _check_network(folder: Path, network: str) -> Iterator[Check]:
    return _Network(folder / network).checks()


INPUTS = (
    "*/raw_output_shape",
    *(f"utils/{name}" for name in ("lengths", "angdist_pairs", "convert_in", "sisdr_est", "sisdr_ref")),
    *(f"nms/{name}" for name in ("angles", "energies", "data", "*_cutoff")),
    *(f"dataset_item/{name}" for name in ("sources", "positions", "window_idx_and_target_angle", "mic_radius", "sr")),
    "search/*_min_relative_cutoff_margin",
)


def groups(folder: Path) -> dict[str, Group]:
    """Every network of the folder, the helpers, and the searches."""
    return {
        **{path.name: partial(_check_network, network=path.name) for path in _network_folders(folder)},
        "utils": check_utils,
        "shift": check_shifts,
        "nms": check_nms,
        "precision_recall_cases": check_precision_recall,
        "dataset_item": check_targets,
        "search": check_search,
    }
