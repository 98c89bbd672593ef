"""What all tests share: torch as the commands set it, a home of their own, processes that end with their test, the
goldens where they are, and the markers of what `make test-fast` leaves out (`slow` stands beside its tests).
"""

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from tests.processes import ROOT, running_python

os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # on a busy machine torch, in the same pool, waits long for a second
PARITY = ROOT.parent / "shared" / "parity"


def pytest_collection_modifyitems(items):
    """Marks tests by where they stand and by the fixtures that they use.

    What opens the page or starts processes may fail where a machine is busy elsewhere, and is tried once more (as the
    summary says).
    """
    for item in items:
        path = item.path.relative_to(ROOT / "tests")
        if path.parts[0] == "browser":
            item.add_marker("browser")
        if "parity_folder" in item.fixturenames:
            item.add_marker("goldens")
        if path.name.startswith(("test_cli", "test_workers")) or "start_process" in item.fixturenames:
            item.add_marker("cli")
        if item.get_closest_marker("browser") or "start_process" in item.fixturenames:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Side by side (`-n 2`), one process runs all tests of a file, and one all of the page, which share a server and a
    Chromium."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "browser" if path.startswith("tests/browser/") else path

    return ByFile(config, log)


@pytest.fixture(autouse=True, scope="session")
def interrupts_are_heard():
    """Ctrl-C reaches the tests and what they start, in a background job too, which is started with it ignored; so does
    a hangup what they start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup: the tests stay deaf, what they start hears
        signal.signal(signal.SIGHUP, lambda number, frame: None)


@pytest.fixture(autouse=True)
def torch_settings():
    """Denormal floats make small networks several times slower, and so do threads that wait for each other on busy
    cores; compiled loops set their number anew."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """The user's own checkpoints of this test: a fresh folder, so that no test sees those of the machine."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RESOUND_HOME", str(home))
    monkeypatch.delenv("RESOUND_OWN_CHECKPOINTS", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    return home


@pytest.fixture
def start_process():
    """Starts Python with the arguments given; it ends with the test."""
    with ExitStack() as ends:
        yield lambda *arguments, **settings: ends.enter_context(running_python(*arguments, **settings))


@pytest.fixture
def run_process(start_process):
    """The same, and waits for its end."""

    def run(*arguments, **settings) -> subprocess.CompletedProcess:
        process = start_process(*arguments, **settings)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


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
def tiny_mel_prior(own_home, tmp_path) -> str:
    """The name of a registered prior of spectrograms of 0.064 s that can be told 7, yes, Ada; random weights."""
    from core import zoo
    from core.models import mel_denoiser
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    config = {"frames": 8, "channels": 8, "blocks": 1, "heads": 2, "labels": ["7", "yes"], "speakers": ["Ada"]}
    network = mel_denoiser.build(config)
    for layer in (network.modulate, network.head):  # which begin as zeros
        torch.nn.init.normal_(layer.weight, std=0.1)
    path = tmp_path / "tiny-mel.safetensors"
    save_checkpoint(path, "mel-denoiser", config, network.state_dict())
    zoo.register("tiny-mel", path, {"sample_rate": 16000})
    path.unlink()
    return "tiny-mel"


@pytest.fixture
def tiny_wavenet(own_home, tmp_path) -> str:
    """The name of a registered WaveNet, which hears 7 samples; far too small, random weights."""
    from core import zoo
    from core.models.wavenet import WaveNet, WaveNetConfig
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    config = {"layers": 2, "stacks": 1, "residual": 4, "gate": 8, "skip": 4}
    path = tmp_path / "tiny-wavenet.safetensors"
    network = WaveNet(WaveNetConfig(**config))
    network.logits.weight.data.mul_(100)  # so that what it hears matters
    save_checkpoint(path, "wavenet", config, network.state_dict())
    zoo.register("tiny-wavenet", path, {"sample_rate": 16000})
    path.unlink()
    return "tiny-wavenet"


@pytest.fixture
def tiny_converter(own_home, tmp_path) -> str:
    """The name of a registered voice converter, with a content encoder of its own; far too small, random weights."""
    from core import zoo
    from core.models import content_encoder, converter
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    path = tmp_path / "tiny-voice.safetensors"
    config = {"channels": 16, "blocks": 1, "features": 8, "details": 2, "changes": 1}
    encoder = content_encoder.build(config)
    for codebook in encoder.codebooks:
        codebook.data.normal_()
    encoder.head.weight.data.mul_(10)  # so that anything counts as articulated
    save_checkpoint(path, "content-encoder", config, encoder.state_dict())
    zoo.register("tiny-content", path, {"sample_rate": 16000, "task": []})
    config = {"channels": 16, "blocks": 1, "features": 8, "encoder": "tiny-content"}
    network = converter.build(config)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    save_checkpoint(path, "voice-converter", config, network.state_dict())
    zoo.register("tiny-converter", path, {"sample_rate": 16000})
    path.unlink()
    return "tiny-converter"


@pytest.fixture
def tiny_vqvae(own_home, tmp_path) -> str:
    """The name of a registered VQ-VAE that speaks as Ada and Bob; far too small, random weights."""
    from core import zoo
    from core.models import vqvae
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    config = {"width": 4, "classes": 5, "channels": 2, "conv_channels": 4, "rnn_channels": 4, "gru": 6, "hidden": 5}
    config |= {"speakers": ["Ada", "Bob"]}
    path = tmp_path / "tiny-vqvae.safetensors"
    save_checkpoint(path, "vqvae", config, vqvae.build(config).state_dict())
    assert zoo.register("tiny-vqvae", path, {"sample_rate": 16000}).task == ("convert-voice",)
    path.unlink()
    return "tiny-vqvae"


@pytest.fixture
def tiny_code_priors(own_home, tmp_path) -> tuple[str, str]:
    """The names of two registered priors of the codes of a registered LQ-VAE, one of 64 samples; random weights."""
    from core import zoo
    from core.models import lqvae, transformer
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    path = tmp_path / "tiny-codes.safetensors"
    config = {"multipliers": [1, 1, 1], "levels": [2]}
    config |= {"width": 4, "depth": 1, "code_width": 3, "classes": 6}
    codec = lqvae.build(config)
    codec.codebook().k.normal_(std=0.3)
    save_checkpoint(path, "lqvae", config, codec.state_dict())
    zoo.register("tiny-lqvae", path, {"sample_rate": 16000})
    config = {"classes": 6, "code_width": 3, "context": 24, "width": 8, "depth": 3, "blocks": 4, "initial": 30.0}
    for name in ("tiny-drums", "tiny-bass"):
        prior = transformer.build(config)
        prior.codebook.copy_(codec.codebook().k)
        save_checkpoint(path, "code-prior", config, prior.state_dict())
        assert zoo.register(name, path, {"sample_rate": 16000}).task == ("separate", "generate")
    path.unlink()
    return "tiny-drums", "tiny-bass"


@pytest.fixture
def tiny_voices(tiny_converter, tmp_path, monkeypatch) -> str:
    """The name of a registered table of two voices for that converter, ada and bob, in place of the bundled one."""
    import numpy as np

    from core import zoo
    from core.signal.clip import Clip
    from core.signal.files import write_clip
    from core.tasks.settings import Settings
    from core.tasks.utterance import load_speech
    from core.tasks.voice_making import make_table, save_table

    t, known, recordings = np.arange(8 * 16000) / 16000, [], {}
    for name, hertz in (("ada", 220), ("bob", 110)):
        sound = sum(np.cos(2 * np.pi * hertz * h * t) / h for h in range(1, 15)) * (np.sin(2 * np.pi * 2 * t) > -0.5)
        recordings[name] = [tmp_path / f"{name}.wav"]
        write_clip(recordings[name][0], Clip(0.05 * sound[None], 16000))
        known.append({"name": name, "description": "a test", "licence": "CC0-1.0"})
    table = tmp_path / "table.safetensors"
    save_table(make_table(known, recordings, load_speech(Settings(tiny_converter))), table)
    zoo.register("tiny-voices", table, {"sample_rate": 16000, "task": []})
    table.unlink()
    monkeypatch.setattr("core.tasks.voice.TABLE", "tiny-voices")
    return "tiny-voices"


@pytest.fixture
def extending_prior(own_home, tmp_path) -> str:
    """The name of the same with a band extender."""
    from core import zoo
    from core.models import band_extender, spectral
    from core.zoo.checkpoint import save_checkpoint

    torch.manual_seed(0)
    path = tmp_path / "extending.safetensors"
    config = {"channels": 8, "blocks": 2}
    extender = band_extender.build(config)
    torch.nn.init.normal_(extender.head.weight, std=0.3)
    save_checkpoint(path, "band-extender", config, extender.state_dict())
    zoo.register("extending.extender", path, {"sample_rate": 16000, "task": []})
    config = {"channels": 4, "blocks": 1, "patch": 4}
    save_checkpoint(path, "spectral", config, spectral.build(config).state_dict())
    zoo.register("extending", path, {"sample_rate": 16000, "parts": {"extender": "extending.extender"}})
    path.unlink()
    return "extending"


@pytest.fixture
def conditioned(own_home, tmp_path) -> str:
    """The name of a registered WaveNet conditioned on spectrograms: far too small, with fresh weights, at 16 kHz."""
    from core import zoo
    from core.models.wavenet import WaveNet, WaveNetConfig
    from core.zoo.checkpoint import save_checkpoint

    sizes = {"layers": 2, "stacks": 1, "residual": 8, "gate": 16, "skip": 8, "kernel_size": 2}
    sizes |= {"noise_conditional": True, "bands": 80, "upsampling": [4, 4, 4, 4]}
    torch.manual_seed(0)
    path = tmp_path / "conditioned.safetensors"
    state = WaveNet(WaveNetConfig(**sizes)).state_dict()
    save_checkpoint(path, "wavenet", sizes | {"front_end": "pnf-16k", "sample_rate": 16000}, state)
    assert zoo.register("conditioned", path, {}).task == ("vocode",)
    path.unlink()
    return "conditioned"


@pytest.fixture
def tiny_diffwave(own_home, tmp_path) -> str:
    """The name of a registered vocoder of DiffWave's kind: far too small, with fresh weights, at 16 kHz."""
    from core import zoo
    from core.models.diffwave import DiffWave, DiffWaveConfig
    from core.zoo.checkpoint import save_checkpoint

    sizes = {"layers": 2, "cycle": 2, "residual": 4, "skip": 4, "embedding": [8, 8, 8]}
    sizes |= {"bands": 80, "upsampling": [16, 16]}
    torch.manual_seed(0)
    network = DiffWave(DiffWaveConfig(**sizes))
    torch.nn.init.normal_(network.noise.weight)
    path = tmp_path / "tiny-diffwave.safetensors"
    config = sizes | {"steps": 20, "betas": [1e-4, 0.2], "front_end": "pnf-16k", "sample_rate": 16000}
    save_checkpoint(path, "diffwave", config, network.state_dict())
    assert zoo.register("tiny-diffwave", path, {}).task == ("vocode",)
    path.unlink()
    return "tiny-diffwave"


@pytest.fixture
def tiny_vocoder(own_home, tmp_path) -> str:
    """The name of a registered vocoder of `resound-16k`: far too small, with fresh weights."""
    from core import zoo
    from core.models import vocoder
    from core.zoo.checkpoint import save_checkpoint

    config = {"channels": 8, "blocks": 1, "pitch_channels": 8, "pitch_blocks": 1}
    torch.manual_seed(0)
    path = tmp_path / "tiny-vocoder.safetensors"
    save_checkpoint(path, "vocoder", config, vocoder.build(config).state_dict())
    assert zoo.register("tiny-vocoder", path, {"sample_rate": 16000}).task == ("vocode",)
    path.unlink()
    return "tiny-vocoder"


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
