"""What tasks on images yield: progress on the way and one result in the end. An image is `[colours, height, width]`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.types import Iterate

Images = Mapping[str, np.ndarray]  # in [0, 1], by their names
RESULT = "result"  # the name of the image of a task that makes one
MOST_IMAGE_PIXELS = 4_000_000  # of all images of a run together


@dataclass(frozen=True)
class ImageProgress:
    """A moment of a run, ready to be seen.

    Args:
        seconds, seconds_left: since the run began; an honest estimate of what remains.
        iterate: level, step, total_steps and log_prob of the update.
        images: as far as they are; what is not yet drawn is black.
        chains: of images that emerge out of noise, what the chain really is; out of [0, 1] where noise takes it there.
        surprises: of images that are drawn pixel by pixel, see `ImageResult`; NaN where nothing is drawn yet.
    """

    seconds: float
    seconds_left: float
    iterate: Iterate
    images: Images
    surprises: Images = field(default_factory=dict)
    chains: Images = field(default_factory=dict)


@dataclass(frozen=True)
class ImageResult:
    """The end of a run.

    Args:
        images: what was made.
        report: what `--report` writes, without the file names.
        baselines: method -> what it makes of the same evidence.
        notes: plain sentences a user should read.
        surprises: of images that were drawn pixel by pixel, what each pixel cost, -log2 p given those before it, in
            bits, `[height, width]`; colours add up.
    """

    images: Images
    report: Mapping
    baselines: Mapping[str, Images] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    surprises: Images = field(default_factory=dict)

    @property
    def image(self) -> np.ndarray:
        """That of a task that makes one."""
        return self.images[RESULT]


ImageRun = Iterator[ImageProgress | ImageResult]


def named_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Of `[count, colours, height, width]`."""
    return {f"{number:04d}": image for number, image in enumerate(images)}
