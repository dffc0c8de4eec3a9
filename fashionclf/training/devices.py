"""On which devices a training runs, and what is said when one of them is lost."""
import contextlib
from collections.abc import Iterator

import tensorflow as tf

NAMES = ("default", "mirrored", "multi_worker")


def make(name: str, batch_size: int) -> tf.distribute.Strategy:
    """One device; all devices of this machine; or the machines that TF_CONFIG names.

    Raises:
        ValueError: the devices can't share a batch evenly.
    """
    if name == "multi_worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    else:
        return tf.distribute.get_strategy()
    if batch_size % strategy.num_replicas_in_sync:
        raise ValueError(f"--batch_size={batch_size} cannot be shared evenly by "
                         f"{strategy.num_replicas_in_sync} devices; choose a multiple")
    return strategy


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes; of many workers one does."""
    return not strategy.cluster_resolver or strategy.cluster_resolver.task_id == 0


@contextlib.contextmanager
def stopping_together() -> Iterator[None]:
    """Turns the error of a step that misses another machine into one that says what to do.

    Raises:
        OSError: another worker stopped or can't be reached.
    """
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError) as error:
        raise OSError(
            "another worker of TF_CONFIG has stopped or cannot be reached (the worker itself says "
            f"why; here it shows as {type(error).__name__}): start all workers again with the same "
            "command, and they go on from the newest checkpoint") from error
