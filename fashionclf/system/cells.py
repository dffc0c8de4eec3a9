"""Cells that start no formula in a spreadsheet (OWASP, CSV injection); loads without pandas."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe(cell):
    """The cell; a text is made `readable`, and one that would be a formula gets an apostrophe."""
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
