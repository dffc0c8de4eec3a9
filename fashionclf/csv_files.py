"""CSV that is safe to open in a spreadsheet: no cell starts a formula (OWASP, CSV injection)."""
from pathlib import Path

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe(cell):
    """The cell; a text that a spreadsheet would take for a formula gets an apostrophe first."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def write(table: pd.DataFrame, file: Path, float_format: str | None = None) -> None:
    """Writes `table` without its index, every cell `safe`."""
    table.map(safe).to_csv(file, index=False, float_format=float_format)
