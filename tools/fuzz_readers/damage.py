"""Changes to an annotation file, harmless or not.

Each takes the file's bytes and a number that chooses where and how, so that one draw of hypothesis
decides a change, and returns the changed bytes.
"""
import codecs

from hypothesis import strategies as st

ODD = ["\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\ufeff", "\u00b2", "\u0663",
       "\0", "\t", " ", "\r", "\n", '"', ",", "'", "-", "1", "/", ".", "\u00e9", "\U0001f457"]
ENDS = ["\n", "\r", "\r\n"]


def crlf(data: bytes, _: int) -> bytes:
    return data.replace(b"\n", b"\r\n")


def cr(data: bytes, _: int) -> bytes:
    return data.replace(b"\n", b"\r")


def mixed_ends(data: bytes, number: int) -> bytes:
    first, *rest = data.split(b"\n")
    return first + b"".join(ENDS[(number >> place) % 3].encode() + line
                            for place, line in enumerate(rest))


def mark(data: bytes, _: int) -> bytes:
    return codecs.BOM_UTF8 + data


def no_last_end(data: bytes, _: int) -> bytes:
    return data.rstrip(b"\r\n")


def blank_line(data: bytes, number: int) -> bytes:
    return lines(data, number, lambda rows, place: [*rows[:place], b"", *rows[place:]])


def padding(data: bytes, number: int) -> bytes:
    blank = [b"  ", b"\t", b" \t "][number % 3]
    return data.replace(b"    ", blank).replace(b"\n", blank + b"\n", number % 2)


def repeat(data: bytes, number: int) -> bytes:
    return counted(data, number, lambda rows, place: [*rows, rows[place]])


def contradict(data: bytes, number: int) -> bytes:
    return counted(data, number, lambda rows, place: [*rows, rows[place][:-1] + b"2"])


def reverse(data: bytes, number: int) -> bytes:
    return counted(data, number, lambda rows, place: [*rows[:place], *rows[place:][::-1]])


def drop(data: bytes, number: int) -> bytes:
    return counted(data, number, lambda rows, place: [*rows[:place], *rows[place + 1:]])


def lose(data: bytes, number: int) -> bytes:
    return lines(data, number, lambda rows, place: [*rows[:place], *rows[place + 1:]])


def double(data: bytes, number: int) -> bytes:
    return lines(data, number, lambda rows, place: [*rows[:place], rows[place], *rows[place:]])


def headless(data: bytes, _: int) -> bytes:
    """Row 2 is a row already; the count fits what follows."""
    count, _, *rows = [*data.split(b"\n"), b"", b""]
    return b"\n".join([str(max(int(count) - 1, 0)).encode() if count.isdigit() else count, *rows])


def wrong_count(data: bytes, number: int) -> bytes:
    return str(number % 7 - 1).encode() + data[data.find(b"\n"):]


def cut(data: bytes, number: int) -> bytes:
    return data[:number % (len(data) + 1)]


def one_field_less(data: bytes, number: int) -> bytes:
    def shortened(rows, place):
        rows[place] = rows[place].rpartition(b"," if b"," in rows[place] else b" ")[0]
        return rows
    return lines(data, number, shortened)


def one_field_more(data: bytes, number: int) -> bytes:
    def longer(rows, place):
        rows[place] += b",1" if b"," in rows[place] else b" 1"
        return rows
    return lines(data, number, longer)


def odd_character(data: bytes, number: int) -> bytes:
    place, which = divmod(number, len(ODD))
    place %= len(data) + 1
    return data[:place] + ODD[which].encode() + data[place:]


def odd_byte(data: bytes, number: int) -> bytes:
    place = number // 256 % (len(data) + 1)
    return data[:place] + bytes([number % 256]) + data[place + number % 3:]


def flip(data: bytes, number: int) -> bytes:
    if not data:
        return data
    place = number // 8 % len(data)
    return data[:place] + bytes([data[place] ^ 1 << number % 8]) + data[place + 1:]


def lines(data: bytes, number: int, change) -> bytes:
    rows = data.split(b"\n")
    return b"\n".join(change(rows, number % len(rows)))


def counted(data: bytes, number: int, change) -> bytes:
    """Changes only the rows below count and header, and corrects the count."""
    first, *rows = data.split(b"\n")
    head = [] if not first.isdigit() else [first, *rows[:1]]
    head, rows = (head, rows[1:]) if head else ([first], rows)
    rows = [row for row in rows if row]
    if not rows:
        return data

    rows = change(rows, number % len(rows))
    if len(head) == 2:
        head[0] = str(len(rows)).encode()
    return b"\n".join([*head, *rows, b""])


HARMLESS = [crlf, cr, mixed_ends, mark, no_last_end, blank_line, padding, repeat, reverse, drop]
HARMFUL = [contradict, headless, lose, double, wrong_count, cut, one_field_less, one_field_more,
           odd_character, odd_character, odd_byte, flip]

CHANGES = st.lists(st.tuples(st.sampled_from(HARMLESS * 2 + HARMFUL), st.integers(0, 2 ** 20)),
                   max_size=2)


def changed(data: bytes, changes: list[tuple]) -> bytes:
    for change, number in changes:
        data = change(data, number)
    return data
