import numpy as np
import pandas as pd
import pytest

from fashionclf.sources import categories, leakage, readers, splits


def table(items=60):
    rng = np.random.default_rng(0)
    rows = [(f"img/S{item // 2}_{item}/{i}.jpg", f"img/S{item // 2}_{item}", item % 4)
            for item in range(items) for i in range(rng.integers(3, 12))]
    return pd.DataFrame(rows, columns=["path", "item", "label"])


@pytest.mark.parametrize("pattern", [r"(?P<sender>S\d+)_", r"S\d+", r"/(S\d+)_"])
def test_a_pattern_makes_wider_items(pattern):
    rows = table()
    sender = rows["path"].str.split("/").str[1].str.split("_").str[0]
    assert splits.items_by_pattern(rows["path"], pattern).tolist() == sender.tolist()


@pytest.mark.parametrize("pattern, error", [("S(", "is not a regular expression"),
                                            ("S1_", "does not match 'img/S0_0/0.jpg'"),
                                            ("Q", "does not match 'img/S0_0/0.jpg'")])
def test_a_pattern_that_gives_no_items_is_refused(pattern, error):
    with pytest.raises(ValueError, match=error):
        splits.items_by_pattern(table()["path"], pattern)


def test_no_item_is_on_two_sides_and_classes_keep_a_fifth_for_the_test_and_a_tenth_to_validate():
    rows = table(items=200)
    rows["split"] = splits.split(rows, method="grouped")
    assert rows.groupby("item")["split"].nunique().max() == 1
    share = rows["split"].value_counts(normalize=True)
    assert share["test"] == pytest.approx(0.2, abs=0.01)
    assert share["validation"] == pytest.approx(0.1, abs=0.01)
    assert splits.deviation(rows).abs().max(axis=None) < 0.03
    stated = splits.split(rows, method="grouped", test_fraction=0.2, validation_fraction=0.1,
                          seed=0)
    assert stated.equals(rows["split"])


@pytest.mark.parametrize("method", ["grouped", "stratified"])
def test_the_split_is_a_function_of_rows_and_seed(method):
    rows = table()
    one = splits.split(rows, method=method, seed=1)
    shuffled = rows.sample(frac=1, random_state=5)
    pd.testing.assert_series_equal(splits.split(shuffled, method=method, seed=1).sort_index(), one)
    assert (one != splits.split(rows, method=method, seed=2)).any()


@pytest.mark.parametrize("method", ["grouped", "stratified"])
def test_the_test_part_does_not_depend_on_validation(method):
    rows = table()
    none, some, more = (splits.split(rows, method=method, validation_fraction=fraction)
                        for fraction in (0.0, 0.1, 0.3))
    assert ((none == "test") == (some == "test")).all() and "validation" not in set(none)
    assert ((none == "test") == (more == "test")).all()


def test_the_only_group_of_a_class_stays_in_train():
    rows = pd.concat([table(), pd.DataFrame({"path": ["x/0", "x/1"], "item": "x", "label": 4})],
                     ignore_index=True)
    part = splits.split(rows, method="grouped", test_fraction=0.5)
    assert (part[rows["label"] == 4] == "train").all()


@pytest.mark.parametrize("seed", range(3))
def test_a_class_of_three_groups_is_in_every_split(seed):
    few = [(f"x/{item}/{i}", f"x/{item}", 4) for item in range(3) for i in range(10)]
    rows = pd.concat([table(), pd.DataFrame(few, columns=["path", "item", "label"])],
                     ignore_index=True)
    part = splits.split(rows, method="grouped", seed=seed)
    assert set(part[rows["label"] == 4]) == set(splits.SPLITS)


def test_stratified_splits_pictures_within_each_class():
    rows = table()
    rows["split"] = splits.split(rows, method="stratified", validation_fraction=0.0)
    share = pd.crosstab(rows["label"], rows["split"], normalize="index")["test"]
    assert share.between(0.19, 0.21).all()


def test_the_official_partition_is_taken_and_must_be_whole():
    rows = table(items=1).iloc[:3].assign(partition=["train", "val", "test"])
    assert splits.split(rows, method="official").tolist() == list(splits.SPLITS)
    rows.loc[1, "partition"] = None
    with pytest.raises(ValueError, match="1 of 3 pictures have no official part"):
        splits.split(rows, method="official")
    rows.loc[1, "partition"] = "dev"
    with pytest.raises(ValueError, match="one of train, val, test; .* with 'dev'"):
        splits.split(rows, method="official")


def test_real_items_never_straddle_and_the_official_overlap_is_reported(shared):
    rows = readers.read_deepfashion(shared / "deepfashion").table
    rows = categories.assign(rows, label_from="name").table
    rows["split"] = splits.split(rows, method="grouped")
    assert leakage.overlap(rows)["share of test pictures whose item is in train"] == 0.0
    official = rows[rows["partition"].notna()].copy()
    official["split"] = splits.split(official, method="official")
    assert leakage.overlap(official)["share of test pictures whose item is in train"] > 0.3
