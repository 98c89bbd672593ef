"""Images from files: their size is known before they are decoded, and what is none gets a sentence."""

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.signal.image_files import read_image, write_image


@pytest.mark.parametrize("colours", [1, 3])
def test_what_is_written_is_read_again(tmp_path, colours):
    image = np.random.default_rng(0).integers(0, 256, (colours, 5, 7)) / 255
    write_image(tmp_path / "image.png", image)
    np.testing.assert_allclose(read_image(tmp_path / "image.png", colours), image, atol=1e-6)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [2001, 10_000, 20_000])
def test_an_image_of_too_many_pixels_is_never_decoded(tmp_path, side, monkeypatch):
    Image.new("1", (side, side)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="the limit of 4 megapixels; make it smaller"):
        read_image(tmp_path / "large.png", 1)


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    write_image(tmp_path / "cut.png", np.random.default_rng(0).random((1, 40, 40)))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:600])
    for name in ("text.png", "cut.png", "none.png"):
        with pytest.raises(InputError, match="is no image that can be read"):
            read_image(tmp_path / name, 1)
