"""Mean and scale of bands from a pickle that is never run."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from core.errors import InputError
from core.zoo.importers.scalers import LARGEST_BYTES, read_scaler


@pytest.fixture
def scaler():
    own = StandardScaler()
    frames = np.random.default_rng(0).normal(-3, 2, (500, 80)).astype(np.float32)
    own.partial_fit(frames[:200])  # PnF adds file after file
    own.partial_fit(frames[200:])
    return own


@pytest.mark.parametrize("protocol", [None, 2, 3, 4, 5])
def test_a_joblib_file_is_read(scaler, tmp_path, protocol):
    path = tmp_path / "meanvar.joblib"
    joblib.dump(scaler, path, protocol=protocol)
    read = read_scaler(path, 80)
    np.testing.assert_array_equal(read.mean, scaler.mean_)
    np.testing.assert_array_equal(read.scale, scaler.scale_)


def test_a_file_of_arrays_is_read(scaler, tmp_path):
    np.savez(tmp_path / "meanvar.npz", mean=scaler.mean_, scale=scaler.scale_)
    np.testing.assert_array_equal(read_scaler(tmp_path / "meanvar.npz", 80).scale, scaler.scale_)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_it_is_not_run(scaler, tmp_path):
    scaler.trap_ = Trap(tmp_path / "sprung")
    joblib.dump(scaler, tmp_path / "meanvar.joblib")
    joblib.load(tmp_path / "meanvar.joblib")
    assert (tmp_path / "sprung").exists(), "the trap works"
    (tmp_path / "sprung").unlink()
    np.testing.assert_array_equal(read_scaler(tmp_path / "meanvar.joblib", 80).mean, scaler.mean_)
    (tmp_path / "plain.joblib").write_bytes(pickle.dumps(scaler))
    assert "can be read without running it" in refusal(tmp_path / "plain.joblib")
    assert not (tmp_path / "sprung").exists()


def refusal(path, bands=80) -> str:
    with pytest.raises(InputError) as caught:
        read_scaler(path, bands)
    return str(caught.value)


def test_other_files_are_refused(scaler, tmp_path):
    path = tmp_path / "meanvar.joblib"
    joblib.dump(scaler, path)
    assert "40 mel bands" in refusal(path, 40)
    whole = path.read_bytes()
    for content in (b"", b"no pickle", whole[: len(whole) // 2], pickle.dumps([1, 2]), pickle.dumps(None)):
        path.write_bytes(content)
        assert "can be read without running it" in refusal(path)
    joblib.dump(scaler, path, compress=3)
    assert "can be read without running it" in refusal(path)
    joblib.dump(np.array([object()]), path)
    assert "can be read without running it" in refusal(path)
    path.write_bytes(b"0" * (LARGEST_BYTES + 1))
    assert "at most 1 MB" in refusal(path)
    assert "is no file" in refusal(tmp_path / "absent.joblib")
    np.savez(tmp_path / "meanvar.npz", mean=scaler.mean_, scale=0 * scaler.scale_)
    assert "positive scale" in refusal(tmp_path / "meanvar.npz")
