"""Pickles that others wrote, read without running them.

A pickle is a program that may call anything. Here every class and function that it names is an inert class: calling one
makes an object that does nothing but remember what it was given.
"""

import pickle
from typing import BinaryIO


class Inert:
    """Stands for any object of a pickle.

    Attributes:
        given: what it was made of.
        state: what was to be put into it.
    """

    def __new__(cls, *given, **_):
        made = super().__new__(cls)
        made.given, made.state = given, {}
        return made

    def __init__(self, *_, **__):
        """Nothing is done with what it was given."""

    def __setstate__(self, state) -> None:
        self.state = state


class InertUnpickler(pickle._Unpickler):  # the one in Python, whose steps can be added to
    """Raises many kinds of exceptions where a pickle is damaged or wants more."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, **options):
        super().__init__(file, **options)
        self.file = file

    def find_class(self, module: str, name: str) -> type[Inert]:
        return type(name, (Inert,), {})

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it points outside of itself")

    def get_extension(self, code: int):
        raise pickle.UnpicklingError("it uses registered extensions")
