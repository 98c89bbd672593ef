"""Metrics against the values that every table of the project is defined by."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from core.evaluation.parity import Check, Group, compare
from core.signal.metrics import gap_lsd_db, lsd_db, psnr_db, si_sdr_db

GAP = (8000, 8800)


def check_metrics(folder: Path) -> Iterator[Check]:
    """Every metric of the spline and of the spline with noise, in dB."""
    inputs, expected = np.load(folder / "inputs.npz"), np.load(folder / "expected.npz")
    reference = inputs["reference"]
    check = partial(compare, atol=1e-3)
    for metric, function in {"lsd": lsd_db, "psnr": psnr_db, "si_sdr": si_sdr_db}.items():
        for estimate in ("spline", "spline_plus_noise"):
            name = f"{metric}_{estimate}"
            if name in expected:
                yield check(name, function(reference, inputs[estimate]), expected[name])
    for name in ("silence", "spline"):
        filled = reference.copy()
        filled[slice(*GAP)] = 0 if name == "silence" else inputs["spline"][slice(*GAP)]
        yield check(f"gap_lsd_{name}", gap_lsd_db(reference, filled, *GAP), expected[f"gap_lsd_{name}"])


def groups(_folder: Path) -> dict[str, Group]:
    return {"": check_metrics}
