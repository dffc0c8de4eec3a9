from fashionclf.history import History


def row(epoch, accuracy, loss=1.0, phase="head"):
    return {"phase": phase, "epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}


def test_only_a_better_epoch_is_a_new_best(tmp_path):
    history = History(tmp_path / "history.csv")
    assert [history.append(row(i, a)) for i, a in enumerate([0.5, 0.4, 0.5, 0.6])] == [
        True, False, False, True]
    assert history.best()["epoch"] == 3


def test_equal_accuracy_is_decided_by_the_loss(tmp_path):
    history = History(tmp_path / "history.csv")
    assert [history.append(row(i, 0.5, loss)) for i, loss in enumerate([1.0, 1.1, 0.9])] == [
        True, False, True]


def test_without_validation_the_newest_is_the_best(tmp_path):
    history = History(tmp_path / "history.csv")
    nan = float("nan")
    assert history.append(row(1, nan, nan)) and history.append(row(2, nan, nan))
    assert history.best()["epoch"] == 2


def test_epochs_that_were_never_saved_are_dropped_on_resume(tmp_path):
    for epoch in (1, 2, 3):
        History(tmp_path / "history.csv").append(row(epoch, 0.1 * epoch))
    history = History(tmp_path / "history.csv")
    history.append(row(1, 0.9, phase="fine_tune"))
    history.trim("head", 2)
    assert History(tmp_path / "history.csv").table["epoch"].tolist() == [1, 2, 1]
