"""Images from files, `[colours, height, width]` in [0, 1]: how large one is, is known before it is decoded."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.output import replacing

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".webp": "WEBP"}
MOST_PIXELS, LARGEST_BYTES = 4_000_000, 50_000_000


def read_image(path: Path, colours: int) -> np.ndarray:
    """A file as float32 `[colours, height, width]` in [0, 1]; grey becomes three equal colours, colours their luma.

    Raises:
        InputError: no image of `FORMATS`, a damaged one, or one of over 4 megapixels.
    """
    import PIL
    from PIL import Image

    limit = f"the limit of {MOST_PIXELS / 1e6:g} megapixels"
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            raise OSError
        with Image.open(path, formats=sorted(set(FORMATS.values()))) as image:
            width, height = image.size
            if width * height <= MOST_PIXELS:
                return _pixels(image, colours)
    except Image.DecompressionBombError:  # its size is not even said
        raise InputError(f"{path.name} has far more pixels than {limit}; make it smaller.") from None
    except (OSError, ValueError, SyntaxError, PIL.UnidentifiedImageError):
        raise InputError(f"{path.name} is no image that can be read; give a PNG, JPEG, BMP or WebP file.") from None
    raise InputError(f"{path.name} has {width} x {height} pixels, over {limit}; make it smaller.")


def read_sum(path: Path, count: int) -> np.ndarray:
    """An unclipped sum of so many images, float32 `[colours, height, width]` in [0, count].

    Of a `.npy` file the values themselves, `[height, width]` or with colours first; a grey PNG of 16 bits is white
    where all of the images are.

    Raises:
        InputError: no such file, one of over 4 megapixels, or an image of 8 bits, which holds no sum of such.
    """
    from PIL import Image

    if path.suffix.lower() == ".npy":
        return _read_array(path)
    image = read_image(path, 1)
    with Image.open(path) as file:
        if not file.mode.startswith("I"):
            raise InputError(f"{path.name} has 8 bits, too few for a sum of images; give 16 bits, or a .npy file.")
    return image * count


def _read_array(path: Path) -> np.ndarray:
    """Numbers of a `.npy` file, of which no object is ever made."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.dtype.kind not in "fiu" or array.ndim not in (2, 3) or array.size > 3 * MOST_PIXELS:
            raise ValueError
    except (OSError, ValueError, EOFError, TypeError, AttributeError):
        limit = f"at most {MOST_PIXELS / 1e6:g} megapixels"
        raise InputError(f"{path.name} is no .npy file of numbers, rows by columns, with {limit}.") from None
    return np.asarray(array[None] if array.ndim == 2 else array, dtype=np.float32)


def write_image(path: Path, image: np.ndarray, comment: str = "") -> None:
    """Writes an image as 8-bit PNG, whole or not at all; the comment is what it says of itself."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    said, buffer = PngInfo(), io.BytesIO()
    if comment:
        said.add_text("Comment", comment)
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(buffer, "PNG", pnginfo=said)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def tiled(images: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Images of one size side by side, so many a row, with a black pixel between them."""
    colours, height, width = images[0].shape
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = np.zeros((colours, rows * (height + 1) - 1, columns * (width + 1) - 1), np.float32)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + 1), column * (width + 1)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def _pixels(image, colours: int) -> np.ndarray:
    if image.mode.startswith("I"):  # of 16 bits
        grey = np.asarray(image, dtype=np.float32)[None] / 65535
        return np.repeat(grey, colours, axis=0)
    pixels = np.asarray(image.convert("L" if colours == 1 else "RGB"), dtype=np.float32) / 255
    return pixels[None] if colours == 1 else pixels.transpose(2, 0, 1).copy()
