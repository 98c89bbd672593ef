"""A prior of images in figures: how near restored ones come to the truth, and what those that it draws are like.

Lower halves are filled in, pixels made from every second or fourth one, and pairs, overlaid, taken apart; a judge that
nobody here trained, a multilayer perceptron of scikit-learn in its own recipe, says what it sees in the parts. Of
images that are drawn it says whether they show the label that was asked for; how far each is from the nearest training
image says whether it was made up or remembered.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Generator

from core.evaluation.likelihood import ImageSplit
from core.signal.images import PixelLevels, coloured
from core.tasks.image_generation import ImageWish, generate_images
from core.tasks.image_restoration import SPLINE_DEGREE, inpaint_image, super_resolve_image
from core.tasks.image_runs import RESULT, ImageResult
from core.tasks.image_separation import separate_images
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings

HALF, FACTORS, OVERLAID = "lower half", (2, 4), "two overlaid"  # what is asked
TRAINING_MEAN = "training mean"
PSNR, RECOGNISED = "psnr_db", "recognised"
TITLES = {PSNR: "PSNR, dB", RECOGNISED: "both recognised"}
EPOCHS, HIDDEN = 6, 128  # of the judge
AT_ONCE = 256  # images whose distances to all others are looked at together
Record = Mapping[str, Mapping[str, Mapping[str, float]]]  # question -> method -> figure -> value


class Judge(Protocol):
    """Says what images show."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Numbers of labels, of `[images, pixels]` in [0, 1]."""
        ...


@dataclass(frozen=True)
class Known:
    """Images and what they show.

    Args:
        images: `[images, colours, height, width]` in [0, 1].
        labels: their numbers, -1 for none.
        names: of the labels.
    """

    images: np.ndarray
    labels: np.ndarray
    names: Sequence[str]

    @classmethod
    def of(cls, split: ImageSplit, count: int, colours: int, seed: int = 0) -> "Known":
        """So many images of a split, in an order that the seed says."""
        batches = list(split.held_out(count, 0, Generator().manual_seed(seed)))
        pixels = torch.cat([coloured(batch.pixels, colours) for batch in batches])
        labels = torch.cat([batch.label for batch in batches])
        return cls(pixels.numpy().astype(np.float32) / 255, labels.numpy(), split.names)


@dataclass(frozen=True, eq=False)
class Overlaid:
    """An image, and another one that is laid over it.

    Args:
        numbers: of both.
        truths: both, `[2, colours, height, width]` in [0, 1].
        labels: their numbers.
    """

    numbers: tuple[int, int]
    truths: np.ndarray
    labels: Sequence[int]

    @classmethod
    def of(cls, known: Known, *numbers: int) -> "Overlaid":
        both = list(numbers)
        return cls(numbers, known.images[both], known.labels[both].tolist())

    def __str__(self) -> str:
        return "image {} under image {}".format(*self.numbers)


@dataclass(frozen=True)
class Evaluation:
    """What images are restored by and judged with.

    Args:
        settings: the prior by its name, quality, seed and device.
        mean: of the training images, `[colours, height, width]`.
        judge: None where the images show nothing that has a name.
    """

    settings: Settings
    mean: np.ndarray
    judge: Judge | None


def train_judge(known: Known) -> Judge | None:
    """A classifier by scikit-learn's own recipe; None of images without labels."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if len(set(known.labels.tolist()) - {-1}) < 2:
        return None
    judge = MLPClassifier(hidden_layer_sizes=(HIDDEN,), max_iter=EPOCHS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it could learn on
        judge.fit(_flat(known.images), known.labels)
    if judge.n_iter_ < EPOCHS:  # it ends at Ctrl-C without a word
        raise KeyboardInterrupt
    return judge


def evaluate_pair(pair: Overlaid, evaluation: Evaluation) -> Record:
    """Figures of one image, and of it with another one over it."""
    truths, settings = pair.truths, evaluation.settings
    truth = truths[0]
    half, (height, width) = truth.shape[1] // 2, truth.shape[1:]
    filled = _last(inpaint_image(truth, [(half, height, 0, width)], settings=settings, reference=truth))
    mean = psnr_db(truth[:, half:], evaluation.mean[:, half:])
    thinned = {
        f"{factor}x": _figures(_last(super_resolve_image(truth, factor, degrade=True, settings=settings)))
        for factor in FACTORS
        if min(height, width) // factor > SPLINE_DEGREE
    }
    priors = [settings.prior] * 2
    apart = _last(separate_images(truths[0] + truths[1], priors, settings=settings, truths=list(truths)))
    overlaid = _figures(apart)
    if evaluation.judge is not None:
        said = evaluation.judge.predict(_flat(np.stack(list(apart.images.values()))))
        overlaid[RESULT][RECOGNISED] = float(sorted(said) == sorted(pair.labels))
    return {HALF: _figures(filled) | {TRAINING_MEAN: {PSNR: mean}}, **thinned, OVERLAID: overlaid}


def evaluate_drawn(settings: Settings, count: int, training: Known, held: Known, judge: Judge | None) -> dict:
    """Of images that a prior draws: share whose label the judge sees, and their median distance to the nearest training
    image beside that of held-out ones, all in the prior's levels.

    Args:
        count: of images; as many of each label as go into it, where the prior is told labels.
    """
    prior = load_image_prior("generate", settings)
    each, (height, width) = max(count // max(len(prior.labels), 1), 1), training.images.shape[2:]
    wishes = [ImageWish(each, label, height=height, width=width) for label in prior.labels or (None,)]
    made = [np.stack(list(_last(generate_images(wish, settings=settings)).images.values())) for wish in wishes]
    drawn = np.concatenate(made)
    levels = prior.network.config.levels
    own, others, known = (in_levels(x, levels) for x in (drawn, held.images[:count], training.images))
    distances = {"distance": np.median(nearest(own, known)), "held-out distance": np.median(nearest(others, known))}
    figures = {name: float(value) for name, value in distances.items()}
    figures |= {"ratio": figures["distance"] / max(figures["held-out distance"], 1e-9), "images": len(drawn)}
    figures |= {"guidance": ImageWish.guidance} if prior.labels else {}
    if judge is not None and prior.labels and set(prior.labels) <= set(training.names):
        asked = np.repeat([training.names.index(label) for label in prior.labels], each)
        figures["agreement"] = float(np.mean(judge.predict(_flat(drawn)) == asked))
    return figures


def in_levels(images: np.ndarray, levels: int) -> np.ndarray:
    """Images as a prior of so many levels sees them."""
    domain = PixelLevels(levels)
    return domain.decode(domain.encode(torch.from_numpy(images))).numpy()


def nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distance of each image to the nearest of the others, `[images]`."""
    rows, columns = _flat(images), _flat(others)
    squares = np.square(columns).sum(axis=1)
    found = []
    for first in range(0, len(rows), AT_ONCE):
        part = rows[first : first + AT_ONCE]
        found.append((np.square(part).sum(axis=1)[:, None] + squares - 2 * part @ columns.T).min(axis=1))
    return np.sqrt(np.concatenate(found).clip(min=0))


def psnr_db(truth: np.ndarray, image: np.ndarray) -> float:
    """Peak signal-to-noise ratio, white being the peak."""
    return -10 * math.log10(max(float(np.mean((truth - image) ** 2)), 1e-10))


def summarise(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Means over all images, by question and method: PSNR in dB, and shares."""
    rows: dict[str, dict[str, float]] = {}
    for question, methods in records[0].items():
        for method, figures in methods.items():
            means = {name: float(np.mean([record[question][method][name] for record in records])) for name in figures}
            rows[f"{question}: {method}"] = {name: round(value, 3) for name, value in means.items()}
    return rows


def format_table(rows: Mapping[str, Mapping[str, float]], notes: Sequence[str]) -> str:
    """Markdown: a row for every question and method."""
    lines = [f"| | {' | '.join(TITLES.values())} |", "| --- " * (len(TITLES) + 1) + "|"]
    for name, own in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{own[key]:g}' if key in own else '-' for key in TITLES)} |")
    return "\n\n".join(["# Images", *(["\n".join(lines)] if rows else []), *notes]) + "\n"


def drawn_note(name: str, figures: Mapping[str, Any]) -> str:
    """What is to be said of the images that a prior drew."""
    said = f"{name} drew {figures['images']} images; their median distance to the nearest training image is "
    said += f"{figures['ratio']:.2f} of that of held-out images."
    if "agreement" in figures:
        said += f" The judge sees the label that was asked for in {figures['agreement']:.0%}"
        said += f" (guidance {figures['guidance']:g})."
    return said


def _figures(result: ImageResult) -> dict[str, dict[str, float]]:
    """PSNR of every method."""
    methods = {RESULT: result.report["metrics"]} | dict(result.report["baselines"])
    return {name: {PSNR: own[PSNR]} for name, own in methods.items()}


def _last(run) -> ImageResult:
    *_, result = run
    return result


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)
