"""Which pictures of a list without such a column show one garment: judged by the folders."""
import pandas as pd

from fashionclf.sources import spellings

MOST = 20  # pictures of one garment
OVERRIDE = "--item_column or --group_pattern names the garments"
COLUMNS = {"sku", "item", "item_id", "product", "product_id", "garment", "style_id", "parent_id",
           "article", "model"}


def by_folder(paths: pd.Series, categories: pd.Series) -> tuple[pd.Series, str]:
    """Takes a picture for its own garment unless the folders look like a garment's each.

    A folder looks like a garment's if it holds 2 to MOST pictures, all of one class, and isn't
    named like that class. Folders count if most of those with several pictures look so, and a
    class has two of them: a folder per class is none.

    Args:
        paths: of the pictures, POSIX.
        categories: their classes or None, on the same index.

    Returns:
        A key for each picture, and a line that says what was chosen.
    """
    folders = paths.str.rpartition("/")[0]
    facts = pd.DataFrame({"folder": folders, "category": categories}).groupby("folder")[
        "category"].agg(["size", "nunique", "first"])
    several = facts[(facts["size"] > 1) & (facts.index != "")]
    alike = several[(several["size"] <= MOST) & (several["nunique"] == 1)]
    alike = alike[[spellings.rough(folder.rpartition("/")[2]) != spellings.rough(name)
                   for folder, name in zip(alike.index, alike["first"])]]

    if len(alike) * 2 > len(several) and alike["first"].duplicated().any():
        inside = folders.isin(alike.index)
        return folders.where(inside, paths), (
            f"garments: {len(alike):,} folders with {inside.sum():,} pictures count as one each "
            f"(2 to {MOST} pictures of one class), {(~inside).sum():,} other pictures as their "
            f"own; {OVERRIDE}, --group_pattern='.*' makes each picture its own")
    return paths.copy(), (
        f"garments: each of the {len(paths):,} pictures counts as a garment of its own, because "
        f"the folders don't look like one garment each (2 to {MOST} pictures of one class); "
        f"{OVERRIDE}, e.g. --group_pattern='^(.*)/' the folders")


def unused_column(header: list[str], used: list[str]) -> list[str]:
    """A note on a column that seems to name garments and isn't used."""
    name = next((name for name in header if name not in used
                 and name.strip().casefold().replace(" ", "_") in COLUMNS), None)
    return [f"column {name!r} may name the garments: --item_column={name!r} keeps their pictures "
            "on one side of the split"] if name else []
