"""PyTorch's own files: tensors and numbers from them, never code."""

import warnings
from pathlib import Path


def load_tensors(path: Path):
    """Contents of a PyTorch file, on the CPU, without torch's warnings.

    Raises:
        Exception: of many kinds, if the file is damaged or holds anything else; callers turn it into an InputError.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a refusal is one sentence
        return torch.load(path, map_location="cpu", weights_only=True)
