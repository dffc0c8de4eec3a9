"""Saves and restores where a training phase stands, so that a kill costs little.

A save writes new files under new names, the index last: a kill in the middle,
or a full disk, leaves the ones before whole. What is there is read from these
names: TensorFlow's own list of saves, a file that may be damaged too, is not kept.
"""
import re
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

KEEP = 2  # the newest, and the one before it


class TrainingState:
    """Model, optimizer (with its averaged weights) and position of one phase.

    Attributes:
        epoch: int, finished epochs of the phase.
        step: int, finished steps of the epoch that comes next.
        sums: [3] float32, loss, L2 term and correct predictions summed over these steps.
    """

    def __init__(self, folder: Path, model: keras.Model, optimizer: keras.Optimizer, *,
                 writes: bool = True):
        """`writes`: whether `save` writes or only notes the position; of many workers one writes.
        """
        self._writes = writes
        self._folder, self._model, self._optimizer = Path(folder), model, optimizer
        self._epoch = tf.Variable(0, dtype=tf.int64)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._sums = tf.Variable(tf.zeros(3))
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, sums=self._sums,
                                               epoch=self._epoch, step=self._step)
        self._number = 0  # of the newest save that is whole

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
        """Prefix of the newest save that is whole; None where none was made or restored."""
        return self._prefix(self._number) if self._number else None

    def restore(self) -> bool:
        """Goes back to the newest save that is whole; False where none was ever made.

        Says aloud which saves are damaged (TensorFlow checks a sum of every tensor).

        Raises:
            ValueError: there are saves, and all are damaged.
        """
        numbers = self._numbers()
        for number in numbers:
            prefix = self._prefix(number)
            try:
                self._checkpoint.read(prefix).assert_consumed()
                self._number = number
                return True
            except Exception as error:  # damage shows as anything from DataLossError to IndexError
                print(f"warning: {prefix} is damaged ({str(error).splitlines()[0]}); "
                      "trying the one before it", file=sys.stderr, flush=True)
        if numbers:
            raise ValueError(f"every checkpoint in {self._folder} is damaged: remove the folder "
                             "to train this phase again from its start")
        return False

    def _prefix(self, number: int) -> str:
        return str(self._folder / f"ckpt-{number}")

    def _numbers(self) -> list[int]:
        """Of the saves, newest first; TensorFlow writes the index of a save last."""
        names = [file.name for file in self._folder.glob("ckpt-*.index")]
        return sorted((int(found[1]) for name in names
                       if (found := re.fullmatch(r"ckpt-(\d+)\.index", name))), reverse=True)

    def save(self, *, epoch: int, step: int = 0, sums: tf.Tensor | None = None) -> None:
        """Saves that `epoch` epochs and `step` steps of the next are done.

        Raises:
            FloatingPointError: a weight is not finite.
            OSError: it can't be written; the saves before it are whole.
        """
        for variable in self._model.trainable_variables:
            if not np.isfinite(variable.numpy()).all():
                raise FloatingPointError(
                    f"{variable.path} is not finite after epoch {epoch}, step {step}; the last "
                    f"good checkpoint is {self.newest or 'none'}. Lower the learning rate")
        self._epoch.assign(epoch)
        self._step.assign(step)
        self._sums.assign(tf.zeros(3) if sums is None else sums)
        if self._writes:
            self._write()

    def _write(self) -> None:
        try:
            self._checkpoint.write(self._prefix(self._number + 1))
        except tf.errors.OpError as error:
            reason = error.message.split("}} ")[-1].split(" [Op:")[0]
            raise OSError(
                f"the checkpoint after epoch {self.epoch}, step {self.step} cannot be written into "
                f"{self._folder} ({reason}); the ones before it are whole: make room and "
                "run the same command again") from error
        self._number += 1
        for number in self._numbers():
            if not self._number - KEEP < number <= self._number:
                for file in sorted(self._folder.glob(f"ckpt-{number}.*"), reverse=True):
                    file.unlink()  # the index first
