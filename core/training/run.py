"""The training loop: any objective, on one CPU, one GPU or many (accelerate); resumable at any moment.

The learning rate warms up, then falls linearly over the minutes or epochs asked for. Every `save_every_seconds` the
whole state and the averaged weights are written under a temporary name and renamed, so that a kill loses no more than
that.
"""

import math
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, broadcast
from torch import Tensor, nn
from tqdm import tqdm

from core.errors import InputError
from core.signal.mel_conversion import convert
from core.signal.spectrogram_files import SUFFIXES, read_spectrogram
from core.signal.tensor_files import load_tensors
from core.training.compilation import compile_in_place
from core.training.data import PackedData
from core.training.layer_statistics import LayerStatistics
from core.training.muon import Muon
from core.training.objective import Examples, Objective
from core.training.objectives import find_objective
from core.training.recipe import load_recipe
from core.zoo.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from core.zoo.eight_bits import to_eight_bits

LISTENED_SECONDS = 10.0  # at most


def train(
    recipe: str,
    data: Path,
    minutes: float | None,
    out: Path,
    *,
    epochs: int | None = None,
    stats: bool = False,
    resume: bool = False,
    iteration: int | None = None,
    init: Path | None = None,
    overrides: dict[str, str] | None = None,
    others: Sequence[Path] = (),
) -> Path:
    """Trains a recipe and writes the averaged weights to `out`.

    Args:
        data: a folder made by `pack_data`, or of what else the objective can open.
        minutes: of training in all, over every resumption; None: no limit.
        epochs: passes over the data in all, at most; with minutes, whichever ends first.
        stats: log the root mean square of every layer's output and of every weight's gradient, too.
        resume: go on from the state beside `out`.
        iteration: go on from the state that was kept after so many updates instead of the last one.
        init: a checkpoint of the same architecture whose weights training starts from.
        others: packs of other sounds, for objectives that mix.

    Returns:
        out.

    Raises:
        InputError: unknown recipe or setting, unusable data, nothing to resume, a checkpoint that does not fit, neither
            minutes nor epochs, or epochs of data that have none.
    """
    settings = load_recipe(recipe, overrides)
    torch.set_flush_denormal(True)
    run = _Run(settings, data, out, resume=resume or iteration is not None, init=init, others=others, kept=iteration)
    run.train(_Limits.of(minutes, epochs, run), LayerStatistics(run.model) if stats else None)
    return out


@dataclass(frozen=True)
class _Limits:
    """Where a training ends: after so many seconds or updates, whichever comes first."""

    seconds: float
    updates: float

    @staticmethod
    def of(minutes: float | None, epochs: int | None, run: "_Run") -> "_Limits":
        if minutes is None and epochs is None:
            raise InputError("Nothing says how long to train; give --minutes or --epochs.")
        data, training = run.data["train"], run.training
        if epochs is None:
            return _Limits(minutes * 60, math.inf)
        if not hasattr(data, "examples"):
            raise InputError("The data of this recipe are not gone through in epochs; give --minutes.")
        at_once = training["batch"] * run.accelerator.num_processes
        updates = math.ceil(epochs * data.examples(training["segment"]) / at_once)
        return _Limits(math.inf if minutes is None else minutes * 60, updates)

    def spent(self, seconds: float, updates: int) -> float:
        """The share of a training that is over."""
        return max(seconds / self.seconds, updates / self.updates)


@dataclass
class TrainingClock:
    """Training time over all resumptions."""

    spent: float = 0.0
    started: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.started


class _LossModule(nn.Module):
    """Network and objective as one forward pass, which is what distributed training wraps."""

    def __init__(self, model: nn.Module, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, examples: Examples, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return self.objective.loss(self.model, examples, generator)


class _Run:
    def __init__(
        self,
        settings: dict,
        data: Path,
        out: Path,
        *,
        resume: bool,
        init: Path | None,
        others: Sequence[Path],
        kept: int | None,
    ):
        self.settings, self.training, self.out = settings, settings["training"], out
        self.objective = find_objective(settings["architecture"])(**settings["objective"])
        self.data = {split: self.objective.open_data(data, split) for split in ("train", "valid")}
        self.objective.others = [PackedData(folder, "train") for folder in others]
        self.objective.sample_rate = settings["sample_rate"]
        for opened in (self.data["train"], *self.objective.others):
            self._check_rate(opened.sample_rate)
        # an update may ask only one of a model's networks
        self.accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
        self.generator = torch.Generator().manual_seed(self.accelerator.process_index)
        torch.manual_seed(0)
        self.model = self.objective.build(settings["model"])
        self.listened = _listened_to(self.training["listen_to"], self.objective)
        if not (init or resume):
            self.objective.prepare(self.model, self.data["train"], self.training["segment"], self.generator)
        if init:
            self._load_weights(load_checkpoint(init))
        self.optimizer = _optimizer(self.model, self.training)
        self.average = {name: p.detach().clone() for name, p in self.model.state_dict().items()}
        self.step, self.clock, self.history = 0, TrainingClock(), []
        if resume:
            self._restore(_state_path(out, kept))
        if self.training["compile"]:
            compile_in_place(self.model)
        self.wrapped, self.optimizer = self.accelerator.prepare(_LossModule(self.model, self.objective), self.optimizer)
        device = self.accelerator.device
        self.average = {name: p.to(device) for name, p in self.average.items()}

    def train(self, limits: _Limits, statistics: LayerStatistics | None) -> None:
        """Steps until the limits are reached, saving and validating on the way."""
        self.clock.start()
        log, recent = _tensorboard(self.out, self.settings, self.accelerator), defaultdict(list)
        next_save = self.clock.seconds + self.training["save_every_seconds"]
        next_validation = self.clock.seconds + self.training["validate_every_seconds"]
        bar = tqdm(
            total=1000,
            bar_format="{percentage:3.1f}% |{bar}| {elapsed}{postfix}",
            mininterval=5,
            disable=not self.accelerator.is_main_process,
        )
        while (progress := self._progress(limits)) < 1:
            for name, value in self._update(progress).items():
                recent[name].append(value)
            if self.training["keep_every"] and self.step % self.training["keep_every"] == 0:
                self._save(self.step)
            bar.update(min(round(1000 * progress), bar.total) - bar.n)
            if self.clock.seconds > next_save:
                figures = {name: sum(values) / len(values) for name, values in recent.items()}
                bar.set_postfix({name: f"{value:.2f}" for name, value in figures.items()})
                _log_scalars(log, "train", figures, self.step)
                if statistics:
                    _log_scalars(log, "layers", statistics.figures(), self.step)
                recent.clear()
                self._save()
                next_save = self.clock.seconds + self.training["save_every_seconds"]
            if self.clock.seconds > next_validation:
                self._validate(log)
                next_validation = self.clock.seconds + self.training["validate_every_seconds"]
        bar.close()
        self._save()
        self._validate(log)
        self._save()  # with the last figures
        self.accelerator.wait_for_everyone()

    def _progress(self, limits: _Limits) -> float:
        """Share that is spent, by the first process's clock: all have to stop after the same update."""
        share = torch.tensor([limits.spent(self.clock.seconds, self.step)], device=self.accelerator.device)
        return broadcast(share).item()

    def _update(self, progress: float) -> dict[str, float]:
        rate = self.training["learning_rate"] * min(1, (self.step + 1) / self.training["warmup_steps"]) * (1 - progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.objective.progress = progress
        examples = self.data["train"].batch(self.training, self.generator).to(self.accelerator.device)
        loss, figures = self.wrapped(examples, self.generator)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.training["clip_gradient"])
        if not torch.isfinite(norm):  # one bad batch must not spoil the weights
            return {}
        self.optimizer.step()
        self.step += 1
        decay = min(self.training["ema_decay"], (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            self.objective.after_update(self.model, self.step)
            _average(self.average, self.model.state_dict(), decay)
        return {"loss": loss.item(), **figures}

    def _validate(self, log) -> None:
        """Figures of the averaged weights on examples that never change, and sounds and images for the log."""
        if not self.accelerator.is_main_process:
            return
        generator = torch.Generator().manual_seed(0)
        count, segment = self.training["validation_segments"], self.training["segment"]
        held_out = [x.to(self.accelerator.device) for x in self.data["valid"].held_out(count, segment, generator)]
        live = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        figures = self.objective.validate(self.model, held_out, generator)
        if log:
            sounds = self.objective.sounds(self.model, held_out[0], generator)
            if self.listened is not None:
                mel = self.listened.to(self.accelerator.device)
                sounds["listened to"] = self.objective.play(self.model, mel, generator)
            for name, waveform in sounds.items():
                log.add_audio(name, waveform.clamp(-1, 1).cpu(), self.step, self.settings["sample_rate"])
            for name, pictures in self.objective.images(self.model, generator).items():
                log.add_images(name, pictures, self.step)
        self.model.load_state_dict(live)
        self.history.append({"step": self.step, "minutes": round(self.clock.seconds / 60, 1), **figures})
        _log_scalars(log, "valid", figures, self.step)
        tqdm.write(
            f"{self.clock.seconds / 60:6.1f} min, step {self.step}: "
            + ", ".join(f"{k} {v:.2f}" for k, v in figures.items())
        )

    def _save(self, kept: int | None = None) -> None:
        """Writes state and weights; as those that are kept of one update where one is named."""
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state(),
            "step": self.step,
            "seconds": self.clock.seconds,
            "generator": self.generator.get_state(),
            "history": self.history,
        }
        temporary = self.out.with_suffix(".state.tmp")
        torch.save(state, temporary)
        os.replace(temporary, _state_path(self.out, kept))
        weights = _halved(self.average, self.objective.float32)
        weights = to_eight_bits(weights) if self.training["eight_bits"] else weights
        out = _state_path(self.out, kept).with_suffix(".safetensors")
        save_checkpoint(out, self.objective.architecture, self.settings["model"], weights)

    def _restore(self, path: Path) -> None:
        if not path.exists():
            raise InputError(
                f"There is no {path.name} beside {self.out.name} to resume from; train without --resume first."
            )
        state = load_tensors(path)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError:
            raise InputError(
                f"{path.name} holds a network of another size; resume with the settings that it was begun with, or "
                "begin anew with --scratch."
            ) from None
        self.average, self.history = state["average"], state["history"]
        self.optimizer.load_state_dict(state["optimizer"])
        if "objective" in state:  # those of earlier versions had none
            self.objective.restore(state["objective"])
        self.step, self.clock.spent = state["step"], state["seconds"]
        if self.accelerator.process_index == 0:
            self.generator.set_state(state["generator"])

    def _load_weights(self, checkpoint: Checkpoint) -> None:
        if checkpoint.architecture != self.objective.architecture:
            raise InputError(
                f"The checkpoint holds a {checkpoint.architecture}, the recipe trains a {self.objective.architecture}."
            )
        try:
            self.model.load_state_dict(self.objective.initial_state(checkpoint, self.model, self.settings["model"]))
        except RuntimeError:
            raise InputError(
                "The checkpoint's network has other sizes than the recipe's; set the recipe's model section to match."
            ) from None

    def _check_rate(self, rate: int | None) -> None:
        if rate is not None and rate != self.settings["sample_rate"]:
            raise InputError(
                f"The data was packed at {rate} Hz, the recipe wants {self.settings['sample_rate']} Hz; pack it again."
            )


def _average(average: Mapping[str, Tensor], state: Mapping[str, Tensor], decay: float) -> None:
    """Moves an exponential moving average towards the weights, in place; counts and other integers are copied."""
    for name, value in state.items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _halved(state: Mapping[str, Tensor], float32: Sequence[str]) -> dict[str, Tensor]:
    """Weights on the CPU in half precision, but for integers and for names that match one of the patterns."""
    return {
        name: (value.half() if value.is_floating_point() and not _matches(name, float32) else value).cpu()
        for name, value in state.items()
    }


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _optimizer(model: nn.Module, training: dict) -> torch.optim.Optimizer:
    kind, rate, decay = training["optimizer"], training["learning_rate"], training["weight_decay"]
    if kind == "muon":
        return Muon(model, rate, tuple(training["betas"]), decay)
    if kind == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=rate, betas=tuple(training["betas"]), weight_decay=decay)
    raise InputError(f"training.optimizer must be adamw or muon, not {kind}.")


def _listened_to(path: str, objective: Objective) -> Tensor | None:
    """The beginning of a spectrogram that the log gets what the network makes of, `[1, bands, frames]`.

    Raises:
        InputError: the network is told none, or it cannot be read.
    """
    if not path:
        return None
    if objective.played is None:
        raise InputError("training.listen_to is for networks that play spectrograms, which this one does not.")
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"training.listen_to must be a spectrogram ({', '.join(SUFFIXES)}), not {path:.100}.")
    spectrogram = convert(read_spectrogram(Path(path), objective.played), objective.played)
    return torch.from_numpy(spectrogram.cut(0, LISTENED_SECONDS).mel)[None]


def _state_path(out: Path, kept: int | None) -> Path:
    """The last state beside a checkpoint, or the one that was kept after so many updates."""
    return out.with_suffix(".state" if kept is None else f".{kept}.state")


def _tensorboard(out: Path, settings: dict, accelerator: Accelerator):
    if not accelerator.is_main_process:
        return None
    if settings["training"]["wandb"]:
        _log_to_wandb(settings)
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(out.with_suffix(".log"))


def _log_to_wandb(settings: dict) -> None:
    """Sends what TensorBoard gets to Weights & Biases as well.

    Raises:
        InputError: its package is not installed.
    """
    try:
        import wandb
    except ImportError:
        raise InputError("training.wandb needs the package wandb; install it, or leave that setting out.") from None
    wandb.init(project=settings["training"]["wandb"], config=settings, sync_tensorboard=True)


def _log_scalars(log, group: str, figures: dict[str, float], step: int) -> None:
    if log:
        for name, value in figures.items():
            log.add_scalar(f"{group}/{name}", value, step)
