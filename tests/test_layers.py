"""What a bare training machine must be able to import (import-linter holds the layers themselves: `make lint`)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE_IMPORTS = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"soundfile", "soxr", "librosa", "platformdirs", "gradio", "matplotlib", "plotly"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
names = ["core.types", "core.signal.companding", "core.signal.stft", "core.zoo"]
for package in ("core.models", "core.priors", "core.training"):
    path = importlib.import_module(package).__path__
    modules = [module.name for module in pkgutil.walk_packages(path, f"{package}.")]
    names += [name for name in modules if not name.startswith("core.models.compiled.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_models_priors_and_training_import_on_a_bare_machine():
    done = subprocess.run([sys.executable, "-c", BARE_IMPORTS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


def test_what_can_be_asked_of_a_localization_is_said_once():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "core").rglob("*.py")]
    for start in ('\nMETHODS = ("cone"', "\nMOST_VOICES = "):
        assert sum(start in source for source in sources) == 1


def test_core_imports_without_the_page():
    """No command waits for gradio."""
    script = "import sys, core.cli, core.tasks.restoration; print('gradio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
