"""What the readers should find, worked out slowly: a character or a line at a time.

Shares no code with the readers and uses neither pandas nor csv nor regular expressions.
"""
PARTS = ("train", "val", "test")
DIGITS = "0123456789"
WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
END = "end of file"


class Faults(set):
    """Every (file name, line) that a reader may report; line 0 is the whole file."""


def text_of(name: str, data: bytes, faults: Faults) -> str | None:
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]

    places = [data.index(0)] if 0 in data else []
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        places.append(error.start)

    for place in places:
        before = data[:place]
        ends = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
        faults.add((name, 1 + ends))
    return None if places else text


def characters(text: str) -> list[str]:
    """Splits into characters; CR LF counts as one."""
    found = []
    for character in text:
        if character == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(character)
    return found


def is_end(character: str) -> bool:
    return character in ("\r", "\n", "\r\n")


def lines_of(text: str) -> list[str]:
    lines = [""]
    for character in characters(text):
        if is_end(character):
            lines.append("")
        else:
            lines[-1] += character
    return lines


def fields_of(line: str, width: int) -> list[str] | None:
    """Returns the fields of a row, cut off from its end; None if there are too few."""
    rest, fields = line.strip(" \t"), []
    for _ in range(width - 1):
        cut = max(rest.rfind(" "), rest.rfind("\t"))
        if cut < 0:
            return None
        fields.insert(0, rest[cut + 1:])
        rest = rest[:cut].rstrip(" \t")
    return [rest, *fields]


def number_of(text: str) -> int | None:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    digits, point, zeros = digits.partition(".")
    if not 1 <= len(digits) <= 9 or any(digit not in DIGITS for digit in digits):
        return None
    if point and (not zeros or zeros.strip("0")):
        return None
    return sign * int(digits)


def numbers_of(name: str, line: int, texts: list[str], faults: Faults) -> tuple:
    numbers = tuple(number_of(text) for text in texts)
    if None in numbers:
        faults.add((name, line))
    return numbers


def list_rows(name: str, data: bytes, width: int, faults: Faults) -> list[tuple]:
    """Returns (line, fields) per row of one of the benchmark's lists."""
    text = text_of(name, data, faults)
    if text is None:
        return []

    lines = [*lines_of(text), ""]
    count = lines[0].strip(" \t")
    if not count or number_of(count) is None or "-" in count or "." in count:
        faults.add((name, 1))
        return []

    header = [word for word in lines[1].replace("\t", " ").split(" ") if word]
    plain = all(word[0] in WORD and not word.strip(WORD + DIGITS) for word in header)
    if len(header) != width or not plain or header[-1] in PARTS:
        faults.add((name, 2))
        return []

    rows = [(number, fields_of(line, width)) for number, line in enumerate(lines)
            if number >= 2 and line.strip(" \t")]
    if int(count) != len(rows) or not rows:
        faults.add((name, 1))
    faults.update((name, number + 1) for number, fields in rows if fields is None)
    return [(number + 1, fields) for number, fields in rows if fields is not None]


def csv_rows(name: str, text: str, faults: Faults) -> list[tuple]:
    """Returns (line, fields) per row of a CSV file; wrong quotes give a fault and end it."""
    rows, fields, field, state, line, begins = [], [], "", "start", 1, 1
    for character in [*characters(text), END]:
        ends = character is END or is_end(character)
        if state == "quoted" and character is not END and character != '"':
            field, line = field + character, line + ends
        elif state == "quoted" and character is END:
            faults.add((name, begins))
            return rows
        elif state == "quoted":
            state = "closed"
        elif state == "closed" and character == '"':
            field, state = field + '"', "quoted"
        elif character == ",":
            fields, field, state = [*fields, field], "", "start"
        elif ends:
            if any([*fields, field]):  # neither blank nor cells that are all empty
                rows.append((begins, [*fields, field]))
            fields, field, state, line = [], "", "start", line + 1
            begins = line
        elif state == "closed":
            faults.add((name, begins))
            return rows
        elif state == "start" and character == '"':
            state = "quoted"
        else:
            field, state = field + character, "plain"
    return rows


def table_rows(name: str, data: bytes, columns: list[str], faults: Faults) -> list[tuple]:
    """Returns (line, {column: cell}) per row of a CSV file with a header."""
    text = text_of(name, data, faults)
    rows = csv_rows(name, text, faults) if text is not None else []
    if len(rows) < 2:
        faults.add((name, 1))
        return []

    first, header = rows[0]
    if any(header.count(column) != 1 for column in columns):
        faults.add((name, first))
        return []

    faults.update((name, line) for line, fields in rows if len(fields) != len(header))
    return [(line, dict(zip(header, fields))) for line, fields in rows[1:]
            if len(fields) == len(header)]


def is_class(name: str) -> bool:
    return name != "" and name.strip() == name and len(lines_of(name)) == 1


def once(name: str, rows: list[tuple], faults: Faults) -> dict:
    """Returns path -> value of (line, path, value); a path may be repeated with equal values."""
    found = {}
    for line, path, value in rows:
        if {"", ".", ".."} & set(path.split("/")):
            faults.add((name, line))
        if found.setdefault(path, value) != value:
            faults.add((name, line))
    return found
