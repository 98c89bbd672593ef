"""Comments in files: libsndfile reads them, the samples stay."""

import numpy as np
import pytest
import soundfile

from core.signal.clip import Clip
from core.signal.files import read_clip, write_clip


@pytest.mark.parametrize("comment", ["a", "ab", '{"seed": 3, "label": "sieben, größer"}'])
@pytest.mark.parametrize(("name", "bits"), [("a.wav", None), ("a.wav", 16), ("a.flac", 24), ("a.ogg", None)])
def test_a_comment_is_kept_beside_the_samples(tmp_path, comment, name, bits):
    clip = Clip(np.random.default_rng(0).uniform(-0.5, 0.5, (1, 801)).astype(np.float32), 16000)
    write_clip(tmp_path / name, clip, bits=bits, comment=comment)
    write_clip(tmp_path / f"plain-{name}", clip, bits=bits)
    with soundfile.SoundFile(tmp_path / name) as file:
        assert file.comment == comment
    told, plain = (read_clip(path).clip.samples for path in (tmp_path / name, tmp_path / f"plain-{name}"))
    np.testing.assert_array_equal(told, plain)
