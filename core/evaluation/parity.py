"""Parity: does our code give what the original systems gave? Compares it with their recorded goldens.

A golden is an array of an `.npz` file (all but `*inputs.npz`, which hold what goes in). Its name is
`<system>/<folder>/<file>/<key>` with the file's name less `expected` and what joins it:

    pnf_wavenet/uncond_mulaw/expected.npz   log_prob_0       -> pnf_wavenet/uncond_mulaw/log_prob_0
    pnf_wavenet/quantizers.npz              mulaw_quantize   -> pnf_wavenet/quantizers/mulaw_quantize
    mel_frontends/pnf_expected.npz          plain_feats      -> mel_frontends/pnf/plain_feats

Whatever no check covers, and whatever an exception keeps from being checked, fails.
"""

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.errors import InputError

Group = Callable[[Path], Iterable["Check"]]


@dataclass(frozen=True)
class Check:
    """One golden against what our code makes of the same input.

    Args:
        name: of the golden; in a group's own function, relative to the group.
        error: in the units that the golden's page gives the tolerance in; infinite where nothing could be compared.
        tolerance: the largest error that is right; NaN where no check covers the golden.
        reason: why nothing could be compared.
    """

    name: str
    error: float
    tolerance: float
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


def compare(name: str, actual, expected, *, atol: float | np.ndarray, rtol: float = 0.0) -> Check:
    """A check of one array.

    The error is max |actual - expected| against atol or, where rtol is given or atol is an array (which broadcasts
    with the expected one), max |actual - expected| / (atol + rtol |expected|) against 1. Equal infinities are right.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    relative = bool(rtol) or np.ndim(atol) > 0
    tolerance = 1.0 if relative else atol
    if actual.shape != expected.shape:
        return Check(name, math.inf, tolerance, f"shape {actual.shape} instead of {expected.shape}")
    with np.errstate(invalid="ignore"):  # of infinities, which are right where they are equal
        error = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    error = np.where(actual == expected, 0.0, error)
    if relative:
        error /= atol + rtol * np.abs(expected)
    return Check(name, float(np.max(error, initial=0.0)), tolerance)


def format_check(check: Check) -> str:
    """One line: name, error, tolerance, `ok` or `FAIL`."""
    return f"{check.name:<64} {check.error:10.3g} {check.tolerance:10.3g}  {'ok' if check.ok else 'FAIL'}"


def run_parity(folder: str | Path, *, system: str | None = None, only: str | None = None) -> Iterator[Check]:
    """Checks every golden under a folder, one after the other.

    Args:
        folder: of one sub-folder per system, or a system's own.
        system: name of the one to check; None checks all.
        only: prefix of the names to check, with or without the system's part; groups it rules out are not run.

    Yields:
        Check: one per golden, named `<system>/...`.

    Raises:
        InputError: there is no such folder or system, or no golden to check.
    """
    nothing = True
    for name, path in _systems(Path(folder), system).items():
        for check in _check_system(name, path, only or ""):
            nothing = False
            yield replace(check, name=f"{name}/{check.name}")
    if nothing:
        start = f" whose name starts with {only}" if only else ""
        raise InputError(f"{folder} holds no golden{start}. Choose another folder, --system or --only.")


def golden_names(folder: Path) -> list[str]:
    """Names of all arrays in a system's golden files, less the system's part; an unreadable file counts as one."""
    names = []
    for file in sorted(folder.rglob("*.npz")):
        if file.stem.endswith("inputs"):
            continue
        stem = file.stem.removesuffix("expected").rstrip("_")
        path = "/".join(filter(None, (*file.parent.relative_to(folder).parts, stem)))
        try:
            with np.load(file, allow_pickle=False) as arrays:
                names += [f"{path}/{key}" if path else key for key in arrays.files]
        except (OSError, ValueError, BadZipFile):
            names.append(path or file.name)
    return names


def _systems(folder: Path, system: str | None) -> dict[str, Path]:
    """Name -> folder of the systems asked for."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the folder that holds the goldens.")
    inside = {path.name: path for path in sorted(folder.iterdir()) if (path / "README.md").is_file()}
    if system in inside:
        return {system: inside[system]}
    if not inside or (folder / "README.md").is_file():  # the folder of one system
        return {system or folder.resolve().name: folder}
    if system is not None:
        raise InputError(f"{folder} has no system {system}. It has: {', '.join(inside)}.")
    return inside


def _check_system(system: str, folder: Path, only: str) -> Iterator[Check]:
    """All checks of one system whose names start with `only`, then a failure for each golden without one."""
    groups, inputs = _load(system, folder)
    goldens = (name for name in golden_names(folder) if not any(fnmatchcase(name, pattern) for pattern in inputs))
    missing = [name for name in goldens if _starts(system, name, only)]
    reasons = {}
    for prefix, group in groups.items():
        if not (_starts(system, prefix, only) or only.startswith((prefix, f"{system}/{prefix}"))):
            continue
        try:
            for check in group(folder):
                check = replace(check, name=f"{prefix}/{check.name}" if prefix else check.name)
                if _starts(system, check.name, only):
                    missing = [name for name in missing if name != check.name]
                    yield check
        except Exception as error:  # whatever goes wrong in a check is that check's failure, not the command's
            reasons[prefix] = f"{type(error).__name__}: {error}"
    for name in missing:
        reason = next((why for prefix, why in reasons.items() if _in_group(name, prefix)), "no check covers it")
        yield Check(name, math.inf, math.nan, reason)


def _load(system: str, folder: Path) -> tuple[dict[str, Group], Iterable[str]]:
    """Groups and patterns of inputs of a system's check module; none where there is no such module."""
    module = f"core.evaluation.goldens.{system}"
    if not system.isidentifier() or importlib.util.find_spec(module) is None:
        return {}, ()
    checks = importlib.import_module(module)
    return checks.groups(folder), getattr(checks, "INPUTS", ())


def _starts(system: str, name: str, only: str) -> bool:
    return name.startswith(only) or f"{system}/{name}".startswith(only)


def _in_group(name: str, prefix: str) -> bool:
    return not prefix or name == prefix or name.startswith(f"{prefix}/")
