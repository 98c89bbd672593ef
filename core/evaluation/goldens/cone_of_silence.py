"""Cone of Silence (Jenrungrot et al. 2020): network, steering, helpers of the search, and whole searches."""

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.arrays.angles import WINDOWS, angular_distance, tiling, wrap
from core.arrays.cone.search import SearchSettings, search
from core.arrays.cone.separator import from_checkpoint
from core.arrays.cone.suppression import RADIUS, SIMILARITY_CUTOFF_DB, suppress
from core.arrays.cone.targets import training_pair
from core.arrays.doa.matching import match_angles
from core.arrays.doa.tracking import Detection
from core.arrays.finding import Stage
from core.arrays.geometry import SPEED_OF_SOUND, circular
from core.arrays.steering import FAR_FIELD_METRES, align, sample_shifts, unalign
from core.evaluation.parity import Check, Group, compare
from core.generators import finished, mapped
from core.models.cone import ConeConfig, normalise, unnormalise
from core.signal.metrics import sdr_db, si_sdr_with_means_db
from core.zoo.importers.cone_of_silence import translate
from core.zoo.importers.originals import load_original
from core.zoo.importing import read_original

SHIFTED_ARRAYS = {  # name in the goldens: the array, and its sample rate
    "4ch_r0.03231_sr44100": (circular("4", 4, 0.03231), 44100),
    "6ch_r0.0725_sr44100": (circular("6", 6, 0.0725), 44100),
    "6ch_r0.0725_sr22050": (circular("6", 6, 0.0725), 22050),
    "2ch_r0.0725_sr44100": (circular("2", 2, 0.0725), 44100),
}
SEARCHES = tuple(f"rms_{rms}_{kind}" for rms in ("mono", "multichannel") for kind in ("static", "moving"))
exact = partial(compare, atol=0)


class _Network:
    """One network with its recorded inputs and outputs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.inputs, self.expected = np.load(folder / "inputs.npz"), np.load(folder / "expected.npz")
        self.separator = from_checkpoint(folder.name, *read_original(folder / "model.pt", "cone_of_silence")[1:], "cpu")
        self.network = self.separator.network
        self.mixtures, self.window = self.input("mix"), self.input("cond").argmax(dim=1)

    def input(self, name: str) -> Tensor:
        return torch.from_numpy(self.inputs[name])

    def check(self, name: str, actual: Tensor | int, **tolerance) -> Check:
        actual = actual.detach().numpy() if isinstance(actual, Tensor) else actual
        return compare(name, actual, self.expected[name], **tolerance)

    def checks(self) -> Iterator[Check]:
        yield from self.forward()
        yield from self.training()
        yield from self.formats()

    def forward(self) -> Iterator[Check]:
        """Levels, both outputs, and the voices."""
        x, mean, std = normalise(self.mixtures)
        heads = self.network.heads(x, self.window)
        yield self.check("normalized", x, atol=1e-5)
        yield self.check("means", mean, atol=1e-7)
        yield self.check("stds", std, atol=1e-7)
        yield self.check("valid_length_of_T", self.network.config.valid_length(x.shape[-1]), atol=0)
        yield self.check("raw_output_trimmed", heads, atol=1e-5)
        yield self.check("voice", self.network(self.mixtures, self.window), atol=1e-6)
        yield self.check("background_head", unnormalise(heads[:, 1], mean, std)[:, :1], atol=1e-6)

    def training(self) -> Iterator[Check]:
        """The loss, and its gradients at the original's own weights."""
        weights = {name: w.clone().requires_grad_() for name, w in load_original(self.folder / "model.pt").items()}
        voices = torch.func.functional_call(self.network, translate(weights), (self.mixtures, self.window))
        loss = F.l1_loss(voices, self.input("target"))
        yield self.check("l1_loss", loss, atol=0, rtol=1e-5)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        gradients = dict(zip(weights, gradients, strict=True))
        norm = math.hypot(*(gradient.norm().item() for gradient in gradients.values() if gradient is not None))
        yield self.check("grad_norm_before_clip", norm, atol=0, rtol=1e-5)
        for name in self.expected:
            kind, _, weight = name.partition(".")
            if kind == "grad":
                yield self.check(name, gradients[weight], rtol=1e-4, atol=1e-7)
            elif kind == "grad_is_none":
                yield self.check(name, int(gradients[weight] is None), atol=0)

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
    yield compare("all_window_sizes", WINDOWS, golden["all_window_sizes"], atol=1e-9)
    for level, window in enumerate(WINDOWS):
        yield compare(f"starting_angles_{level}", tiling(window), golden[f"starting_angles_{level}"], atol=1e-9)
    yield compare("angdist", angular_distance(*golden["angdist_pairs"].T), golden["angdist"], atol=1e-9)
    yield compare("convert_out", wrap(golden["convert_in"]), golden["convert_out"], atol=1e-9)
    networks = {name: read_original(folder / name / "model.pt", "cone_of_silence")[1] for name in NETWORKS}
    for name, config in {"default_depth6": {}, **networks}.items():
        sizes = ConeConfig(**{key: value for key, value in config.items() if key not in ("array", "sample_rate")})
        yield exact(name, [sizes.valid_length(frames) for frames in golden["lengths"].tolist()], golden[name])
    signals = list(zip(golden["sisdr_ref"], golden["sisdr_est"], strict=True))
    ratios = [si_sdr_with_means_db(*pair) for pair in signals]
    yield compare("si_sdr", ratios, golden["si_sdr"], atol=1e-6)
    yield compare("si_sdr_noscale", [sdr_db(*pair) for pair in signals], golden["si_sdr_noscale"], atol=1e-6)
    yield compare("compute_sdr_all", np.mean(ratios), golden["compute_sdr_all"], atol=1e-6)
    yield compare("compute_sdr_single", ratios[0], golden["compute_sdr_single"], atol=1e-6)


def check_shifts(folder: Path) -> Iterator[Check]:
    """Delays of every direction in samples, and channels rolled by them and back."""
    inputs, expected = np.load(folder / "shift_inputs.npz"), np.load(folder / "shift_expected.npz")
    for name, (array, sample_rate) in SHIFTED_ARRAYS.items():
        channels = torch.from_numpy(inputs[f"data_{name}"])
        shifts = sample_shifts(array, inputs["angles"], sample_rate)
        yield exact(f"shifts_{name}", shifts, expected[f"shifts_{name}"])
        yield exact(f"forward_{name}", align(channels, shifts), expected[f"forward_{name}"])
        yield exact(f"inverse_{name}", unalign(channels, shifts), expected[f"inverse_{name}"])


def check_nms(folder: Path) -> Iterator[Check]:
    """Which candidates non-maximum suppression keeps, with two cutoffs."""
    golden = np.load(folder / "nms.npz")
    recorded = (golden[key] for key in ("angles", "energies", "data"))
    candidates = [Detection(*candidate) for candidate in zip(*recorded, strict=True)]
    for name, cutoff in {"m7": SIMILARITY_CUTOFF_DB, "alt": float(golden["alt_cutoff"])}.items():
        kept = [voice.angle for voice in suppress(candidates, similarity_cutoff_db=cutoff)]
        yield compare(f"kept_angles_cutoff_{name}", kept, golden[f"kept_angles_cutoff_{name}"], atol=1e-9)


def check_precision_recall(folder: Path) -> Iterator[Check]:
    """Which directions are found, missed and made up."""
    for number, case in enumerate(json.loads((folder / "precision_recall_cases.json").read_text())):
        truth, found = case["gt"], case["output"]
        matching = match_angles(truth, found)
        counts = [len(matching.pairs), matching.misses, matching.false_alarms]
        yield exact(f"counts_{number}", counts, [case["tp"], case["fn"], case["fp"]])
        recorded = [(i, j) for i, j in enumerate(case["permutation"]) if i < len(truth) and j < len(found)]
        close = [(i, j) for i, j in recorded if angular_distance(truth[i], found[j]) < math.pi / 18]
        yield exact(f"pairs_{number}", matching.pairs, close)


def check_targets(folder: Path) -> Iterator[Check]:
    """Mixtures aligned to an angle, and the voices inside the window around it."""
    golden = np.load(folder / "dataset_item.npz")
    sources, directions = torch.from_numpy(golden["sources"]), np.arctan2(*golden["positions"].T[::-1])[:2]
    array = circular("recorded", sources.shape[1], float(golden["mic_radius"]))
    for row, (level, angle) in enumerate(golden["window_idx_and_target_angle"]):
        pair = training_pair(sources, directions, angle, WINDOWS[int(level)], array, int(golden["sr"]))
        for name, actual in zip(("mixed", "target"), pair, strict=True):
            yield compare(f"{name}_{row}", actual, golden[f"{name}_{row}"], atol=1e-6)


def check_search(folder: Path) -> Iterator[Check]:
    """Whole searches for sources that stand and that move, with both levels of several channels."""
    inputs, expected = np.load(folder / "search_inputs.npz"), np.load(folder / "search_expected.npz")
    for name in SEARCHES:
        yield from _check_search(name, _Search(folder, inputs, name), expected)
    yield from _check_sources("nms60", _Search(folder, inputs, "rms_mono_static", similarity_cutoff_db=60.0), expected)


class _Search:
    """A recorded search, run again: its windows in their order, those left at the end, and the sources."""

    def __init__(self, folder: Path, inputs, name: str, **settings):
        _, rms, kind = name.split("_")
        cutoff = float(inputs[f"energy_cutoff_{name}"])
        settings = SearchSettings(energy_cutoff=cutoff, rms=rms, moving=kind == "moving", **settings)
        array = circular("recorded", 4, float(inputs["mic_radius"]))
        separator = _Network(folder / "net_4ch").separator
        stages: list[Stage] = []
        run = search(inputs["mix"], array, int(inputs["sr"]), separator, settings)
        self.found = finished(mapped(run, stages.append))
        self.visited = [[stage.level, c.angle, c.energy] for stage in stages for c in stage.candidates]
        finest = [stage.candidates for stage in stages if stage.level == stages[-1].level]
        self.left = [[c.angle, c.energy] for candidates in finest for c in candidates if c.kept]


def _check_search(name: str, run: _Search, expected) -> Iterator[Check]:
    """Tolerances: angles 1e-9, energies rtol 1e-4, signals 1e-6."""
    yield _check_angles_and_energies(f"{name}_visited_level_angle_energy", run.visited, expected)
    yield _check_angles_and_energies(f"{name}_pre_nms", run.left, expected)
    yield from _check_sources(name, run, expected)
    signals = np.stack([voice.signal for voice in run.found[:3]])
    yield compare(f"{name}_final_data", signals, expected[f"{name}_final_data"], atol=1e-6)


def _check_sources(name: str, run: _Search, expected) -> Iterator[Check]:
    angles, energies = ([getattr(voice, part) for voice in run.found] for part in ("angle", "energy"))
    yield compare(f"{name}_final_angles", angles, expected[f"{name}_final_angles"], atol=1e-9)
    yield compare(f"{name}_final_energies", energies, expected[f"{name}_final_energies"], atol=0, rtol=1e-4)


def _check_angles_and_energies(name: str, rows: list[list[float]], expected) -> Check:
    """Rows that end with an angle and an energy, each in its own tolerance."""
    tolerances = np.concatenate([np.full_like(expected[name][:, :-1], 1e-9), 1e-4 * expected[name][:, -1:]], axis=1)
    return compare(name, np.array(rows) / tolerances, expected[name] / tolerances, atol=1)


def _network_group(name: str) -> Group:
    return lambda folder: _Network(folder / name).checks()


NETWORKS = ("net_4ch", "net_6ch")
GROUPS: dict[str, Group] = {
    **{name: _network_group(name) for name in NETWORKS},
    "utils": check_utils,
    "shift": check_shifts,
    "nms": check_nms,
    "precision_recall_cases": check_precision_recall,
    "dataset_item": check_targets,
    "search": check_search,
}
INPUTS = (
    *(f"{name}/raw_output_shape" for name in NETWORKS),
    *(f"utils/{name}" for name in ("lengths", "angdist_pairs", "convert_in", "sisdr_est", "sisdr_ref")),
    *(f"nms/{name}" for name in ("angles", "energies", "data", "alt_cutoff")),
    *(f"dataset_item/{name}" for name in ("sources", "positions", "window_idx_and_target_angle", "mic_radius", "sr")),
    *(f"search/{name}_min_relative_cutoff_margin" for name in SEARCHES),
)
