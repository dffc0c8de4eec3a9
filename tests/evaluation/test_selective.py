"""Promises of coverage against accuracy: what is answered, how often it is right, what is shown."""
import numpy as np
import pytest

from fashionclf.evaluation import intervals, selective

# Ten garments of two pictures; the four least confident pictures are wrong.
CONFIDENCES = np.linspace(0.05, 1, 20)
HITS = np.arange(20) >= 4
GARMENTS = np.arange(20) % 10


def test_a_coverage_answers_its_share_of_the_most_confident_pictures():
    half, everything = selective.points(CONFIDENCES, HITS, GARMENTS, coverages=(0.5, 1))
    assert (half.coverage, half.pictures, half.precision) == (0.5, 10, 1)
    assert (everything.coverage, everything.precision) == (1, 0.8)
    assert half.threshold == pytest.approx(CONFIDENCES[10], abs=1e-4)
    assert (everything.low, everything.high) == intervals.of_share(HITS, GARMENTS)


def test_pictures_of_equal_probability_are_answered_together():
    point, = selective.points(np.full(20, 0.7), HITS, GARMENTS, coverages=(0.1,))
    assert point.coverage == 1 and point.threshold <= 0.7


def test_the_most_pictures_are_answered_whose_lower_bound_reaches_the_precision():
    points = selective.points(CONFIDENCES, HITS, GARMENTS, level=selective.ONE_SIDED)
    best = selective.best(points)
    chosen = selective.reaching(best.low - 0.02, points)
    assert chosen.low >= best.low - 0.02 and chosen.coverage >= best.coverage
    assert all(point.low < best.low - 0.02 for point in points if point.coverage > chosen.coverage)
    assert selective.reaching(best.low + 1e-6, points) is None


def test_few_garments_promise_nothing():
    points = selective.points(CONFIDENCES, HITS, np.zeros(20, int))
    assert selective.best(points) is None and selective.reaching(0.01, points) is None


def test_a_promise_is_kept_on_new_garments_about_19_times_in_20():
    rng, broken = np.random.default_rng(0), 0

    def sample(garments):  # three pictures a garment, right as often as they say
        confidences = rng.beta(4, 1, 3 * garments)
        return confidences, rng.random(3 * garments) < confidences, np.repeat(
            np.arange(garments), 3)

    for _ in range(60):
        held_out, (confidences, hits, _) = sample(150), sample(3000)
        chosen = selective.reaching(0.85, selective.points(*held_out, level=selective.ONE_SIDED))
        broken += chosen is not None and hits[confidences >= chosen.threshold].mean() < 0.85
    assert broken <= 6


def test_words_say_what_is_answered_and_how_often_it_is_right():
    points = selective.points(CONFIDENCES, HITS, GARMENTS, coverages=(1, 0.5))
    assert selective.sentence(points).startswith(
        "If the model answers only the 50% of pictures with a probability of 0.55 or more, 100 of "
        "100 answers are right (")
    alike = selective.points(CONFIDENCES, np.ones(20, bool), GARMENTS)
    assert "no better" in selective.sentence(alike)
