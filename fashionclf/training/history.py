"""history.csv of the run folder: loss, accuracy and speed of each epoch."""
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.system import tables

COLUMNS = ["phase", "epoch", "step", "loss", "accuracy", "l2", "learning_rate",
           "images_per_second", "val_loss", "val_accuracy"]


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
        newest epoch.
        """
        new = pd.DataFrame([row], columns=COLUMNS)
        self._write(pd.concat([self.table, new]) if len(self.table) else new)

        best = self.table["val_accuracy"].max()
        error = np.sqrt(best * (1 - best) / max(1, self._validation_examples))
        return not row["val_accuracy"] < best - error

    def _write(self, table: pd.DataFrame) -> None:
        tables.write(table, self._path)
        self.table = table.reset_index(drop=True)
