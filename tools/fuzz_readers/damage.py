"""Changes to an annotation file, harmless or not, by name.

Each takes a number that chooses where and how, so that one draw of hypothesis decides a change.
"""
import codecs

from hypothesis import strategies as st

ODD = ["\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\ufeff", "\u00b2", "\u0663",
       "\0", "\t", " ", "\r", "\n", '"', ",", "'", "-", "1", "/", ".", "\u00e9", "\U0001f457"]
ENDS = ["\n", "\r", "\r\n"]


def mixed_ends(data: bytes, number: int) -> bytes:
    first, *rest = data.split(b"\n")
    return first + b"".join(ENDS[(number >> place) % 3].encode() + line
                            for place, line in enumerate(rest))


def padding(data: bytes, number: int) -> bytes:
    blank = [b"  ", b"\t", b" \t "][number % 3]
    return data.replace(b"    ", blank).replace(b"\n", blank + b"\n", number % 2)


def headless(data: bytes, _: int) -> bytes:
    """Makes row 2 a row of data; the count fits what follows."""
    count, _, *rows = [*data.split(b"\n"), b"", b""]
    return b"\n".join([str(max(int(count) - 1, 0)).encode() if count.isdigit() else count, *rows])


def odd_character(data: bytes, number: int) -> bytes:
    place, which = divmod(number, len(ODD))
    place %= len(data) + 1
    return data[:place] + ODD[which].encode() + data[place:]


def odd_byte(data: bytes, number: int) -> bytes:
    place = number // 256 % (len(data) + 1)
    return data[:place] + bytes([number % 256]) + data[place + number % 3:]


def flip(data: bytes, number: int) -> bytes:
    place = number // 8 % max(1, len(data))
    return data[:place] + bytes(byte ^ 1 << number % 8 for byte in data[place:place + 1]
                                ) + data[place + 1:]


def separator(row: bytes) -> bytes:
    return b"," if b"," in row else b" "


BYTES = {  # data, number -> data
    "crlf": lambda data, _: data.replace(b"\n", b"\r\n"),
    "cr": lambda data, _: data.replace(b"\n", b"\r"),
    "mixed ends": mixed_ends,
    "byte order mark": lambda data, _: codecs.BOM_UTF8 + data,
    "no last end": lambda data, _: data.rstrip(b"\r\n"),
    "padding": padding,
    "headless": headless,
    "wrong count": lambda data, number: str(number % 7 - 1).encode() + data[data.find(b"\n"):],
    "cut": lambda data, number: data[:number % (len(data) + 1)],
    "odd character": odd_character, "odd byte": odd_byte, "flip": flip}
LINES = {  # all lines of a file, place -> lines
    "blank line": lambda rows, at: [*rows[:at], b"", *rows[at:]],
    "lose": lambda rows, at: [*rows[:at], *rows[at + 1:]],
    "double": lambda rows, at: [*rows[:at], rows[at], *rows[at:]],
    "one field less": lambda rows, at: [
        *rows[:at], rows[at].rpartition(separator(rows[at]))[0], *rows[at + 1:]],
    "one field more": lambda rows, at: [
        *rows[:at], rows[at] + separator(rows[at]) + b"1", *rows[at + 1:]]}
ROWS = {  # rows below count and header, place -> rows; the count is corrected
    "repeat": lambda rows, at: [*rows, rows[at]],
    "contradict": lambda rows, at: [*rows, rows[at][:-1] + b"2"],
    "reverse": lambda rows, at: [*rows[:at], *rows[at:][::-1]],
    "drop": lambda rows, at: [*rows[:at], *rows[at + 1:]]}

HARMLESS = ["crlf", "cr", "mixed ends", "byte order mark", "no last end", "blank line", "padding",
            "repeat", "reverse", "drop"]
HARMFUL = ["contradict", "headless", "lose", "double", "wrong count", "cut", "one field less",
           "one field more", "odd character", "odd character", "odd byte", "flip"]
CHANGES = st.lists(st.tuples(st.sampled_from(HARMLESS * 2 + HARMFUL), st.integers(0, 2 ** 20)),
                   max_size=2)


def changed(data: bytes, changes: list[tuple[str, int]]) -> bytes:
    """Makes the changes one after another."""
    for name, number in changes:
        if name in BYTES:
            data = BYTES[name](data, number)
        elif name in LINES:
            rows = data.split(b"\n")
            data = b"\n".join(LINES[name](rows, number % len(rows)))
        else:
            data = _with_rows(data, number, ROWS[name])
    return data


def _with_rows(data: bytes, number: int, change) -> bytes:
    first, *rows = data.split(b"\n")
    head = [first, *rows[:1]] if first.isdigit() else [first]  # a CSV file has no count
    rows = [row for row in rows[len(head) - 1:] if row]
    if not rows:
        return data

    rows = change(rows, number % len(rows))
    if len(head) == 2:
        head[0] = str(len(rows)).encode()
    return b"\n".join([*head, *rows, b""])
