"""What the training loop asks of an objective. Each one is a file under `objectives/`, registered in its `__init__`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Generator, Tensor, nn

from core.errors import InputError
from core.signal.mel import MelFrontEnd
from core.signal.packed_audio import is_pack
from core.training.data import PackedData
from core.training.scenes import holds_scenes
from core.zoo.checkpoint import Checkpoint

Examples = Any  # what an objective's data give for one update; has `to(device)`


class TrainingData(Protocol):
    """One split of the data of an objective; `PackedData` is the usual one.

    Attributes:
        sample_rate: in Hz, 0 of images; None where the data do not say it.
    """

    sample_rate: int | None

    def batch(self, training: Mapping, generator: Generator) -> Examples:
        """Random examples for one update, by the recipe's `[training]` section."""
        ...

    def held_out(self, count: int, segment: int, generator: Generator) -> Sequence[Examples]:
        """Examples for validation, each of `segment` frames; the same ones for the same generator."""
        ...

    # Data that are gone through in epochs also have `examples(segment)`, how many an epoch has.


class Objective(ABC):
    """A loss, figures on held-out examples, and the network that they are for.

    A subclass is called with the keys of the recipe's `[objective]` section. It states `architecture` and implements
    `build`, `loss` and `validate`; everything else has a default. The loop calls `open_data`, sets `sample_rate` and
    `others`, and calls `build`, then `prepare` or `initial_state`, then `loss` and `after_update` in turn.

    Attributes:
        architecture: what a checkpoint calls the network; the key in `OBJECTIVES`, too.
        float32: glob patterns of weights that checkpoints keep in float32, where half precision is too coarse. Weights
            in training are float32 anyway; a network disables autocast itself around what must be computed in it.
        sample_rate: the recipe's, in Hz.
        others: packs of other sounds (`--others`), for objectives that mix.
        progress: share of the training time that is spent, from 0 to 1; the loop sets it before every `loss`.
        played: front-end of the spectrograms that `play` makes waveforms of, once the network is built; None where it
            is told none.
    """

    architecture: str
    float32: Sequence[str] = ()
    sample_rate: int = 16000
    others: Sequence[PackedData] = ()
    progress: float = 0.0
    played: MelFrontEnd | None = None

    @staticmethod
    def takes(folder: Path) -> bool:
        """Whether `open_data` opens a folder as it is; recordings are packed first."""
        return is_pack(folder) or holds_scenes(folder)

    def open_data(self, folder: Path, split: str) -> TrainingData:
        """The "train" or "valid" split of a folder; by default one of packed recordings.

        Raises:
            InputError: the folder holds something else, or nothing of that split.
        """
        if holds_scenes(folder):
            raise InputError(
                f"{folder} holds scenes, which the {self.architecture} recipes can't learn from; choose recordings."
            )
        return PackedData(folder, split)

    @abstractmethod
    def build(self, config: dict) -> nn.Module:
        """A fresh network from the recipe's `[model]` section, which also becomes the checkpoint's configuration.

        Raises:
            InputError: settings that do not fit each other.
        """

    def prepare(self, model: nn.Module, data: TrainingData, segment: int, generator: Generator) -> None:  # noqa: B027 (a hook)
        """Sets what a fresh network has to know of the training data, such as their mean; by default nothing."""

    def initial_state(self, checkpoint: Checkpoint, model: nn.Module, config: dict) -> dict[str, Tensor]:
        """Weights that training starts from (`--init`); by default the checkpoint's own.

        Args:
            checkpoint: of the same architecture.
            model: the fresh network.
            config: the recipe's `[model]` section.
        """
        return checkpoint.state

    @abstractmethod
    def loss(self, model: nn.Module, examples: Examples, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and figures to log."""

    def after_update(self, model: nn.Module, step: int) -> None:  # noqa: B027 (a hook)
        """Called without gradients after every update, before the weights are averaged; by default does nothing.

        Args:
            step: updates so far.
        """

    def state(self) -> dict:
        """What a resumed run needs beside the network, such as networks of the objective's own; by default nothing."""
        return {}

    def restore(self, state: dict) -> None:  # noqa: B027 (a hook)
        """Takes up an earlier run's `state`; by default there is nothing to."""

    @abstractmethod
    def validate(self, model: nn.Module, examples: Sequence[Examples], generator: Generator) -> dict[str, float]:
        """Figures of the averaged weights on held-out examples."""

    def sounds(self, model: nn.Module, examples: Examples, generator: Generator) -> dict[str, Tensor]:
        """Waveforms for the TensorBoard log, `[frames]` or `[1, frames]`, of a held-out example; by default none."""
        return {}

    def images(self, model: nn.Module, generator: Generator) -> dict[str, Tensor]:
        """Pictures for the TensorBoard log, `[images, colours, height, width]` in [0, 1]; by default none."""
        return {}

    def play(self, model: nn.Module, mel: Tensor, generator: Generator) -> Tensor:
        """The waveform `[samples]` of a spectrogram `[1, bands, frames]` of the front-end `played`."""
        raise TypeError(f"{type(self).__name__} plays no spectrograms.")
