"""Nothing leaves the folder, nothing is larger than it should be, and damage is said."""

import stat
import tarfile
import zipfile

import pytest

from core.training.datasets.archives import DamagedArchive, read_texts, unpack
from tests.training.datasets.archives import make_tar, make_zip

FILES = {"top/a.txt": b"a" * 1000, "top/sub/b.bin": bytes(range(256)) * 20, "top/c.txt": b"c"}
MAKERS = {"a.tar.gz": make_tar, "a.tar.bz2": make_tar, "a.tar.xz": make_tar, "a.zip": make_zip}


def same(path):
    return path


@pytest.mark.parametrize("name", MAKERS)
def test_files_go_where_they_are_placed(tmp_path, name):
    archive, folder = MAKERS[name](tmp_path / name, FILES), tmp_path / "out"
    written = unpack(archive, folder, lambda path: f"x/{path.name}" if path.suffix != ".bin" else None, 10_000)
    assert [str(path) for path in written] == ["x/a.txt", "x/c.txt"]
    assert (folder / "x" / "a.txt").read_bytes() == FILES["top/a.txt"] and len(list(folder.rglob("*.*"))) == 2
    assert {p.name: text for p, text in read_texts(archive, lambda p: p.name == "c.txt").items()} == {"c.txt": "c"}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("inside", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "C:\\out.txt"])
def test_paths_that_lead_out_are_refused(tmp_path, name, inside):
    archive, folder = MAKERS[name](tmp_path / name, {inside: b"x"}), tmp_path / "in"
    with pytest.raises(DamagedArchive, match="outside the folder"):
        unpack(archive, folder, same, 10_000)
    assert [path.name for path in tmp_path.rglob("*")] == [name]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tars_are_refused(tmp_path, kind):
    link = tarfile.TarInfo("top/link")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(DamagedArchive, match="link or a device"):
        unpack(make_tar(tmp_path / "a.tar.gz", {}, link), tmp_path / "in", same, 10_000)


def test_links_in_zips_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DamagedArchive, match="link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "in", same, 10_000)


@pytest.mark.parametrize("name", MAKERS)
def test_more_than_was_to_be_expected_is_refused(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, {"bomb": bytes(5_000_000)})
    assert archive.stat().st_size < 50_000
    with pytest.raises(DamagedArchive, match="more than it should"):
        unpack(archive, tmp_path / "in", same, 2_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "in").rglob("*") if path.is_file()) <= 2_000_000


@pytest.mark.parametrize("name", MAKERS)
def test_two_files_at_one_place_are_refused(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, FILES)
    with pytest.raises(DamagedArchive, match="two files of one name"):
        unpack(archive, tmp_path / "in", lambda path: "one", 10_000)


@pytest.mark.parametrize("name", MAKERS)
def test_a_truncated_archive_is_damaged(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, FILES)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(DamagedArchive, match="damaged"):
        unpack(archive, tmp_path / "in", same, 10_000)


def test_the_checksums_of_a_zip_are_looked_at(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.txt": b"abcabcabc"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"abcabcabc", b"abcXbcabc"))
    with pytest.raises(DamagedArchive, match="damaged"):
        unpack(archive, tmp_path / "in", same, 10_000)


def test_errors_of_the_disk_are_its_own(tmp_path):
    archive = make_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "in").write_text("no folder")
    with pytest.raises(OSError) as raised:
        unpack(archive, tmp_path / "in", same, 10_000)
    assert not isinstance(raised.value, DamagedArchive) and raised.value.errno
