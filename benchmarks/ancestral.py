"""Ancestral sampling: samples a second of the compiled network against a plain loop over the same network.

    python -m benchmarks.ancestral --priors piano-16k-wavenet --seconds 1

Both draw from the same network. The plain loop is PyTorch on one thread, one sample at a time, with every layer's past
kept (`WaveNet.forward` with `past`). The bound is one pass over all weights for every sample, at the pace of BLAS's dot
product over an array of their size. Prints a table and, last, one JSON line.
"""

import argparse
import json
import time

import numba
import numpy as np
import torch

from core import zoo
from core.models.compiled.wavenet import WaveNetSteps
from core.models.wavenet import WaveNet, WaveNetConfig

HALF_MILLION = WaveNetConfig(layers=20, stacks=2, residual=64, gate=128, skip=64, kernel_size=2)
PLAIN_SAMPLES = 400
REPEATS = 3


@torch.no_grad()
def plain_rate(model: WaveNet, samples: int = PLAIN_SAMPLES) -> float:
    """Samples a second of a loop over single samples, one thread."""
    sigma, past = torch.zeros(1), model.no_past(torch.zeros(1, 1))
    x = torch.full((1, 1), 127.0)
    started = time.perf_counter()
    for _ in range(samples):
        logits = model(x, sigma, past)
        x = torch.multinomial(logits[0, -1].softmax(-1), 1)[None].float()
    return samples / (time.perf_counter() - started)


def compiled_rate(model: WaveNet, samples: int, streams: int) -> float:
    """Samples a second of all streams together, the best of some runs."""
    steps = WaveNetSteps(model, streams, start=127.0)
    steps.draw(torch.rand(streams, 10))
    best = np.inf
    for _ in range(REPEATS):
        uniforms = torch.rand(streams, samples)
        started = time.perf_counter()
        steps.draw(uniforms)
        best = min(best, time.perf_counter() - started)
    return streams * samples / best


def bound_rate(model: WaveNet) -> float:
    """Samples a second if a sample cost nothing but reading the weights."""
    weights = np.ones(sum(weight.numel() for weight in model.parameters()), dtype=np.float32)
    best = np.inf
    for _ in range(REPEATS * 100):
        started = time.perf_counter()
        np.dot(weights, weights)
        best = min(best, time.perf_counter() - started)
    return 1 / best


def measure(name: str, model: WaveNet, sample_rate: int, seconds: float) -> dict:
    """One row."""
    torch.set_num_threads(1)
    samples, plain = int(seconds * sample_rate), plain_rate(model)
    single, double = (compiled_rate(model, samples, streams) for streams in (1, 2))
    return {
        "network": name,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "plain": round(plain),
        "compiled": round(single),
        "two_streams": round(double),
        "bound": round(bound_rate(model)),
        "ratio": round(single / plain, 1),
        "real_time": round(single / sample_rate, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--priors", nargs="*", default=["piano-16k-wavenet"])
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    networks = {"0.5 M parameters": (WaveNet(HALF_MILLION).eval(), 16000)}
    for name in options.priors:
        prior = zoo.load(name)
        networks[name] = (prior.model, prior.sample_rate)
    print(
        f"{'network':20} {'parameters':>10} {'plain/s':>8} {'ours/s':>8} {'2 streams':>9} {'bound/s':>8} "
        f"{'ours/plain':>10} {'x real time':>11}"
    )
    rows = []
    for name, (model, sample_rate) in networks.items():
        row = measure(name, model, sample_rate, options.seconds)
        rows.append(row)
        print(
            f"{name:20} {row['parameters']:10,} {row['plain']:8,} {row['compiled']:8,} {row['two_streams']:9,} "
            f"{row['bound']:8,} {row['ratio']:10.1f} {row['real_time']:11.2f}",
            flush=True,
        )
    print(json.dumps({"benchmark": "ancestral", "threads": numba.get_num_threads(), "rows": rows}))


if __name__ == "__main__":
    main()
