"""Judges of sound that nobody here trained, as far as they are installed (`pip install .[evaluate]`)."""

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec

import numpy as np

RATE = 16000
Judge = Callable[[np.ndarray, np.ndarray], float]  # (reference, estimate), [frames] at RATE


def visqol(reference: np.ndarray, estimate: np.ndarray) -> float:
    """ViSQOL's mean opinion score for speech, by its polynomial mapping (Chinen et al. 2020)."""
    return _visqol().measure_from_arrays(reference, estimate, RATE).moslqo


def pesq(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Wide-band PESQ (ITU-T P.862.2)."""
    from pesq import PesqError, pesq

    try:
        return float(pesq(RATE, reference, estimate, "wb"))
    except PesqError:  # it finds no utterance
        return float("nan")


def stoi(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Short-time objective intelligibility (Taal et al. 2011)."""
    from pystoi import stoi

    return float(stoi(reference, estimate, RATE))


def dnsmos(_reference: np.ndarray, estimate: np.ndarray) -> float:
    """Overall DNSMOS (Reddy et al. 2022), which needs no reference."""
    from speechmos import dnsmos

    loudest = max(1.0, float(np.abs(estimate).max()))
    return float(dnsmos.run(estimate.astype(np.float64) / loudest, RATE)["ovrl_mos"])


JUDGES: Mapping[str, tuple[str, Judge]] = {  # name -> the package that it is of, and the judge
    "visqol": ("visqol", visqol),
    "pesq": ("pesq", pesq),
    "stoi": ("pystoi", stoi),
    "dnsmos": ("speechmos", dnsmos),
}


def installed_judges() -> dict[str, Judge]:
    return {name: judge for name, (package, judge) in JUDGES.items() if find_spec(package)}


@cache
def _visqol():
    from visqol import VisqolApi

    api = VisqolApi()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the lattice mapping is not there
        api.create(mode="speech", use_lattice_model=False)
    return api
