"""Streams of companded chunks: what was written comes back, and nothing is believed of a header."""

import io

import numpy as np
import pytest
import torch

from core.signal.companded_chunks import chunks, companded, context, read_stream, write_record
from core.signal.companding import MuLawBins


def write_stream(path, records):
    with path.open("wb") as file:
        for record in records:
            write_record(file, record)


def test_bins_lie_between_even_edges():
    bins = MuLawBins(4)
    assert bins.bins(torch.tensor([-0.01, 0.0, 0.24, 0.25, 0.99, 1.0, 2.0])).tolist() == [-1, 0, 0, 1, 3, 3, 3]
    waveform = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    torch.testing.assert_close(bins.inverse(bins.curve(waveform)), waveform)
    assert MuLawBins().encode(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 128, 255]


def test_silence_is_the_middle_and_rates_change_the_length():
    assert (companded(np.zeros(480, np.int16), 48000, 8000) == 0.5).all()
    assert len(companded(np.zeros(481, np.int16), 48000, 8000)) == 81
    assert companded(np.array([-(2**15), 2**15 - 1], np.int16), 8000, 8000).tolist() == pytest.approx([0, 1], abs=1e-5)


def test_chunks_may_overlap_by_the_context():
    values = np.arange(10.0)
    assert context(5, 10) == 5120
    assert chunks(values, 4, 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert chunks(values, 4, 3)[:, 0].tolist() == [0, 3, 6] and chunks(values, 11, 11).shape == (0, 11)


def test_empty_records_are_left_out(tmp_path):
    parts = [np.random.rand(2, 5), np.empty((0, 5)), np.random.rand(1, 5), np.empty(0)]
    write_stream(tmp_path / "vctk_0", parts)
    np.testing.assert_array_equal(read_stream(tmp_path / "vctk_0"), np.concatenate([parts[0], parts[2]]))


def test_what_is_no_stream_is_refused(tmp_path):
    buffer = io.BytesIO()
    write_record(buffer, np.ones((2, 5)))
    whole = buffer.getvalue()
    huge = whole.replace(b"(2, 5)", b"(99999999, 99999999)".ljust(6))[: len(whole)]
    files = {"no chunks": b"", "magic": b"text", "ends early": whole[:-8], "Header|ends early|parse": huge}
    for why, content in files.items():
        (tmp_path / "stream").write_bytes(content)
        with pytest.raises(ValueError, match=why):
            read_stream(tmp_path / "stream")
    write_stream(tmp_path / "stream", [np.ones((2, 5)), np.ones((2, 6))])
    with pytest.raises(ValueError, match="one length"):
        read_stream(tmp_path / "stream")
