"""Serves the real page in a process of its own and opens it in headless Chromium.

The server's own checkpoints are a tiny fresh prior, so that the page works before any prior is bundled, a tiny fresh
separator for an array of six microphones, a tiny fresh generator, whose recordings are at hand, two tiny fresh
PixelCNNs, and two tiny priors of the codes of a tiny LQ-VAE.
"""

import os
import shutil
import time
import urllib.request
from pathlib import Path

import pytest

from tests.processes import ROOT, free_port, running_python

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The page's process, with `url` and `log` (a file)."""
    home = tmp_path_factory.mktemp("home")
    _register_tiny_prior(home)
    _register_tiny_separator(home)
    _register_tiny_generator(home)
    _register_tiny_pixels(home)
    _register_tiny_code_priors(home)
    port = free_port()
    environment = os.environ | {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "RESOUND_HOME": str(home),
        "RESOUND_OWN_CHECKPOINTS": "1",
        "RESOUND_TRAINING_CLIPS": str(_recordings(home)),
        "GRADIO_TEMP_DIR": str(home / "cache"),
    }
    log = home / "log.txt"
    with (
        log.open("wb") as output,
        running_python("app.py", env=environment, stdout=output, stderr=output) as process,
    ):
        process.url, process.log = f"http://127.0.0.1:{port}", log
        _wait_for(process)
        yield process


def _register_tiny_prior(home: Path) -> None:
    from core.models.spectral import build
    from core.zoo.checkpoint import save_checkpoint
    from core.zoo.manifest import add_entry

    path = home / "tiny.safetensors"
    config = {"channels": 4, "blocks": 1, "patch": 4}
    save_checkpoint(path, "spectral", config, build(config).state_dict())
    add_entry(home / "checkpoints", {"name": "tiny", "sample_rate": 16000}, path)


def _register_tiny_separator(home: Path) -> None:
    from core.models.cone import ConeConfig, ConeNetwork
    from core.zoo.checkpoint import save_checkpoint
    from core.zoo.manifest import add_entry

    path, sizes = home / "cone.safetensors", {"microphones": 6, "depth": 2, "channels": 4, "lstm_layers": 1}
    config = sizes | {"array": "circle-6", "sample_rate": 16000}
    save_checkpoint(path, "cone", config, ConeNetwork(ConeConfig(**sizes)).state_dict())
    add_entry(home / "checkpoints", {"name": "tiny-cone"}, path)


def _register_tiny_generator(home: Path) -> None:
    """Its weights say that every sound is noise, of the loudness of speech."""
    from core.models import mel_denoiser
    from core.zoo.checkpoint import save_checkpoint
    from core.zoo.manifest import add_entry

    path = home / "generator.safetensors"
    config = {"frames": 128, "channels": 8, "blocks": 1, "heads": 2, "labels": ["no", "yes"], "speakers": ["Ada"]}
    network = mel_denoiser.build(config)
    network.mean.fill_(-2.5)
    network.scale.fill_(0.5)
    save_checkpoint(path, "mel-denoiser", config, network.state_dict())
    add_entry(home / "checkpoints", {"name": "tiny-words", "sample_rate": 16000}, path)


def _register_tiny_pixels(home: Path) -> None:
    """Its images are of 12 x 10 pixels, rings or bars; another one, told how noisy pixels are, restores such."""
    from dataclasses import asdict

    from core.models.pixelcnn import PixelCNN, PixelCNNConfig
    from core.zoo.checkpoint import save_checkpoint
    from core.zoo.manifest import add_entry

    path = home / "pixels.safetensors"
    for name, names, noisy in (("tiny-pixels", ["ring", "bar"], False), ("tiny-noisy-pixels", [], True)):
        config = PixelCNNConfig(levels=3, width=6, blocks=2, head=6, labels=len(names), noise_conditional=noisy)
        described = {**asdict(config), "names": names, "size": [12, 10]}
        save_checkpoint(path, "pixelcnn", described, PixelCNN(config).state_dict())
        add_entry(home / "checkpoints", {"name": name}, path)


def _register_tiny_code_priors(home: Path) -> None:
    from core.models import lqvae, transformer
    from core.zoo.checkpoint import save_checkpoint
    from core.zoo.manifest import add_entry

    path, config = home / "codes.safetensors", {"multipliers": [1, 1, 1], "levels": [2], "width": 4, "depth": 1}
    config |= {"code_width": 3, "classes": 6}
    codec = lqvae.build(config)
    codec.codebook().k.normal_(std=0.3)
    save_checkpoint(path, "lqvae", config, codec.state_dict())
    add_entry(home / "checkpoints", {"name": "tiny-lqvae", "sample_rate": 16000}, path)
    config = {"classes": 6, "code_width": 3, "context": 24, "width": 8, "depth": 3, "blocks": 4, "initial": 30.0}
    for name in ("tiny-drums", "tiny-bass"):
        prior = transformer.build(config)
        prior.codebook.copy_(codec.codebook().k)
        save_checkpoint(path, "code-prior", config, prior.state_dict())
        add_entry(home / "checkpoints", {"name": name, "sample_rate": 16000}, path)


def _recordings(home: Path) -> Path:
    """Of what the generator could have learned from: two tones."""
    import numpy as np
    import soundfile

    for label, hertz in (("no", 300), ("yes", 2000)):
        path = home / "recordings" / label / f"{hertz}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * np.arange(1600) / 16000), 16000)
    return home / "recordings"


def _wait_for(process) -> None:
    for _ in range(480):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(process.url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the page did not come up:\n{process.log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, server):
    """Opens the page as a new visitor; options go to the browser context. `page.faults` lists what went wrong."""
    contexts = []

    def open_page(**options):
        options = {"viewport": {"width": 1440, "height": 1000}, "accept_downloads": True} | options
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(60_000)  # of a machine that has much else to do
        page = context.new_page()
        page.faults, page.foreign = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda line: page.faults.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: None if _is_ours(request.url, server) else page.foreign.append(request.url))
        page.goto(server.url)
        page.wait_for_selector(".scope-placeholder")
        return page

    yield open_page
    for context in contexts:
        context.close()


def _is_ours(url: str, server) -> bool:
    return url.startswith((server.url, "data:", "blob:"))
