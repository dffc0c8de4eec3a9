"""Passes pictures through a network by LiteRT, each core one at a time.

On two cores this is half as fast again as TensorFlow with batches of 32, once the network is
converted, which takes a few seconds.
"""
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from fashionclf.system import quiet

FEWEST = 1500  # passes that repay the conversion


def worth(passes: int) -> bool:
    """Returns whether so many passes are quicker by LiteRT: on CPUs, in float32."""
    return (passes >= FEWEST and keras.mixed_precision.global_policy().name == "float32"
            and {device.device_type for device in tf.config.list_logical_devices()} == {"CPU"})


def version() -> str:
    """Names what computes, as its rounding differs from TensorFlow's."""
    import ai_edge_litert
    return f"litert {ai_edge_litert.__version__}"


def converted(function: Callable, *, half: bool = False, signature: bool = True) -> bytes:
    """Converts a tf.function with an input signature to a file with one, "serving_default".

    It has LiteRT's own operations only: without TensorFlow's, it runs where TensorFlow is not.

    Args:
        half: whether to store weights in float16; everything is computed in float32.
        signature: whether the file needs one; without it, converting is several times as quick.
    """
    owner = tf.Module()
    owner.function = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], owner)
    converter.experimental_lower_to_saved_model = signature
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


class OnEachCore:
    """A function from pictures to several outputs, converted for LiteRT."""

    def __init__(self, function: Callable[[tf.Tensor], Sequence[tf.Tensor]],
                 shape: Sequence[int]):
        """Converts float32 [1, *shape] -> float32 [1, ...] each, with constant weights."""
        from ai_edge_litert.interpreter import Interpreter

        @tf.function(input_signature=[tf.TensorSpec([1, *shape], tf.float32)])
        def of_one(images):
            return list(function(images))

        content = converted(of_one, signature=False)
        self._pool, self._idle = ThreadPoolExecutor(os.cpu_count()), queue.SimpleQueue()
        with quiet.tensorflow_start():
            for _ in range(os.cpu_count()):
                interpreter = Interpreter(model_content=content, num_threads=1)
                interpreter.allocate_tensors()
                self._idle.put(interpreter)

    def __call__(self, images: tf.Tensor) -> list[np.ndarray]:
        """Maps float32 [B, *shape] to outputs, float32 [B, ...] each."""
        found = self._pool.map(self._of_one, np.asarray(images))
        return [np.concatenate(parts) for parts in zip(*found)]

    def _of_one(self, image: np.ndarray) -> list[np.ndarray]:
        interpreter = self._idle.get()  # of the idle ones, as two threads must not share one
        try:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis])
            interpreter.invoke()
            return [interpreter.get_tensor(output["index"])
                    for output in interpreter.get_output_details()]
        finally:
            self._idle.put(interpreter)
