"""Decoding of codes: samples a second of the compiled WaveRNN against a plain loop over the same network.

    python -m benchmarks.decoding --sizes small original --streams 1 8

The plain loop is PyTorch, as the original generates: every sample two steps of the recurrent layer, every fourth the
summaries that are due; its streams are a batch. Both run on one core and are measured in turn, in time of the
processor, so that other work counts little; the best of some rounds of each counts. With `--cores 2` the compiled
network spreads its streams over them, and time is the clock's, which asks for cores that have nothing else to do.
Prints a table and, last, one JSON line.
"""

import argparse
import json
import time
from collections.abc import Callable

import numba
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.compiled.wavernn import WaveRNNSteps
from core.models.wavernn import HISTORY, HOP, PAST_CODES, REACH, STRIDE, Overtone, OvertoneConfig, RecurrentUpsampling
from core.signal.sample_halves import scaled

SIZES = {
    "small": OvertoneConfig(conv_channels=64, rnn_channels=128, gru=256, hidden=192, code_width=64, speakers=16),
    "original": OvertoneConfig(speakers=109),
}
SAMPLES = {"small": (320, 6400), "original": (128, 640)}  # of each stream a round: plain, compiled
ROUNDS = 4


class PlainLoop:
    """The original's way to generate: module by module, sample by sample."""

    def __init__(self, model: Overtone, codes: Tensor, speaker: Tensor):
        self.model, self.codes, self.speaker = model, codes, speaker
        silence = torch.zeros(len(codes), HISTORY, 3)
        heard = model(silence, codes[:, :PAST_CODES], speaker)
        self.recent = [silence[:, -REACH - 1 :, :1], *(s[:, -REACH - 1 :] for s in heard.summaries)]
        self.states, self.told = list(heard.states), [silence] * 3
        self.coarse = self.fine = torch.zeros(len(codes), 1)

    @torch.no_grad()
    def draw(self, samples: int) -> None:
        """The next samples, a whole number of codes."""
        for t in range(samples):
            if t % STRIDE == 0:
                self._hear(t)
            condition = torch.cat([self.told[2][:, t % STRIDE], self.speaker, self.coarse, self.fine], dim=-1)
            nothing = torch.zeros_like(self.coarse)
            coarse, _ = self._step(torch.cat([condition, nothing], dim=-1), fine=False)
            fine, self.states[3] = self._step(torch.cat([condition, coarse], dim=-1), fine=True)
            self.coarse, self.fine = coarse, fine
            self.recent[0] = torch.cat([self.recent[0][:, 1:], coarse[:, None]], dim=1)

    def _hear(self, t: int) -> None:
        """Summaries that are due, and what they tell the next four samples."""
        model, due = self.model, sum(t % STRIDE ** (n + 1) == 0 for n in range(3))
        for n, summarise in enumerate((model.conv0, model.conv1, model.conv2)[:due]):
            made = summarise(self.recent[n], self.speaker)
            self.recent[n + 1] = torch.cat([self.recent[n + 1][:, 1:], made], dim=1)
        for n in range(3 - due, 3):
            layer: RecurrentUpsampling = (model.rnn0, model.rnn1, model.rnn2)[n]
            brought = (
                self.told[n - 1][:, t // STRIDE ** (3 - n) % STRIDE] if n else self.codes[:, t // HOP + PAST_CODES]
            )
            x = torch.cat([self.recent[3 - n][:, -1], brought, self.speaker], dim=-1)
            frames, last = layer.gru(x[:, None], self.states[n][None])
            self.states[n], self.told[n] = last[0], layer.tconv(frames.transpose(1, 2)).transpose(1, 2)

    def _step(self, x: Tensor, fine: bool) -> tuple[Tensor, Tensor]:
        """A drawn half, scaled, and the state that predicts it."""
        net = self.model.wavernn
        state = net.gru(x[:, None], self.states[3][None])[1][0]
        half = state.chunk(2, dim=-1)[fine]
        logits = net.fc4(F.relu(net.fc3(half))) if fine else net.fc2(F.relu(net.fc1(half)))
        return scaled(torch.multinomial(logits.softmax(-1), 1)), state


def plain(model: Overtone, codes: Tensor, speaker: Tensor, samples: int) -> Callable[[], None]:
    loop = PlainLoop(model, codes, speaker)
    return lambda: loop.draw(samples)


def compiled(model: Overtone, codes: Tensor, speaker: Tensor, samples: int) -> Callable[[], None]:
    steps = WaveRNNSteps(model, len(codes), speaker)

    def draw() -> None:
        steps.begin(codes)
        steps.draw(torch.rand(len(codes), 2 * samples))

    draw()  # which compiles
    return draw


def measure(name: str, streams: int, clock: Callable[[], float]) -> dict:
    """One row: samples a second of all streams together."""
    model = Overtone(SIZES[name]).eval().requires_grad_(False)
    longest = max(SAMPLES[name])
    codes = torch.randn(streams, PAST_CODES + longest // HOP, model.config.code_width)
    speaker = F.one_hot(torch.arange(streams) % model.config.speakers, model.config.speakers).float()
    runs = {
        kind: (make, samples)
        for kind, make, samples in zip(("plain", "ours"), (plain, compiled), SAMPLES[name], strict=True)
    }
    runs = {kind: (make(model, codes, speaker, samples), samples) for kind, (make, samples) in runs.items()}
    best = dict.fromkeys(runs, 0.0)
    for _ in range(ROUNDS):
        for kind, (run, samples) in runs.items():
            started = clock()
            run()
            best[kind] = max(best[kind], streams * samples / (clock() - started))
    return {
        "network": name,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "streams": streams,
        **{kind: round(rate) for kind, rate in best.items()},
        "ratio": round(best["ours"] / best["plain"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["small"])
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    numba.set_num_threads(options.cores)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    clock, rows = time.process_time if options.cores == 1 else time.monotonic, []
    print(f"{'network':10} {'parameters':>10} {'streams':>7} {'plain/s':>8} {'ours/s':>8} {'ratio':>6} {'to one':>7}")
    for name in options.sizes:
        for streams in options.streams:
            row = measure(name, streams, clock)
            rows.append(row)
            alone = next(other["plain"] for other in rows if other["network"] == name)
            row["ratio_to_one_plain"] = round(row["ours"] / alone, 1)
            figures = f"{row['plain']:8,} {row['ours']:8,} {row['ratio']:6.1f} {row['ratio_to_one_plain']:7.1f}"
            print(f"{name:10} {row['parameters']:10,} {streams:7} {figures}", flush=True)
    print(json.dumps({"benchmark": "decoding", "cores": options.cores, "rows": rows}))


if __name__ == "__main__":
    main()
