"""How sound is drawn of which nothing was measured: samplers by the names that users choose, as plans.

`ddpm` (Ho et al. 2020) and `ddim` (Song et al. 2021) walk down a prior's own ladder, which of a diffusion over discrete
steps is the one that it was trained on; `fast` walks down that of a short list of betas (DiffWave, Kong et al. 2021);
`heun` and `sde` are Karras et al.'s (2022).
"""

from collections.abc import Sequence

from core.choices import GENERATION_SAMPLERS
from core.errors import InputError
from core.models.noise_schedule import NoiseSchedule
from core.samplers.diffusion import reverse_diffusion
from core.samplers.heun import heun
from core.samplers.presets import Plan
from core.samplers.schedules import karras, respaced
from core.signal.companding import Waveform
from core.types import Prior

USUAL_STEPS = {"ddim": 50, "heun": 18, "sde": 32}  # ddpm takes all that a ladder has
MOST_STEPS = 1000
RHO = 7.0  # Karras et al.
CHURN = 40.0  # Karras et al.; as much as a step may take, up to 96 steps
FAST_BETAS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5)  # DiffWave


def generation_plan(
    name: str, prior: Prior, steps: int | None = None, betas: Sequence[float] = FAST_BETAS, channels: int = 1
) -> Plan:
    """The sampler of that name for a prior; `plan.start(prior, Observation(), zeros, generator, condition)` draws.

    Args:
        steps: of the chain; None takes the sampler's usual number. `fast` has as many as there are betas.
        betas: of `fast`. Its noise levels are those of a waveform in [-1, 1]; on a prior of anything else they are
            multiplied so that the first is the prior's own.
        channels: neighbouring rows that are one sound and share their noise.

    Raises:
        InputError: an unknown sampler, or a number of steps that it cannot take.
    """
    if name not in GENERATION_SAMPLERS:
        raise InputError(f"There is no sampler {name:.40}; choose one of {', '.join(GENERATION_SAMPLERS)}.")
    if name == "fast" and steps not in (None, len(betas)):
        raise InputError(f"The sampler fast has {len(betas)} steps of its own, not {steps}; choose ddim for others.")
    if steps is None:
        steps = {"ddpm": len(prior.levels), "fast": len(betas), **USUAL_STEPS}[name]
    if not 1 <= steps <= MOST_STEPS:
        raise InputError(f"The number of steps must lie between 1 and {MOST_STEPS}, not {steps}.")
    settings: dict = {"sigmas": _ladder(name, prior, steps, betas), "channels": channels}
    if name in ("heun", "sde"):
        return Plan(name, heun, steps, settings | {"churn": CHURN if name == "sde" else 0.0})
    return Plan(name, reverse_diffusion, steps, settings | {"stochasticity": 0.0 if name == "ddim" else 1.0})


def _ladder(name: str, prior: Prior, steps: int, betas: Sequence[float]) -> list[float]:
    """The noise levels of a chain, coarse to fine."""
    if name in ("heun", "sde"):
        return karras(prior.levels[0], prior.levels[-1], steps, RHO)
    if name != "fast":
        return respaced(prior.levels, steps)
    levels = NoiseSchedule(betas).levels.flip(0).tolist()
    scale = 1.0 if isinstance(prior.domain, Waveform) else prior.levels[0] / levels[0]
    return [scale * level for level in levels]
