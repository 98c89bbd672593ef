"""Short sounds with labels, such as spoken digits, and what judges say of them.

The project's own classifier describes them and gives each label a probability; a recogniser that nobody here trained
says which word it hears; and the distance to the nearest training clip tells copies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.choices import DIGITS
from core.errors import InputError
from core.evaluation.judges import RATE, Listener, word_listener
from core.models.sound_classifier import SoundClassifier, prepared
from core.signal.clip import Clip
from core.signal.mel_distance import comparable_mels, nearest
from core.signal.resampling import resample
from core.zoo.families import CLASSIFIER

AT_ONCE = 256  # sounds that the classifier hears together
DECIMALS = 6  # of numbers that are kept in files


@dataclass(frozen=True)
class Judged:
    """What was said of some sounds.

    Args:
        labels: of each, or what was asked for; "" where nothing was told.
        log_probabilities: of the classifier's labels, `[sounds, labels]`.
        features: `[sounds, features]`.
        heard: the word that the recogniser heard in each, or ""; None where there is none.
        distances: to the nearest training clip, `[sounds]`; None where there is none.
    """

    labels: Sequence[str]
    log_probabilities: np.ndarray
    features: np.ndarray
    heard: Sequence[str] | None = None
    distances: np.ndarray | None = None

    @classmethod
    def from_record(cls, record: Mapping) -> "Judged":
        """The inverse of `record`."""
        distances = record["distances"]
        return cls(
            record["labels"],
            np.array(record["log_probabilities"]),
            np.array(record["features"]),
            record["heard"],
            None if distances is None else np.array(distances),
        )

    def record(self) -> dict:
        """As JSON can hold it."""
        fields = {name: getattr(self, name) for name in ("log_probabilities", "features", "distances")}
        rounded = {name: None if own is None else own.round(DECIMALS).tolist() for name, own in fields.items()}
        return {"labels": list(self.labels), "heard": self.heard, **rounded}

    def chosen(self, numbers: Sequence[int]) -> "Judged":
        """Some of the sounds."""
        return Judged(
            [self.labels[n] for n in numbers],
            self.log_probabilities[numbers],
            self.features[numbers],
            None if self.heard is None else [self.heard[n] for n in numbers],
            None if self.distances is None else self.distances[numbers],
        )

    def balanced(self) -> "Judged":
        """As many sounds of every label as there are of the rarest, chosen at random and always the same."""
        order = np.random.default_rng(0).permutation(len(self.labels))
        of_each: dict[str, list[int]] = {}
        for number in order.tolist():
            of_each.setdefault(self.labels[number], []).append(number)
        fewest = min(map(len, of_each.values()))
        return self.chosen(sorted(number for numbers in of_each.values() for number in numbers[:fewest]))


@dataclass(frozen=True)
class Panel:
    """The judges.

    Args:
        classifier: of the labels; `name` is its checkpoint's.
        listen: hears the labels' words; None where it is not installed or does not know one.
        sample_rate: at which sounds are compared with training clips, in Hz.
        training: the clips, as `comparable_mel` makes them; None where there are none.
    """

    name: str
    classifier: SoundClassifier
    listen: Listener | None
    sample_rate: int
    training: Tensor | None = None

    @property
    def words(self) -> list[str]:
        """The classifier's labels, as they are said."""
        return [word_of(label) for label in self.classifier.labels]

    def judge(self, clips: Sequence[Clip], labels: Sequence[str]) -> Judged:
        """What every judge says of mono clips that are asked to be labels, or are."""
        words = None if self.listen is None else [self.listen(_at_rate(clip)) for clip in clips]
        described = self.describe(clips, labels)
        return Judged(labels, described.log_probabilities, described.features, words, self._distances(clips))

    def describe(self, clips: Sequence[Clip], labels: Sequence[str]) -> Judged:
        """What the classifier alone says of mono clips."""
        mels = [prepared(torch.tensor(_at_rate(clip))) for clip in clips]
        features = torch.cat([self.classifier.features(torch.stack(part)) for part in _parts(mels)])
        log_probabilities = self.classifier.log_probabilities(features)
        return Judged(labels, log_probabilities.double().numpy(), features.double().numpy())

    def _distances(self, clips: Sequence[Clip]) -> np.ndarray | None:
        if self.training is None:
            return None
        return nearest(comparable_mels(clips, self.sample_rate), self.training)[0].double().numpy()


def _at_rate(clip: Clip) -> np.ndarray:
    """Its samples `[frames]` at the judges' rate."""
    return resample(clip, RATE).samples[0]


def find_panel(labels: Sequence[str], sample_rate: int) -> Panel:
    """The judges of sounds with these labels.

    Raises:
        InputError: no classifier tells them apart.
    """
    wanted = sorted(map(word_of, labels))
    known = {entry.name: zoo.load_model(CLASSIFIER, entry.name) for entry in zoo.catalogue(kind=CLASSIFIER)}
    for name, classifier in known.items():
        if sorted(map(word_of, classifier.labels)) == wanted:
            return Panel(name, classifier, word_listener(wanted), sample_rate)
    told = "; ".join(f"{name} knows {', '.join(model.labels)}" for name, model in known.items())
    raise InputError(
        f"No classifier tells {', '.join(wanted)[:200]} apart ({told}); train one with `train sound-classifier`."
    )


def joined(parts: Sequence[Judged]) -> Judged:
    """Of all sounds, one after another."""
    return Judged(
        [label for part in parts for label in part.labels],
        np.concatenate([part.log_probabilities for part in parts]),
        np.concatenate([part.features for part in parts]),
        None if parts[0].heard is None else [word for part in parts for word in part.heard],
        None if parts[0].distances is None else np.concatenate([part.distances for part in parts]),
    )


def word_of(label: str) -> str:
    """How a label is said: digits may be figures."""
    return DIGITS[int(label)] if label.isdecimal() and int(label) < len(DIGITS) else label.lower()


def _parts(mels: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    return [mels[first : first + AT_ONCE] for first in range(0, len(mels), AT_ONCE)]
