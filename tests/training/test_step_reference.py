"""One training step against the same arithmetic in NumPy, from the draws to the new weights.

The network is small enough for gradients by hand: two residual branches that are 1x1
convolutions without bias, mean pooling, a dense layer. All of it is linear in the mean pixel.
TensorFlow gives the random numbers; what is made of them is NumPy's alone.
"""
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.model import augmentation, network
from fashionclf.training import loop, step
from fashionclf.training.recipe import Phase, Recipe, class_weights
from fashionclf.training.step import _mixing_weights, _own_examples, make_step

CHANNELS, CLASSES, BATCH, RATE = 4, 3, 6, 0.5
DEPTHS = {"first": 0.5, "second": 1.0}
SEED = [3, 4]
PLAIN = dict(batch_size=BATCH, augmentation=None, mixup=0.0, dropout=0.0, stochastic_depth=0.0,
             label_smoothing=0.0, class_weights=np.ones(CLASSES), ema_momentum=0.0, seed=0)


class Brighter:
    """An augmentation that shows which draws it got and what it was asked to augment."""

    def __call__(self, images, uniform):
        return images + uniform[:, :1, None, None] + uniform[:, -1:, None, None]

    def of_activations(self, maps, uniform):
        return maps - uniform[:, :1, None, None]


ALL = dict(mixup=0.4, dropout=0.4, stochastic_depth=0.8, label_smoothing=0.3,
           class_weights=np.array([0.5, 1.0, 2.5]), augmentation=Brighter())


def small_model():
    inputs = x = keras.Input((2, 2, CHANNELS))
    for name, depth in DEPTHS.items():
        branch = keras.layers.Conv2D(CHANNELS, 1, use_bias=False, name=name)(x)
        branch = network.StochasticDepth(depth, name=f"{name}_drop")(branch)
        x = keras.layers.Add()([x, branch])
    pooled = keras.layers.GlobalAveragePooling2D(name=network.FEATURES)(x)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name=network.PREDICTIONS)(pooled))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


def batch_of(count=BATCH):
    rng = np.random.default_rng(1)
    return {"image": rng.normal(size=(count, 2, 2, CHANNELS)).astype(np.float32),
            "label": rng.permutation(np.arange(count) % CLASSES)}


def phase(l2=0.0):
    return Phase(name="head", unfreeze_from=None, epochs=1, learning_rate=RATE, warmup_steps=0,
                 l2=l2)


def draws(how, dropped_branches, rows):
    """Uniform numbers of these rows of the batch: for augmentation, dropout and branches."""
    width = augmentation.DRAWS + CHANNELS + dropped_branches
    uniform = tf.random.stateless_uniform([how["batch_size"], width], SEED).numpy()[rows]
    return np.split(uniform, [augmentation.DRAWS, augmentation.DRAWS + CHANNELS], axis=1)


def factors(uniform, rate):
    """What survives at `rate` is scaled so that its mean stays: 0 or 1 / (1 - rate)."""
    return np.where(uniform < rate, 0.0, 1.0 / (1.0 - rate))


def mixing_shares(how, rows):
    gamma = tf.random.stateless_gamma([2, how["batch_size"], 1], SEED, how["mixup"]).numpy()
    share = gamma[0] / gamma.sum(axis=0)
    return np.maximum(share, 1 - share)[rows]


def expected_step(weights, batch, how, *, l2=0.0, replicas=1, rows=slice(None),
                  branches=("first", "second"), enters=None):
    """Loss, L2 term and correct predictions of a step, and the gradient of each weight."""
    first, second, kernel, bias = (w.astype(np.float64) for w in weights)
    first, second = first[0, 0], second[0, 0]
    images, labels = batch["image"].astype(np.float64), batch["label"]
    targets = np.eye(CLASSES)[labels]
    dropped = [name for name in branches if how["stochastic_depth"]]
    for_augmentation, for_dropout, for_depth = draws(how, len(dropped), rows)

    # What comes in: augmented, then mixed with the mirrored place of the batch.
    if how["augmentation"]:
        change = (-for_augmentation[:, 0] if enters
                  else for_augmentation[:, 0] + for_augmentation[:, -1])
        images = images + change[:, None, None, None]
    if how["mixup"]:
        share = mixing_shares(how, rows)
        pixels = share[:, :, None, None]
        images = pixels * images + (1 - pixels) * images[::-1]
        targets = share * targets + (1 - share) * targets[::-1]

    # Forward, on mean pixels.
    keep = {name: np.ones((len(labels), 1)) for name in DEPTHS}
    for column, name in enumerate(dropped):
        rate = how["stochastic_depth"] * DEPTHS[name]
        keep[name] = factors(for_depth[:, column:column + 1], rate)
    drop = factors(for_dropout, how["dropout"])
    entering = images.mean(axis=(1, 2))
    middle = entering if enters else entering + keep["first"] * (entering @ first)
    pooled = drop * (middle + keep["second"] * (middle @ second))
    logits = pooled @ kernel + bias

    # Loss: smoothed targets, the weight of the label's class, the mean over the global batch.
    smoothed = targets * (1 - how["label_smoothing"]) + how["label_smoothing"] / CLASSES
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weight = how["class_weights"][labels] / how["batch_size"]
    loss = -(weight[:, None] * smoothed * np.log(softmax)).sum()
    trained = [first, second, kernel] if "first" in branches else [second, kernel]
    penalty = l2 / replicas * sum((k ** 2).sum() for k in trained)

    # Backward, to the kernels and the bias.
    of_logits = weight[:, None] * (softmax - smoothed)
    of_output = drop * (of_logits @ kernel.T)
    of_middle = of_output + keep["second"] * (of_output @ second.T)
    gradients = [(keep["first"] * entering).T @ of_middle, (keep["second"] * middle).T @ of_output,
                 pooled.T @ of_logits, of_logits.sum(axis=0)]
    for gradient, k in zip(gradients, (first, second, kernel)):
        gradient += 2 * l2 / replicas * k
    if "first" not in branches:
        gradients[0] = np.zeros_like(first)
    correct = (logits.argmax(axis=1) == labels).sum()
    return [loss, penalty, correct], gradients


def compare(how, *, l2=0.0, frozen=(), batch=None, enters=None, **expectation):
    """Does one step of plain gradient descent, and compares its numbers and every weight."""
    how, model, batch = {**PLAIN, **how}, small_model(), batch or batch_of()
    for name in frozen:
        model.get_layer(name).trainable = False
    before = model.get_weights()
    step = make_step(model, keras.optimizers.SGD(RATE), phase(l2), Recipe(**how), enters)
    found = step({name: tf.constant(value) for name, value in batch.items()}, tf.constant(SEED))
    numbers, gradients = expected_step(before, batch, how, l2=l2, enters=enters, **expectation)
    np.testing.assert_allclose(found, numbers, rtol=1e-4)
    for old, new, gradient in zip(before, model.get_weights(), gradients, strict=True):
        np.testing.assert_allclose(new, old - RATE * gradient.reshape(old.shape), atol=1e-5)


FROZEN = dict(frozen=["first", "first_drop"], branches=["second"])


@pytest.mark.parametrize("how, more", [
    *(({name: ALL[name]} if name else {}, {})
      for name in (None, "dropout", "stochastic_depth", "mixup")),
    (ALL, dict(l2=0.05)),
    ({**ALL, "jit": True}, dict(l2=0.05)),  # compiled by XLA, but for augmentation and mixup
    (ALL, dict(l2=0.05, **FROZEN)),  # a frozen branch is never dropped, trained or penalized
    ({"augmentation": Brighter()}, dict(enters="second", **FROZEN))])  # of activations
def test_a_step_is_the_arithmetic_of_its_recipe(how, more):
    compare(how, **more)


def test_the_cases_above_drop_some_features_and_branches_and_keep_some():
    _, for_dropout, for_depth = draws(PLAIN, len(DEPTHS), slice(None))
    assert 0 < (for_dropout < ALL["dropout"]).mean() < 1
    for column, depth in enumerate(DEPTHS.values()):
        assert 0 < (for_depth[:, column] < ALL["stochastic_depth"] * depth).mean() < 1


class TensorFlowOfReplica:
    """TensorFlow as one replica of many sees it; sums are then this replica's own part alone."""

    def __init__(self, replica, *, replicas, workers):
        strategy = SimpleNamespace(
            num_replicas_in_sync=replicas,  # a strategy of one worker doesn't count workers
            extended=SimpleNamespace(**{"_num_workers": workers} if workers > 1 else {}),
            run=lambda step, args: step(*args), reduce=lambda how, value, axis: value)
        context = SimpleNamespace(replica_id_in_sync_group=replica)
        self.distribute = SimpleNamespace(
            get_strategy=lambda: strategy, get_replica_context=lambda: context,
            ReduceOp=tf.distribute.ReduceOp)

    def __getattr__(self, name):
        return getattr(tf, name)


def test_a_replica_adds_its_share_of_the_global_batch_s_loss_and_l2(monkeypatch):
    monkeypatch.setattr(step, "tf", TensorFlowOfReplica(1, replicas=2, workers=1))
    mine = {name: value[BATCH // 2:] for name, value in batch_of().items()}
    compare(ALL, l2=0.05, batch=mine, replicas=2, rows=slice(BATCH // 2, None))


@pytest.mark.parametrize("workers, replicas", [(1, 1), (1, 4), (2, 2), (2, 4), (3, 6)])
def test_examples_go_to_workers_in_turn_and_fill_their_replicas_one_after_the_other(
        monkeypatch, workers, replicas):
    batch_size, per_worker = 24, replicas // workers
    for worker in range(workers):
        examples = [k for k in range(batch_size) if k % workers == worker]
        for local, own in enumerate(np.split(np.array(examples), per_worker)):
            replica = TensorFlowOfReplica(worker * per_worker + local, replicas=replicas,
                                          workers=workers)
            monkeypatch.setattr(step, "tf", replica)
            assert _own_examples(batch_size).numpy().tolist() == own.tolist()


def test_mixup_weighs_by_beta_and_each_picture_keeps_the_larger_share():
    """Beta(1, 1) is uniform, so the larger share is uniform over 0.5..1; a high alpha halves."""
    how = {**PLAIN, "batch_size": 4000, "mixup": 1.0}
    shares = _mixing_weights(Recipe(**how), tf.constant(SEED)).numpy()
    assert shares.shape == (4000, 1)
    np.testing.assert_allclose(np.quantile(shares, [0, 0.25, 0.5, 0.75, 1]),
                               [0.5, 0.625, 0.75, 0.875, 1], atol=0.02)
    how["mixup"] = 1000.0
    shares = _mixing_weights(Recipe(**how), tf.constant(SEED)).numpy()
    assert 0.5 <= shares.min() and shares.max() < 0.56


def test_the_average_of_the_weights_is_validated_and_training_goes_on_from_the_newest():
    model, batch, momentum = small_model(), batch_of(), 0.8
    optimizer = keras.optimizers.SGD(RATE, use_ema=True, ema_momentum=momentum)
    step = make_step(model, optimizer, phase(), Recipe(**PLAIN))
    average = None
    for _ in range(3):
        step({name: tf.constant(value) for name, value in batch.items()}, tf.constant(SEED))
        newest = model.get_weights()
        average = newest if average is None else [
            momentum * old + (1 - momentum) * new for old, new in zip(average, newest)]
    with loop._averaged_weights(model, optimizer):
        for found, expected in zip(model.get_weights(), average, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    for found, expected in zip(model.get_weights(), newest, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("counts, power, expected", [
    ([1, 3], 1.0, [2, 2 / 3]), ([1, 4], 0.5, [5 / 3, 5 / 6]), ([5, 90], 0.0, [1, 1])])
def test_class_weights_fall_with_the_counts_and_their_mean_over_examples_is_1(
        counts, power, expected):
    found = class_weights(np.array(counts), power)
    np.testing.assert_allclose(found, expected)
    assert (found * counts).sum() / sum(counts) == pytest.approx(1)


def test_a_seed_is_a_function_of_recipe_phase_and_position_alone():
    recipes = [Recipe(**{**PLAIN, "seed": seed}) for seed in (0, 1)]
    fine_tune = Phase(name="fine_tune", unfreeze_from="conv2d", epochs=9, learning_rate=1.0,
                      warmup_steps=5, l2=0.1)
    found = [which.seed(recipe, *position) for recipe in recipes for which in (phase(), fine_tune)
             for position in [(), (0,), (1,), (0, 1), (1, 0)]]
    assert len(set(map(tuple, found))) == len(found)
    assert all(len(pair) == 2 and np.iinfo(np.int32).min <= min(pair) for pair in found)
    expected = np.random.SeedSequence([1, *b"head", 2, 3]).generate_state(2).astype(np.int32)
    assert phase(l2=0.5).seed(recipes[1], 2, 3) == expected.tolist()
