"""Images from idx files, CIFAR-10's batches and folders; nothing of a pickle is run, nothing large is decoded."""

import pickle

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.image_files import read_image, write_image
from core.signal.images import coloured
from core.training.image_data import ImageData, read_cifar, read_idx
from tests.training.images import digits, write_cifar, write_idx, write_pictures


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_come_back(tmp_path, zipped):
    folder = write_idx(tmp_path, zipped=zipped)
    train, valid = ImageData(folder, "train"), ImageData(folder, "valid")
    assert (len(train), len(valid), train.names, train.size) == (57, 3, ("0", "1", "2"), (6, 5))
    pixels, label = digits()
    found = valid.held_out(3, 0, torch.Generator().manual_seed(0))[0]
    order = found.label.argsort(stable=True)
    assert found.label[order].tolist() == sorted(label[19::20].tolist())
    assert {image.tobytes() for image in found.pixels[:, 0].numpy()} == {image.tobytes() for image in pixels[19::20]}
    batch = train.batch({"batch": 4}, torch.Generator())
    assert batch.pixels.shape == (4, 1, 6, 5) and batch.label.shape == (4,)
    write_idx(tmp_path, count=9, zipped=zipped, split="t10k")
    assert len(ImageData(folder, "test")) == 9


def test_a_batch_of_cifar_is_read_as_numbers(tmp_path):
    pixels = write_cifar(tmp_path / "data_batch_1")
    found, labels = read_cifar(tmp_path / "data_batch_1")
    np.testing.assert_array_equal(found, pixels.reshape(-1, 3, 32, 32))
    assert labels[:11] == [str(n % 10) for n in range(11)]
    assert ImageData(tmp_path, "train").size == (32, 32)


def test_a_batch_that_would_run_something_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was run",)

    for batch in (
        {b"data": Trap(), b"labels": []},
        Trap(),
        {b"labels": [Trap()], b"data": np.zeros((1, 3072), np.uint8)},
    ):
        (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
        with pytest.raises(InputError, match="no python batch"):
            read_cifar(tmp_path / "data_batch_1")


def test_folders_of_pictures_have_their_folders_as_labels(tmp_path):
    data = ImageData(write_pictures(tmp_path), "train")
    assert (
        data.names == ("kind-0", "kind-1", "kind-2")
        and data.batch({"batch": 2}, torch.Generator()).pixels.shape[1] == 3
    )


def test_colours_are_their_luma_and_grey_is_all_three():
    pixels = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert coloured(pixels, 1).item() == 76 and coloured(coloured(pixels, 1), 3).flatten().tolist() == [76] * 3


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        ImageData(tmp_path, "train")
    write_idx(tmp_path, count=5)
    with pytest.raises(InputError, match="at least 20"):
        ImageData(tmp_path, "valid")
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="no idx file"):
        read_idx(path)


def test_images_come_back_and_large_ones_are_not_decoded(tmp_path):
    from PIL import Image

    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4) / 255
    write_image(tmp_path / "grey.png", image, "how it was made")
    np.testing.assert_allclose(read_image(tmp_path / "grey.png", 1), image)
    np.testing.assert_allclose(read_image(tmp_path / "grey.png", 3), image.repeat(3, 0))
    Image.fromarray(np.full((2, 2), 65535, np.uint16)).save(tmp_path / "deep.png")
    assert (read_image(tmp_path / "deep.png", 1) == 1).all()
    Image.new("1", (3000, 2000)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match="3000 x 2000 pixels, over the limit of 4 megapixels"):
        read_image(tmp_path / "large.png", 1)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match="no image that can be read"):
        read_image(tmp_path / "text.png", 1)
