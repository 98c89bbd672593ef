"""Generation: how fast and how good by the number of steps, and how much memory by the length of the sound.

    python -m benchmarks.diffusion --priors digits-16k --steps 6 12 18 --count 50
    python -m benchmarks.diffusion --memory digits-16k voice-vocoder --lengths 1 2 4 10 30 60

Sounds are drawn together, with every label told in turn where a prior can be told. A row holds the real-time factor
(seconds of work for a second of sound) and what judges say: whether the label is found by the classifier and heard by
the recogniser, which needs `pip install .[evaluate]`; the inception score; with --data, a pack of the recordings that
the prior was trained on, FID and coverage of them. Memory is that of one sound that is drawn, or of one spectrogram
that a vocoder plays, in a process of its own, on a CPU as Linux counts it. Prints tables and, last, one JSON line.
"""

import argparse
import json
import math
import multiprocessing
from pathlib import Path

import numpy as np
import torch

from core import zoo
from core.choices import DIGITS, GENERATION_SAMPLERS
from core.evaluation.generation import TRAINING, Evaluation, evaluate_draw, summarise, ways_of, with_real
from core.evaluation.judged_sounds import Judged, find_panel, joined
from core.samplers.generation import generation_plan
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.generation import Wish, generate
from core.tasks.settings import Settings, resolve_device
from core.training.data import PackedData
from core.zoo.families import VOCODER
from core.zoo.manifest import find
from core.zoo.playing import play

COLUMNS = {  # figure -> its title
    "real_time_factor": "x real time",
    "right_percent": "label %",
    "asked_percent": "heard %",
    "any_percent": "any %",
    "inception_score": "IS",
    "frechet_distance": "FID",
    "coverage": "coverage",
}
MEMORY_STEPS = 2  # what a step takes, all take


def measure(settings: Settings, count: int, guidance: float, data: dict[str, PackedData]) -> dict:
    """One row."""
    prior = zoo.load(settings.prior, resolve_device(settings.device))
    panel = find_panel(prior.labels or DIGITS, prior.sample_rate)
    wish = Wish(seconds=min(1.0, prior.longest_seconds), guidance=guidance)
    way, labels = next(iter(ways_of(None, prior.labels).items()))
    evaluation, real = Evaluation({way: labels}, count, wish, settings, panel), {}
    if data:
        evaluation, real = with_real(evaluation, data)
    records = [evaluate_draw(draw, evaluation) for draw in evaluation.draws(way)]
    judged = joined([Judged.from_record(record) for record in records])
    figures = summarise({way: judged} | real, evaluation.panel)[way]
    factor = sum(record["seconds"] for record in records) / (count * wish.seconds)
    steps = generation_plan(settings.sampler, prior, settings.steps).steps
    row = {"prior": settings.prior, "sampler": settings.sampler, "steps": steps, "real_time_factor": round(factor, 3)}
    return row | {
        name: own for name, own in {**figures, **figures.get(f"beside {TRAINING}", {})}.items() if name in COLUMNS
    }


def peak_megabytes(name: str, seconds: float, device: str) -> float:
    """What one sound takes beyond the model itself; in a process that has made nothing yet."""
    device, entry = resolve_device(device), find(name)
    model = zoo.load_model(entry.kind, name, device)
    before = _resident("VmRSS") if device == "cpu" else torch.cuda.memory_allocated(device)
    if device == "cpu":
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    if entry.kind == VOCODER:
        frames = 1 + round(seconds * entry.sample_rate / model.hop_length)
        mel = np.random.default_rng(0).normal(-2, 1, (model.front_end.bands, frames)).astype(np.float32)
        made = play(model, MelSpectrogram(mel, model.front_end))
    else:
        settings = Settings(name, sampler="ddim", steps=MEMORY_STEPS, device=device)
        made = generate(Wish(1, seconds), settings=settings)
    for _ in made:
        pass
    peak = _resident("VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated(device)
    return round((peak - before) / 1e6, 1)


def _resident(name: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def measure_memory(name: str, lengths: list[float], device: str) -> dict[str, float]:
    """Megabytes by seconds, for the lengths that the model can make."""
    longest = getattr(zoo.load_model(find(name).kind, name), "longest_seconds", math.inf)
    possible = [seconds for seconds in lengths if seconds <= longest]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        taken = pool.starmap(peak_megabytes, [(name, seconds, device) for seconds in possible], chunksize=1)
    return {f"{seconds:g}": megabytes for seconds, megabytes in zip(possible, taken, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--priors", nargs="*", default=[], help="whose speed and quality are measured")
    parser.add_argument("--memory", nargs="*", default=[], metavar="NAME", help="priors and vocoders")
    parser.add_argument("--samplers", nargs="+", default=["heun"], choices=GENERATION_SAMPLERS)
    parser.add_argument("--steps", nargs="+", type=int, default=[6, 12, 18, 32], help="fast has a number of its own")
    parser.add_argument("--count", type=int, default=50, help="sounds of a row")
    parser.add_argument("--guidance", type=float, default=Wish.guidance)
    parser.add_argument("--lengths", nargs="+", type=float, default=[1, 2, 4, 10, 30, 60], help="seconds, of --memory")
    parser.add_argument("--data", type=Path, help="a pack that has labels")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    data = {split: PackedData(options.data, split) for split in ("train", "valid")} if options.data else {}
    if options.priors:
        print(f"{options.count} sounds a row, guidance {options.guidance:g}")
        print(f"{'prior':20} {'sampler':8} {'steps':>5} " + " ".join(f"{title:>11}" for title in COLUMNS.values()))
    rows, memory = [], {}
    for prior in options.priors:
        for sampler in options.samplers:
            for steps in [None] if sampler == "fast" else options.steps:
                settings = Settings(prior, sampler=sampler, steps=steps, device=options.device)
                rows.append(measure(settings, options.count, options.guidance, data))
                cells = (f"{rows[-1][name]:11.2f}" if name in rows[-1] else f"{'-':>11}" for name in COLUMNS)
                print(f"{prior:20} {sampler:8} {rows[-1]['steps']:5} " + " ".join(cells), flush=True)
    for name in options.memory:
        memory[name] = measure_memory(name, options.lengths, options.device)
        print(f"{name:20} memory, MB by seconds: {memory[name]}", flush=True)
    print(json.dumps({"benchmark": "diffusion", "count": options.count, "rows": rows, "memory_megabytes": memory}))


if __name__ == "__main__":
    main()
