"""The devices of a training, and the error when one of them is lost."""
import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf


def make(name: str, batch_size: int) -> tf.distribute.Strategy:
    """Returns the strategy for one device, all of this machine, or the machines of TF_CONFIG.

    These are called default, mirrored and multi_worker. Raises ValueError if the devices can't
    share a batch evenly.
    """
    if name == "multi_worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    else:
        return tf.distribute.get_strategy()

    if batch_size % strategy.num_replicas_in_sync:
        raise ValueError(f"--batch_size={batch_size} does not divide evenly among "
                         f"{strategy.num_replicas_in_sync} devices; choose a multiple")
    return strategy


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes files; only one of the workers does."""
    return not strategy.cluster_resolver or strategy.cluster_resolver.task_id == 0


def of_first(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the arrays of the first worker on all of them, which call this together."""
    strategy = tf.distribute.get_strategy()

    def own():
        first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
        return [tf.where(first, array, tf.zeros_like(array)) for array in arrays]

    @tf.function
    def summed():
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, array, axis=None)
                for array in strategy.run(own)]
    return [array.numpy() for array in summed()]


@contextlib.contextmanager
def stopping_together() -> Iterator[None]:
    """Turns TensorFlow's errors about a lost worker into an OSError that names the cure."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError) as error:
        raise OSError(
            "another worker of TF_CONFIG has stopped or cannot be reached (see its own log; here: "
            f"{type(error).__name__}): start all workers again with the same command; they resume "
            "from the newest checkpoint") from error
