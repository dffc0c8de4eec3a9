"""Annotation files that are right, nearly right or wrong, as hypothesis strategies."""
from hypothesis import strategies as st

from tools.fuzz_readers import damage, expected

HEADERS = {expected.NAMES: "category_name category_type", expected.IMAGES: "image_name  label",
           expected.BOXES: "image_name x_1 y_1 x_2 y_2", expected.PARTS: "image_name status"}
ON_DISK = ["img/Boucl&eacute;_Cardigan/img_00000001.jpg", "img/Black_&_White_Tee/img_00000004.jpg",
           "img/Men's_Tee/a b.jpg", "img/A,B_Dress/1.png"]
PATHS = [*ON_DISK * 4, "img/Striped_A-line_Dress/1.jpg", "img/Striped_A-Line_Dress/1.jpg",
         "img/1.5_Tee/two  blanks.jpg", "img/\u3000wide\u3000/\u00e9.jpg", "img/nbsp\xa0/\x85.jpg",
         "img/form\x0cfeed\x0b/\u2028.jpg", "img/back\\slash/a.jpg", 'img/12" Heel/"a".jpg',
         "img/\ufeff/\x1c.jpg", "a.jpg", "picture"]
BAD_PATHS = ["", "/etc/a.jpg", "../a.jpg", "img/../a.jpg", "./a.jpg", "img//a.jpg", "img/a/", ".",
             "img/.", "a\n/../b.jpg", "img/a\r\nb.jpg", " "]
KNOWN = ["Tee", "Dress", "Boucl&eacute;", "A,B", "Men's", "Two Words", "Caf\u00e9"]
BAD_NAMES = [" Tee", "Tee ", "Te\ne", "\xa0Tee", " ", "Dres", "#x", "tee", "Tee,Dress", "A\x85B"]
IDS = ["1", "2", "1.0", "02", "7"]
BAD_IDS = ["0", "8", "-1", "", "x", "1.5", "1e3", "1_0", "\u00b2", "\u0663", "99999999999", "nan",
           "1.", "+1", "0x1", "999999999", "0000000001", "True", "1\n", "inf"]
SIDES = ["072", "79", "232", "273", "0", "-5", "999999999", "12.0"]
PARTS = ["train", "val", "test"]
SOUP = st.binary(max_size=40) | st.text(max_size=20).map(str.encode)


def mostly(good: list[str], bad: list[str]) -> st.SearchStrategy:
    """Draws one of `good`, about once in fifty draws one of `bad`."""
    return st.sampled_from(good * (50 * len(bad) // len(good)) + bad)


def damaged(files: st.SearchStrategy) -> st.SearchStrategy:
    """Draws the bytes with up to two changes, sometimes entirely different ones."""
    changed = st.builds(damage.changed, files, damage.CHANGES)
    return st.integers(0, 19).flatmap(lambda turn: changed if turn else SOUP)


def listing(file: str, *fields: st.SearchStrategy, most: int = 4) -> st.SearchStrategy:
    """Draws a list of the benchmark whose rows differ in their first field."""
    def written(rows: list[tuple]) -> bytes:
        rows = ["    ".join(row) for row in {row[0]: row for row in rows}.values()]
        return "\n".join([str(len(rows)), HEADERS[file], *rows, ""]).encode()

    return st.lists(st.tuples(*fields), min_size=1, max_size=most).map(written)


def table(header: list[str], *cells: st.SearchStrategy, most: int = 4) -> st.SearchStrategy:
    """Draws a CSV file whose rows differ in their first cell."""
    def written(rows: list[tuple]) -> bytes:
        rows = [header, *{row[0]: row for row in rows}.values()]
        return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()

    return st.lists(st.tuples(*cells), min_size=1, max_size=most).map(written)


def cell(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if set(text) & set(',"\r\n') else text


CLOTH = "\n".join([str(len(KNOWN)), HEADERS[expected.NAMES], *(f"{name}    1" for name in KNOWN)])
PATH = mostly(PATHS, BAD_PATHS)
LISTS = {
    expected.NAMES: st.just(CLOTH.encode()),
    expected.IMAGES: listing(expected.IMAGES, PATH, mostly(IDS, BAD_IDS)),
    expected.BOXES: listing(expected.BOXES, PATH, *[mostly(SIDES, BAD_IDS)] * 4, most=2),
    expected.PARTS: listing(expected.PARTS, PATH, mostly(PARTS, ["trian", "", "0"]), most=2)}


@st.composite
def tree(draw) -> dict[str, bytes]:
    """Draws the benchmark's lists, some left out, one of them damaged."""
    target = draw(st.sampled_from(list(LISTS)))
    absent = draw(st.sampled_from([None] * 9 + list(LISTS)))
    return {name: draw(damaged(lists) if name == target else lists)
            for name, lists in LISTS.items() if name != absent}


COLUMNS = ["path", "category", "item", *expected.SIDES, "part", "note"]
CATEGORY = mostly([*KNOWN, ""], BAD_NAMES)
ROW = [PATH, CATEGORY, mostly(["a", "b c", "\u00e9"], [""]),
       *[mostly(SIDES, BAD_IDS)] * 4, mostly([*PARTS, ""], ["trian", "Train", " "]),
       st.sampled_from(["", "long,\r\nand \"wide\"", "\n", "="])]
FILES = {
    "list": st.fixed_dictionaries({expected.BOXES: damaged(LISTS[expected.BOXES])}),
    "tree": tree(),
    "csv": st.fixed_dictionaries({"rows.csv": damaged(table(COLUMNS, *ROW, most=3))}),
    "csv_short": st.fixed_dictionaries(
        {"rows.csv": damaged(table(["path", "category"], PATH, CATEGORY))}),
    "category_map": st.fixed_dictionaries({"map.csv": damaged(table(
        ["from", "to"], mostly(KNOWN, BAD_NAMES), CATEGORY))}),
    "classes": st.fixed_dictionaries({"classes.txt": damaged(st.lists(mostly(
        [*KNOWN, "# mine"], BAD_NAMES), unique=True, min_size=1, max_size=4).map(
            lambda names: "\n".join(names).encode()))})}
