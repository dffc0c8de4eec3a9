"""Augments whole batches on the accelerator: flips, rotations, zooms, shifts and colours.

All geometry is one resampling and all colour one pass; five separate layers
cost as much as the network on a CPU. The random numbers are an argument, so
that a step depends on its seed alone, and an example gets the same picture on
any number of replicas.
"""
import math

import keras
import tensorflow as tf

DRAWS = 9  # random numbers per example


class Augmentation(keras.layers.Layer):
    """Changes each picture of a batch at random; reflection fills in pixels from outside.

    It has a parameter for each kind of change; all are shares but for an angle in degrees.

    Args:
        flip: whether half of the pictures are mirrored left to right.
        rotation: largest angle to either side, in degrees.
        zoom: largest change of scale, as a share (0.15: 0.85 to 1.15 times).
        stretch: largest change of the aspect ratio, as a share.
        shift: largest shift along each axis, as a share of the side.
        brightness: largest change of all channels, as a share of the range 255.
        contrast: largest change of the distance from mid-grey, as a share.
        saturation: largest change of the distance from the pixel's grey, as a share.
    """

    def __init__(self, *, flip=True, rotation=15.0, zoom=0.15, stretch=0.1, shift=0.1,
                 brightness=0.1, contrast=0.2, saturation=0.2, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(
            flip=flip, rotation=rotation, zoom=zoom, stretch=stretch, shift=shift,
            brightness=brightness, contrast=contrast, saturation=saturation)

    def get_config(self) -> dict:
        return {**super().get_config(), **self.settings}

    def call(self, images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Augments a batch of float32 [B, S, S, 3], RGB, 0..255.

        Args:
            uniform: float32 [B, DRAWS], random numbers in 0..1; 0.5 means no change,
                except in column 0, which flips above 0.5.
        """
        signed = tf.unstack(2.0 * uniform - 1.0, DRAWS, axis=1)
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=images, transforms=self._transforms(images.shape[1], *signed[:6]),
            output_shape=tf.shape(images)[1:3], interpolation="BILINEAR", fill_mode="REFLECT",
            fill_value=0.0)
        return self._recolour(moved, *signed[6:])

    def _transforms(self, size: int, mirror, angle, zoom, stretch, shift_x, shift_y) -> tf.Tensor:
        """Returns projective transforms [B, 8] from output to input pixels."""
        s = self.settings
        angle = angle * math.radians(s["rotation"])
        scale = 1.0 + zoom * s["zoom"]
        aspect = tf.sqrt(1.0 + stretch * s["stretch"])
        sign = tf.where((mirror > 0) & s["flip"], -1.0, 1.0)

        # The 2 x 2 matrix turns, scales and mirrors.
        a, b = sign * tf.cos(angle) * scale * aspect, -sign * tf.sin(angle) * scale * aspect
        c, d = tf.sin(angle) * scale / aspect, tf.cos(angle) * scale / aspect

        # The offset keeps the middle of the picture in place, then shifts.
        middle = (size - 1) / 2
        offset_x = middle - (a + b) * middle + shift_x * s["shift"] * size
        offset_y = middle - (c + d) * middle + shift_y * s["shift"] * size
        zero = tf.zeros_like(a)
        return tf.stack([a, b, offset_x, c, d, offset_y, zero, zero], axis=1)

    def of_activations(self, activations: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Mirrors half of the feature maps that frozen layers computed from augmented pictures.

        Mirrored pictures would give slightly different feature maps, but this doubles the
        cached views; a first trial on one seed was no worse with it than without.

        Args:
            activations: float32 [B, H, W, C], or pooled [B, C], which are left unchanged.
            uniform: as in `call`.
        """
        if activations.shape.rank == 2 or not self.settings["flip"]:
            return activations
        return tf.where(uniform[:, :1, None, None] > 0.5, activations[:, :, ::-1], activations)

    def _recolour(self, images, brightness, contrast, saturation) -> tf.Tensor:
        """x -> contrast * (saturated x - 127.5) + 127.5 + brightness, clipped to 0..255."""
        s = self.settings
        brightness = 255.0 * s["brightness"] * brightness[:, None, None, None]
        contrast = 1.0 + s["contrast"] * contrast[:, None, None, None]
        saturation = 1.0 + s["saturation"] * saturation[:, None, None, None]
        grey = tf.reduce_mean(images, axis=-1, keepdims=True)
        constant = 127.5 * (1.0 - contrast) + brightness
        return tf.clip_by_value((contrast * saturation) * images
                                + (contrast * (1.0 - saturation) * grey + constant), 0.0, 255.0)
