"""A row for every label that a network can be told, and their mean where it is told none."""

from torch import Tensor, nn


class LabelTable(nn.Embedding):
    """Labels, int64 `[batch]`, -1 where none is told; None tells none of them."""

    def forward(self, label: Tensor | None) -> Tensor:
        """`[batch, channels]`, or `[1, channels]` for all of a batch."""
        mean = self.weight.mean(0, keepdim=True)
        return mean if label is None else super().forward(label.clamp(min=0)).where(label[:, None] >= 0, mean)
