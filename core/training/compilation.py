"""Networks compiled for training, whose elementwise work then goes through memory once."""

import os
import shutil

from torch import nn

from core.errors import InputError

COMPILERS = ("g++", "c++", "clang++", "cl")


def compile_in_place(model: nn.Module) -> None:
    """Compiles what calling the model does, for every size that it is called with anew.

    Raises:
        InputError: there is no compiler.
    """
    if not any(map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))):
        raise InputError("training.compile needs a C++ compiler, such as g++; install one, or leave it out.")
    model.compile(dynamic=False)
