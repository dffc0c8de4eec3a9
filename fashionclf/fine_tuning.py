"""The training loop: one phase after the other, on any tf.distribute strategy.

The loop is our own because Keras 3 `fit` raises under
MultiWorkerMirroredStrategy and replays a half-done epoch on resume.
"""
import contextlib
import dataclasses
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fashionclf import checkpoints, classifier, input_pipeline, schedule
from fashionclf.augment import DRAWS, Augmentation
from fashionclf.history import History
from fashionclf.inference import Predictor

SYNC_STEPS = 10  # how often the loss is fetched from the device, to be shown and checked
SHOWN = 12  # training pictures in TensorBoard


@dataclasses.dataclass(frozen=True)
class Data:
    """Where the examples come from and how they are prepared."""
    records_dir: Path
    examples: dict[str, int]  # split -> number
    image_size: int  # pixels, square
    box_margin: float


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What both phases share.

    Attributes:
        batch_size: examples per step over all replicas.
        augmentation: None for none.
        mixup: alpha of the Beta distribution that weighs two pictures of the
            replica's batch and their targets (Zhang et al., 2018); 0 for none.
        dropout: share of the pooled features set to 0.
        label_smoothing: share of the target spread evenly over all classes.
        class_weights: float32 [C], factor of each class's loss.
        ema_momentum: of the moving average of the weights, which is what is
            validated and kept; 0 for none.
        seed: of order, augmentation and dropout.
        checkpoint_every_steps: 0 to save after each epoch only.
    """
    batch_size: int
    augmentation: Augmentation | None
    mixup: float
    dropout: float
    label_smoothing: float
    class_weights: np.ndarray
    ema_momentum: float
    seed: int
    checkpoint_every_steps: int = 0


@dataclasses.dataclass(frozen=True)
class Phase:
    """One stretch of training with its own optimizer and schedule.

    Attributes:
        name: names its checkpoints, curves and rows in the history.
        unfreeze_from: first block that is trained, see classifier.unfreeze_from.
        learning_rate: the peak of the cosine.
        l2: factor of the sum of squares of the trainable kernels.
    """
    name: str
    unfreeze_from: str | None
    epochs: int
    learning_rate: float
    warmup_steps: int
    l2: float

    def seed(self, recipe: Recipe, *position: int) -> list[int]:
        """Two numbers that are a function of the seed, the phase and `position` alone."""
        entropy = [recipe.seed, *self.name.encode(), *position]
        return np.random.SeedSequence(entropy).generate_state(2).astype(np.int32).tolist()


def run_phase(model: keras.Model, phase: Phase, recipe: Recipe, data: Data, run_dir: Path, *,
              chief: bool = True) -> None:
    """Trains `model` through `phase`, from its newest checkpoint in `run_dir` if there is one.

    After each epoch it validates, appends to history.csv, writes TensorBoard
    scalars and a checkpoint, and keeps the best weights so far in
    checkpoints/best.weights.h5. Leaves the (averaged) weights of the last epoch in the model.

    Args:
        chief: whether this process writes; of many workers one does.
    """
    classifier.unfreeze_from(model, phase.unfreeze_from)
    steps = schedule.steps_per_epoch(data.examples["train"], recipe.batch_size)
    optimizer = keras.optimizers.Adam(
        schedule.cosine(phase.learning_rate, total_steps=steps * phase.epochs,
                        warmup_steps=phase.warmup_steps),
        use_ema=recipe.ema_momentum > 0, ema_momentum=recipe.ema_momentum or 0.99)
    optimizer.build(model.trainable_variables)
    state = checkpoints.TrainingState(run_dir / "checkpoints" / phase.name, model, optimizer)
    state.restore()
    (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
    history = History(run_dir / "history.csv")
    writer = tf.summary.create_noop_writer()
    if chief:
        history.trim(phase.name, state.epoch)
        writer = tf.summary.create_file_writer(str(run_dir / "tensorboard" / phase.name))
        _log_pictures(writer, phase, recipe, data)
    predictor = Predictor(model)
    train_step = make_step(model, optimizer, phase, recipe)

    for epoch in range(state.epoch, phase.epochs):
        trained = _train_epoch(train_step, phase, recipe, data, state, steps, chief)
        with _averaged_weights(model, optimizer):
            row = {"phase": phase.name, "epoch": epoch + 1, "step": (epoch + 1) * steps, **trained,
                   "learning_rate": float(optimizer.learning_rate),
                   **_validate(predictor, data, recipe.batch_size)}
            if chief and history.append(row):
                model.save_weights(run_dir / "checkpoints" / "best.weights.h5")
        if chief:
            _log(writer, phase, row)
            state.save(epoch=epoch + 1)
    if optimizer.use_ema:
        optimizer.finalize_variable_values(model.trainable_variables)


def make_step(model: keras.Model, optimizer: keras.Optimizer, phase: Phase, recipe: Recipe):
    """Compiles one step of training.

    Returns:
        step(batch, seed) -> float32 [3]: the batch's mean loss without L2, the
        L2 term, the number of correct predictions. `batch` is as
        input_pipeline.training gives it, `seed` int32 [2].
    """
    strategy = tf.distribute.get_strategy()
    features = keras.Model(model.input, model.get_layer(classifier.FEATURES).output)
    head = model.get_layer(classifier.PREDICTIONS)
    variables = model.trainable_variables
    class_weights = tf.constant(recipe.class_weights, tf.float32)
    kernels = [v for v in variables if v.name.endswith("kernel")]
    cross_entropy = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing, reduction=None)

    def replica_step(batch, seed):
        draws = tf.random.stateless_uniform([recipe.batch_size, DRAWS + head.kernel.shape[0]], seed)
        draws = tf.gather(draws, _own_examples(recipe.batch_size))
        images, labels = batch["image"], batch["label"]
        targets = tf.one_hot(labels, head.units)
        if recipe.augmentation:
            images = recipe.augmentation(images, draws[:, :DRAWS])
        if recipe.mixup:
            images, targets = _mix(images, targets, _mixing_weights(recipe, seed))
        keep = tf.cast(draws[:, DRAWS:] >= recipe.dropout, tf.float32) / (1.0 - recipe.dropout)
        with tf.GradientTape() as tape:
            # training=False: BatchNorm stays frozen, and dropout is ours, below,
            # so that it is a function of the seed and not of a generator's state.
            pooled = tf.cast(features(images, training=False), tf.float32)
            logits = head(pooled * keep)
            losses = cross_entropy(targets, logits) * tf.gather(class_weights, labels)
            loss = tf.reduce_sum(losses) / recipe.batch_size
            l2 = phase.l2 * tf.add_n([tf.reduce_sum(tf.square(v.value)) for v in kernels])
            l2 /= strategy.num_replicas_in_sync
            total = loss + l2
        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables))
        correct = tf.argmax(logits, axis=-1) == labels
        return tf.stack([loss, l2, tf.reduce_sum(tf.cast(correct, tf.float32))])

    @tf.function
    def step(batch, seed):
        sums = strategy.run(replica_step, args=(batch, seed))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)
    return step


def _mixing_weights(recipe: Recipe, seed: tf.Tensor) -> tf.Tensor:
    """float32 [B, 1], 0.5..1: the share that each of this replica's pictures keeps."""
    gamma = tf.random.stateless_gamma([2, recipe.batch_size, 1], seed, recipe.mixup)
    share = gamma[0] / (gamma[0] + gamma[1])  # Beta(alpha, alpha)
    return tf.gather(tf.maximum(share, 1.0 - share), _own_examples(recipe.batch_size))


def _mix(images: tf.Tensor, targets: tf.Tensor, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each example with the one at the mirrored place of the batch."""
    pixels = share[:, :, None, None]
    return (pixels * images + (1.0 - pixels) * images[::-1],
            share * targets + (1.0 - share) * targets[::-1])


def _own_examples(batch_size: int) -> tf.Tensor:
    """Positions in the global batch of the examples that this replica holds.

    Follows input_pipeline.training: example k goes to worker k mod workers,
    and a worker's examples fill its replicas one after the other.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    workers = getattr(strategy.extended, "_num_workers", 1)
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    local, worker = replica % (replicas // workers), replica // (replicas // workers)
    return (local * (batch_size // replicas) + tf.range(batch_size // replicas)) * workers + worker


def _train_epoch(train_step, phase, recipe, data, state, steps, chief) -> dict:
    """Trains to the end of epoch `state.epoch` from `state.step`; returns its means."""
    strategy, epoch, sums = tf.distribute.get_strategy(), state.epoch, state.sums
    first = state.step
    batches = iter(strategy.distribute_datasets_from_function(
        lambda context: input_pipeline.training(
            data.records_dir, image_size=data.image_size, box_margin=data.box_margin,
            batch_size=recipe.batch_size, seed=abs(phase.seed(recipe, epoch)[0]),
            skip_batches=first, context=context)))
    bar = tqdm(total=steps, initial=first, unit="step", disable=not chief,
               desc=f"{phase.name} {epoch + 1}/{phase.epochs}",
               mininterval=0.2 if sys.stderr.isatty() else 30)
    start = time.perf_counter()
    with bar:
        for step in range(first, steps):
            sums += train_step(next(batches), tf.constant(phase.seed(recipe, epoch, step)))
            done = step + 1
            if done % SYNC_STEPS == 0 or done == steps:
                speed = recipe.batch_size * (done - first) / (time.perf_counter() - start)
                means = _means(sums, done, recipe.batch_size)
                bar.set_postfix_str(f"{speed:.0f} images/s, loss {means['loss']:.3f}, "
                                    f"accuracy {means['accuracy']:.3f}", refresh=False)
            if chief and recipe.checkpoint_every_steps and done < steps \
                    and done % recipe.checkpoint_every_steps == 0:
                state.save(epoch=epoch, step=done, sums=sums)
            bar.update()
    return {**means, "images_per_second": round(speed, 1)}


def _means(sums: tf.Tensor, steps: int, batch_size: int) -> dict:
    loss, l2, correct = (float(x) for x in sums)
    if not np.isfinite(loss + l2):
        raise FloatingPointError(
            f"the loss is not finite (cross-entropy {loss}, L2 {l2}) by step {steps} of the epoch: "
            "lower the learning rate, or lengthen its warm-up")
    return {"loss": loss / steps, "accuracy": correct / steps / batch_size, "l2": l2 / steps}


@contextlib.contextmanager
def _averaged_weights(model: keras.Model, optimizer: keras.Optimizer):
    """Puts the moving average into the model for the time of the block."""
    if not optimizer.use_ema:
        yield
        return
    trained = [v.numpy() for v in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    yield
    for variable, value in zip(model.trainable_variables, trained):
        variable.assign(value)


def _validate(predictor: Predictor, data: Data, batch_size: int) -> dict:
    if not data.examples.get("validation"):
        return {"val_loss": np.nan, "val_accuracy": np.nan}
    dataset = input_pipeline.evaluation(
        data.records_dir, "validation", image_size=data.image_size, box_margin=data.box_margin,
        batch_size=batch_size)
    found = predictor.predict_dataset(dataset, data.examples["validation"])
    of_label = found.probabilities[np.arange(len(found.labels)), found.labels]
    return {"val_loss": float(-np.log(np.maximum(of_label, 1e-12)).mean()),
            "val_accuracy": float((found.probabilities.argmax(axis=1) == found.labels).mean())}


def _log_pictures(writer: tf.summary.SummaryWriter, phase: Phase, recipe: Recipe,
                  data: Data) -> None:
    """Shows the first training pictures of the phase as the network sees them."""
    batch = next(iter(input_pipeline.training(
        data.records_dir, image_size=data.image_size, box_margin=data.box_margin,
        batch_size=recipe.batch_size, seed=abs(phase.seed(recipe, 0)[0]))))
    images = batch["image"][:SHOWN]
    if recipe.augmentation:
        images = recipe.augmentation(images, tf.random.stateless_uniform(
            [len(images), DRAWS], phase.seed(recipe, 0, 0)))
    with writer.as_default(step=0):
        tf.summary.image("training pictures", tf.cast(images, tf.uint8), max_outputs=SHOWN)


def _log(writer: tf.summary.SummaryWriter, phase: Phase, row: dict) -> None:
    with writer.as_default(step=row["epoch"]):
        for name in ("loss", "accuracy", "l2", "learning_rate", "images_per_second"):
            tf.summary.scalar(f"train/{name}", row[name])
        for name in ("loss", "accuracy"):
            if np.isfinite(row[f"val_{name}"]):
                tf.summary.scalar(f"validation/{name}", row[f"val_{name}"])
    writer.flush()
    print(f"{phase.name} {row['epoch']}/{phase.epochs}: loss {row['loss']:.3f}, accuracy "
          f"{row['accuracy']:.3f}; validation loss {row['val_loss']:.3f}, accuracy "
          f"{row['val_accuracy']:.3f}; {row['images_per_second']:.0f} images/s", flush=True)
