"""Saves and restores where a training phase stands, so that a kill costs little.

A save writes new files and only then names them as the newest (TensorFlow's
CheckpointManager): a kill in the middle leaves the one before.
"""
from pathlib import Path

import keras
import tensorflow as tf

KEEP = 2  # the newest, and the one before it


class TrainingState:
    """Model, optimizer (with its averaged weights) and position of one phase.

    Attributes:
        epoch: int, finished epochs of the phase.
        step: int, finished steps of the epoch that comes next.
        sums: [3] float32, loss, L2 term and correct predictions summed over these steps.
    """

    def __init__(self, folder: Path, model: keras.Model, optimizer: keras.Optimizer):
        self._epoch = tf.Variable(0, dtype=tf.int64)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._sums = tf.Variable(tf.zeros(3))
        checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, epoch=self._epoch,
                                         step=self._step, sums=self._sums)
        self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=KEEP)

    @property
    def epoch(self) -> int:
        return int(self._epoch.numpy())

    @property
    def step(self) -> int:
        return int(self._step.numpy())

    @property
    def sums(self) -> tf.Tensor:
        return self._sums.value()

    def restore(self) -> bool:
        """Goes back to the newest save; False where there is none."""
        newest = self._manager.latest_checkpoint
        if newest:
            self._manager.checkpoint.restore(newest).assert_consumed()
        return bool(newest)

    def save(self, *, epoch: int, step: int = 0, sums: tf.Tensor | None = None) -> None:
        self._epoch.assign(epoch)
        self._step.assign(step)
        self._sums.assign(tf.zeros(3) if sums is None else sums)
        self._manager.save()
