"""What each epoch of a training gave: history.csv of the run folder."""
import os
from pathlib import Path

import pandas as pd

COLUMNS = ["phase", "epoch", "step", "loss", "accuracy", "l2", "learning_rate",
           "images_per_second", "val_loss", "val_accuracy"]


class History:
    """Rows of history.csv, one an epoch; every change is on disk when the call returns."""

    def __init__(self, path: Path):
        self._path = Path(path)
        self.table = pd.read_csv(path) if self._path.exists() else pd.DataFrame(columns=COLUMNS)

    def trim(self, phase: str, epochs: int) -> None:
        """Drops the rows of `phase` after its first `epochs`: a kill came before their save."""
        late = (self.table["phase"] == phase) & (self.table["epoch"] > epochs)
        self._write(self.table[~late])

    def append(self, row: dict) -> bool:
        """Adds an epoch; True where no epoch before it has a better `val_accuracy`.

        Among epochs of equal accuracy the lower `val_loss` is better. Without
        a validation split (both NaN) the newest epoch is the best.
        """
        new = pd.DataFrame([row], columns=COLUMNS)
        before = self.table.dropna(subset="val_accuracy")
        self._write(pd.concat([self.table, new]) if len(self.table) else new)
        rank = (row["val_accuracy"], -row["val_loss"])
        return all(not (accuracy, -loss) >= rank
                   for accuracy, loss in zip(before["val_accuracy"], before["val_loss"]))

    def best(self) -> dict:
        """The row of the epoch whose weights are kept."""
        ranked = self.table.sort_values(["val_accuracy", "val_loss"], ascending=[False, True],
                                        kind="stable", na_position="last")
        validated = ranked["val_accuracy"].notna().any()
        return (ranked if validated else self.table[::-1]).iloc[0].to_dict()

    def _write(self, table: pd.DataFrame) -> None:
        partial = self._path.with_suffix(".partial")
        table.to_csv(partial, index=False)
        os.replace(partial, self._path)
        self.table = table.reset_index(drop=True)
