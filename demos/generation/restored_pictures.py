"""What the section "Restored images" shows of a run: what was given, what is made of it, and what it should be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.tasks.image_runs import RESULT, ImageProgress, Images
from demos.generation.pictures import PicturesView, payload
from demos.page.history import RunHistory
from demos.page.html import title

HIDDEN = np.float32([0.88, 0.6, 0.16])[:, None, None]  # the page's amber
NAMES = ("First", "Second")
MOST_COLUMNS, ROW = 4, 3  # beside each other; else so many a row


@dataclass(frozen=True)
class KeptImages:
    """One kept iterate: estimates and chains in bytes, and where on the ladder it stood."""

    images: Mapping[str, np.ndarray]
    chains: Mapping[str, np.ndarray]
    level: float
    step: int
    total_steps: int
    peak: float = 1.0  # as sounds have one

    @classmethod
    def of(cls, progress: ImageProgress) -> "KeptImages":
        at, kept = progress.iterate, (progress.images, progress.chains)
        return cls(*({name: _bytes(x) for name, x in own.items()} for own in kept), at.level, at.step, at.total_steps)

    @property
    def nbytes(self) -> int:
        return sum(image.nbytes for image in (*self.images.values(), *self.chains.values()))

    @property
    def seen(self) -> tuple[Images, Images]:
        """Estimates and chains, in [0, 1]."""
        return tuple(
            {name: x.astype(np.float32) / 255 for name, x in own.items()} for own in (self.images, self.chains)
        )


@dataclass
class RestoredHistory(RunHistory):
    """Knows, too, what was given, as it is shown, and the truth where it is known."""

    given: Images = field(default_factory=dict)
    truths: Images = field(default_factory=dict)


def hidden(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """An image `[1, height, width]` in colours, in which what is not known is amber."""
    return np.where(known, image.repeat(3, axis=0), HIDDEN)


def moment(images: Images, chains: Images, history: RestoredHistory, over: bool = False) -> dict:
    """The payload of what is seen at a noise level, or where images are drawn pixel by pixel, without any chain."""
    own = _named(chains, "") if chains else {}
    noisy = {f"{name}, noisy" if len(own) > 1 else "The chain": x for name, x in own.items()}
    return _payload(_beside(_named(images, "Estimate"), history.given) | noisy, over)


def ending(images: Images, baselines: Mapping[str, Images], history: RestoredHistory) -> dict:
    """The payload of the end: the result beside what else there is to compare it with.

    Equal shares of a sum look as the sum does, and are not shown again.
    """
    several = len(images) > 1
    others = {} if several else {title(method): made[RESULT] for method, made in baselines.items()}
    truths = {f"{name}, truth" if several else name: image for name, image in history.truths.items()}
    return _payload(_beside(_named(images, "Result"), history.given) | truths | others, over=True)


def _beside(made: Images, given: Images) -> Images:
    """What is made and what was given, in the order in which one looks at them; under several there are others of
    each."""
    return given | made if len(made) == 1 else made | given


def _named(images: Images, alone: str) -> Images:
    """By what the page calls them; `alone` is the name of the only one."""
    if set(images) == {RESULT}:
        return {alone: images[RESULT]}
    return dict(zip(NAMES, images.values(), strict=True))


def _payload(shown: Images, over: bool) -> dict:
    columns = ROW if len(shown) > MOST_COLUMNS else len(shown)
    return payload(PicturesView({name: name for name in shown}, shown, over=over, columns=columns))


def _bytes(image: np.ndarray) -> np.ndarray:
    return (image.clip(0, 1) * 255).round().astype(np.uint8)
