import ast

import pytest

from tests.helpers.programs import ROOT, succeed
from tools.mutation_trial import changes


def all_changes(source):
    return [changes.changed(source, number)[0]
            for number in range(len(changes.of(ast.parse(source))))]


@pytest.mark.parametrize("source, expected", [
    ("a < b", ["a <= b", "a >= b"]), ("a == b != c", ["a != b != c", "a == b == c"]),
    ("a + b", ["a - b"]), ("a *= b", ["a /= b"]), ("a and (b or c)", ["a or (b or c)",
                                                                      "a and (b and c)"]),
    ("not a", ["not not a"]), ("max(a.argmin())", ["min(a.argmin())", "max(a.argmax())"]),
    ("1.5", ["2.5"]), ("f'{a + b:.1f}'", ["f'{a - b:.1f}'"]), ("True", []), ("'text'", [])])
def test_each_operator_and_constant_is_changed_once_or_by_its_edge_too(source, expected):
    assert sorted(all_changes(source)) == sorted(expected)


def test_type_hints_stay_and_a_change_is_named_by_line_before_and_after():
    source = "def f(a: int | None) -> int | str:\n    b: int | None = a\n    return a | b\n"
    assert len(all_changes(source)) == 1
    assert changes.changed(source, 0)[1] == "3: a | b -> a & b"


def test_every_module_and_test_file_of_the_table_is_there():
    named = [*changes.TESTS, *sum(changes.TESTS.values(), [])]
    assert [file for file in named if not (ROOT / file).is_file()] == []


@pytest.mark.slow
def test_a_change_is_noticed_and_the_checkout_stays_as_it_was():
    source = ROOT / "fashionclf/sources/alignment.py"
    before = source.read_bytes()
    trial = succeed("tools.mutation_trial", "--changes=1", "--only=alignment", fresh=True)
    assert trial.stdout.endswith("noticed 1 of 1\n") and source.read_bytes() == before
