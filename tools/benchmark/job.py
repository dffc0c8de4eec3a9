"""The job of all contenders: Model 2 of the slides, configs/slides_model2.cfg in numbers.

It loads without TensorFlow and without PyTorch.
"""
import dataclasses

HEAD_LEARNING_RATE = 1e-3
FINE_TUNE_LEARNING_RATE = 5e-4
WARMUP_STEPS = 100
L2 = 1e-5  # factor of the sum of squares of the trained kernels
DROPOUT = 0.2
UNFREEZE_FROM = "block6a"
ROTATION = 15.0  # degrees to either side
ZOOM = 0.15  # share
SHIFT = 0.1  # share of the side
BRIGHTNESS = 0.1  # share of the range
CONTRAST = 0.2  # share; saturation, which ours changes too, is left out of the plain recipes


@dataclasses.dataclass(frozen=True)
class Job:
    """The choices of the benchmark's flags, the same for each contender.

    Attributes:
        image_size: side of the square input, in pixels.
        batch_size: pictures per step.
        cache_views: cached views of each picture, for fashionclf.
    """
    head_epochs: int
    fine_tune_epochs: int
    image_size: int
    batch_size: int
    cache_views: int


def warmup_steps(total_steps: int) -> int:
    """Returns the steps of the linear warm-up in a phase, cut as fashionclf.training does."""
    return min(WARMUP_STEPS, total_steps // 10)
