"""Writes lists in the format of DeepFashion's annotation files."""
from collections.abc import Iterable
from pathlib import Path


def write_list(path: Path, header: str, rows: Iterable[tuple]) -> None:
    """Writes a count, a header of two columns, and rows padded with spaces; makes the folder."""
    rows = [header.split(maxsplit=1), *rows]
    width = max(len(name) for name, _ in rows) + 2
    lines = [str(len(rows) - 1)] + [f"{name:<{width}}{value}" for name, value in rows]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
