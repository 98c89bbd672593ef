"""Recordings of other sizes, names and numbers than the goldens that are at hand: right ones pass, wrong ones fail."""

import importlib
import json
import shutil
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.evaluation.goldens.cone_of_silence import ROUNDING, load_separator
from core.evaluation.parity import golden_names, run_parity
from tests.evaluation.recordings_of_arrays import record_cone, record_searches
from tests.evaluation.recordings_of_chainer import record_pixelcnn_wavenet
from tests.evaluation.recordings_of_diffusions import record_sashimis, record_wavenets
from tests.evaluation.recordings_of_images import record_pixelcnnpp
from tests.evaluation.recordings_of_lqvae import record_lqvae
from tests.evaluation.recordings_of_mels import record_mels
from tests.evaluation.recordings_of_pnf import record_pnf
from tests.evaluation.recordings_of_vqvae import record_vqvae

SYSTEMS = {
    "pnf_wavenet": record_pnf,
    "cone_of_silence": record_cone,
    "mel_frontends": record_mels,
    "diffwave_wavenet": record_wavenets,
    "diffwave_sashimi": record_sashimis,
    "vqvae_wavernn": record_vqvae,
    "lqvae": record_lqvae,
    "pixelcnnpp": record_pixelcnnpp,
    "pixelcnn_wavenet": record_pixelcnn_wavenet,
}
COMPILED = ("pnf_wavenet", "vqvae_wavernn", "pixelcnn_wavenet")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The folder of a system's recording, which is made once."""

    @cache
    def record(system: str) -> Path:
        folder = tmp_path_factory.mktemp("recorded") / system
        SYSTEMS[system](folder)
        return folder

    return record


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) if name in COMPILED else name for name in SYSTEMS])
def recording(request, recorded) -> Path:
    return recorded(request.param)


def failures(folder: Path, only: str | None = None) -> dict[str, str]:
    """Reasons of what fails, by name."""
    return {check.name: check.reason for check in run_parity(folder, only=only) if not check.ok}


def test_any_recording_can_be_checked(recording):
    assert not failures(recording)


def spoil(folder: Path) -> None:
    """Makes one value of every golden wrong."""
    inputs = getattr(importlib.import_module(f"core.evaluation.goldens.{folder.name}"), "INPUTS", ())
    for file in folder.rglob("*.npz"):
        if file.stem.endswith("inputs"):
            continue
        arrays = {key: array.copy() for key, array in np.load(file).items()}
        place = "/".join((*file.parent.relative_to(folder).parts, file.stem.removesuffix("expected").rstrip("_")))
        for key, array in arrays.items():
            if array.size and not any(fnmatchcase(f"{place.strip('/')}/{key}", pattern) for pattern in inputs):
                array[(-1,) * array.ndim] = 1.1 * array[(-1,) * array.ndim] + 2
        np.savez(file, **arrays)


def test_every_wrong_value_fails(recording, tmp_path):
    shutil.copytree(recording, tmp_path / recording.name)
    spoil(tmp_path / recording.name)
    right = [check.name for check in run_parity(tmp_path / recording.name) if check.ok]
    goldens = {f"{recording.name}/{name}" for name in golden_names(tmp_path / recording.name)}
    assert not goldens.intersection(right)


@pytest.fixture
def cone(recorded, tmp_path) -> Path:
    return Path(shutil.copytree(recorded("cone_of_silence"), tmp_path / "cone_of_silence"))


def test_counts_of_pairs_are_exact(cone):
    path = cone / "precision_recall_cases.json"
    first, *others = json.loads(path.read_text())
    path.write_text(json.dumps([first | {"tp": 1, "fn": 2}, *others]))
    wrong = {f"cone_of_silence/precision_recall_cases/{kind}_0" for kind in ("counts", "pairs")}
    assert set(failures(cone, "precision")) == wrong


@pytest.mark.parametrize(("errors", "right"), [(0.5, True), (-0.5, True), (10, False), (-10, False)])
def test_a_candidate_at_its_cutoff_may_be_kept_or_not(cone, errors, right):
    """A window's energy lies so many rounding errors under its cutoff, and the original took it to lie over it."""
    visited = np.load(cone / "search_expected.npz")["rms_mono_static_visited_level_angle_energy"]
    energy, off = sorted(visited[visited[:, 0] == 0, 2])[1], errors * ROUNDING
    record_searches(cone, load_separator(cone / "triangle_3"), energy * (1 + off), kept_over=energy * (1 - off))
    names = {f"cone_of_silence/search/rms_mono_static_{kind}" for kind in ("pre_nms", "visited_level_angle_energy")}
    assert names.intersection(failures(cone, "search/rms_mono_static")) == (set() if right else names)


@pytest.mark.parametrize(
    ("run", "key", "level", "tolerance"),
    [
        ("sgld_inpainting", "x_after_level", 0, 2e-4),  # after one update
        ("sgld_superres", "x_after_level", 2, 2e-3 * 6**0.5),  # after two at each of three levels
        ("sgld_separation", "x1_after_level", 0, 1e-2 * 2**0.5),
        ("sgld_spectrogram", "x_after_level_without_first", 1, 2e-3 * 4**0.5),
    ],
)
def test_tolerance_grows_with_the_root_of_the_updates(recorded, tmp_path, run, key, level, tolerance):
    folder = Path(shutil.copytree(recorded("pnf_wavenet"), tmp_path / "pnf_wavenet"))
    arrays = dict(np.load(folder / run / "expected.npz"))
    for error, wrong in ((0.9 * tolerance, set()), (1.1 * tolerance, {f"pnf_wavenet/{run}/{key}"})):
        off = arrays[key].astype(np.float64)
        off[level, 3] += error
        np.savez(folder / run / "expected.npz", **arrays | {key: off})
        assert set(failures(folder, f"{run}/{key}")) == wrong
