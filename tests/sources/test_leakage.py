"""What the splits share is counted, and items that share near-duplicates become one."""
import pandas as pd

from fashionclf.sources import leakage, splits

#         path  item label  look  bytes
ROWS = [("a/1", "a", 0, 0, "x"), ("a/2", "a", 0, 1, "y"), ("b/1", "b", 0, 1, "z"),
        ("b/2", "b", 0, 2, "q"), ("c/1", "c", 1, 2, "q"), ("d/1", "d", 1, 3, "r")]


def table():
    return pd.DataFrame(ROWS, columns=["path", "item", "label", "near_duplicate_group", "digest"],
                        index=range(10, 16))


def test_items_that_a_chain_of_near_duplicates_connects_are_one_under_the_first_name():
    rows = table()
    assert leakage.joined_items(rows["item"], rows["near_duplicate_group"]).to_dict() == dict(
        zip(rows.index, "aaaaad"))
    apart = pd.Series(range(6), index=rows.index)
    assert leakage.joined_items(rows["item"], apart).tolist() == rows["item"].tolist()


def test_overlap_counts_items_bytes_and_near_duplicates_on_both_sides():
    rows = table().assign(split=["train", "test", "train", "train", "test", "test"])
    found = leakage.overlap(rows)
    assert found["items, train and test"] == 1
    assert found["identical pictures, train and test"] == 1
    assert found["near-duplicates, train and test"] == 2
    assert found["share of test pictures whose item is in train"] == 0.3333
    assert found["share of test pictures with an identical picture in train"] == 0.3333
    assert found["share of test pictures with a near-duplicate in train"] == 0.6667
    assert found["near-duplicates, validation and test"] == 0
    names_only = leakage.overlap(rows[["item", "split"]])
    assert names_only == {name: value for name, value in found.items() if "item" in name}


def test_a_split_of_joined_items_shares_nothing():
    rows = pd.concat([table().assign(item=table()["item"] + str(n), path=table()["path"] + str(n),
                                     near_duplicate_group=table()["near_duplicate_group"] + 10 * n,
                                     digest=table()["digest"] + str(n)) for n in range(20)],
                     ignore_index=True)
    joined = rows.assign(item=leakage.joined_items(rows["item"], rows["near_duplicate_group"]))
    rows["split"] = splits.split(joined, method="grouped")
    facts = leakage.facts(rows, splits.split(rows, method="stratified"), ["Tee", "Coat"])
    assert not any(facts["overlap"].values())
    assert facts["overlap_at_random"]["share of test pictures with a near-duplicate in train"] > 0.3
    assert sum(facts["counts"]["train"].values()) == (rows["split"] == "train").sum()
    assert "(random split: " in leakage.as_text(facts)


def test_near_duplicates_are_listed_group_by_group_with_their_classes():
    listed = leakage.near_duplicate_rows(table().assign(split="train"), ["Tee", "Coat"])
    assert listed.values.tolist() == [
        [1, "a/2", "a", "Tee", "train", False], [1, "b/1", "b", "Tee", "train", False],
        [2, "b/2", "b", "Tee", "train", True], [2, "c/1", "c", "Coat", "train", True]]


def test_a_class_or_split_without_pictures_counts_0_and_shares_nothing():
    rows = table().assign(split="train")
    facts = leakage.facts(rows, rows["split"], ["Tee", "Coat", "Hat"])
    assert facts["counts"]["train"] == {"Tee": 4, "Coat": 2, "Hat": 0}
    assert facts["counts"]["test"] == {"Tee": 0, "Coat": 0, "Hat": 0}
    assert not any(facts["overlap"].values()) and len(facts["overlap"]) == 12
