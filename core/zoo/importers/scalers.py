"""Mean and scale of mel bands from the files of the original systems: PnF's `meanvar.joblib`, or a `.npz`.

A joblib file is a pickle, which may run anything when it is loaded. Here nothing of it is ever called
(`core.signal.inert_pickles`), and arrays are read from their raw bytes.
"""

import pickle
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.inert_pickles import InertUnpickler
from core.signal.mel import MelScaler

LARGEST_BYTES = 2**20
PLAIN_FLOATS = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}


def read_scaler(path: Path, bands: int) -> MelScaler:
    """Mean and scale of every band.

    Args:
        path: a scikit-learn StandardScaler that joblib wrote without compression, or an `.npz` with `mean` and `scale`.

    Raises:
        InputError: not such a file, or of other bands.
    """
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path.name} is no file of the mean and scale of mel bands (at most 1 MB).")
    try:
        read = _read_npz if path.suffix.lower() == ".npz" else _read_joblib
        mean, scale = (np.asarray(array, dtype=np.float64) for array in read(path))
    except Exception as error:  # an untrusted pickle may fail in any way
        raise InputError(
            f"{path.name} holds no mean and scale that can be read without running it ({type(error).__name__}); give "
            "the meanvar.joblib of the training, or an .npz with `mean` and `scale`."
        ) from None
    fits = mean.shape == scale.shape == (bands,) and np.isfinite([mean, scale]).all() and (scale > 0).all()
    if not fits:
        raise InputError(f"{path.name} does not hold a mean and a positive scale for each of {bands} mel bands.")
    return MelScaler(mean, scale)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["mean"], arrays["scale"]


def _read_joblib(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with path.open("rb") as file:
        scaler = _JoblibUnpickler(file).load()
    mean, scale = scaler.state["mean_"], scaler.state["scale_"]
    if not isinstance(mean, np.ndarray) or not isinstance(scale, np.ndarray):
        raise TypeError("not written by joblib")
    return mean, scale


class _JoblibUnpickler(InertUnpickler):
    """Reads joblib's format: after the description of an array stand its bytes, in the middle of the pickle."""

    dispatch = dict(InertUnpickler.dispatch)

    def load_build(self) -> None:
        """As in any pickle; then an array's description gives way to the array."""
        super().load_build()
        described = self.stack[-1]
        if type(described).__name__ == "NumpyArrayWrapper":
            self.stack[-1] = self._read_array(described.state)

    dispatch[pickle.BUILD[0]] = load_build

    def _read_array(self, described: dict) -> np.ndarray:
        dtype = PLAIN_FLOATS[described["dtype"].given[0]]  # of objects or anything else: a KeyError
        if described.get("numpy_array_alignment_bytes") is not None:
            self.file.read(self.file.read(1)[0])
        count = int(np.prod(described["shape"], dtype=np.int64))
        return np.frombuffer(self.file.read(count * dtype.itemsize), dtype, count).reshape(described["shape"])
