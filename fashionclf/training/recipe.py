"""The recipe that both phases share, the phases, and the learning rate schedule."""
import dataclasses
from typing import TYPE_CHECKING

import keras
import numpy as np

from fashionclf.model.augmentation import Augmentation

if TYPE_CHECKING:
    from fashionclf.training.teachers import Teachers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that both phases share.

    Mixup mixes two pictures of a replica's batch and their targets (Zhang et al., 2018). The drop
    rate of stochastic depth falls linearly to 0 at the first residual branch; frozen blocks are
    never dropped. The moving average of the weights is validated and kept.
    """
    batch_size: int  # examples per step over all replicas
    augmentation: Augmentation | None  # of training pictures
    mixup: float  # alpha of the Beta distribution of mixing weights; 0 for none
    dropout: float  # share of the pooled features set to 0
    stochastic_depth: float  # drop rate of the last residual branch
    label_smoothing: float  # share of the target spread evenly over all classes
    class_weights: np.ndarray  # float32 [C], factors of the classes' losses
    ema_momentum: float  # of the moving average of the weights; 0 for none
    seed: int  # of order, augmentation and dropout
    beta_2: float = 0.999  # decay of Adam's second moments (Kingma & Ba, 2015), as in Keras
    layer_decay: float = 1.0  # of the learning rate from a block to the one below it
    jit: bool = False  # compile the step by XLA
    teachers: "Teachers | None" = None  # whose probabilities are part of the targets


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training with its own optimizer and schedule."""
    name: str  # of its checkpoints, curves and rows in the history
    unfreeze_from: str | None  # first trained block, see network.unfreeze_from
    epochs: int
    learning_rate: float  # the peak of the cosine
    warmup_steps: int
    l2: float  # factor of the sum of squares of the trainable kernels
    solved: bool = False  # the dense layer, by solved_head; learning rate and l2 do not apply
    start_only: bool = False  # of the next phase: a solved head then has its strongest penalty
    averages: tuple[str, ...] = ()  # folders of runs whose mean the phase is; nothing is trained

    @property
    def stepwise(self) -> bool:
        """Whether the phase is trained step by step."""
        return not self.solved and not self.averages

    def seed(self, recipe: Recipe, *position: int) -> list[int]:
        """Returns two numbers that depend on the seed, the phase and `position` alone."""
        entropy = [recipe.seed, *self.name.encode(), *position]
        return np.random.SeedSequence(entropy).generate_state(2).astype(np.int32).tolist()


def class_weights(counts: np.ndarray, power: float) -> np.ndarray:
    """Returns float [C], proportional to 1 / counts ** power, with mean 1 over all examples."""
    weights = (counts.mean() / counts) ** power
    return weights * counts.sum() / (weights * counts).sum()


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Returns the number of full batches in an epoch.

    The examples after the last full batch are left out; as the order differs by epoch, so do they.
    Raises ValueError if the examples do not fill one batch.
    """
    if examples < batch_size:
        raise ValueError(f"{examples} training examples do not fill one batch of {batch_size}; "
                         "lower --batch_size or add pictures")
    return examples // batch_size


def cosine(peak: float, *, total_steps: int,
           warmup_steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a linear rise from 0 to `peak`, then a cosine to 0 (Loshchilov & Hutter, 2017).

    The rise takes at most a tenth of `total_steps`, which include it.
    """
    warmup_steps = min(warmup_steps, total_steps // 10)
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, total_steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, total_steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps)
