"""A small PixelCNN with random weights among the user's own checkpoints."""

from dataclasses import asdict
from pathlib import Path

import torch

from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.zoo.checkpoint import save_checkpoint
from core.zoo.manifest import register

SIZE = (6, 5)


def register_pixels(home: Path, name: str = "pixels", labels: tuple[str, ...] = ("ring", "bar"), **sizes) -> PixelCNN:
    """Registers it under a name; its images are 6 x 5."""
    torch.manual_seed(0)
    config = PixelCNNConfig(**{"levels": 3, "width": 6, "blocks": 1, "head": 6, "labels": len(labels)} | sizes)
    network = PixelCNN(config).requires_grad_(False)
    described = {**asdict(config), "names": list(labels), "size": list(SIZE)}
    save_checkpoint(home / f"{name}.safetensors", "pixelcnn", described, network.state_dict())
    register(name, home / f"{name}.safetensors", {})
    return network
