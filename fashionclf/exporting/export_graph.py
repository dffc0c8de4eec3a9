"""Builds the graph that all exports share: from pictures to probabilities and features."""
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from fashionclf.deployment.exported import FEATURES, INPUT, PROBABILITIES
from fashionclf.model import calibration, inference, network
from fashionclf.model.weights import Run


def build(run: Run) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns the outputs of the run's Predictor as one tf.function, with constant weights.

    It maps INPUT, float32 [B, S, S, 3], RGB, 0..255, to PROBABILITIES, float32 [B, C], rows sum to
    one, and FEATURES, float32 [B, D].
    """
    model = inference.with_constants(_without_reshapes(run.network))
    pictures = tf.TensorSpec(run.network.input_shape, tf.float32, name=INPUT)

    @tf.function(input_signature=[pictures])
    def function(images):
        if run.spec.mirrored:  # one batch, not two calls: the weights are stored once
            images = tf.concat([images, tf.reverse(images, axis=[2])], axis=0)

        scores, features = (tf.cast(output, tf.float32) for output in model(images))
        probabilities = tf.nn.softmax(scores)
        if run.spec.mirrored:
            probabilities, features = _mean_of_halves(probabilities), _mean_of_halves(features)

        if run.spec.temperature != 1.0:
            logarithms = tf.math.log(tf.maximum(probabilities, calibration.TINY))
            probabilities = tf.nn.softmax(logarithms / run.spec.temperature)
        return {PROBABILITIES: probabilities, FEATURES: features}
    return function


def _mean_of_halves(outputs: tf.Tensor) -> tf.Tensor:
    """Averages float32 [2 B, N] over a batch and the batch of its mirror images: [B, N]."""
    return tf.reduce_mean(tf.reshape(outputs, [2, -1, outputs.shape[-1]]), axis=0)


def _without_reshapes(trained: keras.Model) -> keras.Model:
    """Copies a network so that it returns logits and features, without shapes that are computed.

    Keras' squeeze-and-excitation pools, then reshapes to a shape computed from the batch. LiteRT's
    XNNPACK takes no such shapes: the network ran in 17 parts instead of one.
    """
    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Reshape):
            return keras.layers.Identity(name=layer.name)
        config = layer.get_config()
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            config["keepdims"] = layer.name != network.FEATURES
        return layer.__class__.from_config(config)

    model = keras.models.clone_model(trained, clone_function=copy)
    model.set_weights(trained.get_weights())
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # otherwise the statistics are ignored
            # tf2onnx takes the tensors of Keras 3.15 for further inputs of the model.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    return keras.Model(model.input, [model.output, model.get_layer(network.FEATURES).output])
