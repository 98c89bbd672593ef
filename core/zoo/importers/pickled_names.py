"""Lists of names from a pickle that is read, never run: the `index.pkl` of the VQ-VAE's data sets.

A pickle is a program. Of its instructions only those are followed that make texts and lists; one that names a class,
calls or builds anything ends the reading.
"""

import pickletools
from pathlib import Path

LARGEST_BYTES = 16 * 2**20
SKIPPED = {"PROTO", "FRAME"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
KEPT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
FETCHED = {"GET", "BINGET", "LONG_BINGET"}
MARK = object()


def read_names(path: Path) -> list[list[str]]:
    """A list of lists of names.

    Raises:
        ValueError: it is larger than 16 MB, damaged, or holds anything else.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError("it is larger than 16 MB")
    names = _value(path.read_bytes())
    if not isinstance(names, list) or not all(isinstance(part, list) for part in names):
        raise ValueError("it is no list of lists")
    if not all(isinstance(name, str) for part in names for name in part):
        raise ValueError("it lists other things than names")
    return names


def _value(pickled: bytes):
    """What the instructions leave, of those that make texts and lists."""
    stack, memo = [], {}
    try:
        for instruction, argument, _ in pickletools.genops(pickled):
            name = instruction.name
            if name == "STOP":
                return stack.pop()
            if name in TEXTS:
                stack.append(argument)
            elif name in KEPT:
                memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
            elif name in FETCHED:
                stack.append(memo[argument])
            elif name not in SKIPPED:
                _follow(name, stack)
    except (IndexError, KeyError, AttributeError):
        raise ValueError("it is damaged") from None
    raise ValueError("it ends early")


def _follow(name: str, stack: list) -> None:
    """An instruction about lists."""
    if name == "EMPTY_LIST":
        stack.append([])
    elif name == "MARK":
        stack.append(MARK)
    elif name == "APPEND":
        last = stack.pop()
        stack[-1].append(last)
    elif name in ("APPENDS", "LIST"):
        mark = len(stack) - 1 - stack[::-1].index(MARK)
        parts = stack[mark + 1 :]
        del stack[mark:]
        if name == "LIST":
            stack.append(parts)
        else:
            stack[-1].extend(parts)
    else:
        raise ValueError(f"it holds more than lists of names ({name})")
