"""Files come whole or not at all, and what broke off goes on."""

import hashlib

import numpy as np
import pytest

from core.errors import InputError
from core.training.datasets.download import Download, fetch, missing_bytes

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def quiet(doing, done, total):
    """Watches nothing."""


@pytest.fixture
def download(served):
    served.content["/data.bin"] = CONTENT
    return Download(f"{served.url}/data.bin?download=1", len(CONTENT), SHA256)


def test_a_file_comes_whole_and_once(served, download, tmp_path):
    seen = []
    path = fetch(download, tmp_path, lambda *so_far: seen.append(so_far))
    assert path == tmp_path / "data.bin" and path.read_bytes() == CONTENT
    assert seen[-1] == ("checking data.bin", len(CONTENT), len(CONTENT))
    assert fetch(download, tmp_path, quiet) == path and len(served.asked) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["data.bin"]


def test_what_breaks_off_goes_on_where_it_was(served, download, tmp_path):
    served.breaks = [100_000, 50_000]
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT
    assert served.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_what_a_stopped_command_left_is_gone_on_with(served, download, tmp_path):
    class Stopped(BaseException):
        pass

    def stop(doing, done, total):
        raise Stopped

    with pytest.raises(Stopped):
        fetch(download, tmp_path, stop)
    left = (tmp_path / "data.bin.part").stat().st_size
    assert 0 < left <= len(CONTENT) and missing_bytes(download, tmp_path) == len(CONTENT) - left
    assert not (tmp_path / "data.bin").exists()
    fetch(download, tmp_path, quiet)
    assert served.asked[1] == f"bytes={left}-" and missing_bytes(download, tmp_path) == 0


def test_what_was_all_there_before_it_was_checked_is_not_fetched_again(served, download, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    (tmp_path / "data.bin.part.tag").write_text('"first"')
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT
    assert served.asked == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("change", ["another file", "no ranges", "no tag"])
def test_what_cannot_be_gone_on_with_begins_anew(served, download, tmp_path, change):
    served.breaks = [100_000]
    served.ranges, served.etag = change != "no ranges", "" if change == "no tag" else '"first"'
    if change == "another file":
        (tmp_path / "data.bin.part").write_bytes(b"old" * 1000)
        (tmp_path / "data.bin.part.tag").write_text('"before"')
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT


def test_a_longer_part_of_another_file_begins_anew(served, download, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"old" * 200_000)
    (tmp_path / "data.bin.part.tag").write_text('"first"')
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_stays(served, download, tmp_path):
    served.content["/data.bin"] = CONTENT[::-1]
    with pytest.raises(InputError, match="is not what was published"):
        fetch(download, tmp_path, quiet)
    assert not (tmp_path / "data.bin").exists() and not (tmp_path / "data.bin.part").exists()
    served.content["/data.bin"] = CONTENT
    served.etag = '"second"'
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(served, download, tmp_path):
    served.statuses = [503, 429]
    assert fetch(download, tmp_path, quiet).read_bytes() == CONTENT
    served.asked.clear()
    with pytest.raises(InputError, match="the server answers 404"):
        fetch(Download(f"{served.url}/gone.bin", 10), tmp_path, quiet)
    assert len(served.asked) == 1


def test_a_server_that_breaks_off_for_good_is_left_with_what_came(served, download, tmp_path):
    served.breaks = [100_000] + [0] * 10
    with pytest.raises(InputError, match="what came of it is kept"):
        fetch(download, tmp_path, quiet)
    assert (tmp_path / "data.bin.part").stat().st_size == 100_000


def test_more_than_was_to_be_expected_is_refused(served, download, tmp_path):
    with pytest.raises(InputError, match="not what was asked for"):
        fetch(Download(download.url, 1000), tmp_path, quiet)
