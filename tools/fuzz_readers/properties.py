"""The promise of every reader: the right result, or a ValueError with file, line and cure."""
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pandas as pd

from fashionclf.sources import annotations, categories, readers, shop_csv
from fashionclf.system.csv_files import Form
from tools.fuzz_readers import expected, inputs, oracle

SETTINGS = {"deadline": None, "database": None, "print_blob": False, "report_multiple_bugs": False,
            "suppress_health_check": list(hypothesis.HealthCheck)}
FOLDERS = {expected.PARTS: "Eval", expected.NAMES: "Anno_coarse", expected.IMAGES: "Anno_coarse",
           expected.BOXES: "Anno_coarse"}
GARMENTS = pd.DataFrame({"path": [f"{number}.jpg" for number in range(len(inputs.KNOWN))],
                         "item": "one", "category": inputs.KNOWN, "bbox": None, "partition": None})


def fuzz(reader: str, work: Path, *, count: int, seed: int | None = None) -> Counter:
    """Tries a reader on made-up files in `work`; returns how many were accepted and refused.

    Without a seed the files are always the same. Those of a failure stay in `work`.

    Raises:
        AssertionError, or what the reader raised: the promise is broken.
    """
    for folder in {"", *FOLDERS.values()}:
        (work / folder).mkdir(parents=True, exist_ok=True)
    for path in inputs.ON_DISK if reader == "tree" else []:
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).touch()

    tried = Counter()

    @hypothesis.settings(max_examples=count, derandomize=seed is None, **SETTINGS)
    @hypothesis.given(inputs.FILES[reader])
    def keeps_its_promise(files: dict[str, bytes]) -> None:
        write(files, work)
        faults = oracle.Faults()
        wanted = WANTED[reader](files, faults)
        right = accepted(lambda: READ[reader](work), wanted, faults, work)
        tried["accepted" if right else "refused"] += 1

    (keeps_its_promise if seed is None else hypothesis.seed(seed)(keeps_its_promise))()
    return tried


def write(files: dict[str, bytes], work: Path) -> None:
    """Writes the files; of a tree, those that are left out are removed."""
    for name in inputs.LISTS if len(files) > 1 else files:
        (work / FOLDERS.get(name, "") / name).unlink(missing_ok=True)
    for name, data in files.items():
        (work / FOLDERS.get(name, "") / name).write_bytes(data)


def accepted(read: Callable, wanted: object, faults: oracle.Faults, work: Path) -> bool:
    """Tells whether the reader accepts the files; checks its result or its message."""
    try:
        found = read()
    except ValueError as error:
        check_message(error, faults, work)
        return False

    assert not faults, f"accepted what is wrong at {sorted(faults)}"
    if isinstance(found, readers.Source):
        rows, phrases = wanted
        missing = [words for words in phrases if not any(words in note for note in found.notes)]
        assert not missing, f"notes {found.notes} lack {missing}"
        found, wanted = list(found.table.itertuples(index=False, name=None)), rows
    assert found == wanted, f"read {found}\ninstead of {wanted}"
    return True


def check_message(error: ValueError, faults: oracle.Faults, work: Path) -> None:
    """Checks that the error names the place of a fault, the rule and the cure."""
    assert type(error) is ValueError, f"a bare {type(error).__name__}: {error}"
    message = re.fullmatch(rf"{re.escape(str(work))}/(?:\w+/)?([a-z_]+\.\w+):(?:(\d+):)? (.+)",
                           str(error), re.DOTALL)
    assert message, f"names no file: {error}"

    name, line, text = message[1], int(message[2] or 0), message[3]
    assert (name, line) in faults, f"the faults are at {sorted(faults)}, not where it says: {error}"
    assert re.search(r"; [a-z].{8}|\. Is this|did you mean ", text, re.DOTALL), f"no cure: {error}"


def read_csv(work: Path, **columns) -> readers.Source:
    return shop_csv.read(work / "rows.csv", Form(separator=",", encoding="utf-8"),
                         images_root=work, category_column="category", **columns)


def read_map(work: Path) -> list[str | None]:
    found = categories.mapped(GARMENTS["category"], work / "map.csv")
    return found.astype(object).where(found.notna(), None).tolist()


def read_classes(work: Path) -> list[str]:
    return categories.assign(GARMENTS, label_from="annotation",
                             classes=str(work / "classes.txt")).classes


def read_boxes(work: Path) -> list[tuple]:
    file = work / FOLDERS[expected.BOXES] / expected.BOXES
    rows = annotations.read_list(file, ["path", *expected.SIDES])
    boxes = annotations.boxes(file, rows[expected.SIDES])
    return list(zip(rows.index, rows["path"], boxes))


READ = {
    "list": read_boxes,
    "tree": readers.read_deepfashion,
    "csv": lambda work: read_csv(work, item_column="item", bbox_columns=expected.SIDES,
                                 partition_column="part"),
    "csv_short": read_csv, "category_map": read_map, "classes": read_classes}
WANTED = {
    "list": lambda files, faults: expected.boxes(files[expected.BOXES], faults),
    "tree": lambda files, faults: expected.tree(files, sorted(inputs.ON_DISK), faults),
    "csv": lambda files, faults: expected.csv(files["rows.csv"], True, faults),
    "csv_short": lambda files, faults: expected.csv(files["rows.csv"], False, faults),
    "category_map": lambda files, faults: expected.category_map(files["map.csv"], inputs.KNOWN,
                                                                faults),
    "classes": lambda files, faults: expected.classes(files["classes.txt"], inputs.KNOWN, faults)}
