"""Original checkpoints become ours: what `import-checkpoint` does, for any system that a family names."""

from pathlib import Path

from core.errors import InputError
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import systems
from core.zoo.importers.originals import State


def import_checkpoint(
    source: Path, system: str, out: Path, *, hparams: Path | None = None, scaler: Path | None = None
) -> None:
    """Writes an original checkpoint as one of ours.

    Args:
        source: an original file, or PnF's folder of one sub-folder per noise level.
        system: where it comes from, a key of `core.zoo.families.systems`.
        hparams: the original's hyper-parameters; else hparams.json or config.json beside (or in) the source, else,
            of Cone of Silence alone, those of the published networks.
        scaler: mean and scale of the mel bands (see `read_scaler`), for networks that are told a spectrogram; else
            meanvar.joblib or meanvar.npz beside (or in) the source.

    Raises:
        InputError: an unknown system, a source that is not a checkpoint of it, missing hyper-parameters or levels.
    """
    save_checkpoint(out, *read_original(source, system, hparams, scaler))


def read_original(
    source: Path, system: str, hparams: Path | None = None, scaler: Path | None = None
) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original checkpoint; arguments as in `import_checkpoint`."""
    readers = systems()
    if system not in readers:
        raise InputError(f"Checkpoints of {system!r} cannot be imported; supported: {', '.join(readers)}.")
    if not source.exists():
        raise InputError(f"There is no checkpoint {source}. Give a file or PnF's folder of noise levels.")
    return readers[system](source, hparams, scaler)
