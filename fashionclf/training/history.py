"""history.csv of the run folder: loss, accuracy and speed of each epoch."""
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.system import tables

COLUMNS = ["phase", "epoch", "step", "loss", "accuracy", "l2", "learning_rate",
           "images_per_second", "val_loss", "val_accuracy", "kept"]
NAMES = {"fine_tune": "fine-tuning"}
AVERAGE = "average"  # name of the phase that averages runs and trains nothing
RISEN = 1.25  # times the lowest training loss of an earlier epoch: worth a warning


class History:
    """The rows of history.csv, one per epoch; each change is on disk when the call returns."""

    def __init__(self, path: Path, validation_examples: int = 0):
        self._path, self._validation_examples = Path(path), validation_examples
        self.table = pd.read_csv(path) if self._path.exists() else pd.DataFrame(columns=COLUMNS)

    def trim(self, phase: str, epochs: int) -> None:
        """Drops the rows of `phase` after its first `epochs`, which a kill left uncheckpointed."""
        late = (self.table["phase"] == phase) & (self.table["epoch"] > epochs)
        self._write(self.table[~late])

    def epochs_before(self, phase: str) -> int:
        """Counts the epochs of the phases before `phase`."""
        return int((self.table["phase"] != phase).cumprod().sum())

    def append(self, row: dict) -> bool:
        """Adds an epoch; returns whether its weights are the best so far.

        The best epoch is the last whose `val_accuracy` is within one standard error of the
        highest (the rule of Breiman et al., 1984), so that a validation split too small to tell
        epochs apart does not cut a schedule short. Without a validation split (NaN) it is the
        newest epoch. The column `kept` marks it.
        """
        new = pd.DataFrame([row], columns=COLUMNS)
        self._write(pd.concat([self.table, new]) if len(self.table) else new)
        return self._kept_row() == len(self.table) - 1

    def risen(self) -> pd.DataFrame:
        """Returns the epochs whose training loss is RISEN times the lowest of their phase so far.

        Returns:
            phase, epoch, loss and the `lowest` before it; the index counts all epochs from 0.
        """
        by_phase = self.table.groupby("phase")["loss"]
        lowest = by_phase.transform(lambda losses: losses.shift().cummin())
        rows = self.table.assign(lowest=lowest)[self.table["loss"] > RISEN * lowest]
        return rows[["phase", "epoch", "loss", "lowest"]]

    def kept(self) -> dict:
        """Describes the epoch whose weights are kept, for model.json and for people.

        Returns:
            phase; epoch (counted from 1 in each phase); val_accuracy (None without a validation
            split); rule; gained (whether the epoch is one of the last phase); summary; warnings
            (a sentence for each phase whose training loss rose, see risen).
        """
        row = self.table.iloc[self._kept_row()]
        last, epochs = self.table["phase"].iloc[-1], (self.table["phase"] == row["phase"]).sum()
        best, error = self._best()
        validated = bool(np.isfinite(best))
        kept = {"phase": row["phase"], "epoch": int(row["epoch"]), "gained": row["phase"] == last,
                "val_accuracy": float(row["val_accuracy"]) if validated else None,
                "warnings": self._warnings()}
        if row["phase"] == AVERAGE:
            return {**kept, "rule": "the only epoch",
                    "summary": "the weights are the mean of those of other runs"}

        rule = ("the last epoch whose validation accuracy is within one standard error of the "
                "highest" if validated else "the last epoch, as there is no validation split")
        scores = (f"validation accuracy {row['val_accuracy']:.3f}, highest {best:.3f}, standard "
                  f"error {error:.3f}; " if validated else "")
        name = f"{row['phase']} epoch {row['epoch']} of {epochs}"
        opening = (f"kept weights: {name}" if kept["gained"] else
                   f"{NAMES.get(last, last)} gained nothing: the kept weights are those of {name}")
        return {**kept, "rule": rule, "summary": f"{opening} ({scores}rule: {rule})"}

    def _warnings(self) -> list[str]:
        worst = self.risen().sort_values("loss").drop_duplicates("phase", keep="last").sort_index()
        return [f"the training loss rose from {rise.lowest:.3f} to {rise.loss:.3f} "
                f"({NAMES.get(rise.phase, rise.phase)} epoch {rise.epoch}): the learning rate was "
                f"too high there, and a lower --{rise.phase}_learning_rate may give a better model"
                for rise in worst.itertuples()]

    def _best(self) -> tuple[float, float]:
        """Returns the highest validation accuracy and its standard error; NaN without a split."""
        best = self.table["val_accuracy"].max()
        return best, np.sqrt(best * (1 - best) / max(1, self._validation_examples))

    def _kept_row(self) -> int:
        best, error = self._best()
        return int(np.flatnonzero(~(self.table["val_accuracy"] < best - error))[-1])

    def _write(self, table: pd.DataFrame) -> None:
        self.table = table.reset_index(drop=True)
        self.table["kept"] = len(table) > 0 and self.table.index == self._kept_row()
        tables.write(self.table, self._path)
