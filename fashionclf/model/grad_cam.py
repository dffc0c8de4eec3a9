"""Where in a picture a network saw a class: Grad-CAM heat maps, and pictures under them."""
from collections.abc import Sequence

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.model import inference, network

COLOURS = matplotlib.colormaps["turbo"]  # blue to red by way of green
OPACITY = 0.6  # of the overlay where the heat is 1


def heatmaps(model: keras.Model, images: tf.Tensor, classes: Sequence[int]) -> np.ndarray:
    """What in each picture spoke for a class: Grad-CAM.

    By Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization" (2017, arXiv:1610.02391), equations 1 and 2: with A_k the channels of the last
    feature map (that which is pooled: `top_activation` of EfficientNet) and y the logit of the
    class, before any softmax, the mean over the map's places of dy/dA_k weighs A_k, and of the
    weighted sum over k what is above zero is kept.

    Args:
        model: what network.build or weights.load gives.
        images: float32 [B, S, S, 3], RGB, 0..255.
        classes: B labels, one a picture; mostly what was predicted.

    Returns:
        float32 [B, h, w], h and w those of the feature map, in 0..1: divided by the largest
        of its picture. All zeros where nothing spoke for the class.

    Raises:
        ValueError: there are more pictures than labels or fewer, or a label is no class.
    """
    num_classes = model.output_shape[-1]
    if len(images) != len(classes) or not all(0 <= label < num_classes for label in classes):
        raise ValueError(f"{len(images)} pictures need as many labels from 0 to "
                         f"{num_classes - 1}, got {list(classes)!r:.100}")
    below = keras.Model(model.input, model.get_layer(network.FEATURES).input)
    above = network.part(model, network.FEATURES, network.PREDICTIONS)
    maps = tf.cast(inference.with_constants(below)(images), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = inference.with_constants(above)(maps)
        logit = tf.gather(logits, classes, axis=1, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    heat = tf.nn.relu(tf.einsum("bhwk,bk->bhw", maps, weights))
    return tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True)).numpy()


def overlay(picture: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """The picture, tinted by the heat: untouched where it is 0, mostly red where it is 1.

    Args:
        picture: uint8 [H, W, 3], RGB.
        heatmap: float [h, w] in 0..1, stretched over the picture.

    Returns:
        uint8 [H, W, 3].
    """
    height, width = picture.shape[:2]
    stretched = Image.fromarray(np.float32(heatmap)).resize((width, height),
                                                            Image.Resampling.BILINEAR)
    heat = np.clip(np.asarray(stretched), 0, 1)
    tint = OPACITY * heat[..., None]
    return np.uint8(np.rint((1 - tint) * picture + tint * 255 * COLOURS(heat)[..., :3]))
