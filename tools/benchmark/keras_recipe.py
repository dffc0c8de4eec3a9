"""Model 2 as a competent user of Keras would write it: two `fit`s on folders of pictures.

    python -m tools.benchmark.keras_recipe --pictures=DIR --weights=FILE --result=FILE

Several ways to write it were tried on two CPU cores that other work shared, and are about equal.
Pictures per second of the head phase, each epoch after the first: augmentation in `Dataset.map` on
batches (used here) 60, 62, 60, 51 and 24; in the model 59, 63, 51, 50 and 32; in `map` on single
pictures 51, 58; on cached decoded pictures 49, 60. XLA, which `compile` could choose, is off.
"""
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from tools.benchmark import job, plain

FLAGS = flags.FLAGS

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_VARIANCE = np.array([0.229, 0.224, 0.225]) ** 2


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(FLAGS.seed)
    train_ds, classes = training_pictures()
    validation_ds, test_ds = pictures("validation"), pictures("test")
    trunk, model = build(len(classes))

    # The benchmark times the stages by these lines.
    print("== head", flush=True)
    fit(model, train_ds, validation_ds, FLAGS.head_epochs, job.HEAD_LEARNING_RATE)

    print("== fine-tune", flush=True)
    unfreeze(trunk)
    fit(model, train_ds, validation_ds, FLAGS.fine_tune_epochs, job.FINE_TUNE_LEARNING_RATE)

    print("== test", flush=True)
    labels = np.concatenate([y for _, y in test_ds])
    plain.write_scores(labels, model.predict(test_ds, verbose=2).argmax(axis=1))


def pictures(split: str, **more) -> tf.data.Dataset:
    """Batches of float32 [B, S, S, 3], 0..255, and int32 [B], in the order of the files."""
    return keras.utils.image_dataset_from_directory(
        f"{FLAGS.pictures}/{split}", image_size=(FLAGS.image_size, FLAGS.image_size),
        **{"batch_size": FLAGS.batch_size, "shuffle": False, **more}).prefetch(tf.data.AUTOTUNE)


def training_pictures() -> tuple[tf.data.Dataset, list[str]]:
    """Shuffled, augmented batches, and the names of the classes."""
    decoded = keras.utils.image_dataset_from_directory(
        f"{FLAGS.pictures}/train", image_size=(FLAGS.image_size, FLAGS.image_size),
        batch_size=FLAGS.batch_size, shuffle=True, seed=FLAGS.seed)
    augment = keras.layers.Pipeline(augmentation())
    batches = decoded.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE), decoded.class_names


def augmentation() -> list[keras.layers.Layer]:
    zoom, shift = (-job.ZOOM, job.ZOOM), (-job.SHIFT, job.SHIFT)
    return [keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(job.ROTATION / 360),
            keras.layers.RandomZoom(zoom),
            keras.layers.RandomTranslation(shift, shift),
            keras.layers.RandomContrast(job.CONTRAST),
            keras.layers.RandomBrightness(job.BRIGHTNESS)]


def build(num_classes: int) -> tuple[keras.Model, keras.Model]:
    """The frozen trunk, and the model that puts dropout and a dense layer on it."""
    shape = (FLAGS.image_size, FLAGS.image_size, 3)
    trunk = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=shape, pooling="avg")
    if FLAGS.weights != "none":
        trunk.load_weights(FLAGS.weights)
    normalization = next(x for x in trunk.layers if isinstance(x, keras.layers.Normalization))
    normalization.set_weights([IMAGENET_MEAN, IMAGENET_VARIANCE, np.array(0)])
    normalization.finalize_state()
    trunk.trainable = False

    inputs = keras.Input(shape)
    x = trunk(inputs, training=False)  # BatchNorm stays in inference mode, also when unfrozen
    x = keras.layers.Dropout(job.DROPOUT)(x)
    outputs = keras.layers.Dense(num_classes, kernel_regularizer=keras.regularizers.L2(job.L2))(x)
    return trunk, keras.Model(inputs, outputs)


def unfreeze(trunk: keras.Model) -> None:
    """Unfreezes from job.UNFREEZE_FROM on, all but BatchNorm, with L2 on the kernels."""
    first = next(i for i, x in enumerate(trunk.layers) if x.name.startswith(job.UNFREEZE_FROM))
    trunk.trainable = True
    for i, layer in enumerate(trunk.layers):
        layer.trainable = i >= first and not isinstance(layer, keras.layers.BatchNormalization)
        if layer.trainable and hasattr(layer, "kernel"):
            layer.kernel.regularizer = keras.regularizers.L2(job.L2)


def fit(model: keras.Model, train_ds: tf.data.Dataset, validation_ds: tf.data.Dataset,
        epochs: int, learning_rate: float) -> None:
    if not epochs:
        return

    total = len(train_ds) * epochs
    warmup = job.warmup_steps(total)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate, total - warmup,
        warmup_target=learning_rate if warmup else None, warmup_steps=warmup)

    model.compile(
        keras.optimizers.Adam(schedule), metrics=["accuracy"], jit_compile=False,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(train_ds, validation_data=validation_ds, epochs=epochs, verbose=2)


if __name__ == "__main__":
    app.run(main)
