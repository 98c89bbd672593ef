"""Makes the notebooks of the lessons from their texts: `python docs/lessons/make_notebooks.py`.

What stands in ```python fences becomes a cell of code, the rest cells of text. Notebooks are kept without outputs.
"""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent
FENCE = re.compile(r"^```python\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)


def notebook_of(text: str) -> str:
    """The notebook of a lesson's Markdown, as JSON (nbformat 4.5)."""
    pieces = FENCE.split(text)  # text and code in turn
    kinds = ("markdown" if place % 2 == 0 else "code" for place in range(len(pieces)))
    cells = [_cell(kind, piece.strip(), place) for place, (kind, piece) in enumerate(zip(kinds, pieces, strict=True))]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": [c for c in cells if c["source"]], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def lesson_texts() -> list[Path]:
    """The lessons, in their order."""
    return sorted(FOLDER.glob("[0-9]-*.md"))


def _cell(kind: str, text: str, place: int) -> dict:
    cell = {"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": text.splitlines(keepends=True)}
    run = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return dict(sorted((cell | run).items()))  # as Jupyter writes them


if __name__ == "__main__":
    for path in lesson_texts():
        path.with_suffix(".ipynb").write_text(notebook_of(path.read_text(encoding="utf-8")), encoding="utf-8")
