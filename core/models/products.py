"""Matrix products by oneDNN on CPUs, where it is faster than MKL."""

import torch
import torch.nn.functional as F
from torch import Tensor

# MKL, which float32 products on a CPU go to, has only slow kernels for processors that are not Intel's (a Zen 4 core:
# 91 instead of 215 GFLOP/s); oneDNN is fast on all of them.
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., inputs] times weight [outputs, inputs] transposed, plus bias; without gradients.

    Returns:
        [..., outputs].
    """
    if _ONEDNN is not None and x.device.type == "cpu" and x.dtype == torch.float32:
        if not (weight.is_contiguous() or weight.t().is_contiguous()):
            weight = weight.contiguous()  # a slice would go to a kernel 500 times as slow
        return _ONEDNN(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)
