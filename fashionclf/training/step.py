"""The compiled training step: augment, forward, loss, backward, update."""
import contextlib

import keras
import tensorflow as tf

from fashionclf.model import network
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.fewer_passes import fewer_passes
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.targets import make_targets, right_classes, weighted


def make_step(model: keras.Model, optimizer: keras.Optimizer, phase: Phase, recipe: Recipe,
              enters: str | None = None):
    """Compiles one training step, on pictures or on the input activations of the layer `enters`.

    Returns:
        step(batch, seed) -> float32 [3]: the batch's mean loss without L2, the L2 term, the
        number of correct predictions. `batch` is one of Records.training, `seed` int32 [2].
    """
    strategy = tf.distribute.get_strategy()
    features = network.part(model, enters, network.FEATURES)
    head = model.get_layer(network.PREDICTIONS)
    variables = model.trainable_variables
    kernels = [v for v in variables if v.name.endswith("kernel")]

    # Frozen blocks are never dropped: their output may come from the cache.
    branches = [layer for layer in features.layers if recipe.stochastic_depth
                and isinstance(layer, network.StochasticDepth) and layer.trainable]

    # One draw is cut into three, so that an example's numbers are the same on any number of
    # replicas, whichever parts of the recipe are off.
    sections = [DRAWS, head.kernel.shape[0], len(branches)]

    targets_of = make_targets(recipe, head.units, on_pictures=not enters)
    class_weights = tf.constant(recipe.class_weights, tf.float32)
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)

    def replica_step(batch, seed):
        draws = tf.random.stateless_uniform([recipe.batch_size, sum(sections)], seed)
        for_augmentation, for_dropout, for_depth = tf.split(
            tf.gather(draws, _own_examples(recipe.batch_size)), sections, axis=1)

        images, labels = batch["image"], batch["label"]
        if recipe.augmentation:
            augment = recipe.augmentation.of_activations if enters else recipe.augmentation
            images = augment(images, for_augmentation)

        # Of the augmented picture, as teachers look at what the student sees
        targets = targets_of(batch, images)
        right = right_classes(labels, targets)
        if recipe.mixup:
            images, targets = _mix(images, targets, _mixing_weights(recipe, seed))

        keep = _keep(for_dropout, recipe.dropout)
        return update(images, labels, right, targets, keep, for_depth)

    def update(images, labels, right, targets, keep, for_depth):
        with (tf.GradientTape() as tape, fewer_passes(features),
              _dropping(branches, for_depth, recipe.stochastic_depth)):
            # training=False: BatchNorm stays frozen, and dropout is ours, below,
            # so that it is a function of the seed and not of a generator's state.
            pooled = tf.cast(features(images, training=False), tf.float32)
            logits = head(pooled * keep)

            # Divided by the global batch: the replicas' losses and gradients are summed.
            losses = weighted(cross_entropy(targets, logits), labels, class_weights)
            loss = tf.reduce_sum(losses) / recipe.batch_size
            l2 = phase.l2 * tf.add_n([tf.reduce_sum(tf.square(v.value)) for v in kernels])
            l2 /= strategy.num_replicas_in_sync
            total = loss + l2

        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables))
        correct = tf.argmax(logits, axis=-1) == right
        return tf.stack([loss, l2, tf.reduce_sum(tf.cast(correct, tf.float32))])

    # XLA has no operations for augmentation and mixup.
    if recipe.jit:
        update = tf.function(update, jit_compile=True, autograph=False)

    @tf.function(autograph=False)
    def step(batch, seed):
        sums = strategy.run(replica_step, args=(batch, seed))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)
    return step


def _keep(draws: tf.Tensor, rate: float) -> tf.Tensor:
    """Returns dropout's factors: 1 / (1 - rate) where a draw is at least `rate`, else 0."""
    return tf.cast(draws >= rate, tf.float32) / (1.0 - rate)


@contextlib.contextmanager
def _dropping(branches: list[network.StochasticDepth], draws: tf.Tensor, rate: float):
    """Drops `branches` in calls of the model within the block; `draws` has a column for each."""
    for number, branch in enumerate(branches):
        branch.keep = _keep(draws[:, number, None, None, None], rate * branch.depth)
    try:
        yield
    finally:
        for branch in branches:
            branch.keep = None


def _mixing_weights(recipe: Recipe, seed: tf.Tensor) -> tf.Tensor:
    """Returns the share that each of this replica's pictures keeps: float32 [B, 1], 0.5..1."""
    gamma = tf.random.stateless_gamma([2, recipe.batch_size, 1], seed, recipe.mixup)
    share = gamma[0] / (gamma[0] + gamma[1])  # Beta(alpha, alpha)
    return tf.gather(tf.maximum(share, 1.0 - share), _own_examples(recipe.batch_size))


def _mix(images: tf.Tensor, targets: tf.Tensor, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each example with the one at the mirrored place of the batch."""
    pixels = tf.reshape(share, [-1] + [1] * (images.shape.rank - 1))
    return (pixels * images + (1.0 - pixels) * images[::-1],
            share * targets + (1.0 - share) * targets[::-1])


def _own_examples(batch_size: int) -> tf.Tensor:
    """Returns the positions of this replica's examples in the global batch.

    As in input_pipeline.training, example k goes to worker k mod workers, and a worker's
    examples fill its replicas one after the other.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    workers = getattr(strategy.extended, "_num_workers", 1)
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    local, worker = replica % (replicas // workers), replica // (replicas // workers)
    return (local * (batch_size // replicas) + tf.range(batch_size // replicas)) * workers + worker
