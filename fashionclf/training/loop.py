"""The training loop: one phase after the other, on any tf.distribute strategy.

The loop is our own because Keras 3 `fit` raises under
MultiWorkerMirroredStrategy and replays a half-done epoch on resume.
"""
import contextlib
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fashionclf.model import network, weight_files
from fashionclf.model.inference import Predictions, Predictor
from fashionclf.records.input_pipeline import Pictures
from fashionclf.system import signals
from fashionclf.training import checkpoints
from fashionclf.training.recipe import Phase, Recipe, cosine, steps_per_epoch
from fashionclf.training.run_folder import History
from fashionclf.training.step import make_step
from fashionclf.training.tensorboard_log import PhaseLog, Profile
from fashionclf.training.trunk_cache import Activations

SYNC_STEPS = 10  # how often the loss is fetched from the device, to be shown and checked


def run_phase(model: keras.Model, phase: Phase, recipe: Recipe,
              data: Pictures | Activations, run_dir: Path, *, chief: bool = True) -> None:
    """Trains `model` through `phase`, from its newest checkpoint in `run_dir` if there is one.

    After each epoch it validates, appends to history.csv, writes TensorBoard
    pages and a checkpoint, and keeps the best weights so far, see History.append,
    in checkpoints/best.weights.h5. Leaves the (averaged) weights of the last epoch in the model.

    Args:
        chief: whether this process writes; of many workers one does.
    """
    network.unfreeze_from(model, phase.unfreeze_from)
    steps = steps_per_epoch(data.examples["train"], recipe.batch_size)
    optimizer = keras.optimizers.Adam(
        cosine(phase.learning_rate, total_steps=steps * phase.epochs,
               warmup_steps=phase.warmup_steps),
        use_ema=recipe.ema_momentum > 0, ema_momentum=recipe.ema_momentum or 0.99)
    optimizer.build(model.trainable_variables)
    state = checkpoints.TrainingState(run_dir / "checkpoints" / phase.name, model, optimizer,
                                      writes=chief)
    state.restore()
    (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
    history = History(run_dir / "history.csv", data.examples.get("validation", 0))
    if chief:
        history.trim(phase.name, state.epoch)
        log = PhaseLog(run_dir / "tensorboard", phase, data.pictures,
                       epochs_before=history.epochs_before(phase.name))
        if not state.newest:
            log.start(recipe)
    profile = Profile(run_dir / "tensorboard" / phase.name, recipe.profile_steps if chief else None)
    predictor = Predictor(network.part(model, data.enters, network.PREDICTIONS))
    train_step = make_step(model, optimizer, phase, recipe, data.enters)

    for epoch in range(state.epoch, phase.epochs):
        trained = _train_epoch(train_step, phase, recipe, data, state, steps, chief, profile)
        with _averaged_weights(model, optimizer):
            validation = _validate(predictor, data, recipe.batch_size)
            row = {"phase": phase.name, "epoch": epoch + 1, "step": (epoch + 1) * steps, **trained,
                   "learning_rate": float(optimizer.learning_rate),
                   **_scores(validation)}
            if chief and history.append(row):
                weight_files.save(model, run_dir / "checkpoints" / "best.weights.h5")
        if chief:
            log.epoch(row, validation)
            _say(phase, row)
        state.save(epoch=epoch + 1)
        if signals.requested():
            signals.leave(f"saved after {phase.name} {epoch + 1}")
    if optimizer.use_ema:
        optimizer.finalize_variable_values(model.trainable_variables)


def _train_epoch(train_step, phase, recipe, data, state, steps, chief, profile) -> dict:
    """Trains to the end of epoch `state.epoch` from `state.step`; returns its means."""
    strategy, epoch, sums = tf.distribute.get_strategy(), state.epoch, state.sums
    first = state.step
    batches = iter(strategy.distribute_datasets_from_function(
        lambda context: data.training(
            epoch=epoch, batch_size=recipe.batch_size, seed=abs(phase.seed(recipe, epoch)[0]),
            skip_batches=first, context=context)))
    bar = tqdm(total=steps, initial=first, unit="step", disable=not chief,
               desc=f"{phase.name} {epoch + 1}/{phase.epochs}")
    start = time.perf_counter()
    with bar, profile:
        for step in range(first, steps):
            with profile.step(epoch * steps + step + 1):
                sums += train_step(next(batches), tf.constant(phase.seed(recipe, epoch, step)))
            done = step + 1
            if done % SYNC_STEPS == 0 or done == steps:
                speed = recipe.batch_size * (done - first) / (time.perf_counter() - start)
                means = _means(sums, done, recipe.batch_size, state)
                bar.set_postfix_str(f"{speed:.0f} images/s, loss {means['loss']:.3f}, "
                                    f"accuracy {means['accuracy']:.3f}", refresh=False)
            due = recipe.checkpoint_every_steps and done % recipe.checkpoint_every_steps == 0
            if done < steps and (due or signals.requested()):
                _means(sums, done, recipe.batch_size, state)  # what isn't finite is never saved
                state.save(epoch=epoch, step=done, sums=sums)
            if done < steps and signals.requested():
                signals.leave(f"saved after step {done} of {phase.name} {epoch + 1}")
            bar.update()
    return {**means, "images_per_second": round(speed, 1)}


def _means(sums: tf.Tensor, steps: int, batch_size: int, state) -> dict:
    loss, l2, correct = (float(x) for x in sums)
    if not np.isfinite(loss + l2):
        raise FloatingPointError(
            f"the loss is not finite (cross-entropy {loss}, L2 {l2}) by step {steps} of epoch "
            f"{state.epoch + 1}, at learning rate {state.learning_rate:.2g}; the last good "
            f"checkpoint is {state.newest or 'none'}. Lower the learning rate of this phase or "
            "lengthen --warmup_steps, with another --run")
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


def _validate(predictor: Predictor, data: Pictures | Activations,
              batch_size: int) -> Predictions | None:
    if not data.examples.get("validation"):
        return None
    dataset = data.evaluation("validation", batch_size=batch_size)
    return predictor.predict_dataset(dataset, data.examples["validation"])


def _scores(found: Predictions | None) -> dict:
    if not found:
        return {"val_loss": np.nan, "val_accuracy": np.nan}
    of_label = found.probabilities[np.arange(len(found.labels)), found.labels]
    return {"val_loss": float(-np.log(np.maximum(of_label, 1e-12)).mean()),
            "val_accuracy": float((found.probabilities.argmax(axis=1) == found.labels).mean())}


def _say(phase: Phase, row: dict) -> None:
    validation = (f"validation loss {row['val_loss']:.3f}, accuracy {row['val_accuracy']:.3f}"
                  if np.isfinite(row["val_loss"]) else "no validation split")
    print(f"{phase.name} {row['epoch']}/{phase.epochs}: loss {row['loss']:.3f}, accuracy "
          f"{row['accuracy']:.3f}; {validation}; {row['images_per_second']:.0f} images/s",
          flush=True)
