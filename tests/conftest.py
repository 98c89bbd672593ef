"""What all tests share: torch as the commands set it, a home of their own, and the goldens where they are."""

import os
from pathlib import Path

import pytest
import torch

os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # on a busy machine torch, in the same pool, waits long for a second
PARITY = Path(__file__).resolve().parents[2] / "shared" / "parity"


@pytest.fixture(autouse=True, scope="session")
def torch_settings():
    """Denormal floats make small networks several times slower."""
    torch.set_flush_denormal(True)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """The user's own checkpoints of this test: a fresh folder, so that no test sees those of the machine."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RESOUND_HOME", str(home))
    monkeypatch.delenv("RESOUND_OWN_CHECKPOINTS", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    return home


@pytest.fixture(scope="session")
def parity_folder() -> Path:
    """Recordings of what the original systems gave."""
    if not PARITY.is_dir():
        pytest.skip("the folder of goldens, ../shared/parity, is not there")
    return PARITY


@pytest.fixture
def tiny_prior(own_home, tmp_path) -> str:
    """The name of a registered spectral prior: far too small, with fresh weights, at 16 kHz."""
    from core import zoo
    from core.models.spectral import build
    from core.zoo.checkpoint import save_checkpoint

    config = {"channels": 4, "blocks": 1, "patch": 4}
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, "spectral", config, build(config).state_dict())
    zoo.register("tiny", path, {"sample_rate": 16000})
    path.unlink()
    return "tiny"


@pytest.fixture
def told(own_home, tmp_path) -> str:
    """The name of a registered WaveNet that is told spectrograms: far too small, with fresh weights, at 16 kHz."""
    from core import zoo
    from core.models.wavenet import WaveNet, WaveNetConfig
    from core.zoo.checkpoint import save_checkpoint

    sizes = {"layers": 2, "stacks": 1, "residual": 8, "gate": 16, "skip": 8, "kernel_size": 2}
    sizes |= {"noise_conditional": True, "bands": 80, "upsampling": [4, 4, 4, 4]}
    torch.manual_seed(0)
    path = tmp_path / "told.safetensors"
    state = WaveNet(WaveNetConfig(**sizes)).state_dict()
    save_checkpoint(path, "wavenet", sizes | {"front_end": "pnf-16k", "sample_rate": 16000}, state)
    assert zoo.register("told", path, {}).task == ("vocode",)
    path.unlink()
    return "told"


@pytest.fixture
def register_separator(own_home, tmp_path):
    """Registers a separator for an array: far too small, with fresh weights, at 16 kHz."""
    from core import zoo
    from core.models.cone import ConeConfig, ConeNetwork
    from core.zoo.checkpoint import save_checkpoint

    def register(name: str, array: str, microphones: int = 4, seed: int = 0) -> str:
        sizes = {"microphones": microphones, "depth": 2, "channels": 4, "lstm_layers": 1}
        torch.manual_seed(seed)
        path = tmp_path / f"{name}.safetensors"
        state = ConeNetwork(ConeConfig(**sizes)).state_dict()
        save_checkpoint(path, "cone", sizes | {"array": array, "sample_rate": 16000}, state)
        zoo.register(name, path, {})
        path.unlink()
        return name

    return register


@pytest.fixture
def no_bundled_separator(monkeypatch):
    """What localization takes by default is what a test registers."""
    from core import zoo

    offered = zoo.catalogue

    def own(*task):
        return [entry for entry in offered(*task) if not entry.bundled]

    monkeypatch.setattr(zoo, "catalogue", own)
