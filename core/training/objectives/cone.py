"""How networks for separation by direction learn: which voices of a mixture come from inside a window of angles?

Jenrungrot et al. 2020 (Cone of Silence), sec. 3.2: one example in five is a window without voices, which has to come
out silent. Scenes are simulated on the fly (`cone_examples.py`), or rendered before (`core/training/scenes.py`).
"""

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch
from torch import Generator, Tensor, nn

from core.arrays.angles import wrap
from core.arrays.cone.separator import RECORDINGS, ConeModel, build, encode_mixture
from core.arrays.geometry import read_array
from core.arrays.steering import PreShift, Steering
from core.errors import InputError
from core.signal.metrics import si_sdr_db
from core.training.data import PackedData
from core.training.objectives.cone_examples import SEPARATION, Window, draw_scene, draw_window, target, vary
from core.training.objectives.rooms import uniform
from core.training.scenes import Scene

FLOOR = 3e-3  # of the mixture's energy: an error that is 25 dB down is small enough
APART = math.radians(60)  # two voices of the validation
WIDE, NARROW = 0, 4  # numbers of its windows


class ConeObjective:
    """Logarithm of the squared error over the mixture's energy, floored: it is bounded where a window is empty, too
    (Wisdom et al. 2021, What's all the fuss about free universal sound separation data?).

    Args:
        voices: in a mixture at most; so many rows of a batch make one.
        alone_share: of the scenes, that have a single voice; the others have two or more.
        windows: of every mixture, that are asked about.
        empty_share: of the windows, that hold no voice.
        background_share: of the scenes, that have noise from everywhere.

    Attributes:
        sample_rate: of the recordings, in Hz.
        others: recordings of noise, for backgrounds.
    """

    architecture = "cone-mask"
    sample_rate = 16000

    def __init__(
        self,
        voices: int = 4,
        alone_share: float = 0.1,
        windows: int = 4,
        empty_share: float = 0.2,
        background_share: float = 0.5,
    ):
        self.voices, self.alone_share, self.windows = voices, alone_share, windows
        self.empty_share, self.background_share = empty_share, background_share
        self.others: Sequence[PackedData] = ()

    def build(self, config: dict) -> nn.Module:
        """A fresh network for an array.

        Args:
            config: its sizes, `array` (a name or a file) and `pre_shift` (how channels are aligned).

        Raises:
            InputError: no such array or alignment, the network is for another number of microphones, or no voices.
        """
        array = read_array(config["array"])
        if array.count != config["microphones"]:
            raise InputError(
                f"The array {array.name} has {array.count} microphones, the network {config['microphones']}; "
                f"set model.microphones={array.count}."
            )
        if config["pre_shift"] not in get_args(PreShift):
            raise InputError(f"model.pre_shift must be one of {', '.join(get_args(PreShift))}.")
        if min(self.voices, self.windows) < 1:
            raise InputError("objective.voices and objective.windows must be at least 1.")
        self.steering = Steering(array, self.sample_rate, config["pre_shift"])
        network = build(self.architecture, {key: value for key, value in config.items() if key not in RECORDINGS})
        self.levels = network.config.windows
        return network

    def prepare(self, model: nn.Module, data: PackedData, segment: int, generator: Generator) -> None:
        """Nothing of the data is to be known before."""

    def loss(self, model: ConeModel, given: Tensor | Scene, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Of windows in a scene, or in every mixture that rows `[batch, frames]` make, and what to log of them.

        Raises:
            InputError: the scene is one of another number of microphones.
        """
        if isinstance(given, Scene):
            self._check_array(given)
            scenes = [vary(given, self.sample_rate, generator)]
        else:
            scenes = [self._scene(self._some(voices, generator), generator) for voices in given.split(self.voices)]
        asked = [self._ask(model, scene, self._windows(scene, generator)) for scene in scenes]
        mixtures, targets, answers = (torch.cat(sounds) for sounds in zip(*asked, strict=True))
        errors = _decibels(answers.detach() - targets, mixtures)
        empty = targets.abs().amax(dim=(1, 2)) == 0
        figures = {"residual_db": errors[empty], "error_db": errors[~empty]}
        loss = self.error(answers, targets, mixtures)
        return loss, {name: values.mean().item() for name, values in figures.items() if len(values)}

    def error(self, answers: Tensor, targets: Tensor, mixtures: Tensor) -> Tensor:
        """What is to be small; all `[batch, mics, frames]`."""
        return (_energy(answers - targets) / _energy(mixtures) + FLOOR).log().mean()

    @torch.no_grad()
    def validate(
        self, model: ConeModel, given: Sequence[Tensor] | Sequence[Scene], generator: Generator
    ) -> dict[str, float]:
        """Median SI-SDR improvement (dB) of voices at their own directions, and the median level (dB, under the
        mixture) of what is heard where nobody is, in wide and in narrow windows; of scenes or of pairs of rows."""
        scenes = given if isinstance(given[0], Scene) else self._pairs(given, generator)
        figures = {}
        for name, number in {"wide": WIDE, "narrow": NARROW}.items():
            towards = [(scene, angle) for scene in scenes for angle in scene.directions]
            away = [(scene, _between(scene)) for scene in scenes]
            figures[f"{name}_gain_db"] = _median([self._gain(model, *place, number) for place in towards])
            figures[f"{name}_empty_db"] = _median([self._residual(model, *place, number) for place in away])
        return figures

    @torch.no_grad()
    def listen(self, model: ConeModel, given: Tensor | Scene, generator: Generator) -> dict[str, Tensor]:
        """A scene, or a voice `[1, frames]` and itself backwards from another direction, and what is heard from where
        its first voice is."""
        scene = given
        if not isinstance(given, Scene):
            scene = self._scene(torch.cat([given, given.flip(1)]), generator, separation=APART)
        sounds = self._ask(model, scene, [Window(scene.directions[0], NARROW)])
        return {name: sound[0, 0] for name, sound in zip(("mixture", "voice", "extracted"), sounds, strict=True)}

    def _scene(self, voices: Tensor, generator: Generator, separation: float = SEPARATION) -> Scene:
        return draw_scene(
            voices,
            self.steering.geometry,
            self.sample_rate,
            generator,
            separation=separation,
            background_share=self.background_share,
            noises=self.others,
        )

    def _check_array(self, scene: Scene) -> None:
        count, array = scene.images.shape[1], self.steering.geometry
        if count != array.count:
            raise InputError(
                f"The scenes have {count} microphones, the array {array.name} {array.count}; choose scenes of that "
                "array, or set model.array and model.microphones."
            )

    def _some(self, voices: Tensor, generator: Generator) -> Tensor:
        """The first of the voices, a random number of them."""
        if len(voices) < 2 or uniform(0, 1, generator) < self.alone_share:
            return voices[:1]
        return voices[: int(torch.randint(2, len(voices) + 1, (1,), generator=generator))]

    def _windows(self, scene: Scene, generator: Generator) -> list[Window]:
        """At random."""
        empty = [uniform(0, 1, generator) < self.empty_share for _ in range(self.windows)]
        return [draw_window(scene.directions, own, self.levels, generator) for own in empty]

    def _ask(self, model: ConeModel, scene: Scene, windows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture, and for every window what is to be heard and what is heard, aligned to its centre, each
        `[windows, mics, frames]`."""
        mixture = scene.images.sum(dim=0) + scene.background
        targets = torch.stack([target(scene, window, self.steering) for window in windows])
        answers = encode_mixture(model, mixture, self.steering)([w.angle for w in windows], [w.number for w in windows])
        return mixture.expand_as(targets), targets, answers

    def _pairs(self, waveforms: list[Tensor], generator: Generator) -> list[Scene]:
        """Two voices a scene, of those `[1, frames]` that are no pauses."""
        voices = [w for w in waveforms if w.std() > 1e-3]
        pairs = [torch.cat(pair) for pair in zip(voices[::2], voices[1::2], strict=False)]
        return [self._scene(pair, generator, separation=APART) for pair in pairs]

    def _gain(self, model: ConeModel, scene: Scene, angle: float, number: int) -> float:
        """SI-SDR improvement at microphone 0."""
        sounds = self._ask(model, scene, [Window(float(angle), number)])
        mixture, voice, answer = (sound[0, 0].cpu().numpy() for sound in sounds)
        return si_sdr_db(voice, answer) - si_sdr_db(voice, mixture)

    def _residual(self, model: ConeModel, scene: Scene, angle: float, number: int) -> float:
        mixture, _, answer = self._ask(model, scene, [Window(angle, number)])
        return _decibels(answer, mixture).item()


class OriginalConeObjective(ConeObjective):
    """The original's network, by the original's loss: mean absolute error of the waveforms."""

    architecture = "cone"

    def error(self, answers: Tensor, targets: Tensor, mixtures: Tensor) -> Tensor:
        """What is to be small; arguments as above."""
        return (answers - targets).abs().mean()


def _energy(sounds: Tensor) -> Tensor:
    """Mean square of each item of a batch."""
    return sounds.square().mean(dim=(1, 2))


def _decibels(sounds: Tensor, mixtures: Tensor) -> Tensor:
    """Level of sounds `[batch, mics, frames]` over their mixtures', `[batch]`."""
    return 10 * (_energy(sounds) / _energy(mixtures)).clamp_min(1e-12).log10()


def _between(scene: Scene) -> float:
    """The middle of the longest way from one voice to the next."""
    around = np.sort(scene.directions)
    ways = np.diff(around, append=around[0] + 2 * math.pi)
    longest = int(ways.argmax())
    return float(wrap(around[longest] + ways[longest] / 2))


def _median(values: list[float]) -> float:
    return float(torch.tensor(values).median())
