"""The rows of a catalogue with a partition by year: even years to train, odd ones to test."""
from pathlib import Path

from fashionclf.system import csv_files, files

PARTITION = "partition by year"


def write(csv_file: Path, target: Path, *, path_pattern: str, category_column: str,
          year_column: str, types: list[str]) -> Path:
    """Writes the rows of a CSV with the column PARTITION; returns `target`.

    The column is empty for rows of other types and for those without a year, which
    build_tfrecords --split=official then leaves out. Malformed rows are left out, and counted.

    Raises:
        ValueError: a column is missing, or no row has a part.
    """
    found, _ = csv_files.read_pictures(
        csv_file, csv_files.Form(path_pattern=path_pattern, bad_rows="drop"),
        [category_column, year_column], cure="name it with --category_column or --year_column")
    table = found.table.drop(index=list(found.faults))
    if found.faults:
        line, fault = next(iter(found.faults.items()))
        print(f"{csv_file}: {len(found.faults)} malformed rows left out, the first in line {line}: "
              f"{fault}", flush=True)

    year = table[year_column].str.extract(r"^\s*(\d{4})(?:\.0+)?\s*$")[0]
    used = year.notna() & table[category_column].isin(types)
    if not used.any():
        raise ValueError(f"{csv_file}: no row has a year in {year_column!r} and one of the types "
                         f"{', '.join(types[:3])}, ... in {category_column!r}")
    even = year.where(used, "0").astype(int) % 2 == 0
    part = even.map({True: "train", False: "test"}).where(used, "")
    table = table.assign(**{PARTITION: part})

    # Exact, without apostrophes against formulas: build_tfrecords reads it.
    with files.replaced(target) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
    return target
