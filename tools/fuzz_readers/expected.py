"""What each reader should return for its files, by the oracle."""
from tools.fuzz_readers import oracle

NAMES = "list_category_cloth.txt"
IMAGES = "list_category_img.txt"
BOXES = "list_bbox.txt"
PARTS = "list_eval_partition.txt"
SIDES = ["x1", "y1", "x2", "y2"]


def tree(files: dict[str, bytes], on_disk: list[str], faults: oracle.Faults) -> tuple:
    """Returns the rows of a DeepFashion tree, and phrases of its notes."""
    notes = []
    rows = _categories(files, on_disk, notes, faults)
    boxes = _joined(files, BOXES, 5, notes, faults, set(rows))
    parts = _joined(files, PARTS, 2, notes, faults, set(rows))

    unnamed = len(set(on_disk) - set(rows))
    if unnamed:
        notes.append(f"{unnamed} pictures on disk")
    return [(path, path.rpartition("/")[0], category, boxes.get(path), parts.get(path))
            for path, category in rows.items()], notes


def _categories(files: dict[str, bytes], on_disk: list[str], notes: list[str],
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
        notes.append(f"{IMAGES}: {len(rows) - len(found)} repeated")
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


def _joined(files: dict[str, bytes], file: str, width: int, notes: list[str],
            faults: oracle.Faults, known: set[str]) -> dict:
    """Returns path -> box or part; notes repeated rows, and rows without a picture."""
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
        notes.append(f"{file}: {len(rows) - len(found)} repeated")
    if found.keys() - known:
        notes.append(f"{len(found.keys() - known)} more of its rows")
    return found


def boxes(data: bytes, faults: oracle.Faults) -> list[tuple]:
    """Returns (line, path, box) per row of list_bbox.txt alone."""
    return [(line, path, oracle.numbers_of(BOXES, line, sides, faults))
            for line, (path, *sides) in oracle.list_rows(BOXES, data, 5, faults)]


def csv(data: bytes, every_column: bool, faults: oracle.Faults) -> tuple:
    """Returns the rows of rows.csv, with or without item, box and part, and phrases of notes."""
    columns = ["path", "category", *(["item", *SIDES, "part"] if every_column else [])]
    rows = []
    for line, cells in oracle.table_rows("rows.csv", data, columns, faults):
        path, category, box = cells["path"], cells["category"], None
        category, item, part = category if category.strip() else None, None, None

        if every_column:
            item, part = cells["item"], cells["part"].strip().lower() or None
            if any(cells[side] for side in SIDES):
                box = oracle.numbers_of("rows.csv", line, [cells[side] for side in SIDES], faults)
        if item == "" or part not in (None, *oracle.PARTS):
            faults.add(("rows.csv", line))
        rows.append((line, path, (item, category, box, part)))

    found = oracle.once("rows.csv", rows, faults)
    repeated = len(rows) - len(found)
    if not every_column:
        found = {path: (item, *found[path][1:]) for path, item in _garments(found).items()}
    return ([(path, *values) for path, values in found.items()],
            [f"rows.csv: {repeated} repeated"] if repeated else [])


def _garments(found: dict) -> dict:
    """Returns path -> item: the folder where most of several pictures, and two, look like one's."""
    inside = {}
    for path, (_, category, *_) in found.items():
        inside.setdefault(path.rpartition("/")[0], []).append(category)
    several = [folder for folder, names in inside.items() if folder and len(names) > 1]
    alike = [folder for folder in several if len({*inside[folder]} - {None}) == 1]

    classes = [name for folder in alike for name in {*inside[folder]} - {None}]
    if 2 * len(alike) <= len(several) or len(set(classes)) == len(classes):
        alike = []
    return {path: folder if (folder := path.rpartition("/")[0]) in alike else path
            for path in found}


def category_map(data: bytes, known: list[str], faults: oracle.Faults) -> list:
    """Returns the class of each known category under map.csv, None if it is dropped."""
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
    """Returns the classes that classes.txt names, in its order."""
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
