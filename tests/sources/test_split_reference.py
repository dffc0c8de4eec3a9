"""The grouped and the stratified split against slow, obvious ones that recount everything.

Fractions are halves of halves, so that sums are exact and ties fall alike.
"""
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from fashionclf.sources import splits

TABLES = range(30)  # seeds of the tables that are drawn


def random_table(seed):
    """Rows of 4 to 14 items, most of one class, in no order; some classes have few items."""
    rng = np.random.default_rng(seed)
    classes, rows = rng.integers(2, 6), []
    for item in range(rng.integers(4, 15)):
        common = min(rng.geometric(0.4) - 1, classes - 1)
        for number in range(rng.integers(1, 6)):
            label = rng.integers(classes) if rng.random() < 0.15 else common
            rows.append((f"{item:02d}/{number}", f"{item:02d}", int(label)))
    table = pd.DataFrame(rows, columns=["path", "item", "label"], index=range(100, 100 + len(rows)))
    return table.sample(frac=1, random_state=seed)


def random_counts(seed):
    """Rows of each group by class and together, wanted rows, and an order of the groups."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 4, (rng.integers(3, 9), rng.integers(1, 5)))
    sizes[rng.random(sizes.shape) < 0.4] = 0
    sizes[sizes.sum(axis=1) == 0, 0] = 1
    wanted = sizes.sum(axis=0) * rng.choice([0.0, 0.125, 0.25, 0.5], sizes.shape[1])
    together = np.column_stack([sizes, sizes.sum(axis=1)]).astype(float)
    return together, np.append(wanted, wanted.sum()), rng.permutation(len(sizes))


# The reference: groups are numbers in a set, and what is missing is counted anew each time.


def cost(sizes, target, taken):
    total = 0.0
    for column, wanted in enumerate(target):
        missing = wanted - sum(sizes[group][column] for group in taken)
        total += missing ** 2 / (wanted if wanted > 1e-9 else 1e-9)
    return total


def leaves_some(sizes, taken, group):
    """Whether each class that `group` has keeps a row outside of `taken` without it."""
    others = [g for g in range(len(sizes)) if g not in taken and g != group]
    return all(sum(sizes[g][column] for g in others) > 0
               for column in range(len(sizes[0])) if sizes[group][column] > 0)


def draw_once(sizes, target, order, most_moves=200):
    taken = set()
    for group in order:
        more = taken | {group}
        if (sum(sizes[g][-1] for g in more) <= target[-1] and leaves_some(sizes, taken, group)
                and cost(sizes, target, more) < cost(sizes, target, taken)):
            taken = more
    for _ in range(most_moves):
        moves = [taken ^ {group} for group in range(len(sizes))
                 if group in taken or leaves_some(sizes, taken, group)]
        best = min(moves, key=lambda moved: cost(sizes, target, moved), default=taken)
        if cost(sizes, target, best) >= cost(sizes, target, taken) - 1e-9:
            return taken
        taken = best
    return taken


def with_every_class(sizes, target, taken):
    for column in range(len(target) - 1):
        if target[column] == 0 or any(sizes[group][column] for group in taken):
            continue
        fits = [group for group in range(len(sizes)) if group not in taken
                and sizes[group][column] > 0 and leaves_some(sizes, taken, group)]
        if fits:
            taken = taken | {min(fits, key=lambda group: cost(sizes, target, taken | {group}))}
    return taken


def draw_groups(keys, labels, wanted, rng):
    """The keys taken; `keys` and `labels` of the free rows, `wanted` rows by label."""
    names, classes, rows = sorted(set(keys)), sorted(set(labels)), Counter(zip(keys, labels))
    sizes = [[*(float(rows[name, label]) for label in classes), float(keys.count(name))]
             for name in names]
    target = [*(wanted[label] for label in classes), sum(wanted[label] for label in classes)]
    draws = [draw_once(sizes, target, rng.permutation(len(names))) for _ in range(10)]
    best = min(draws, key=lambda taken: cost(sizes, target, taken))
    return {names[group] for group in with_every_class(sizes, target, best)}


def draw_rows(labels, wanted, rng):
    """Positions of the rows taken."""
    taken, seen = set(), Counter()
    for position in rng.permutation(len(labels)):
        label = labels[position]
        if seen[label] < round(wanted[label]):
            taken.add(position)
        seen[label] += 1
    return taken


def split(table, method, test_fraction, validation_fraction, seed):
    column = "item" if method == "grouped" else "path"
    rows = [(row[column], row["label"], index) for index, row in table.iterrows()]
    rows.sort(key=lambda row: row[0])
    everywhere, side = Counter(label for _, label, _ in rows), {}
    for name, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        free = [row for row in rows if row[2] not in side]
        keys, labels = [key for key, _, _ in free], [label for _, label, _ in free]
        wanted = {label: fraction * count for label, count in everywhere.items()}
        rng = np.random.default_rng([seed, {"test": 4, "validation": 10}[name]])
        if method == "grouped":
            drawn = draw_groups(keys, labels, wanted, rng)
            side.update({index: name for key, _, index in free if key in drawn})
        else:
            drawn = draw_rows(labels, wanted, rng)
            side.update({row[2]: name for i, row in enumerate(free) if i in drawn})
    return [side.get(index, "train") for index in table.index]


@pytest.mark.parametrize("most_moves", [0, 1, 200])
def test_one_draw_is_that_of_the_slow_reference_after_any_number_of_moves(monkeypatch, most_moves):
    monkeypatch.setattr(splits, "MOST_MOVES", most_moves)
    for seed in range(120):
        sizes, target, order = random_counts(seed)
        found = set(np.flatnonzero(splits._draw_once(sizes, target, order)))
        assert found == draw_once(sizes.tolist(), target.tolist(), order, most_moves), seed


@pytest.mark.parametrize("method", ["grouped", "stratified"])
def test_a_split_is_that_of_the_slow_reference(method):
    seen = Counter()
    for seed in TABLES:
        table = random_table(seed)
        found = splits.split(table, method=method, test_fraction=0.25, validation_fraction=0.125,
                             seed=seed)
        assert found.tolist() == split(table, method, 0.25, 0.125, seed), seed
        seen.update(found)
    assert min(seen[name] for name in splits.SPLITS) > len(TABLES)


@pytest.mark.parametrize("missing, target, expected", [
    ([3, -1], [9, 0.5], 1 + 2), ([0, 0], [4, 0], 0), ([0, 2], [4, 0], 4e9), ([-2, 0], [4, 1], 1)])
def test_the_cost_is_the_squared_miss_for_each_row_wanted(missing, target, expected):
    found = splits._cost(np.array([missing, missing]), np.array(target))
    np.testing.assert_allclose(found, [expected, expected])


def test_a_deviation_is_the_share_of_a_class_minus_that_of_all():
    table = pd.DataFrame({"label": [0, 0, 0, 0, 1], "split": "train train test test train".split()})
    found = splits.deviation(table)
    assert found.columns.tolist() == ["train", "validation", "test"]
    np.testing.assert_allclose(found, [[0.5 - 0.6, 0, 0.5 - 0.4], [1 - 0.6, 0, 0 - 0.4]])
    np.testing.assert_allclose(splits.deviation(table, {"train": 0.5, "test": 0.5}),
                               [[0, 0, 0], [0.5, 0, -0.5]])
