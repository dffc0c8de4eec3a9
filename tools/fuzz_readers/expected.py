"""What each reader ought to give for its files, by the oracle."""
from tools.fuzz_readers import oracle

NAMES = "list_category_cloth.txt"
IMAGES = "list_category_img.txt"
BOXES = "list_bbox.txt"
PARTS = "list_eval_partition.txt"
SIDES = ["x1", "y1", "x2", "y2"]


def tree(files: dict[str, bytes], on_disk: list[str], faults: oracle.Faults) -> tuple:
    """Rows of a DeepFashion tree, and the phrases that its notes hold."""
    said = []
    rows = _categories(files, on_disk, said, faults)
    boxes = _joined(files, BOXES, 5, said, faults, set(rows))
    parts = _joined(files, PARTS, 2, said, faults, set(rows))
    unnamed = len(set(on_disk) - set(rows))
    if unnamed:
        said.append(f"{unnamed} pictures on disk")
    return [(path, path.rpartition("/")[0], category, boxes.get(path), parts.get(path))
            for path, category in rows.items()], said


def _categories(files: dict[str, bytes], on_disk: list[str], said: list[str],
                faults: oracle.Faults) -> dict:
    if IMAGES not in files:
        return dict.fromkeys(on_disk)
    names = _names(files[NAMES], faults) if NAMES in files else None
    rows = []
    for line, (path, text) in oracle.list_rows(IMAGES, files[IMAGES], 2, faults):
        number, = oracle.numbers_of(IMAGES, line, [text], faults)
        if names is not None and number not in range(1, len(names) + 1):
            faults.add((IMAGES, line))
        rows.append((line, path, number))
    found = oracle.once(IMAGES, rows, faults)
    if len(found) < len(rows):
        said.append(f"{IMAGES}: {len(rows) - len(found)} repeated")
    if faults:
        return {}
    return {path: None if names is None else names[number - 1] for path, number in found.items()}


def _names(data: bytes, faults: oracle.Faults) -> list[str]:
    names = []
    for line, (name, kind) in oracle.list_rows(NAMES, data, 2, faults):
        if not oracle.is_class(name) or oracle.number_of(kind) is None or name in names:
            faults.add((NAMES, line))
        names.append(name)
    return names


def _joined(files: dict[str, bytes], file: str, width: int, said: list[str],
            faults: oracle.Faults, known: set[str]) -> dict:
    """path -> box or part; counts what is repeated and what is of no picture."""
    rows = []
    for line, (path, *values) in oracle.list_rows(file, files[file], width, faults) \
            if file in files else []:
        if file == BOXES:
            values = oracle.numbers_of(file, line, values, faults)
        else:
            values, = values
            if values not in oracle.PARTS:
                faults.add((file, line))
        rows.append((line, path, values))
    found = oracle.once(file, rows, faults)
    if len(found) < len(rows):
        said.append(f"{file}: {len(rows) - len(found)} repeated")
    if found.keys() - known:
        said.append(f"{len(found.keys() - known)} more of its rows")
    return found


def boxes(data: bytes, faults: oracle.Faults) -> list[tuple]:
    """(line, path, box) of list_bbox.txt alone."""
    return [(line, path, oracle.numbers_of(BOXES, line, sides, faults))
            for line, (path, *sides) in oracle.list_rows(BOXES, data, 5, faults)]


def csv(data: bytes, every_column: bool, faults: oracle.Faults) -> tuple:
    """Rows of rows.csv, with or without item, box and part, and phrases of the notes."""
    columns = ["path", "category"] + ["item", *SIDES, "part"] * every_column
    rows = []
    for line, cells in oracle.table_rows("rows.csv", data, columns, faults):
        path, category, box = cells["path"], cells["category"] or None, None
        item, part = path.rpartition("/")[0] or path, None
        if every_column:
            item, part = cells["item"], cells["part"] or None
            if any(cells[side] for side in SIDES):
                box = oracle.numbers_of("rows.csv", line, [cells[side] for side in SIDES], faults)
        if (item == "" or part not in (None, *oracle.PARTS)
                or category is not None and not oracle.is_class(category)):
            faults.add(("rows.csv", line))
        rows.append((line, path, (item, category, box, part)))
    found = oracle.once("rows.csv", rows, faults)
    repeated = len(rows) - len(found)
    return ([(path, *values) for path, values in found.items()],
            [f"rows.csv: {repeated} repeated"] * bool(repeated))


def category_map(data: bytes, known: list[str], faults: oracle.Faults) -> list:
    """The class of each known category under map.csv, None where it is dropped."""
    changes = {}
    for line, cells in oracle.table_rows("map.csv", data, ["from", "to"], faults):
        name, new = cells["from"], cells["to"]
        if name not in known or name in changes or new and not oracle.is_class(new):
            faults.add(("map.csv", line))
        changes[name] = new or None
    classes = [changes.get(name, name) for name in known]
    if not any(classes) and not faults:
        faults.add(("map.csv", 0))
    return classes


def classes(data: bytes, known: list[str], faults: oracle.Faults) -> list:
    """The classes that classes.txt names, in its order."""
    text = oracle.text_of("classes.txt", data, faults)
    names = []
    for number, line in enumerate(oracle.lines_of(text or ""), start=1):
        name = line.strip()
        if name and not name.startswith("#"):
            if name not in known or name in names:
                faults.add(("classes.txt", number))
            names.append(name)
    if not names and not faults:
        faults.add(("classes.txt", 1))
    return names
