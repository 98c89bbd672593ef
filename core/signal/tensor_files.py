"""PyTorch's own files: tensors and numbers from them, never code."""

import warnings
from pathlib import Path


def load_tensors(path: Path):
    """What a PyTorch file holds, on the CPU, without torch's words about how it was written.

    Raises:
        Exception: of many kinds, where the file is damaged or holds more; callers say it in a sentence of theirs.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a refusal is one sentence
        return torch.load(path, map_location="cpu", weights_only=True)
