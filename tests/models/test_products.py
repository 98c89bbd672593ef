"""Products through the fast library equal PyTorch's own, whatever the layout of the weight."""

import pytest
import torch
import torch.nn.functional as F

from core.models.products import linear

WEIGHT = torch.randn(24, 36, generator=torch.Generator().manual_seed(1))
LAYOUTS = {"as it is": WEIGHT, "transposed": WEIGHT.t().contiguous().t(), "a slice": WEIGHT[:, 12:24]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("biased", [True, False])
def test_equals_the_plain_product(layout, dtype, biased):
    weight = LAYOUTS[layout].to(dtype)
    x = torch.randn(2, 50, weight.shape[1], generator=torch.Generator().manual_seed(2)).to(dtype)
    bias = torch.arange(24, dtype=dtype) if biased else None
    torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias), rtol=1e-5, atol=1e-5)
