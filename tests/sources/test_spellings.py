import pandas as pd
import pytest

from fashionclf.sources import categories, spellings


def check(*names, kept=None):
    return spellings.check(pd.Series(names), sorted(set(names)) if kept is None else kept)


@pytest.mark.parametrize("other", [
    "dress coat", "DRESS  COAT", "Dress-Coat", "Dress_Coat", "Dress Coat ", "Dress\u00a0Coat",
    "Dress\u2011Coat", "Dress \u200bCoat", "\uff24ress Coat", "Dr\u0435ss C\u043eat",
    "Dress\ufe0f Coat", "'Dress' Coat"])
def test_names_that_look_equal_are_an_error_with_counts_and_the_line_that_joins_them(other):
    with pytest.raises(ValueError) as error:
        check("Dress Coat", "Dress Coat", other, "Hat")
    assert f"'Dress Coat' (2), {other!r} ({'' if other.isascii() else ascii(other) + ', '}1) " in (
        str(error.value))
    assert str(error.value).endswith(f"--category_map\nfrom,to\n{other},Dress Coat")


@pytest.mark.parametrize("word", ["nan", "None", "NULL", "n/a", "N/A", "NaN", "-", "#N/A"])
def test_words_that_mean_no_class_are_an_error_with_the_line_that_drops_them(word):
    with pytest.raises(ValueError, match=(
            rf"'{word}' \(2\) stands for a missing class.*\nfrom,to\n{word},$")):
        check("Hat", word, word)
    assert check("Hat", word, kept=["Hat"]) == []  # where it is dropped, all is well


@pytest.mark.parametrize("one, other", [("Coat", "Coats"), ("Dress", "Dresses"),
                                        ("Bouclé", "Boucle"), ("Body", "Bodies")])
def test_names_that_may_be_one_class_are_noted(one, other):
    note, = check(one, one, other)
    assert note.endswith(f"may be one class: if so, join them with --category_map ({other},{one})")


def test_names_that_differ_stay_classes():
    assert check("Skirt", "Shirt", "Tee", "Tie", "Size 1.5", "Size 15", "Tee+", "Dress") == []


def test_the_lines_of_the_error_mend_it(tmp_path):
    table = pd.DataFrame({"path": list("abcd"), "item": list("abcd"), "partition": None,
                          "category": ["Hat", "hat", "NaN", 'A "b", c']})
    with pytest.raises(ValueError) as error:
        categories.assign(table, label_from="annotation")
    (tmp_path / "map.csv").write_text("from,to" + str(error.value).partition("from,to")[2])
    found = categories.assign(table, label_from="annotation",
                              category_map=[str(tmp_path / "map.csv")])
    assert found.classes == ['A "b", c', "Hat"] and found.dropped["path"].tolist() == ["c"]
