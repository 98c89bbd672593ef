"""Speed and accuracy of the WaveNet's score: ours against plain convolutions with autograd, the same weights, one run.

    python -m benchmarks.score [--frames 16384] [--repeats 5] [--threads N]

Rows: the original 30-layer WaveNet with random weights (Kaiming, as its code draws them; the first layer scaled for
class indices), then every bundled prior. Repeats are interleaved and medians taken, so that a busy machine slows all
alike. The last line is JSON.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import zoo
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.wavenet import WaveNetPrior
from core.signal.companding import MuLaw

SIGMAS = (0.3, 3.0, 30.0)
NOISE_DRAWS, ERROR_FRAMES = 3, 8192
CLASS_SPREAD = 76.0  # standard deviation of uniform class indices


class PlainWaveNet(nn.Module):
    """The same network as the textbook has it: `nn.Conv1d` over [batch, channels, time]."""

    def __init__(self, model: WaveNet):
        super().__init__()
        self.model, residual = model, model.config.residual
        self.gates, self.residuals, self.skips = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for layer in model.layers:
            weight, bias = layer.outputs.weight, layer.outputs.bias
            self.gates.append(_conv(layer.gates.weight, layer.gates.bias, layer.kernel_size, layer.dilation))
            self.residuals.append(_conv(weight[:residual], bias[:residual]))
            self.skips.append(_conv(weight[residual:], bias[residual:]))
        self.head = _conv(model.head.weight, model.head.bias)
        self.logits = _conv(model.logits.weight, model.logits.bias)
        self.requires_grad_(False)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Logits `[batch, classes, time]`."""
        model = self.model
        embedding = model.embed(sigma) if model.embed else None
        x, skips = model.features(x, sigma).transpose(1, 2), 0
        for layer, gate, residual, skip in zip(model.layers, self.gates, self.residuals, self.skips, strict=True):
            gates = gate(F.pad(x, (layer.reach, 0)))
            if embedding is not None:
                gates = gates + layer.noise(embedding)[..., None]
            a, b = gates.chunk(2, dim=1)
            z = a.tanh() * b.sigmoid()
            x, skips = (residual(z) + x) * math.sqrt(0.5), skips + skip(z)
        return self.logits(F.relu(self.head(F.relu(skips * math.sqrt(1 / len(model.layers))))))

    def score(self, x: Tensor, sigma: float) -> Tensor:
        """Gradient of the smoothed log-likelihood by autograd."""
        x = x.clone().requires_grad_()
        logits = self(x[:, :-1], x.new_full((len(x),), sigma)).transpose(1, 2)
        distance = (x[:, 1:, None] - torch.arange(logits.shape[-1], dtype=x.dtype)) / sigma
        log_prob = (logits - distance.square() / 2).logsumexp(-1) - logits.logsumexp(-1)
        return torch.autograd.grad(log_prob.sum(), x)[0]


def _conv(weight: Tensor, bias: Tensor, kernel_size: int = 1, dilation: int = 1) -> nn.Conv1d:
    """The convolution that a linear layer over taps stands for."""
    taps = weight.unflatten(1, (kernel_size, -1)).transpose(1, 2)  # [out, in, taps]
    conv = nn.Conv1d(taps.shape[1], taps.shape[0], kernel_size, dilation=dilation)
    conv.load_state_dict({"weight": taps, "bias": bias})
    return conv


def original_wavenet() -> WaveNet:
    """PnF's topology with random weights."""
    generator = torch.Generator().manual_seed(0)
    model = WaveNet(WaveNetConfig())
    for parameter in model.parameters():
        scale = math.sqrt(2 / parameter.shape[1]) if parameter.ndim == 2 else 0.05
        parameter.data.normal_(0, scale, generator=generator)
    model.first.weight.data /= CLASS_SPREAD
    return model


def chord(frames: int, sample_rate: int) -> Tensor:
    """Decaying tones with a little noise, as mu-law classes `[1, frames]`."""
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(frames) / sample_rate
    tones = sum(torch.sin(2 * math.pi * hz * t) * torch.exp(-t * hz / 200) for hz in (220.0, 277.2, 329.6, 659.3))
    return MuLaw().encode(0.1 * tones + 0.005 * torch.randn(frames, generator=generator))[None]


def relative_error(score: Callable, reference: Callable, x: Tensor) -> float:
    """L2-relative error of the gradient, the largest over SIGMAS of the median over noise draws.

    Float32 itself has outliers of about 1e-4: one ReLU at its kink that rounding turns on in one of two runs.
    """
    generator, medians = torch.Generator().manual_seed(0), []
    for sigma in SIGMAS:
        errors = []
        for _ in range(NOISE_DRAWS):
            noisy = x + sigma * torch.randn(x.shape, generator=generator)
            expected = reference(noisy, sigma)
            errors.append(((score(noisy, sigma) - expected).norm() / expected.norm()).item())
        medians.append(statistics.median(errors))
    return max(medians)


def measure(name: str, model: WaveNet, sample_rate: int, frames: int, repeats: int) -> list[dict]:
    """One row for each precision: ksamples/s, ratio to the plain implementation, error."""
    x = chord(frames, sample_rate)
    plain = PlainWaveNet(model).score
    scores: dict[str, Callable] = {"plain float32": plain}
    for precision in ("float32", "bfloat16"):
        prior = WaveNetPrior(name, sample_rate, model, MuLaw(), precision, window=frames)
        scores[precision] = lambda x, sigma, prior=prior: prior.score(x, sigma).gradient
    errors = {key: relative_error(score, plain, x[:, :ERROR_FRAMES]) for key, score in scores.items() if score != plain}
    seconds: dict[str, list[float]] = {key: [] for key in scores}
    for _ in range(repeats):
        for key, score in scores.items():
            started = time.perf_counter()
            score(x, SIGMAS[1])
            seconds[key].append(time.perf_counter() - started)
    medians = {key: statistics.median(times) for key, times in seconds.items()}
    return [
        {
            "prior": name,
            "implementation": key,
            "ksamples_per_second": round(frames / medians[key] / 1000, 2),
            "ratio": round(medians["plain float32"] / medians[key], 2),
            "gradient_error": float(f"{errors.get(key, 0.0):.2g}"),
        }
        for key in scores
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16384)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    models = {"original, 30 layers": (original_wavenet(), 22050)}
    for entry in zoo.catalogue():
        if entry.bundled and entry.architecture == "wavenet":
            models[entry.name] = (zoo.load(entry.name).model, entry.sample_rate)
    rows = []
    print(f"{'prior':<24}{'implementation':<18}{'ksamples/s':>12}{'ratio':>8}{'gradient error':>16}")
    for name, (model, rate) in models.items():
        for row in measure(name, model, rate, arguments.frames, arguments.repeats):
            rows.append(row)
            print(
                f"{name:<24}{row['implementation']:<18}{row['ksamples_per_second']:>12.1f}"
                f"{row['ratio']:>8.2f}{row['gradient_error']:>16.1e}"
            )
    print(json.dumps({"benchmark": "score", "frames": arguments.frames, "threads": arguments.threads, "rows": rows}))


if __name__ == "__main__":
    main()
