"""Promises of the report's pictures: everything in its place, captions to the letter."""
import numpy as np
import pandas as pd
import pytest

from fashionclf.evaluation import figures

GREY = np.full((40, 30, 3), 200, np.uint8)


def test_the_class_distribution_stacks_the_splits_with_the_largest_class_on_top():
    drawn = figures.class_distribution({"train": {"Tee": 700, "$a$": 9_000},
                                        "validation": {"Tee": 100, "$a$": 0},
                                        "test": {"Tee": 200, "$a$": 1_000}})
    axes = drawn.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Tee", "$a$"]
    ends = [[bar.get_x() + bar.get_width() for bar in split] for split in axes.containers]
    assert ends == [[700, 9_000], [800, 9_000], [1_000, 10_000]]
    assert [text.get_text() for text in axes.texts] == ["1,000", "10,000"]


def test_the_gallery_shows_errors_in_order_with_the_stated_caption():
    worst = pd.DataFrame({"path": ["x", "y"], "true": ["Anorak", "$b$"],
                          "predicted": ["Parka", "Tee"], "probability": [0.9, 0.7]})
    drawn = figures.gallery(worst, {"x": GREY, "y": GREY}, "test")
    assert [axes.get_title() for axes in drawn.axes] == ["P: Parka T: Anorak", "P: Tee T: $b$"]
    assert [axes.get_xlabel() for axes in drawn.axes] == ["0.90", "0.70"]


@pytest.mark.parametrize("num_classes", [2, 20, 50])
def test_the_confusion_matrix_shows_every_count_inside_its_cell(num_classes):
    matrix = np.diag(np.full(num_classes, 14_431))
    drawn = figures.confusion(matrix, [f"Class {i}" for i in range(num_classes)], "test")
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    assert [text.get_text() for text in axes.texts] == ["14431"] * num_classes
    cell = axes.get_window_extent().width / num_classes
    assert axes.texts[0].get_window_extent().width < cell
    labels = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(a.x1 <= b.x0 for a, b in zip(labels, labels[1:]))


def test_the_legend_of_the_class_distribution_covers_no_bar_of_balanced_classes():
    counts = {split: dict.fromkeys(map(str, range(20)), 100)
              for split in ("train", "validation", "test")}
    drawn = figures.class_distribution(counts)
    drawn.draw_without_rendering()
    assert drawn.legends[0].get_window_extent().y1 < drawn.axes[0].get_window_extent().y0


def test_no_point_of_the_reliability_diagram_stands_for_a_few_pictures():
    table = pd.DataFrame({"n": [1, 1, 30, 40], "confidence": [0.1, 0.3, 0.5, 0.9],
                          "accuracy": [0.0, 1.0, 0.6, 0.8]})
    drawn = figures.reliability({"temperature 1": table}, "test")
    points = drawn.axes[0].lines[1].get_xydata()
    np.testing.assert_allclose(points, [[15.4 / 32, 19 / 32], [0.9, 0.8]])
    assert "the mean of 20 pictures or more" in drawn.axes[0].get_title()
    bars = drawn.axes[1].collections[0].get_segments()
    assert [bar[1].tolist() for bar in bars] == [[15.4 / 32, 32], [0.9, 40]]


def test_where_there_are_few_pictures_in_all_one_point_stands_for_them():
    table = pd.DataFrame({"n": [1, 2], "confidence": [0.3, 0.6], "accuracy": [1.0, 0.5]})
    drawn = figures.reliability({"temperature 1": table}, "test")
    np.testing.assert_allclose(drawn.axes[0].lines[1].get_xydata(), [[0.5, 2 / 3]])
    assert "the mean of 3 pictures or more" in drawn.axes[0].get_title()
