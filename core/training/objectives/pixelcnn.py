"""Objective of a PixelCNN: the class of every pixel's colour, from clean pixels or from noisy ones."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.errors import InputError
from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.models.wavenet import NoiseEmbedding
from core.signal.images import PixelLevels, coloured
from core.training.image_data import ImageData, Images
from core.training.objective import Objective
from core.zoo.checkpoint import Checkpoint

MOST_LEVELS = 256
SHOWN = 10  # images in the log


class PixelCNNObjective(Objective):
    """Cross-entropy of all pixels and colours.

    A network that is told how noisy its pixels are (`model.noise_conditional`) learns the clean classes from noisy
    pixels, over noise levels spread evenly in ln(sigma).

    Args:
        told: share of the examples whose label is told, of a network that is told labels; 0 for one that is not.
        rows_told: whether it is told which row a pixel stands in, of images as high as these.
        drawn: of two levels, whether white is drawn with a pixel's own brightness, anew every time; else both are cut
            at a half.
        noise_free: share of the examples without noise.
        loudest: highest noise level, as a share of black to white.
        validation_levels: noise levels of `validate`, likewise.
    """

    architecture = "pixelcnn"

    def __init__(
        self,
        told: float = 0.9,
        rows_told: bool = True,
        drawn: bool = False,
        noise_free: float = 0.2,
        loudest: float = 1.0,
        validation_levels: Sequence[float] = (0.1, 0.5),
    ):
        self.told, self.rows_told, self.drawn, self.noise_free = told, rows_told, drawn, noise_free
        self.loudest, self.validation_levels = loudest, validation_levels
        self.names, self.size = (), (0, 0)

    @staticmethod
    def takes(folder: Path) -> bool:
        """All folders: recordings are no images, packed or not."""
        return True

    def open_data(self, folder: Path, split: str) -> ImageData:
        """A split of a folder of images; the one that is opened first says which labels there are."""
        data = ImageData(folder, split)
        self.names, self.size = self.names or data.names, data.size
        return data

    def build(self, config: dict) -> PixelCNN:
        """A fresh network; labels and the size of the images become part of the configuration.

        Raises:
            InputError: sizes that make no network.
        """
        if not 2 <= config["levels"] <= MOST_LEVELS or config["colours"] not in (1, 3):
            raise InputError(f"A PixelCNN has 2 to {MOST_LEVELS} levels and 1 or 3 colours; set them so.")
        if config["blocks"] < 1 or min(config["width"], config["head"]) < config["colours"]:
            raise InputError("A PixelCNN has at least one block, and as many channels as colours; set them so.")
        names = list(self.names) if self.told else []
        known = {"labels": len(names), "rows": self.size[0] if self.rows_told else 0}
        network = PixelCNN(PixelCNNConfig(**config | known))
        config |= {**known, "names": names, "size": list(self.size)}
        config |= {"loudest": self.loudest} if config["noise_conditional"] else {}
        return network

    def initial_state(self, checkpoint: Checkpoint, model: PixelCNN, config: dict) -> dict[str, Tensor]:
        """Weights that begin as a network which was told no rows, where this one is.

        Raises:
            InputError: weights of a network that sees other pixels through weights of the same shapes.
        """
        for name in ("blind_first", "vertical_residual"):
            known = checkpoint.config.get(name, False)
            if known != config[name]:
                said = str(known).lower()
                raise InputError(f"The blocks of the checkpoint's network see other pixels; set {name}={said}.")
        fresh = {key: weight for key, weight in model.state_dict().items() if ".row." in key}  # 0: says nothing yet
        return fresh | dict(checkpoint.state)

    def loss(self, model: PixelCNN, examples: Images, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats, and the same in bits per dimension to log."""
        batch = len(examples.label)
        told, coin, uniform = torch.rand(3, batch, generator=generator).to(examples.label.device)
        label = examples.label.where(told < self.told, -1)
        sigma = self._sigma(model, uniform).where(coin >= self.noise_free, 0.0)
        loss = self._cross_entropy(model, examples, label, sigma, generator).mean()
        return loss, {"bits_per_dimension": loss.item() / math.log(2)}

    @torch.no_grad()
    def validate(self, model: PixelCNN, examples: Sequence[Images], generator: Generator) -> dict[str, float]:
        """Of held-out images that are told their labels: nats an image, bits a dimension, those at noise levels."""
        levels = self.validation_levels if model.config.noise_conditional else ()
        nats = {share: self._nats(model, examples, share, generator) for share in (0.0, *levels)}
        dimensions = model.config.colours * self.size[0] * self.size[1]
        figures = {"nats_per_image": nats[0.0], "bits_per_dimension": nats[0.0] / dimensions / math.log(2)}
        at_levels = {f"bits_per_dimension/noise_{share:g}": nats[share] / dimensions / math.log(2) for share in levels}
        return figures | at_levels

    @torch.no_grad()
    def images(self, model: PixelCNN, generator: Generator) -> dict[str, Tensor]:
        """Some that are drawn, of one label after the other."""
        from core.models.compiled.pixelcnn import PixelCNNSteps

        config, (height, width) = model.config, self.size
        steps = PixelCNNSteps(model, SHOWN, height, width)
        label = torch.arange(SHOWN, device=model.logits.weight.device) % max(config.labels, 1)
        steps.begin(label if config.labels else None)
        uniforms = torch.rand(SHOWN, steps.steps, dtype=torch.float64, generator=generator)
        drawn = steps.draw(uniforms)[0].view(SHOWN, height, width, config.colours).permute(0, 3, 1, 2)
        return {"drawn": drawn / (config.levels - 1)}

    def classes(self, model: PixelCNN, pixels: Tensor, generator: Generator) -> Tensor:
        """Of bytes `[batch, 1 or 3, height, width]`, int64 in the network's colours."""
        levels, pixels = model.config.levels, coloured(pixels, model.config.colours)
        if self.drawn and levels == 2:
            return (torch.rand(pixels.shape, generator=generator).to(pixels.device) * 255 < pixels).long()
        return PixelLevels(levels).of_bytes(pixels)

    def _nats(self, model: PixelCNN, examples: Sequence[Images], share: float, generator: Generator) -> float:
        """Of an image, on average."""
        total = 0.0
        for images in examples:
            sigma = images.label.new_full(images.label.shape, share, dtype=torch.float32) * (model.config.levels - 1)
            total += self._cross_entropy(model, images, images.label, sigma, generator).sum().item()
        return total / sum(len(images.label) for images in examples)

    def _cross_entropy(
        self, model: PixelCNN, images: Images, label: Tensor, sigma: Tensor, generator: Generator
    ) -> Tensor:
        """Of every pixel and colour, in nats."""
        classes = self.classes(model, images.pixels, generator)
        x, told = classes.float(), label if model.config.labels else None
        if model.config.noise_conditional:
            x = x + sigma[:, None, None, None] * torch.randn(x.shape, generator=generator).to(x)
        with torch.autocast(
            x.device.type, torch.bfloat16, enabled=torch.is_grad_enabled()
        ):  # what is measured is exact
            logits = model(model.scaled(x), told, sigma)
        return F.cross_entropy(logits.float(), classes, reduction="none")

    def _sigma(self, model: PixelCNN, uniform: Tensor) -> Tensor:
        """Noise levels in classes."""
        quietest, loudest = NoiseEmbedding.sigma_min, self.loudest * (model.config.levels - 1)
        return quietest * (loudest / quietest) ** uniform
