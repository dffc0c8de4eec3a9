"""One answer per garment: the geometric mean of its pictures' probabilities, scaled to one."""
import numpy as np
import pytest

from fashionclf.evaluation import items

NAN = [np.nan] * 3


def combined(rows, keys):
    return items.combined(np.array(rows, np.float32), items.numbered(keys))


def test_the_geometric_mean_by_hand():
    # sqrt(0.9 * 0.4) = 0.6, sqrt(0.09 * 0.25) = 0.15, sqrt(0.01 * 0.36) = 0.06; their sum is 0.81
    (means,), counts = combined([[0.9, 0.09, 0.01], [0.4, 0.25, 0.36]], ["a", "a"])
    assert means == pytest.approx([0.6 / 0.81, 0.15 / 0.81, 0.06 / 0.81]) and counts == [2]


def test_a_single_picture_keeps_its_answer_and_an_unusable_one_has_no_say():
    row = [0.7, 0.2, 0.1]
    means, counts = combined([row, NAN, NAN, row, NAN], ["a", "a", "b", "c", "c"])
    assert means[[0, 2]] == pytest.approx(np.array([row, row])) and np.isnan(means[1]).all()
    assert counts.tolist() == [1, 0, 1]


def test_the_order_of_pictures_does_not_matter():
    rng = np.random.default_rng(0)
    rows, keys = rng.dirichlet([0.3] * 3, 40), [f"g{n}" for n in rng.integers(0, 9, 40)]
    order = rng.permutation(40)
    first, second = (dict(zip(dict.fromkeys(names), combined(values, names)[0]))
                     for values, names in ((rows, keys),
                                           (rows[order], [keys[i] for i in order])))
    assert first.keys() == second.keys()
    assert all(first[key] == pytest.approx(second[key], abs=1e-12) for key in first)


def test_no_picture_rules_a_class_out_alone():
    (means,), _ = combined([[0.0, 0.5, 0.5], [0.98, 0.01, 0.01], [0.98, 0.01, 0.01],
                            [0.98, 0.01, 0.01], [0.98, 0.01, 0.01]], ["a"] * 5)
    assert means.argmax() == 0 and np.isfinite(means).all()


def test_no_pictures_are_no_garments():
    means, counts = items.combined(np.empty((0, 3), np.float32), np.empty(0, int))
    assert means.shape == (0, 3) and counts.shape == (0,)
