"""A PixelCNN as a prior of images: x is in its levels, `[batch, colours, height, width]`.

Its score is that of PnF (Jayaram & Thickstun 2021): the gradient of the discretised likelihood smoothed by a level's
noise, through the network and through the pixels themselves. A network that is told the level has learnt what noisy
pixels say of clean ones; another takes them as they are.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.models.stepwise import StepwiseModel
from core.models.wavenet_score import smoothed_log_prob
from core.priors.tiles import tiles
from core.signal.images import PixelLevels
from core.types import AnyCondition, LabelCondition, Prior, Score

LOUDEST, QUIETEST = 1.0, 0.01  # the ladder's ends, as shares of black to white; what was trained may begin higher
RUNGS = 16
AT_ONCE = 2**16  # pixels that a score is taken of at a time
TILE = 128  # pixels a side that larger images are cut into


class PixelCNNPrior(Prior):
    """What one PixelCNN knows about images.

    Args:
        size: height and width of what it was trained on.
        labels: that it can be told, by name, in the order of its table.
        loudest: highest noise level that it knows, as a share of black to white.
    """

    sample_rate, rms, autoregressive = 0, 1.0, True

    def __init__(
        self,
        name: str,
        network: PixelCNN,
        size: tuple[int, int] = (28, 28),
        labels: Sequence[str] = (),
        loudest: float = LOUDEST,
    ):
        self.name, self.size, self.labels, self.domain = name, size, labels, PixelLevels(network.config.levels)
        self.network, self.device = network.eval().requires_grad_(False), network.logits.weight.device
        first, last = (share * (network.config.levels - 1) for share in (loudest, QUIETEST))
        self.levels = tuple(first * (last / first) ** (n / (RUNGS - 1)) for n in range(RUNGS))
        self.start_level = self.levels[0]
        self.conditions = frozenset({LabelCondition} if labels else ())

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of the smoothed log-likelihood of x, and its value `[batch]` in nats."""
        label, at_once = self._label(condition), max(AT_ONCE // x[0].numel(), 1)
        labels = [None] * len(x) if label is None else label.split(at_once)
        score = self._score if x[0].numel() <= AT_ONCE else self._score_in_tiles
        scores = [score(*part, level) for part in zip(x.split(at_once), labels, strict=False)]
        gradients, log_probs = zip(*scores, strict=True)
        return Score(torch.cat(gradients), torch.cat(log_probs).flatten(1).sum(dim=1))

    def _score(self, x: Tensor, label: Tensor | None, level: float, top: int = 0) -> tuple[Tensor, Tensor]:
        """Gradient and value of every pixel, both of x's shape, of as many images as fit; `top` as the network's."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self.network(self.network.scaled(x), label, x.new_full((len(x),), level), top)
            log_prob = smoothed_log_prob(logits.movedim(1, -1).flatten(1, 3), x.flatten(1), level)[0]
            (gradient,) = torch.autograd.grad(log_prob.sum(), x)
        return gradient, log_prob.detach().view_as(x)

    def _score_in_tiles(self, x: Tensor, label: Tensor | None, level: float) -> tuple[Tensor, Tensor]:
        """The same of an image that is too large for it.

        Exact: a pixel's gradient comes from those that see it, which see as far again.
        """
        gradient, log_prob = torch.empty_like(x), torch.empty_like(x)
        for tile in tiles(*x.shape[2:], TILE, 2 * self.network.reach):
            made = self._score(x[:, :, *tile.seen], label, level, top=tile.seen[0].start)
            for whole, part in zip((gradient, log_prob), made, strict=True):
                whole[:, :, *tile.own] = part[:, :, *tile.inner]
        return gradient, log_prob

    def stepwise(self, streams: int, height: int, width: int) -> StepwiseModel:
        """The network pixel by pixel; begins with the images' labels, counted from 0, -1 for none."""
        from core.models.compiled.pixelcnn import PixelCNNSteps

        return PixelCNNSteps(self.network, streams, height, width)

    def _label(self, condition: AnyCondition | None) -> Tensor | None:
        return condition.label - 1 if self.labels and isinstance(condition, LabelCondition) else None


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> PixelCNNPrior:
    """A prior from a checkpoint's configuration (the network's sizes, the `size` of images, `names` of its labels) and
    weights."""
    sizes = {key: value for key, value in config.items() if key in PixelCNNConfig.__dataclass_fields__}
    network = PixelCNN(PixelCNNConfig(**sizes))
    network.load_state_dict(state)
    names = tuple(config.get("names") or map(str, range(network.config.labels)))
    return PixelCNNPrior(
        name, network.to(device), tuple(config.get("size", (28, 28))), names, config.get("loudest", LOUDEST)
    )
