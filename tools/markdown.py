"""Markdown tables, as all tools print them."""
from collections.abc import Iterable


def table(header: Iterable, rows: Iterable[Iterable]) -> str:
    """Renders a table: floats with three digits after the point, NaN as an empty cell."""
    columns = list(header)
    lines = [_row(columns), "|" + "---|" * len(columns), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Iterable) -> str:
    return "| " + " | ".join(map(_text, cells)) + " |"


def _text(cell) -> str:
    if cell != cell:
        return ""
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
