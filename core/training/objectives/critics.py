"""Discriminators that train beside a network and tell it what gives its sounds away (Goodfellow et al. 2014).

One resolution at a time is judged, by the hinge loss, and the features that a discriminator sees are compared as well
(Larsen et al. 2016; Kumar et al. 2019). The discriminators belong to the objective, not to the network: the loop knows
nothing of them. Of several processes, each has its own.
"""

import torch
from torch import Generator, Tensor, nn

from core.models.discriminator import SpectrumDiscriminator

SIZES = (2048, 1024, 512)  # of frames, in samples
LEARNING_RATE, BETAS = 1e-3, (0.8, 0.99)
VERDICT_WEIGHT, FEATURE_WEIGHT = 0.05, 0.5


class Critics:
    """A discriminator for each resolution, with their optimizer."""

    def __init__(self):
        self.networks = nn.ModuleList(SpectrumDiscriminator(size) for size in SIZES)
        self.optimizer = torch.optim.AdamW(self.networks.parameters(), LEARNING_RATE, BETAS)

    def dispute(self, made: Tensor, clean: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Teaches one discriminator to tell what was made from recordings, then asks it; waveforms [batch, samples].

        Returns:
            The loss of what was made, and figures to log.
        """
        self.networks.to(made.device)
        critic = self.networks[int(torch.randint(len(SIZES), (1,), generator=generator))]
        real, features = critic(clean)
        fake, _ = critic(made.detach())
        told = (1 - real).relu().mean() + (1 + fake).relu().mean()
        self.optimizer.zero_grad(set_to_none=True)
        told.backward()
        self.optimizer.step()
        critic.requires_grad_(False)
        verdict, seen = critic(made)
        critic.requires_grad_(True)
        wanted = [feature.detach() for feature in features]
        unlike = torch.stack([_relative(a, b) for a, b in zip(seen, wanted, strict=True)]).mean()
        figures = {"told": told.item(), "unlike": unlike.item()}
        return FEATURE_WEIGHT * unlike - VERDICT_WEIGHT * verdict.mean(), figures

    def state(self) -> dict:
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])


def _relative(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference, relative to the mean magnitude of b."""
    return (a.float() - b.float()).abs().mean() / b.float().abs().mean().clamp_min(1e-6)
