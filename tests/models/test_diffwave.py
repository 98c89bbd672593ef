"""Both backbones of DiffWave: what they see, how long they may be, what they are told."""

import pytest
import torch

from core.errors import InputError
from core.evaluation.parity import run_parity
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.sashimi import ChannelNorm, SaShiMi, SaShiMiConfig
from core.models.waveform_diffusion import MelInput

WAVENET = {"layers": 4, "cycle": 2, "residual": 6, "skip": 5, "embedding": (8, 10, 12)}
SASHIMI = {"channels": 6, "layers": 1, "pooling": (4, 2), "embedding": (8, 10, 12), "length": 64, "state": 8}
TOLD = {"bands": 7, "upsampling": (4, 2)}


def made(kind: str, **changes):
    torch.manual_seed(0)
    if kind == "wavenet":
        network = DiffWave(DiffWaveConfig(**WAVENET | changes))
    else:
        network = SaShiMi(SaShiMiConfig(**SASHIMI | changes))
    torch.nn.init.normal_(network.noise.weight)
    return network.requires_grad_(False)


@pytest.mark.parametrize("kind", ["wavenet", "sashimi"])
def test_a_fresh_network_predicts_no_noise(kind):
    network = DiffWave(DiffWaveConfig(**WAVENET)) if kind == "wavenet" else SaShiMi(SaShiMiConfig(**SASHIMI))
    assert not network(torch.randn(2, 32), torch.zeros(2)).any()


def test_the_wavenet_sees_as_far_both_ways():
    network, x = made("wavenet"), torch.randn(1, 41)
    x.requires_grad_()
    network(x, torch.zeros(1))[0, 20].backward()
    seen = x.grad[0].nonzero()[:, 0]
    assert (seen.min(), seen.max()) == (20 - 6, 20 + 6), "1 + 2 + 1 + 2 samples"


@pytest.mark.parametrize("unet", [True, False])
def test_sashimi_sees_everything_and_takes_any_length(unet):
    network, x = made("sashimi", unet=unet), torch.randn(1, 53)
    x.requires_grad_()
    out = network(x, torch.zeros(1))
    assert out.shape == x.shape
    out[0, 20].backward()
    assert x.grad[0].all()


@pytest.mark.parametrize("kind", ["wavenet", "sashimi"])
def test_steps_count_also_between_two(kind):
    network, x = made(kind), torch.randn(1, 32)
    at = [network(x, torch.tensor([step])) for step in (3.0, 3.5, 4.0)]
    assert (at[1] - (at[0] + at[2]) / 2).abs().max() < 0.3 * (at[2] - at[0]).abs().max()
    assert torch.equal(network(x, torch.tensor([3])), at[0])


@pytest.mark.parametrize("kind", ["wavenet", "sashimi"])
def test_a_spectrogram_is_heard_and_may_be_longer_but_not_shorter(kind):
    network, x, mel = made(kind, **TOLD), torch.randn(1, 32), torch.randn(1, 7, 4)
    heard = network(x, torch.zeros(1), mel)
    assert (network(x, torch.zeros(1), mel + 1) - heard).abs().max() > 1e-3
    longer = network(x, torch.zeros(1), torch.cat([mel, torch.zeros(1, 7, 3)], dim=-1))
    assert longer.shape == heard.shape and (kind == "sashimi" or torch.allclose(longer[:, :8], heard[:, :8], atol=1e-5))
    with pytest.raises(InputError, match="3 frames reaches over 24 samples, not over the 32"):
        network(x, torch.zeros(1), mel[..., :3])


def test_the_leak_is_in_the_residual_path_alone():
    """With embeddings that add nothing, both forms are one."""
    clean, leaky = made("wavenet"), made("wavenet", leaky=True)
    x = torch.randn(1, 20)
    assert (clean(x, torch.ones(1)) - leaky(x, torch.ones(1))).abs().max() > 1e-3
    for network in (clean, leaky):
        for layer in network.layers:
            layer.step.weight.zero_(), layer.step.bias.zero_()
    assert torch.equal(clean(x, torch.ones(1)), leaky(x, torch.ones(1)))


def test_pooled_stages_hear_all_of_a_spectrogram_unless_they_are_to_be_the_originals():
    mel = torch.zeros(1, 7, 8)
    mel[..., 6:] = 1
    torch.manual_seed(0)
    whole, truncated = MelInput(7, 3, (4, 2), pooling=4), MelInput(7, 3, (4, 2), pooling=4, truncated=True)
    truncated.load_state_dict(whole.state_dict())
    assert whole(mel, 16).shape == truncated(mel, 16).shape == (1, 16, 3)
    assert (truncated(mel, 16) - truncated(mel * 0, 16)).abs().max() == 0
    assert (whole(mel, 16) - whole(mel * 0, 16))[:, 13:].abs().max() > 1e-3


def test_the_norm_is_over_channels_and_finite_where_they_are_alike():
    norm, x = ChannelNorm(), torch.randn(2, 5, 4)
    x[0, 0] = 0.3
    normed = norm(x)
    assert torch.isfinite(normed).all() and not normed[0, 0].any()
    torch.testing.assert_close(normed[1].std(dim=-1, correction=0), torch.ones(5))
    torch.testing.assert_close(normed[1].mean(dim=-1), torch.zeros(5), atol=1e-6, rtol=0)


def test_only_the_older_kernel_has_one_length():
    assert SaShiMiConfig(kernel="s4-older", length=99).fixed_length == 99
    assert SaShiMiConfig(kernel="s4").fixed_length is None


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        *(("diffwave_wavenet", name) for name in ("schedules", "unconditional", "vocoder")),
        *(("diffwave_sashimi", f"master_{name}") for name in ("unet", "snet", "unet_mel")),
        *(("diffwave_sashimi", f"checkpoints_{name}") for name in ("unet", "snet")),
    ],
)
def test_goldens(parity_folder, system, folder):
    checks = list(run_parity(parity_folder, system=system, only=f"{folder}/"))
    assert len(checks) > 10
    assert not [check for check in checks if not check.ok]
