import pandas as pd
import pytest

from fashionclf.training.history import History


def row(epoch, accuracy, loss=1.0, phase="head"):
    return {"phase": phase, "epoch": epoch, "loss": loss, "val_accuracy": accuracy}


SEVERAL = [0.5, 0.4, 0.5, 0.64, 0.60]


@pytest.mark.parametrize("examples, accuracies, kept", [
    (100, SEVERAL, [True, False, True, True, True]),  # standard error at 0.64: 0.048
    (10_000, SEVERAL, [True, False, True, True, False]),  # 0.0048
    (4, [0.5, 0.25], [True, True]), (4, [0.5, 0.24], [True, False]),  # at 0.5: 0.25
    (1, [0.5, 0.0], [True, True]), (0, [0.5, 0.0], [True, True])])  # 0.5
def test_the_last_epoch_within_a_standard_error_of_the_best_is_kept(
        tmp_path, examples, accuracies, kept):
    history = History(tmp_path / "history.csv", examples)
    assert [history.append(row(i, accuracy)) for i, accuracy in enumerate(accuracies)] == kept


def test_without_validation_the_newest_is_kept(tmp_path):
    history = History(tmp_path / "history.csv")
    nan = float("nan")
    assert history.append(row(1, nan, nan)) and history.append(row(2, nan, nan))


def test_a_loss_that_rose_is_told_once_a_phase_whichever_process_trained_it(tmp_path):
    for phase, epoch, loss in (("head", 1, 0.2), ("head", 2, 0.25), ("fine_tune", 1, 1.2),
                               ("fine_tune", 2, 1.1), ("fine_tune", 3, 1.4),
                               ("fine_tune", 4, 2.2), ("fine_tune", 5, 1.3)):
        History(tmp_path / "history.csv").append(row(epoch, 0.5, loss, phase))

    history = History(tmp_path / "history.csv")
    assert history.risen().to_numpy().tolist() == [
        ["fine_tune", 3, 1.4, 1.1], ["fine_tune", 4, 2.2, 1.1]]
    assert history.kept()["warnings"] == [
        "the training loss rose from 1.100 to 2.200 (fine-tuning epoch 4): the learning rate was "
        "too high there, and a lower --fine_tune_learning_rate may give a better model"]


def test_the_kept_epoch_is_marked_and_described(tmp_path):
    history = History(tmp_path / "history.csv", 1_000)
    for number, accuracy in enumerate([0.5, 0.8, 0.7], start=1):
        history.append(row(number, accuracy))
    assert history.kept()["summary"] == (
        "kept weights: head epoch 2 of 3 (validation accuracy 0.800, highest 0.800, standard error "
        "0.013; rule: the last epoch whose validation accuracy is within one standard error of the "
        "highest)")

    history.append(row(1, 0.6, phase="fine_tune"))
    kept = History(tmp_path / "history.csv", 1_000).kept()
    assert (kept["phase"], kept["epoch"], kept["val_accuracy"]) == ("head", 2, 0.8)
    assert not kept["gained"] and kept["summary"].startswith(
        "fine-tuning gained nothing: the kept weights are those of head epoch 2 of 3 (")

    history.append(row(2, 0.79, phase="fine_tune"))
    table = pd.read_csv(tmp_path / "history.csv")
    assert table["kept"].tolist() == [False] * 4 + [True] and history.kept()["gained"]


def test_without_validation_the_rule_says_so(tmp_path):
    history = History(tmp_path / "history.csv")
    history.append(row(1, float("nan")))
    assert history.kept() == {
        "phase": "head", "epoch": 1, "gained": True, "val_accuracy": None,
        "rule": "the last epoch, as there is no validation split", "warnings": [], "summary":
        "kept weights: head epoch 1 of 1 (rule: the last epoch, as there is no validation split)"}


def test_epochs_that_were_never_saved_are_dropped_on_resume(tmp_path):
    for epoch in (1, 2, 3):
        History(tmp_path / "history.csv").append(row(epoch, 0.1 * epoch))
    history = History(tmp_path / "history.csv")
    history.append(row(1, 0.9, phase="fine_tune"))
    history.trim("head", 2)
    assert History(tmp_path / "history.csv").table["epoch"].tolist() == [1, 2, 1]


def test_epochs_of_earlier_phases_are_counted(tmp_path):
    history = History(tmp_path / "history.csv")
    for number, phase in enumerate(["head", "head", "head", "fine_tune", "fine_tune"]):
        history.append(row(number, 0.5, phase=phase))
    assert [history.epochs_before(phase) for phase in ("head", "fine_tune", "next")] == [0, 3, 5]
