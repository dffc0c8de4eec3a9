"""CSV that is safe to open in a spreadsheet: no cell starts a formula (OWASP, CSV injection)."""
from pathlib import Path

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe(cell):
    """The cell; a text that a spreadsheet would take for a formula gets an apostrophe first.

    A text is made `readable`.
    """
    if not isinstance(cell, str):
        return cell
    text = readable(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def readable(text: str) -> str:
    """The text; what isn't UTF-8 in it, in the name of a file, becomes a backslash escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def original(cell: str) -> str:
    """The text that `safe` gave `cell` for."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA_STARTS) else cell


def write(table: pd.DataFrame, file: Path, float_format: str | None = None) -> None:
    """Writes `table` without its index, every cell `safe`."""
    table.astype(object).map(safe).to_csv(file, index=False, float_format=float_format)
