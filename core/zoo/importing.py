"""Original checkpoints become ours: what `import-checkpoint` does, for any system that a family names."""

from pathlib import Path

from core.errors import InputError
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import systems
from core.zoo.importers.diffwave import TAKEN_AS
from core.zoo.importers.originals import ImportOptions, State

NOTHING_SAID = ImportOptions()


def import_checkpoint(source: Path, system: str, out: Path, options: ImportOptions = NOTHING_SAID) -> str | None:
    """Writes an original checkpoint as one of ours.

    Args:
        source: an original file, PnF's folder of one sub-folder per noise level, or a diffusion's of iterations.
        system: where it comes from, a key of `core.zoo.families.systems`.

    Returns:
        What its user should know of it.

    Raises:
        InputError: an unknown system, a source that is not a checkpoint of it, missing hyper-parameters or levels, an
            option that the system does not have.
    """
    architecture, config, state = read_original(source, system, options)
    save_checkpoint(out, architecture, config, state)
    return TAKEN_AS[config["leaky"]] if architecture == "diffwave" and options.residual is None else None


def read_original(source: Path, system: str, options: ImportOptions = NOTHING_SAID) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original checkpoint; arguments as in `import_checkpoint`."""
    readers = systems()
    if system not in readers:
        raise InputError(f"Checkpoints of {system!r} cannot be imported; supported: {', '.join(readers)}.")
    if not source.exists():
        raise InputError(f"There is no checkpoint {source}. Give a file, or a folder of noise levels or iterations.")
    return readers[system](source, options)
