"""Drawing images from a PixelCNN: the compiled steps, which keep what they found, against a full pass for each step.

    python -m benchmarks.pixelcnn --images 16

Both draw from the same network. The plain way is PyTorch, all images in one pass over whole images for every colour of
every pixel; some steps are timed and stand for all. Prints a table and, last, one JSON line.
"""

import argparse
import json
import time

import numba
import torch

from core.models.compiled.pixelcnn import PixelCNNSteps
from core.models.pixelcnn import PixelCNN, PixelCNNConfig

NETWORKS = {
    "8 blocks x 48, grey": (PixelCNNConfig(), 28),
    "15 blocks x 128, RGB": (PixelCNNConfig(levels=2, colours=3, width=128, blocks=15, head=16, blind_first=True), 28),
}
PLAIN_STEPS = 3
REPEATS = 3


@torch.no_grad()
def plain_seconds(network: PixelCNN, images: int, size: int) -> float:
    """Of all images, from a few steps."""
    x, label = torch.zeros(images, network.config.colours, size, size), torch.zeros(images, dtype=torch.long)
    started = time.perf_counter()
    for column in range(PLAIN_STEPS):
        probs = network(x, label)[:, :, 0, 0, column].softmax(1)
        x[:, 0, 0, column] = network.scaled(torch.multinomial(probs, 1)[:, 0])
    return (time.perf_counter() - started) / PLAIN_STEPS * size**2 * network.config.colours


def compiled_seconds(network: PixelCNN, images: int, size: int) -> float:
    """Of all images, the best of some runs."""
    steps, found = PixelCNNSteps(network, images, size, size), []
    for _ in range(1 + REPEATS):  # the first one compiles
        uniforms = torch.rand(images, steps.steps)
        started = time.perf_counter()
        steps.begin(torch.zeros(images, dtype=torch.long))
        steps.draw(uniforms)
        found.append(time.perf_counter() - started)
    return min(found[1:])


def measure(name: str, images: int) -> dict:
    """One row."""
    config, size = NETWORKS[name]
    network = PixelCNN(config).requires_grad_(False)
    plain, compiled = plain_seconds(network, images, size), compiled_seconds(network, images, size)
    return {
        "network": name,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "images": images,
        "plain_seconds": round(plain, 1),
        "compiled_seconds": round(compiled, 2),
        "ratio": round(plain / compiled, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    rows = []
    print(f"{'network':22} {'parameters':>10} {'images':>6} {'plain s':>8} {'ours s':>7} {'plain/ours':>10}")
    for name in NETWORKS:
        for images in options.images:
            row = measure(name, images)
            rows.append(row)
            print(
                f"{name:22} {row['parameters']:10,} {images:6} {row['plain_seconds']:8} {row['compiled_seconds']:7} "
                f"{row['ratio']:10}",
                flush=True,
            )
    threads = {"torch": torch.get_num_threads(), "compiled": numba.get_num_threads()}
    print(json.dumps({"benchmark": "pixelcnn", "threads": threads, "rows": rows}))


if __name__ == "__main__":
    main()
