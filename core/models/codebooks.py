"""What is alike in a codebook."""

import numpy as np
import torch
from torch import Tensor


def likeness(codebook: Tensor) -> np.ndarray:
    """Of every code where it stands among the others, `[codes, 3]` in [-1, 1]: codes that lie near each other stand for
    sounds that are alike (principal components of the codebook, the widest first).

    Args:
        codebook: `[codes, code width]`, of a width of 3 at least.
    """
    book = codebook.detach().cpu()
    centred = book - book.mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:3].T
    return (places / places.abs().amax(dim=0)).numpy()
