"""Objectives for separation by direction: extract the voices inside a window of angles from a mixture.

Jenrungrot et al. 2020 (Cone of Silence), sec. 3.2: one example in five is a window without voices, whose target is
silence. Scenes are simulated on the fly (`cone_examples.py`), or were rendered before (`core/training/scenes.py`).
"""

import math
from collections.abc import Sequence
from pathlib import Path
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
from core.training.objective import Objective
from core.training.objectives.cone_examples import SEPARATION, Window, draw_scene, draw_window, target, vary
from core.training.objectives.rooms import uniform
from core.training.scenes import RenderedScenes, Scene, holds_scenes
from core.zoo.checkpoint import Checkpoint

FLOOR = 3e-3  # added to the relative error: 25 dB under the mixture is small enough
APART = math.radians(60)  # between the two voices of a validation scene
WIDE, NARROW = 0, 4  # numbers of the validation's windows


class ConeObjective(Objective):
    """Logarithm of the squared error relative to the mixture's energy, with a floor that bounds the loss of empty
    windows (Wisdom et al. 2021, What's all the fuss about free universal sound separation data?).

    Learns from packed recordings of single voices or from rendered scenes; `others` are recordings of background noise.

    Args:
        voices: most voices in a mixture; as many rows of a batch make one.
        alone_share: share of scenes with a single voice; the others have two or more.
        windows: windows drawn for every mixture.
        empty_share: share of windows without a voice.
        background_share: share of scenes with background noise.
        wide_share: share of scenes in the wide, flat rooms of the Cone of Silence; the others are in living rooms and
            offices.
    """

    architecture = "cone-mask"

    def __init__(
        self,
        voices: int = 4,
        alone_share: float = 0.1,
        windows: int = 4,
        empty_share: float = 0.2,
        background_share: float = 0.5,
        wide_share: float = 0.0,
    ):
        self.voices, self.alone_share, self.windows = voices, alone_share, windows
        self.empty_share, self.background_share, self.wide_share = empty_share, background_share, wide_share

    def open_data(self, folder: Path, split: str) -> PackedData | RenderedScenes:
        """Packed recordings of single voices, or rendered scenes."""
        return RenderedScenes(folder, split) if holds_scenes(folder) else PackedData(folder, split)

    def build(self, config: dict) -> nn.Module:
        """A fresh network for an array.

        Args:
            config: its sizes, `array` (a name or a file) and `pre_shift` (how channels are aligned to a direction).

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

    def initial_state(self, checkpoint: Checkpoint, model: nn.Module, config: dict) -> dict[str, Tensor]:
        """The checkpoint's weights; of one for another number of microphones those whose shape fits."""
        if checkpoint.config.get("microphones") == config["microphones"]:
            return checkpoint.state
        fresh, state = model.state_dict(), checkpoint.state
        return {n: state[n] if n in state and state[n].shape == weight.shape else weight for n, weight in fresh.items()}

    def loss(self, model: ConeModel, examples: Tensor | Scene, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Loss and errors (dB) over random windows of one scene, or of mixtures made of rows `[batch, frames]`.

        Raises:
            InputError: the scene has another number of microphones than the array.
        """
        if isinstance(examples, Scene):
            self._check_array(examples)
            scenes = [vary(examples, self.sample_rate, generator)]
        else:
            scenes = [self._scene(self._some(voices, generator), generator) for voices in examples.split(self.voices)]
        separated = [self._separate(model, scene, self._windows(scene, generator)) for scene in scenes]
        mixtures, targets, estimates = (torch.cat(sounds) for sounds in zip(*separated, strict=True))
        errors = _decibels(estimates.detach() - targets, mixtures)
        empty = targets.abs().amax(dim=(1, 2)) == 0
        figures = {"residual_db": errors[empty], "error_db": errors[~empty]}
        loss = self.error(estimates, targets, mixtures)
        return loss, {name: values.mean().item() for name, values in figures.items() if len(values)}

    def error(self, estimates: Tensor, targets: Tensor, mixtures: Tensor) -> Tensor:
        """The loss of estimates, targets and mixtures, each `[batch, mics, frames]`."""
        return (_energy(estimates - targets) / _energy(mixtures) + FLOOR).log().mean()

    @torch.no_grad()
    def validate(
        self, model: ConeModel, examples: Sequence[Tensor] | Sequence[Scene], generator: Generator
    ) -> dict[str, float]:
        """Medians over scenes, or over mixtures of pairs of rows, in wide and in narrow windows: SI-SDR improvement
        (dB) of voices in windows around them; output level of windows without voices (dB relative to the mixture)."""
        scenes = examples if isinstance(examples[0], Scene) else self._pairs(examples, generator)
        figures = {}
        for name, number in {"wide": WIDE, "narrow": NARROW}.items():
            towards = [(scene, angle) for scene in scenes for angle in scene.directions]
            away = [(scene, _between(scene)) for scene in scenes]
            figures[f"{name}_gain_db"] = _median([self._gain(model, *place, number) for place in towards])
            figures[f"{name}_empty_db"] = _median([self._residual(model, *place, number) for place in away])
        return figures

    @torch.no_grad()
    def sounds(self, model: ConeModel, examples: Tensor | Scene, generator: Generator) -> dict[str, Tensor]:
        """A mixture, its first voice and the estimate of that, each `[frames]`; of a scene, or of a voice `[1, frames]`
        and the same reversed in time from another direction."""
        scene = examples
        if not isinstance(examples, Scene):
            scene = self._scene(torch.cat([examples, examples.flip(1)]), generator, separation=APART)
        sounds = self._separate(model, scene, [Window(scene.directions[0], NARROW)])
        return {name: sound[0, 0] for name, sound in zip(("mixture", "voice", "extracted"), sounds, strict=True)}

    def _scene(self, voices: Tensor, generator: Generator, separation: float = SEPARATION) -> Scene:
        return draw_scene(
            voices,
            self.steering.geometry,
            self.sample_rate,
            generator,
            separation=separation,
            background_share=self.background_share,
            wide_share=self.wide_share,
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
        """The first few of the voices, a random number of them."""
        if len(voices) < 2 or uniform(0, 1, generator) < self.alone_share:
            return voices[:1]
        return voices[: int(torch.randint(2, len(voices) + 1, (1,), generator=generator))]

    def _windows(self, scene: Scene, generator: Generator) -> list[Window]:
        """Random windows of a scene, with and without voices."""
        empty = [uniform(0, 1, generator) < self.empty_share for _ in range(self.windows)]
        return [draw_window(scene.directions, own, self.levels, generator) for own in empty]

    def _separate(self, model: ConeModel, scene: Scene, windows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
        """Mixture, targets and estimates, each `[windows, mics, frames]`; the latter two aligned to the windows'
        centres."""
        mixture = scene.images.sum(dim=0) + scene.background
        targets = torch.stack([target(scene, window, self.steering) for window in windows])
        separated = encode_mixture(model, mixture, self.steering)
        estimates = separated([w.angle for w in windows], [w.number for w in windows])
        return mixture.expand_as(targets), targets, estimates

    def _pairs(self, waveforms: list[Tensor], generator: Generator) -> list[Scene]:
        """Scenes of two voices each, of the waveforms `[1, frames]` that are not silent."""
        voices = [w for w in waveforms if w.std() > 1e-3]
        pairs = [torch.cat(pair) for pair in zip(voices[::2], voices[1::2], strict=False)]
        return [self._scene(pair, generator, separation=APART) for pair in pairs]

    def _gain(self, model: ConeModel, scene: Scene, angle: float, number: int) -> float:
        """SI-SDR improvement at microphone 0, in dB."""
        sounds = self._separate(model, scene, [Window(float(angle), number)])
        mixture, voice, estimate = (sound[0, 0].cpu().numpy() for sound in sounds)
        return si_sdr_db(voice, estimate) - si_sdr_db(voice, mixture)

    def _residual(self, model: ConeModel, scene: Scene, angle: float, number: int) -> float:
        """Level of a window's output relative to the mixture, in dB."""
        mixture, _, estimate = self._separate(model, scene, [Window(angle, number)])
        return _decibels(estimate, mixture).item()


class ConeOfSilenceObjective(ConeObjective):
    """Cone of Silence's own network and loss: mean absolute error of the waveforms."""

    architecture = "cone"

    def error(self, estimates: Tensor, targets: Tensor, mixtures: Tensor) -> Tensor:
        """As `ConeObjective.error`."""
        return (estimates - targets).abs().mean()


def _energy(sounds: Tensor) -> Tensor:
    """Mean square of each item of a batch."""
    return sounds.square().mean(dim=(1, 2))


def _decibels(sounds: Tensor, mixtures: Tensor) -> Tensor:
    """Level of sounds `[batch, mics, frames]` relative to their mixtures, `[batch]`."""
    return 10 * (_energy(sounds) / _energy(mixtures)).clamp_min(1e-12).log10()


def _between(scene: Scene) -> float:
    """The middle of the widest arc without a voice, in radians."""
    angles = np.sort(scene.directions)
    arcs = np.diff(angles, append=angles[0] + 2 * math.pi)
    widest = int(arcs.argmax())
    return float(wrap(angles[widest] + arcs[widest] / 2))


def _median(values: list[float]) -> float:
    return float(torch.tensor(values).median())
