"""What a bare training machine must be able to import (import-linter holds the layers themselves: `make lint`)."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE_IMPORTS = """
import importlib, pkgutil, sys

ABSENT = {"soundfile", "soxr", "librosa", "numba", "platformdirs", "gradio", "matplotlib", "plotly"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
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


def test_models_priors_and_training_import_on_a_bare_machine(run_process):
    done = run_process("-c", BARE_IMPORTS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


def test_what_can_be_asked_of_a_localization_is_said_once():
    """Every other module imports it."""
    trees = [ast.parse(path.read_bytes()) for path in (ROOT / "core").rglob("*.py")]
    assigned = [node for tree in trees for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    names = [ast.unparse(target) for node in assigned for target in getattr(node, "targets", None) or [node.target]]
    assert names.count("METHODS") == names.count("MOST_VOICES") == 1


def test_core_imports_without_the_page(run_process):
    """No command waits for gradio."""
    script = "import sys, core.cli, core.tasks.restoration; print('gradio' in sys.modules)"
    assert run_process("-c", script).stdout == "False\n"
