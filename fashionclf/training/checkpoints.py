"""Saves and restores the state of a training phase, so that a kill costs little.

Each checkpoint has new file names, which its files get when they are whole, the index last: a kill
in the middle, or a full disk, leaves the previous ones intact and no half of a first one. The file
names are the list of checkpoints; TensorFlow's own list, one more file that could be damaged, is
not written.
"""
import re
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.system import files, places

KEEP = 2  # checkpoints
UNREADABLE = (tf.errors.NotFoundError, tf.errors.PermissionDeniedError, OSError)


class TrainingState:
    """Model, optimizer (with its averaged weights) and position of one phase.

    Attributes:
        epoch: finished epochs of the phase.
        step: finished steps of the next epoch.
        sums: float32 [3], loss, L2 term and correct predictions summed over these steps.
    """

    def __init__(self, folder: Path, model: keras.Model, optimizer: keras.Optimizer, *,
                 writes: bool = True):
        """Without `writes`, `save` only records the position; one worker writes."""
        self._folder, self._model, self._optimizer = Path(folder), model, optimizer
        self._writes = writes
        self._number = 0  # of the newest intact checkpoint

        self._epoch = tf.Variable(0, dtype=tf.int64)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._sums = tf.Variable(tf.zeros(3))
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, sums=self._sums,
                                               epoch=self._epoch, step=self._step)

    @property
    def epoch(self) -> int:
        return int(self._epoch.numpy())

    @property
    def step(self) -> int:
        return int(self._step.numpy())

    @property
    def sums(self) -> tf.Tensor:
        return self._sums.value()

    @property
    def learning_rate(self) -> float:
        return float(self._optimizer.learning_rate)

    @property
    def newest(self) -> str | None:
        """Prefix of the newest intact checkpoint; None if none was written or restored."""
        return self._prefix(self._number) if self._number else None

    def restore(self) -> bool:
        """Restores the newest intact checkpoint; returns False if there are no checkpoints.

        Warns of each damaged one (TensorFlow verifies a checksum of every tensor). Raises
        ValueError if all are, OSError if one can't be read and no other is intact.
        """
        numbers, unreadable = self._numbers(), ""
        for number in numbers:
            prefix = self._prefix(number)
            try:
                with places.no_pattern(prefix) as same:
                    self._checkpoint.read(same).assert_consumed()
                self._number = number
                return True
            except Exception as error:  # damage shows as anything from DataLossError to IndexError
                reason, fault = str(error).splitlines()[0], "is damaged"
                if isinstance(error, UNREADABLE) or "No such file" in reason:
                    unreadable, fault = reason, "cannot be read"
                print(f"warning: {prefix} {fault} ({reason}); trying the previous checkpoint",
                      file=sys.stderr, flush=True)

        if unreadable:
            raise OSError(f"no checkpoint in {self._folder} can be read ({unreadable}): restore "
                          "its files, or remove the folder to restart this phase")
        if numbers:
            raise ValueError(f"every checkpoint in {self._folder} is damaged: remove the folder "
                             "to restart this phase")
        return False

    def save(self, *, epoch: int, step: int = 0, sums: tf.Tensor | None = None) -> None:
        """Writes a checkpoint after `epoch` epochs and `step` steps of the next.

        Raises:
            FloatingPointError: a weight is not finite.
            OSError: it can't be written; previous checkpoints are intact.
        """
        for variable in self._model.trainable_variables:
            if not np.isfinite(variable.numpy()).all():
                raise FloatingPointError(
                    f"{variable.path} is not finite after epoch {epoch}, step {step}; the last "
                    f"good checkpoint is {self.newest or 'none'}. Lower the learning rate")

        self._epoch.assign(epoch)
        self._step.assign(step)
        self._sums.assign(tf.zeros(3) if sums is None else sums)
        if not self._writes:
            return
        self._write()

        # Damaged ones that `restore` skipped are removed too.
        for number in self._numbers():
            if not self._number - KEEP < number <= self._number:
                for file in sorted(self._folder.glob(f"ckpt-{number}.*"), reverse=True):
                    file.unlink()  # the index first

    def _write(self) -> None:
        prefix = Path(self._prefix(self._number + 1))
        partial = prefix.with_name(f"incomplete-{prefix.name}")
        shutil.rmtree(f"{partial}_temp", ignore_errors=True)  # TensorFlow's, after a kill
        try:
            self._checkpoint.write(str(partial))
        except tf.errors.OpError as error:
            reason = error.message.split("}} ")[-1].split(" [Op:")[0]
            raise OSError(
                f"cannot write the checkpoint after epoch {self.epoch}, step {self.step} to "
                f"{self._folder} ({reason}); previous checkpoints are intact: make room and "
                "run the same command again") from error

        for file in sorted(self._folder.glob(f"{partial.name}.*")):  # data, then index
            files.complete(file, file.with_name(file.name.removeprefix("incomplete-")))
        self._number += 1

    def _prefix(self, number: int) -> str:
        return str(self._folder / f"ckpt-{number}")

    def _numbers(self) -> list[int]:
        """Lists the checkpoints, newest first, by their index files, which are named last."""
        names = [file.name for file in self._folder.glob("ckpt-*.index")]
        matches = [re.fullmatch(r"ckpt-(\d+)\.index", name) for name in names]
        return sorted((int(match[1]) for match in matches if match), reverse=True)
