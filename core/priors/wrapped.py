"""Priors around another prior: what they do not change is the inner one's own."""

from torch import Tensor

from core.types import AnyCondition, BandCondition, Condition, Prior, Score


class WrappedPrior(Prior):
    """Passes everything on; a wrapper overrides what it changes. What the inner prior says of itself is copied."""

    def __init__(self, prior: Prior):
        self.prior = prior
        for name in Prior.__annotations__:
            setattr(self, name, getattr(prior, name))

    def encode(self, waveform: Tensor) -> Tensor:
        return self.prior.encode(waveform)

    def decode(self, x: Tensor) -> Tensor:
        return self.prior.decode(x)

    def event(self, seconds: float) -> tuple[int, ...]:
        return self.prior.event(seconds)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        return self.prior.score(x, level, condition)

    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        return self.prior.denoise(x, level, condition)

    def estimate(self, condition: Condition | BandCondition) -> Tensor | None:
        return self.prior.estimate(condition)


class Counted(WrappedPrior):
    """Counts the samples that it is asked about: over the clip's, the number of score evaluations."""

    def __init__(self, prior: Prior):
        super().__init__(prior)
        self.samples = 0

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        self.samples += x.numel()
        return super().score(x, level, condition)

    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        self.samples += x.numel()
        return super().denoise(x, level, condition)

    def estimate(self, condition: Condition | BandCondition) -> Tensor | None:
        self.samples += condition.waveform.numel() if isinstance(condition, BandCondition) else condition.mask.numel()
        return super().estimate(condition)
