"""Code sums, which separation among codes needs: made once of a prior's codebook, and kept beside its checkpoint."""

import math
import tempfile
from collections.abc import Generator
from pathlib import Path

import torch

from core.errors import InputError
from core.models.code_sums import MEANS, CodeSums, sum_codes
from core.models.transformer import SUMS, Transformer
from core.zoo import Entry, load_model
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import CODE_PRIOR, CODE_SUMS
from core.zoo.manifest import add_part, find

ROLE = "sums"
LARGEST_SHARE = 1e3


def code_sums(prior: Transformer, shares: tuple[float, float] = MEANS) -> Generator[float, None, CodeSums]:
    """The sums of a prior's codes: those kept beside it, else new ones.

    Args:
        shares: of the first and of the second source in a mixture.

    Yields:
        The share that is done.

    Returns:
        The sums.

    Raises:
        InputError: shares of which nothing is a mixture.
    """
    if not all(math.isfinite(share) and abs(share) <= LARGEST_SHARE for share in shares) or not any(shares):
        raise InputError(f"Sources cannot have the shares {shares[0]:g} and {shares[1]:g}; take 0.5 and 0.5, say.")
    if prior.sums is not None and prior.sums.shares == shares:
        return prior.sums
    table = torch.empty(len(prior.codebook), len(prior.codebook), dtype=torch.int32, device=prior.device)
    for code, row in enumerate(sum_codes(prior.codebook, shares)):
        table[code] = row
        yield (code + 1) / len(table)
    return CodeSums(table, shares)


def keep_code_sums(
    name: str, shares: tuple[float, float] = MEANS, known: str | None = None
) -> Generator[float, None, Entry]:
    """Makes the sums of a prior's codes, and keeps them beside its checkpoint, where they replace others.

    Args:
        name: of a prior of codes.
        known: name of sums that were imported; None makes new ones.

    Yields:
        The share that is done.

    Returns:
        The entry of the sums.

    Raises:
        InputError: another model, unusable shares, or known sums of another codebook.
    """
    for asked, kind, what in ((name, CODE_PRIOR, "prior of codes"), (known, CODE_SUMS, "table of code sums")):
        if asked is not None and find(asked).kind != kind:
            raise InputError(f"{asked!r} is no {what}; choose one, or import it with `import-checkpoint`.")
    prior = load_model(CODE_PRIOR, name)
    if known is None:
        sums = yield from code_sums(prior, shares)
    else:
        sums = load_model(CODE_SUMS, known)
        if not sums.fit(prior.codebook):
            raise InputError(f"{known!r} holds the sums of other codes than those of {name!r}; make them anew.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sums.safetensors"
        save_checkpoint(path, SUMS, sums.config | {"sample_rate": prior.sample_rate}, sums.state)
        return add_part(find(name), ROLE, path, {"data": f"sums of the codes of {name}"})
