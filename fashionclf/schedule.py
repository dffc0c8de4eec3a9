"""Epochs to steps, and the learning rate of each step."""
import keras


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Number of full batches in an epoch.

    Training leaves out what is over the last full batch: with an order that
    differs by epoch those are other examples each time.

    Raises:
        ValueError: there is not one full batch.
    """
    if examples < batch_size:
        raise ValueError(f"{examples} training examples do not fill one batch of {batch_size}; "
                         "lower --batch_size or add pictures")
    return examples // batch_size


def cosine(peak: float, *, total_steps: int,
           warmup_steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear rise from 0 to `peak`, then half a cosine down to 0 (Loshchilov & Hutter, 2017).

    Args:
        peak: largest learning rate.
        total_steps: steps of the whole phase, warm-up included.
        warmup_steps: steps of the rise; cut to a tenth of a phase too short for them.
    """
    warmup_steps = min(warmup_steps, total_steps // 10)
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, total_steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, total_steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps)
