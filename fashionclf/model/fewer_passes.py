"""EfficientNet's layers, which a training step on a CPU can compute in fewer passes over memory.

Besides its matrix products, a step spends most of its time on passes over the feature maps. Within
`fewer_passes`, frozen BatchNorm is folded into the kernel before it, the gradient of swish takes
one pass instead of six, and the gradient of a 5 x 5 depthwise kernel is computed in two parts. The
results are equal up to rounding. The classes have the names of Keras's, because weight files
contain them.
"""
import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

WIDEST = 3  # columns of a depthwise kernel for which oneDNN has a quick gradient


class Conv2D(keras.layers.Conv2D):
    """Its `folded` is None, or the frozen BatchNorm after it: float32 [C] scale and shift."""
    folded = None

    def convolution_op(self, inputs, kernel):
        if self.folded is None:
            return super().convolution_op(inputs, kernel)
        scale, shift = self.folded
        return super().convolution_op(inputs, kernel * scale) + shift


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """See Conv2D; its kernel is [K, K, C, 1]."""
    folded = None

    def call(self, inputs):
        if self.folded is None:
            return super().call(inputs)
        scale, shift = self.folded
        return _depthwise(inputs, self.kernel * scale[:, None], stride=self.strides[0],
                          padding=self.padding.upper()) + shift


class BatchNormalization(keras.layers.BatchNormalization):
    """Does nothing while it is folded into the layer before it."""
    folded = False

    def call(self, inputs, **kwargs):
        return inputs if self.folded else super().call(inputs, **kwargs)


class Activation(keras.layers.Activation):
    """EfficientNet's are all swish."""
    in_one_pass = False

    def call(self, inputs):
        return _swish(inputs) if self.in_one_pass else super().call(inputs)


CLASSES = {kind.__name__: kind for kind in (Conv2D, DepthwiseConv2D, BatchNormalization,
                                            Activation)}


@contextlib.contextmanager
def fewer_passes(model: keras.Model) -> Iterator[None]:
    """Makes calls of `model` in the block take fewer passes; its BatchNorm must be frozen.

    Changes nothing with a GPU, which was not measured, or in less than float32.
    """
    layers = [layer for layer in model.layers if isinstance(layer, tuple(CLASSES.values()))]
    if tf.config.list_physical_devices("GPU") or any(layer.compute_dtype != "float32"
                                                     for layer in layers):
        layers = []
    norms = {layer.name: layer for layer in layers if isinstance(layer, BatchNormalization)}

    for layer in layers:
        norm = norms.get(_norm_of(layer.name))
        if isinstance(layer, Activation):
            layer.in_one_pass = True
        elif norm and not isinstance(layer, BatchNormalization):
            scale = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
            layer.folded = scale, norm.beta - norm.moving_mean * scale
            norm.folded = True
    try:
        yield
    finally:
        for layer in layers:
            layer.folded, layer.in_one_pass = (
                False if isinstance(layer, BatchNormalization) else None), False


def _norm_of(name: str) -> str:
    """Returns the name of the BatchNorm after a convolution of keras.applications.EfficientNet."""
    return name.replace("dwconv", "bn").replace("conv", "bn")


@tf.custom_gradient
def _swish(x: tf.Tensor):
    """x * sigmoid(x)."""
    return tf.nn.silu(x), lambda gradient: _swish_gradient(x, gradient)


@tf.function(jit_compile=True)
def _swish_gradient(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    sigmoid = tf.sigmoid(x)
    return gradient * sigmoid * (1.0 + x * (1.0 - sigmoid))


def _depthwise(x: tf.Tensor, kernel: tf.Tensor, *, stride: int, padding: str) -> tf.Tensor:
    """Depthwise convolution of [B, H, W, C] with [K, K, C, 1] whose gradient is quick."""
    geometry = {"strides": [1, stride, stride, 1], "padding": padding}

    @tf.custom_gradient
    def convolution(x, kernel):
        def gradients(of_output):
            of_x = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=kernel, out_backprop=of_output, **geometry)
            return of_x, _kernel_gradient(x, of_output, kernel.shape[0], stride, padding)
        return tf.nn.depthwise_conv2d(x, kernel, **geometry), gradients
    return convolution(x, kernel)


def _kernel_gradient(x: tf.Tensor, of_output: tf.Tensor, size: int, stride: int,
                     padding: str) -> tf.Tensor:
    """Returns the gradient [K, K, C, 1], computed for at most WIDEST columns of it at a time."""
    # Zeros around the picture are what SAME means where it keeps the size.
    if padding == "SAME":
        border = [size // 2, size // 2]
        x = tf.pad(x, [[0, 0], border, border, [0, 0]])

    columns = []
    for left in range(0, size, WIDEST):
        width = min(WIDEST, size - left)
        right = left + (of_output.shape[2] - 1) * stride + width
        columns.append(tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=x[:, :, left:right], filter_sizes=[size, width, x.shape[3], 1],
            out_backprop=of_output, strides=[1, stride, stride, 1], padding="VALID"))
    return tf.concat(columns, axis=1)
