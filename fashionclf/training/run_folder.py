"""What each epoch of a training gave: history.csv of the run folder."""
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.records import manifest as manifests

COLUMNS = ["phase", "epoch", "step", "loss", "accuracy", "l2", "learning_rate",
           "images_per_second", "val_loss", "val_accuracy"]


class History:
    """Rows of history.csv, one an epoch; every change is on disk when the call returns."""

    def __init__(self, path: Path, validation_examples: int = 0):
        self._path, self._validation_examples = Path(path), validation_examples
        self.table = pd.read_csv(path) if self._path.exists() else pd.DataFrame(columns=COLUMNS)

    def trim(self, phase: str, epochs: int) -> None:
        """Drops the rows of `phase` after its first `epochs`: a kill came before their save."""
        late = (self.table["phase"] == phase) & (self.table["epoch"] > epochs)
        self._write(self.table[~late])

    def epochs_before(self, phase: str) -> int:
        """Epochs of the phases before `phase`."""
        return int((self.table["phase"] != phase).cumprod().sum())

    def append(self, row: dict) -> bool:
        """Adds an epoch; True where its weights are the ones to keep so far.

        Kept is the last epoch whose `val_accuracy` is within one standard error of
        the highest (the rule of Breiman et al., 1984): a validation split too small
        to tell epochs apart must not stop a schedule short of its end. Without one
        (NaN) it is the newest epoch.
        """
        new = pd.DataFrame([row], columns=COLUMNS)
        self._write(pd.concat([self.table, new]) if len(self.table) else new)
        best = self.table["val_accuracy"].max()
        error = np.sqrt(best * (1 - best) / max(1, self._validation_examples))
        return not row["val_accuracy"] < best - error

    def _write(self, table: pd.DataFrame) -> None:
        partial = self._path.with_suffix(".partial")
        table.to_csv(partial, index=False)
        os.replace(partial, self._path)
        self.table = table.reset_index(drop=True)


def begin(run_dir: Path, own_flags: str, records_dir: str) -> None:
    """Starts the run folder, or makes sure that this is the command that started it.

    Args:
        own_flags: of the program, see cli.own_flags.
    """
    if any(run_dir.glob("checkpoints/*/*.index")):
        check_same(run_dir, own_flags, records_dir)
        print(f"{run_dir}: going on from the newest checkpoint")
        return
    shutil.copy(Path(records_dir) / "manifest.json", run_dir / "records_manifest.json")
    (run_dir / "flags.cfg").write_text(own_flags)


def check_same(run_dir: Path, own_flags: str, records_dir: str) -> None:
    """Raises ValueError, naming the difference, where other flags or records began `run_dir`."""
    before = (run_dir / "flags.cfg").read_text()
    for old, new in zip(before.splitlines(), own_flags.splitlines()):
        if old != new:
            raise ValueError(f"{run_dir} was started with {old}, not {new}: run the same command, "
                             "or choose another --run")
    difference = manifests.difference(manifests.parse_manifest(run_dir / "records_manifest.json"),
                                      manifests.read_manifest(records_dir))
    if difference:
        raise ValueError(f"{run_dir} was started on other records than {records_dir} now holds: "
                         f"{difference}. Choose another --run, or give the records it began with")
