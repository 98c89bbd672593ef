"""Images too large for a network's memory, in tiles: each is seen with a margin, so that nothing is cut off."""

from collections.abc import Iterator
from dataclasses import dataclass

Part = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True)
class Tile:
    """A part of an image.

    Args:
        own: the tile itself, in the image; tiles do not overlap and cover all of it.
        seen: the same with its margin, as far as the image goes.
        inner: the tile itself, in what is seen.
    """

    own: Part
    seen: Part
    inner: Part


def tiles(height: int, width: int, side: int, margin: int) -> Iterator[Tile]:
    """Tiles of at most `side` pixels a side, row by row, each with a margin of so many pixels on all sides."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            rows, columns = _span(top, height, side, margin), _span(left, width, side, margin)
            yield Tile(*zip(rows, columns, strict=True))


def _span(first: int, length: int, side: int, margin: int) -> tuple[slice, slice, slice]:
    """Own, seen and inner, along one side of the image."""
    last, begin = min(first + side, length), max(first - margin, 0)
    return slice(first, last), slice(begin, min(last + margin, length)), slice(first - begin, last - begin)
