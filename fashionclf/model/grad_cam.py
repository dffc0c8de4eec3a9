"""Computes and draws Grad-CAM heat maps: what in a picture raised the score of a class."""
from collections.abc import Callable, Sequence

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.model import inference, network

COLOURS = matplotlib.colormaps["turbo"]  # blue through green to red
OPACITY = 0.6  # of the overlay where the heat is 1
AT_ONCE = 4  # pictures, as Keras keeps the output of every layer: 0.1 GB per picture of 224 pixels


def heatmaps(model: keras.Model, images: tf.Tensor, classes: Sequence[int]) -> np.ndarray:
    """Computes the Grad-CAM heat map of one class per picture.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization" (2017, arXiv:1610.02391), equations 1 and 2: relu(sum_k w_k A_k), with A_k the
    channels of the last feature map (`top_activation` in EfficientNet), w_k the mean of dy/dA_k
    over its positions, and y the logit of the class, before any softmax.

    Args:
        model: as returned by network.build, or the network of weights.load.
        images: float32 [B, S, S, 3], RGB, 0..255.
        classes: B labels, usually the predicted ones.

    Returns:
        float32 [B, h, w] in 0..1, the size of the feature map, divided by the picture's largest
        value; all zeros where nothing raises the score of the class.

    Raises ValueError if the numbers of pictures and labels differ, or a label is out of range.
    """
    num_classes = model.output_shape[-1]
    if len(images) != len(classes) or not all(0 <= label < num_classes for label in classes):
        raise ValueError(f"{len(images)} pictures need as many labels from 0 to "
                         f"{num_classes - 1}, got {list(classes)!r:.100}")

    # Cut the model at the last feature map, to differentiate only what follows it.
    below = inference.with_constants(
        keras.Model(model.input, model.get_layer(network.FEATURES).input))
    above = inference.with_constants(network.part(model, network.FEATURES, network.PREDICTIONS))
    return np.concatenate([
        _heat(tf.cast(below(images[first:first + AT_ONCE]), tf.float32), above,
              classes[first:first + AT_ONCE])
        for first in range(0, len(images), AT_ONCE)])


def _heat(feature_maps: tf.Tensor, above: Callable[[tf.Tensor], tf.Tensor],
          classes: Sequence[int]) -> np.ndarray:
    """Returns the heat maps, given the last feature maps and the layers above them."""
    with tf.GradientTape() as tape:
        tape.watch(feature_maps)
        logit = tf.gather(above(feature_maps), classes, axis=1, batch_dims=1)

    weights = tf.reduce_mean(tape.gradient(logit, feature_maps), axis=(1, 2))
    heat = tf.nn.relu(tf.einsum("bhwk,bk->bhw", feature_maps, weights))
    return tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True)).numpy()


def overlay(picture: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Tints uint8 [H, W, 3] by its heat: unchanged where that is 0, mostly red where it is 1.

    The heat map, float [h, w] in 0..1, is stretched to the picture's size.
    """
    size = picture.shape[1::-1]  # width, height
    stretched = Image.fromarray(np.float32(heatmap)).resize(size, Image.Resampling.BILINEAR)
    heat = np.clip(np.asarray(stretched), 0, 1)
    tint = OPACITY * heat[..., None]
    return np.uint8(np.rint((1 - tint) * picture + tint * 255 * COLOURS(heat)[..., :3]))
