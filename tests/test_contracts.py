"""What every prior and every observation must do, wrappers included.

They are found in the registries: what is added there fails here until it has an example, and is covered from then on.
"""

import importlib
import math
import pkgutil

import pytest
import torch

import core.observations
from core.errors import InputError
from core.models import mel_denoiser
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.sashimi import SaShiMi, SaShiMiConfig
from core.models.spectral import build
from core.models.wavenet import WaveNet, WaveNetConfig
from core.observations.clipping import Clipping
from core.observations.conditioned import ConditioningSpectrogram
from core.observations.decimation import Decimation
from core.observations.gap import Gap, PredictedGap
from core.observations.lowpass import LowpassDecimation
from core.observations.masked import Masked
from core.observations.mel import MelMagnitudes
from core.observations.mixture import Mixture, SharedSum
from core.priors.independent import Independent
from core.priors.remainder import Remainder
from core.priors.wrapped import Counted, WrappedPrior
from core.signal.companding import Linear, MuLaw, Waveform
from core.signal.mel import FRONT_ENDS, mel_filters
from core.types import (
    AutoregressivePrior,
    Condition,
    LabelCondition,
    MelCondition,
    MixtureCondition,
    Observation,
    Prior,
)
from core.zoo.families import FAMILIES, PRIOR

RATE, HOP, FRAMES = 16000, 64, 2048
BANDS = 5

# ---- priors ----------------------------------------------------------------------------------------------------------

SMALL_WAVENET = {"layers": 2, "stacks": 1, "residual": 4, "gate": 8, "skip": 4, "kernel_size": 2}
CONDITIONED = SMALL_WAVENET | {"bands": BANDS, "upsampling": [8, 8], "frame_padding": 1}
SPECTRAL = {"channels": 4, "blocks": 1, "patch": 4}
SPECTROGRAMS = {"frames": 8, "channels": 8, "blocks": 1, "heads": 2, "labels": ["no", "yes"], "speakers": ["Ada"]}
SMALL_ONEHOT = {"width": 4, "head": 4, "stacks": 1, "layers": 2}
LADDER = (20.0, 5.0, 0.5)
SMALL_DIFFWAVE = {"layers": 2, "cycle": 2, "residual": 4, "skip": 4, "embedding": [8, 8, 8]}
SMALL_SASHIMI = {"channels": 4, "layers": 1, "pooling": [4], "embedding": [8, 8, 8], "length": 512, "state": 4}
TOLD_MEL = {"bands": BANDS, "upsampling": [8, 8]}
NOISE = {"steps": 20, "betas": [1e-4, 0.3]}


def spectral(**sizes) -> tuple[str, dict, dict]:
    return "spectral", SPECTRAL | sizes, build(SPECTRAL | sizes).state_dict()


def wavenet(sizes: dict, **config) -> tuple[str, dict, dict]:
    return "wavenet", sizes | config, WaveNet(WaveNetConfig(**sizes)).state_dict()


def of_spectrograms() -> tuple[str, dict, dict]:
    network = mel_denoiser.build(SPECTROGRAMS)
    for layer in (network.modulate, network.head):  # which begin as zeros
        torch.nn.init.normal_(layer.weight, std=0.1)
    return "mel-denoiser", SPECTROGRAMS, network.state_dict()


def ladder() -> tuple[str, dict, dict]:
    states = {level: WaveNet(WaveNetConfig(**SMALL_WAVENET)).state_dict() for level in LADDER}
    return "wavenet-ladder", SMALL_WAVENET, {f"{at}/{k}": w for at, state in states.items() for k, w in state.items()}


def diffwave(**sizes) -> tuple[str, dict, dict]:
    return "diffwave", sizes | NOISE, trained(DiffWave(DiffWaveConfig(**sizes)))


def sashimi(**sizes) -> tuple[str, dict, dict]:
    return "sashimi", sizes | NOISE, trained(SaShiMi(SaShiMiConfig(**sizes)))


def trained(network: torch.nn.Module) -> dict:
    """Weights with those of the last layer, which starts at zero."""
    return network.state_dict() | {"noise.weight": torch.randn(network.noise.weight.shape)}


def onehot_wavenet(**sizes) -> tuple[str, dict, dict]:
    return "onehot-wavenet", sizes, OneHotWaveNet(OneHotWaveNetConfig(**sizes)).state_dict()


CHECKPOINTS = {  # makers of (family, configuration, weights)
    "spectral": spectral,
    "spectral-extractor": lambda: spectral(extractor_channels=4),
    "wavenet": lambda: wavenet(SMALL_WAVENET),
    "wavenet-linear": lambda: wavenet(SMALL_WAVENET, domain="linear"),
    "wavenet-conditioned": lambda: wavenet(CONDITIONED),
    "wavenet-ladder": ladder,
    "onehot-wavenet": lambda: onehot_wavenet(**SMALL_ONEHOT),
    "onehot-wavenet-told": lambda: onehot_wavenet(**SMALL_ONEHOT, labels=3),
    "mel-denoiser": of_spectrograms,
    "diffwave": lambda: diffwave(**SMALL_DIFFWAVE),
    "diffwave-conditioned": lambda: diffwave(**SMALL_DIFFWAVE, **TOLD_MEL),
    "sashimi": lambda: sashimi(**SMALL_SASHIMI),
    "sashimi-s4": lambda: sashimi(**SMALL_SASHIMI, kernel="s4"),
    "sashimi-conditioned": lambda: sashimi(**SMALL_SASHIMI, **TOLD_MEL),
}
WRAPPED = {  # makers of priors around others
    "counted": lambda: Counted(prior_of("spectral")),
    "counted-wavenet": lambda: Counted(prior_of("wavenet-conditioned")),
    "independent": lambda: Independent([prior_of("spectral-extractor"), prior_of("spectral-extractor")]),
    "independent-linear": lambda: Independent([prior_of("wavenet-linear"), prior_of("wavenet-linear")]),
    "remainder": lambda: Remainder(
        Independent([prior_of("spectral"), prior_of("spectral")]), noise(2, FRAMES), (1.0, 0.5)
    ),
}


def prior_of(name: str) -> Prior:
    torch.manual_seed(0)
    if name in WRAPPED:
        return WRAPPED[name]()
    family, config, state = CHECKPOINTS[name]()
    return FAMILIES[family].build(name, config | {"sample_rate": RATE}, state, "cpu")


def noise(rows: int, frames: int = FRAMES, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, frames, generator=torch.Generator().manual_seed(seed))


def shown(kind: type, rows: int):
    """An example of each kind of condition, for so many rows of x."""
    return {
        Condition: lambda: Condition(noise(rows), noise(rows, seed=1), torch.ones(rows, FRAMES)),
        MelCondition: lambda: MelCondition(noise(rows * BANDS, FRAMES // HOP + 2).view(rows, BANDS, -1), HOP, 1),
        MixtureCondition: lambda: MixtureCondition(noise(rows), (1.0, 1.0)),
        LabelCondition: lambda: LabelCondition(torch.full((rows,), 2), torch.full((rows,), 1), 1.5),
    }[kind]()


@pytest.fixture(scope="module", params=[*CHECKPOINTS, *WRAPPED])
def prior(request) -> Prior:
    return prior_of(request.param)


def needed(prior: Prior, rows: int) -> MelCondition | None:
    """What a prior that is conditioned on spectrograms cannot do without."""
    return shown(MelCondition, rows) if MelCondition in prior.conditions else None


def decoded(prior: Prior, rows: int) -> torch.Tensor:
    """What an x of the prior stands for; autoregressive priors that are conditioned have one sample before the
    frames."""
    if prior.spectrograms:
        return noise(rows, math.prod(prior.event(0.01))).unflatten(1, prior.event(0.01))
    return noise(rows, FRAMES + (MelCondition in prior.conditions and prior.autoregressive)).clamp(-1, 1)


def state(prior: Prior, rows: int = 4) -> torch.Tensor:
    """An x in the prior's domain, with a little noise."""
    x = prior.encode(decoded(prior, rows))
    return x + prior.levels[-1] * noise(1, x.numel(), seed=2).view(x.shape)


def test_every_family_of_priors_and_every_wrapper_has_an_example():
    families = {CHECKPOINTS[name]()[0] for name in CHECKPOINTS}
    assert families == {name for name, family in FAMILIES.items() if family.kind == PRIOR}
    examples = {type(prior_of(name)) for name in WRAPPED}
    assert examples >= set(subclasses(WrappedPrior)) and Independent in examples


def test_a_prior_says_what_it_can_do(prior):
    for name in Prior.__annotations__:
        assert getattr(prior, name) is not None or name == "front_end"
    assert list(prior.levels) == sorted(prior.levels, reverse=True) and prior.levels[-1] > 0
    assert 0 < prior.start_level <= prior.levels[0] and prior.rms > 0
    assert prior.conditions <= {Condition, LabelCondition, MelCondition, MixtureCondition}
    assert prior.longest_seconds > 0 and bool(prior.labels or prior.speakers) == (LabelCondition in prior.conditions)
    assert prior.autoregressive == (prior.receptive_field > 0)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_wrappers_say_what_their_inner_prior_does(name):
    inner = prior_of(name)
    wrapped = Counted(inner)
    for trait in Prior.__annotations__:
        assert getattr(wrapped, trait) == getattr(inner, trait)
    x, condition = state(inner, 2), needed(inner, 2)
    assert torch.equal(
        wrapped.score(x, inner.levels[-1], condition).gradient, inner.score(x, inner.levels[-1], condition).gradient
    )
    assert wrapped.samples == x.numel()


def test_decode_undoes_encode(prior):
    waveform = decoded(prior, 2)
    classes = getattr(prior.domain, "unit", 1.0) != 1.0 or isinstance(prior.domain, MuLaw)
    torch.testing.assert_close(prior.decode(prior.encode(waveform)), waveform, atol=0.02 if classes else 1e-6, rtol=0)


def test_a_score_has_the_shape_of_x_and_is_the_same_every_time(prior):
    x, level, condition = state(prior), prior.levels[0], needed(prior, 4)
    first, second = (prior.score(x, level, condition) for _ in range(2))
    assert first.gradient.shape == x.shape and torch.isfinite(first.gradient).all()
    assert torch.equal(first.gradient, second.gradient)
    assert first.log_prob is None or (first.log_prob.shape == (len(x),) and torch.isfinite(first.log_prob).all())
    assert first.residual is None or first.residual >= 0


def test_denoising_is_tweedies_formula(prior):
    x, level, condition = state(prior), prior.levels[len(prior.levels) // 2], needed(prior, 4)
    expected = x + level**2 * prior.score(x, level, condition).gradient
    torch.testing.assert_close(prior.denoise(x, level, condition), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "kind", [Condition, LabelCondition, MelCondition, MixtureCondition], ids=lambda kind: kind.__name__
)
def test_conditions_are_taken_into_account_or_ignored(prior, kind):
    if needed(prior, 4) is not None and kind is not MelCondition:
        pytest.skip("a prior that is conditioned on spectrograms needs one")
    rows = 4 if kind is not MixtureCondition or not isinstance(prior, Independent | Remainder) else 2
    x, level, condition = state(prior), prior.levels[0], shown(kind, rows)
    told = prior.score(x, level, condition).gradient
    assert told.shape == x.shape and torch.isfinite(told).all()
    if kind not in prior.conditions:
        assert torch.equal(told, prior.score(x, level).gradient)


def test_an_estimate_is_made_by_those_that_look_at_evidence(prior):
    estimate = prior.estimate(shown(Condition, 2))
    assert (estimate is not None) == (Condition in prior.conditions)
    assert estimate is None or (estimate.shape == (2, FRAMES) and torch.isfinite(estimate).all())


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_autoregressive_priors_predict_and_draw(name):
    prior = prior_of(name)
    assert prior.autoregressive == isinstance(prior, AutoregressivePrior)
    if not prior.autoregressive:
        return
    x, condition = state(prior, 1), needed(prior, 1)
    assert prior.predict(x[:, :-1], prior.levels[-1], condition).shape[:2] == (1, x.shape[1] - 1)
    steps = prior.stepwise(2)
    steps.begin(None if condition is None else shown(MelCondition, 2).mel)
    classes, log_probs = steps.draw(torch.rand(2, 3, dtype=torch.float64))
    assert classes.shape == log_probs.shape == (2, 3) and (log_probs <= 0).all()


def test_mu_law_sources_do_not_add_up():
    with pytest.raises(InputError, match="spaced as a logarithm"):
        Independent([prior_of("wavenet"), prior_of("wavenet")])


# ---- observations ----------------------------------------------------------------------------------------------------


def mel_magnitudes() -> MelMagnitudes:
    front_end = FRONT_ENDS["pnf-16k"]
    filters, frames = torch.from_numpy(mel_filters(front_end)).float(), 1 + FRAMES // front_end.hop_length
    magnitudes = 0.1 * torch.rand(2, front_end.bands, frames, generator=torch.Generator().manual_seed(0))
    return MelMagnitudes(magnitudes, filters, front_end.hop_length, noise(2))


def clipping(domain) -> Clipping:
    x = domain.encode(noise(2).clamp(-0.2, 0.2))
    top, bottom = domain.encode(torch.tensor(0.2)), domain.encode(torch.tensor(-0.2))
    return Clipping(x, x >= top, x <= bottom, domain)


OBSERVATIONS = {  # makers: (domain) -> observation of two rows; the domains that it knows
    Masked: (lambda d: Masked(d.encode(noise(2)), noise(2, seed=1) > 0, d), (Waveform, MuLaw, Linear)),
    Gap: (lambda d: Gap(d.encode(noise(2)), [(500, 700)], d), (Waveform, MuLaw, Linear)),
    PredictedGap: (lambda d: PredictedGap(d.encode(noise(2)), [(500, 700)], d), (Waveform, MuLaw, Linear)),
    Clipping: (clipping, (Waveform, MuLaw, Linear)),
    Decimation: (lambda d: Decimation(4, d.encode(noise(2, FRAMES // 4)), FRAMES, d), (Waveform, MuLaw, Linear)),
    LowpassDecimation: (lambda d: LowpassDecimation(4, noise(2, FRAMES // 4), FRAMES, d), (Waveform, MuLaw, Linear)),
    Mixture: (lambda d: Mixture(noise(1), (1.0, 0.5), d), (Waveform, Linear)),
    SharedSum: (lambda d: SharedSum(noise(1), (1.0, 0.5), d), (Waveform, Linear)),
    MelMagnitudes: (lambda d: mel_magnitudes(), (Waveform,)),
    ConditioningSpectrogram: (
        lambda d: ConditioningSpectrogram(shown(MelCondition, 2), noise(2, FRAMES + 1).clamp(-1, 1), d),
        (Waveform, MuLaw, Linear),
    ),
}
WITHOUT_START = (Masked,)  # what gaps and clipping share


def subclasses(kind: type) -> list[type]:
    return [found for own in kind.__subclasses__() for found in (own, *subclasses(own))]


def observations():
    for kind, (make, domains) in OBSERVATIONS.items():
        for domain in domains:
            yield pytest.param(kind, make, domain(), id=f"{kind.__name__}-{domain.__name__}")


def test_every_observation_has_an_example():
    for module in pkgutil.iter_modules(core.observations.__path__, "core.observations."):
        importlib.import_module(module.name)
    own = [kind for kind in subclasses(Observation) if kind.__module__.startswith("core.")]
    assert set(own) == set(OBSERVATIONS)


@pytest.mark.parametrize(("kind", "make", "domain"), observations())
def test_an_observation_keeps_its_contract(kind, make, domain):
    observation = make(domain)
    x = domain.encode(noise(2, observation_frames(observation), seed=3).clamp(-1, 1))
    gradient, projected = observation.gradient(x, 0.5), observation.project(x)
    assert gradient.shape == projected.shape == x.shape
    assert torch.isfinite(gradient).all() and torch.isfinite(projected).all()
    assert torch.equal(observation.gradient(x, 0.5), gradient), "the same every time"
    assert observation.residual(x) >= 0 and isinstance(observation.residual(x), float)
    condition = observation.condition()
    assert condition is None or isinstance(condition, Condition | MelCondition | MixtureCondition)
    if kind not in WITHOUT_START:
        starts = [observation.initialise(torch.Generator().manual_seed(0)) for _ in range(2)]
        assert starts[0].shape == x.shape and torch.equal(*starts) and torch.isfinite(starts[0]).all()


def observation_frames(observation: Observation) -> int:
    return FRAMES + isinstance(observation, ConditioningSpectrogram)


def test_what_measures_nothing_leaves_everything():
    x = noise(2)
    nothing = Observation()
    assert torch.equal(nothing.project(x), x) and not nothing.gradient(x, 1.0).any() and nothing.residual(x) == 0
    assert nothing.condition() is None and nothing.expecting(x) is nothing
