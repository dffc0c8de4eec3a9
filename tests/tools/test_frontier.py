"""The frontier: what is read off it, what it can't say, and a round that resumes."""
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fashionclf.system import files
from tests.helpers.programs import succeed
from tests.helpers.tiny import make_records
from tools.benchmark import frontier_plot, frontier_report, frontier_runs, timed
from tools.benchmark.contenders import Round
from tools.benchmark.frontier_report import Frontier, Time
from tools.benchmark.results import Results
from tools.recipes import Recipe

MINUTE = 60  # seconds


def rows(contender, recipe, seconds, accuracies, macro=0.5):
    return [{"contender": contender, "recipe": recipe, "round": number, "seconds": taken,
             "accuracy": accuracy, "macro_f1": macro}
            for number, (taken, accuracy) in enumerate(zip(seconds, accuracies))]


RUNS = pd.DataFrame([
    *rows("fashionclf", "fast", (10, 10), (0.70, 0.72), macro=0.6),
    *rows("fashionclf", "odd", (20, 20), (0.60, 0.60)),
    *rows("fashionclf", "best", (40, 40), (0.80, 0.82), macro=0.8),
    *rows("keras", "2+2", (20, 20), (0.68, 0.72)),
    *rows("keras", "10+10", (80, 120), (0.76, 0.76)),
    *rows("keras", "20+20", (200, 200), (0.85, 0.85)),
    *rows("pytorch", "10+10", (60, 60), (0.75, 0.75))])


def test_the_frontier_leaves_out_what_a_quicker_recipe_equals():
    found = Frontier(RUNS[RUNS["contender"] == "fashionclf"])
    assert found.recipes.index.tolist() == ["fast", "best"]


def test_accuracy_is_linear_in_the_logarithm_of_the_seconds_between_neighbours():
    found = Frontier(RUNS[RUNS["contender"] == "fashionclf"])
    assert found.time_at(0.76).seconds == pytest.approx(20)  # half way, in the geometric mean
    assert found.shares_at(20).to_dict() == pytest.approx({"fast": 0.5, "best": 0.5})
    assert found.time_at(0.81) == Time(pytest.approx(40))
    assert found.shares_at(10).to_dict() == {"fast": 1.0}


def test_nothing_is_extrapolated():
    found = Frontier(RUNS[RUNS["contender"] == "fashionclf"])
    assert found.time_at(0.82) is None
    assert found.time_at(0.5) == Time(pytest.approx(10), at_most=True)
    assert found.shares_at(9) is None
    assert found.shares_at(400).to_dict() == {"best": 1.0}


def test_a_ratio_of_a_bound_is_one():
    assert frontier_report.ratio(Time(60), Time(10)) == "6.0"
    assert frontier_report.ratio(Time(60), Time(10, at_most=True)) == "≥ 6.0"
    assert frontier_report.ratio(Time(60, at_most=True), Time(10)) == "≤ 6.0"
    assert frontier_report.ratio(Time(60, True), Time(10, True)) == "unknown"
    assert frontier_report.ratio(Time(60), None) == "not reached"


def test_the_table_at_keras_accuracy_has_ratios_of_means_and_of_each_round():
    lines = frontier_report.at_accuracy_of("keras", RUNS, ours="fashionclf").splitlines()
    assert lines[0].startswith("| keras | accuracy | seconds of fashionclf | seconds of keras |")
    # 0.76: the means give 20 s. Round 0 of ours has it at 10 * 4^0.6, round 1 at 10 * 4^0.4.
    assert lines[3] == ("| 10+10 | 0.760 | 20 | 100 | not reached | "
                        f"5.0 ({80 / (10 * 4 ** 0.6):.1f}, {120 / (10 * 4 ** 0.4):.1f}) | "
                        "not reached (not reached, not reached) |")
    assert lines[4].startswith("| 20+20 | 0.850 | not reached | 200 |")
    # In round 1 the quickest of ours is exactly as accurate.
    assert lines[2] == ("| 2+2 | 0.700 | ≤ 10 | 20 | ≤ 60 | ≥ 2.0 (≥ 2.0, 2.0) | "
                        "unknown (unknown, ≤ 6.0) |")


def test_the_table_in_keras_time_is_paired_by_round():
    lines = frontier_report.in_time_of("keras", RUNS, ours="fashionclf").splitlines()
    # Half fast, half best: 0.75 and 0.77 beside 0.68 and 0.72; macro F1 0.7 beside 0.5.
    assert lines[2] == "| 2+2 | 20 | +6.0 ± 1.0 | +20.0 ± 0.0 | 0.50 fast, 0.50 best |"
    assert lines[3] == "| 10+10 | 100 | +5.0 ± 1.0 | +30.0 ± 0.0 | best |"
    quick = RUNS.assign(seconds=RUNS["seconds"].where(RUNS["recipe"] != "2+2", 5))
    assert frontier_report.in_time_of("keras", quick, ours="fashionclf").splitlines()[2] == (
        "| 2+2 | 5 | not reached | not reached |  |")


def test_a_round_that_misses_a_recipe_is_left_out_of_the_pairs():
    one_less = RUNS.drop(RUNS[(RUNS["recipe"] == "best") & (RUNS["round"] == 1)].index)
    assert "| 10+10 | 100 | +4.0 | +30.0 | best |" in frontier_report.in_time_of(
        "keras", one_less, ours="fashionclf")


def test_without_others_each_recipe_is_compared_with_the_first_by_round():
    own = RUNS[RUNS["contender"] == "fashionclf"]
    lines = frontier_report.less_the_first(own).splitlines()
    assert lines[0] == "| minus fast | rounds | accuracy, points | macro F1, points |"
    assert lines[2:] == ["| odd | 2 | -11.0 ± 1.0 | -10.0 ± 0.0 |",
                         "| best | 2 | +10.0 ± 0.0 | +20.0 ± 0.0 |"]
    assert lines[0] in frontier_report.report(own, "", ours="fashionclf", base="keras")
    assert "minus fast" not in frontier_report.report(RUNS, "", ours="fashionclf", base="keras")


def test_all_recipes_are_listed_with_errors_and_ranges():
    shown = frontier_report.report(RUNS, "- cores: 2", ours="fashionclf", base="keras")
    assert "- cores: 2" in shown
    assert "| keras | 10+10 | 2 | 100 (80 to 120) | 0.760 ± 0.000 | 0.500 ± 0.000 |" in shown
    assert "| fashionclf | fast | 2 | 10 | 0.710 ± 0.010 | 0.600 ± 0.000 |" in shown
    alone = frontier_report.report(RUNS[RUNS["contender"] == "fashionclf"], "", ours="fashionclf",
                                   base="keras")
    assert "| fashionclf | fast |" in alone and "At the accuracy" not in alone


def test_the_picture_names_each_recipe_and_draws_a_line_for_each_contender(tmp_path):
    figure = frontier_plot.draw(RUNS)
    axes, = figure.axes
    assert {text.get_text() for text in axes.texts} == set(RUNS["recipe"])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "fashionclf", "Keras", "PyTorch"]
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "10 s", "30 s", "1 min", "2 min"]
    assert figure.get_size_inches()[0] * figure.dpi == pytest.approx(696)


def test_contenders_take_turns_and_each_round_begins_elsewhere():
    ours = [Recipe(name, (("train",),)) for name in "ab"]
    order = frontier_runs.points(ours, ["keras"], ["1+2", "3+4", "5+6"], image_size=32,
                                 batch_size=4)
    assert [point.name for point in order] == ["a", "1+2", "b", "3+4", "5+6"]
    assert (order[3].job.head_epochs, order[3].job.fine_tune_epochs) == (3, 4)
    turns = [frontier_runs.rotated(order, number, 3) for number in range(3)]
    assert [turn[0].name for turn in turns] == ["a", "1+2", "3+4"]
    assert all(sorted(turn, key=order.index) == order for turn in turns)


@pytest.fixture
def rounds(tmp_path):
    return [Round(number, tmp_path / f"records_{number}", "none", tmp_path / "out", job=None)
            for number in range(2)]


@pytest.fixture
def started(monkeypatch):
    """Commands that would have been started; `train` leaves a run, and each takes 2 seconds."""
    commands = []

    def leave_a_run(command, *, marks, log, environment=None):
        given = dict(word.removeprefix("--").split("=", 1) for word in command if "=" in word)
        run, cache = Path(given["run"]), Path(given["cache_dir"])
        assert not run.exists() and not cache.exists()
        (run / "report").mkdir(parents=True)
        cache.mkdir()
        if len(commands) == 2 and "killed" in str(run):
            raise KeyboardInterrupt
        files.write_json(run / "report/metrics.json", {"top1": 0.5, "macro_f1": 0.25})
        commands.append(command[2:])
        return {"total": 2.0, "set-up": 2.0}

    monkeypatch.setattr(timed, "run", leave_a_run)
    return commands


def recipe(name, *calls):
    return Recipe(name, tuple(tuple(call.split()) for call in calls))


def measured(ours, rounds):
    order = frontier_runs.points(ours, [], [], image_size=32, batch_size=4)
    figures = Results(rounds[0].output / "frontier.json", {})
    return list(frontier_runs.measured(order, rounds, figures)), figures.content["runs"]


def test_all_programs_of_a_recipe_count_and_each_starts_without_an_older_run(rounds, started):
    taught = recipe("taught", "train --run={run}_teacher --cache_dir={cache}_1",
                    "train --weights={run}_teacher")
    complete, runs = measured([taught], rounds)
    assert complete == [0, 1] and len(started) == 4
    assert started[1][1:] == [
        f"--weights={rounds[0].output}/runs/fashionclf_taught_0/run_teacher",
        f"--records={rounds[0].records}",
        f"--run={rounds[0].output}/runs/fashionclf_taught_0/run",
        f"--cache_dir={rounds[0].output}/runs/fashionclf_taught_0/cache", "--seed=0"]
    assert not (rounds[0].output / "runs/fashionclf_taught_0/cache").exists()
    assert runs[0] == {"contender": "fashionclf", "recipe": "taught", "digest": taught.digest(),
                       "round": 0, "seconds": {"total": 4.0, "programs": [2.0, 2.0]},
                       "accuracy": 0.5, "macro_f1": 0.25}


def test_a_frontier_resumes_takes_up_new_recipes_and_refuses_changed_ones(rounds, started):
    one, killed = recipe("one", "train"), recipe("killed", "train")
    with pytest.raises(KeyboardInterrupt):
        measured([one, killed], rounds)
    assert len(started) == 2  # both of the first round; the second is the other way round

    started.append("no kill from now on")
    measured([one, killed], rounds)
    complete, runs = measured([one, killed, recipe("new", "train")], rounds)
    assert complete == [0, 1]
    assert sorted((run["recipe"], run["round"]) for run in runs) == [
        (name, number) for name in ("killed", "new", "one") for number in (0, 1)]
    with pytest.raises(ValueError, match="frontier.json has figures of another recipe one"):
        measured([recipe("one", "train --seed=3")], rounds)


def test_a_recipe_without_a_run_is_an_error(rounds, started):
    with pytest.raises(ValueError, match="recipe lost left no .*run/report/metrics.json"):
        measured([recipe("lost", "train --run={run}_elsewhere")], rounds)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [
    pytest.param("", id="ours"), pytest.param("1+1", id="all", marks=pytest.mark.drill)])
def test_each_point_gets_a_row_and_a_place_in_the_picture(epochs, tmp_path):
    records = make_records(tmp_path, suffix=".jpg",
                           per_class={"train": 6, "validation": 2, "test": 3})
    recipes, out = tmp_path / "recipes.txt", tmp_path / "out"
    recipes.write_text("[one]\ntrain --architecture=baseline_cnn --image_size=32 --batch_size=4 "
                       "--head_epochs=1 --fine_tune_epochs=0 --cache_views=0 --weights=none\n")
    flags = [f"--records={records}", "--weights=none", f"--recipes={recipes}", f"--output={out}",
             f"--epochs={epochs}", "--image_size=32", "--batch_size=4"]
    done = succeed("tools.benchmark.frontier", *flags, timeout=30 * MINUTE)
    assert "round 0: fashionclf one" in done.stdout

    runs = json.loads((out / "frontier.json").read_text())["runs"]
    assert [run["contender"] for run in runs][:2] == ["fashionclf", *["keras"] * bool(epochs)]
    assert all(math.isfinite(run["accuracy"]) and run["seconds"]["total"] > 1 for run in runs)
    assert "| fashionclf | one | 1 |" in done.stdout
    assert (out / "frontier.md").read_text() in done.stdout
    assert (out / "frontier.png").stat().st_size > 1000


def test_seconds_of_all_programs_are_the_total():
    found = frontier_report.frame([{"contender": "keras", "recipe": "1+1", "round": 0,
                                    "accuracy": np.float64(0.5), "macro_f1": 0.25,
                                    "seconds": {"total": 3.0, "set-up": 1.0}}])
    assert found["seconds"].tolist() == [3.0]
