"""Opens every picture before a build and sorts out those that training could not use."""
import contextlib
import functools
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fashionclf.pictures import files as picture_files
from fashionclf.pictures import headers, inspection, near_duplicates
from fashionclf.sources import categories, leakage
from fashionclf.system import files, tables, workers

COLUMNS = ["reason", "digest", "perceptual_hash", "kind", "size", "plain"]
PART = 64  # pictures that a worker opens at a time
FEW, FEW_BYTES = 10_000, 100e6  # pictures, see processes


def processes(paths: Sequence[str], images_root: Path) -> int | None:
    """Returns how many processes open and write the pictures soonest: 1, or None for one per core.

    More than one take some 4 seconds to start. In about as many, one opens and writes FEW pictures
    or FEW_BYTES of them (see tools/benchmark/README.md).
    """
    if len(paths) > FEW:
        return None

    total = 0
    for path in paths:
        with contextlib.suppress(OSError, ValueError):  # opening reports it, and takes no time
            total += os.stat(images_root / path).st_size
    return 1 if total <= FEW_BYTES else None


def usable(labelled: categories.Labelled, images_root: Path, *, run: workers.Run,
           follow_links: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits the labelled rows into usable and quarantined ones, and prints how many there are.

    Both have the columns of `pictures`, and the usable rows those of `with_checked_boxes`. Raises
    ValueError if a class has no usable picture.
    """
    table = labelled.table.join(pictures(labelled.table, images_root, run=run,
                                         follow_links=follow_links))
    quarantined = table[table["reason"].notna()]
    usable = with_checked_boxes(table[table["reason"].isna()])

    print("\n" + categories.counts_text("quarantined", quarantined["reason"]))
    print(categories.counts_text("repaired", usable["repair"].dropna()))

    empty = sorted(set(range(len(labelled.classes))) - set(usable["label"]))
    if empty:
        first = table[table["label"] == empty[0]].iloc[0]
        raise ValueError(
            f"class {labelled.classes[empty[0]]!r} (and {len(empty) - 1} others) has no usable "
            f"picture; the first, {images_root / first['path']}: {first['reason']}. "
            "Are the pictures there? --dry_run needs none")
    return usable, quarantined


def pictures(table: pd.DataFrame, images_root: Path, *,
             run: workers.Run = workers.here, follow_links: bool = False) -> pd.DataFrame:
    """Opens every picture of `table`, column `path`, and checks it with training's decoder.

    Returns:
        DataFrame on the index of `table`: `reason` (why the picture can't be used, or None),
        `digest` (hex, equal for identical bytes; None if the file can't be read), and, None unless
        usable, `perceptual_hash` (64 hex digits), `kind` (the file's format, as "JPEG"), `size`
        (width, height in pixels, as seen) and `plain` (for decoding.decode_plain).
    """
    parts = [table[["path"]].iloc[start:start + PART] for start in range(0, len(table), PART)]
    inspect = functools.partial(_inspect_all, images_root.absolute(), follow_links)
    inspected = run(inspect, parts, desc="opening pictures")
    rows = [(*values, size and tuple(size), plain)
            for part in inspected for *values, size, plain in part]
    return pd.DataFrame(rows, index=table.index, columns=COLUMNS, dtype=object)


def _inspect_all(images_root: Path, follow_links: bool, part: pd.DataFrame) -> list[tuple]:
    return [inspected(picture_files.bytes_or_reason(images_root, path, follow_links=follow_links))
            for path in part["path"]]


def inspected(encoded: bytes | str) -> tuple:
    """Returns the values of COLUMNS for the bytes of a picture, or the reason why it has none."""
    if isinstance(encoded, str):
        return encoded, None, None, None, None, None

    # Luminance is enough for the hash, and decodes faster than all colours.
    luminance = inspection.luminance_or_reason(encoded, least=near_duplicates.LEAST)
    if isinstance(luminance, str):
        return luminance, files.digest(encoded), None, None, None, None
    hashed = near_duplicates.perceptual_hash(luminance.pixels, luminance.scale, luminance.size,
                                             luminance.orientation)
    return (None, files.digest(encoded), hashed, luminance.kind, luminance.size_seen,
            luminance.plain)


def with_checked_boxes(table: pd.DataFrame) -> pd.DataFrame:
    """Clips each `bbox` to the picture's `size`; adds `repair`, a note of the change or None."""
    checked = [_checked_box(*row) for row in zip(table["bbox"], table["size"])]
    return table.assign(**pd.DataFrame(checked, table.index, ["bbox", "repair"], dtype=object))


def _checked_box(bbox: tuple[int, ...] | None, size: tuple[int, int]) -> tuple:
    if bbox is None:
        return None, None
    left, top = max(1, bbox[0]), max(1, bbox[1])
    right, bottom = min(size[0], bbox[2]), min(size[1], bbox[3])
    if left > right or top > bottom:
        return None, "box empty or outside of the picture: the whole picture is used"
    inside = (left, top, right, bottom)
    return inside, None if inside == tuple(bbox) else "box cut at the border of the picture"


def with_near_duplicate_groups(table: pd.DataFrame, bits: int) -> pd.DataFrame:
    """Adds `near_duplicate_group`, by hashes that differ in at most `bits`; prints how many."""
    column = "near_duplicate_group"
    table = table.assign(**{column: near_duplicates.groups(table["perceptual_hash"], bits)})
    alike = table[table.duplicated(column, keep=False)]
    labels = alike.groupby(column)["label"].nunique()
    print(f"near-duplicates: {len(alike):,} pictures in {len(labels):,} groups, "
          f"{(labels > 1).sum():,} of them under several classes")
    return table


def write_lists(folder: Path, usable: pd.DataFrame, quarantined: pd.DataFrame,
                labelled: categories.Labelled) -> dict[str, int]:
    """Writes what did not go into the records as it was, picture by picture, as CSV.

    Args:
        usable, quarantined: see `usable`, with the groups of near-duplicates and the split.

    Returns the numbers of repaired and of re-encoded pictures.
    """
    repaired = usable[usable["repair"].notna()]
    reencoded = usable[~usable["kind"].isin(headers.FORMATS)]
    columns = ["path", "item", "category"]
    tables.write(quarantined[[*columns, "reason"]], folder / "quarantine.csv")
    tables.write(repaired[[*columns, "repair"]], folder / "repaired.csv")
    tables.write(reencoded[[*columns, "kind"]], folder / "reencoded.csv")
    tables.write(labelled.dropped, folder / "dropped.csv")
    tables.write(leakage.near_duplicate_rows(usable, labelled.classes),
                 folder / "near_duplicates.csv")
    return {"repaired": len(repaired), "reencoded": len(reencoded)}
