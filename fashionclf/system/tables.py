"""Text read as UTF-8 alone; tables written so that no cell starts a formula (CSV injection)."""
import codecs
import contextlib
from pathlib import Path
from typing import TextIO

import pandas as pd

from fashionclf.system import files
from fashionclf.system.cells import safe


def write(table: pd.DataFrame, file: str | Path | TextIO, float_format: str | None = None) -> None:
    """Writes `table` without its index, every cell `safe`: a file whole or not at all."""
    cells = table.astype(object).map(safe)
    with contextlib.ExitStack() as stack:
        if isinstance(file, (str, Path)):
            file = stack.enter_context(files.replaced(file))
        cells.to_csv(file, index=False, float_format=float_format)


def read_text(file: Path) -> str:
    """Reads a file without its byte order mark; raises ValueError if it is not UTF-8 text."""
    data = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text, wrong = data.decode(), data.find(b"\0")
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong >= 0:
        line = len(split_lines(data[:wrong].decode()))
        raise ValueError(f"{file}:{line}: byte {data[wrong]:#04x} is not UTF-8 text; "
                         "save the file as UTF-8, or unpack it again")
    return text


def split_lines(text: str) -> list[str]:
    """Splits at line ends; `str.splitlines` would split at form feeds and others too."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
