"""The training loop: one phase after the other, on any tf.distribute strategy.

The loop is our own because Keras 3 `fit` raises under MultiWorkerMirroredStrategy and replays a
half-done epoch on resume.
"""
import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.evaluation import tensorboard_pages
from fashionclf.model import calibration, network, weight_files
from fashionclf.model.inference import Predictions, Predictor
from fashionclf.records.input_pipeline import Records
from fashionclf.system import signals
from fashionclf.system.progress import progress_bar
from fashionclf.training import averaging
from fashionclf.training import recipe as recipes
from fashionclf.training import solved_head
from fashionclf.training.averaging_adam import AveragingAdam
from fashionclf.training.checkpoints import TrainingState
from fashionclf.training.history import History
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.step import make_step
from fashionclf.training.tensorboard_log import PhaseLog, Profile
from fashionclf.training.trunk_cache import Activations

SYNC_STEPS = 10  # steps between fetches of the loss from the device, to show and check it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """The files that a training writes, and when; without effect on the weights."""
    run_dir: Path
    chief: bool = True  # whether this process writes files; only one of the workers does
    checkpoint_every_steps: int = 0  # between checkpoints within an epoch; 0: one at its end
    profile_steps: tuple[int, int] | None = None  # first and last of each phase, from 1


def run_phase(model: keras.Model, phase: Phase, recipe: Recipe, data: Records | Activations,
              output: Output) -> None:
    """Trains `model` through `phase`, from its newest checkpoint in the run folder if any.

    Each epoch ends with validation, a row of history.csv, TensorBoard pages and a checkpoint. The
    best weights so far, see History.append, are in checkpoints/best.weights.h5. Leaves the
    (averaged) weights of the last epoch in the model.
    """
    network.unfreeze_from(model, phase.unfreeze_from)
    steps = (recipes.steps_per_epoch(data.examples["train"], recipe.batch_size)
             if not phase.averages else 1)
    optimizer = _optimizer(model, phase, recipe, total_steps=steps * phase.epochs)
    checkpoints = output.run_dir / "checkpoints"
    state = TrainingState(checkpoints / phase.name, model, optimizer, writes=output.chief)
    state.restore()
    checkpoints.mkdir(parents=True, exist_ok=True)

    journal = _Journal.open(phase, recipe, data, state, output) if output.chief else None

    # A predictor reads the variables at each call, so that one serves every epoch.
    predictor = Predictor(network.part(model, data.enters, network.PREDICTIONS))
    epoch_trainer = _EpochTrainer(
        step=make_step(model, optimizer, phase, recipe, data.enters), steps=steps, phase=phase,
        recipe=recipe, data=data, state=state, output=output,
        profile=Profile(output.run_dir / tensorboard_pages.FOLDER / phase.name,
                        output.profile_steps if output.chief else None))

    for epoch in range(state.epoch, phase.epochs):
        trained = (solved_head.solve(model, phase, recipe, data) if phase.solved else
                   averaging.average(model, phase.averages) if phase.averages else
                   epoch_trainer.train(epoch))

        # Validate and keep the averaged weights; training continues from the others.
        with _averaged_weights(model, optimizer):
            validation, scores = _validate(predictor, data, recipe.batch_size)
            row = {"phase": phase.name, "epoch": epoch + 1, "step": (epoch + 1) * steps,
                   "learning_rate": float(optimizer.learning_rate), **trained, **scores}
            if journal and journal.history.append(row):
                weight_files.save(model, checkpoints / "best.weights.h5")

        if journal:
            journal.tell(row, validation)
        state.save(epoch=epoch + 1)
        if signals.requested():
            signals.leave(f"checkpoint after {phase.name} {epoch + 1}")

    if optimizer.use_ema:
        optimizer.finalize_variable_values(model.trainable_variables)


def _optimizer(model: keras.Model, phase: Phase, recipe: Recipe, *,
               total_steps: int) -> AveragingAdam:
    """Returns the optimizer of a phase, with its variables, which a checkpoint can then fill."""
    schedule = recipes.cosine(phase.learning_rate, total_steps=total_steps,
                              warmup_steps=phase.warmup_steps)
    optimizer = AveragingAdam(
        schedule, factors=[recipe.layer_decay ** count for count in network.blocks_above(model)],
        beta_2=recipe.beta_2, use_ema=recipe.ema_momentum > 0 and phase.stepwise,
        ema_momentum=recipe.ema_momentum or 0.99)
    optimizer.build(model.trainable_variables)
    return optimizer


@dataclasses.dataclass(frozen=True, kw_only=True)
class _EpochTrainer:
    """Trains the epochs of one phase: `steps` calls of `step` (see make_step) each."""
    step: object
    steps: int
    phase: Phase
    recipe: Recipe
    data: Records | Activations
    state: TrainingState
    output: Output
    profile: Profile

    def train(self, epoch: int) -> dict:
        """Trains from `state.step` to the end of `epoch`; returns the means of the epoch."""
        first, sums = self.state.step, self.state.sums
        order = abs(self.phase.seed(self.recipe, epoch)[0])
        strategy = tf.distribute.get_strategy()
        batches = iter(strategy.distribute_datasets_from_function(
            lambda context: self.data.training(
                epoch=epoch, batch_size=self.recipe.batch_size, seed=order, skip_batches=first,
                context=context)))
        bar = progress_bar(total=self.steps, initial=first, unit="steps",
                           disable=not self.output.chief,
                           desc=f"{self.phase.name} {epoch + 1}/{self.phase.epochs}")
        start = time.perf_counter()
        with bar, self.profile:
            for step in range(first, self.steps):
                with self.profile.step(epoch * self.steps + step + 1):
                    seed = tf.constant(self.phase.seed(self.recipe, epoch, step))
                    sums += self.step(next(batches), seed)

                done = step + 1
                if done % SYNC_STEPS == 0 or done == self.steps:
                    means = self._means(sums, done)
                    seconds = time.perf_counter() - start
                    speed = self.recipe.batch_size * (done - first) / seconds
                    bar.set_postfix_str(f"{speed:.0f} images/s, loss {means['loss']:.3f}, "
                                        f"accuracy {means['accuracy']:.3f}", refresh=False)
                if done < self.steps:
                    self._save_within(epoch, done, sums)
                bar.update()
        return {**means, "images_per_second": round(speed, 1)}

    def _save_within(self, epoch: int, done: int, sums: tf.Tensor) -> None:
        """Writes a checkpoint if one is due; on a request to stop, writes one and stops."""
        every = self.output.checkpoint_every_steps
        stopping = signals.requested()
        if stopping or every and done % every == 0:
            self._means(sums, done)  # raises rather than save a state that is not finite
            self.state.save(epoch=epoch, step=done, sums=sums)
        if stopping:
            signals.leave(f"checkpoint after step {done} of {self.phase.name} {epoch + 1}")

    def _means(self, sums: tf.Tensor, steps: int) -> dict:
        """Averages the first `steps` of the epoch; raises FloatingPointError if not finite."""
        loss, l2, correct = (float(x) for x in sums)
        if not np.isfinite(loss + l2):
            raise FloatingPointError(
                f"the loss is not finite (cross-entropy {loss}, L2 {l2}) by step {steps} of epoch "
                f"{self.state.epoch + 1}, at learning rate {self.state.learning_rate:.2g}; the "
                f"last good checkpoint is {self.state.newest or 'none'}. Lower the learning rate "
                "of this phase or lengthen --warmup_steps, with another --run")
        return {"loss": loss / steps, "accuracy": correct / steps / self.recipe.batch_size,
                "l2": l2 / steps}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Journal:
    """What the chief writes and prints of the epochs of one phase."""
    phase: Phase
    history: History
    log: PhaseLog

    @classmethod
    def open(cls, phase: Phase, recipe: Recipe, data: Records | Activations,
             state: TrainingState, output: Output) -> "_Journal":
        # A kill may have come between a row of the history and its checkpoint.
        history = History(output.run_dir / "history.csv", data.examples.get("validation", 0))
        history.trim(phase.name, state.epoch)

        log = PhaseLog(output.run_dir / tensorboard_pages.FOLDER, phase, data.records,
                       epochs_before=history.epochs_before(phase.name))
        if not state.newest and not phase.averages:
            log.start(recipe)
        return cls(phase=phase, history=history, log=log)

    def tell(self, row: dict, validation: Predictions | None) -> None:
        """Adds the last row of the history to TensorBoard, and prints it."""
        self.log.epoch(row, validation)
        print(_line(self.phase, row), flush=True)
        newest = len(self.history.table) - 1
        for rise in self.history.risen().loc[newest:].itertuples():
            print(f"note: the training loss rose from {rise.lowest:.3f} to {rise.loss:.3f}. The "
                  f"learning rate is too high here: train again with a lower "
                  f"--{rise.phase}_learning_rate and another --run", flush=True)


@contextlib.contextmanager
def _averaged_weights(model: keras.Model, optimizer: keras.Optimizer) -> Iterator[None]:
    """Loads the moving average into the model for the duration of the block."""
    if not optimizer.use_ema:
        yield
        return

    trained = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    yield
    for variable, value in zip(model.trainable_variables, trained):
        variable.assign(value)


def _validate(predictor: Predictor, data: Records | Activations,
              batch_size: int) -> tuple[Predictions | None, dict]:
    """Returns the predictions for the validation split, and their scores; NaN if there is none."""
    if not data.examples.get("validation"):
        return None, {"val_loss": np.nan, "val_accuracy": np.nan}

    dataset = data.evaluation("validation", batch_size=batch_size)
    predictions = predictor.predict_dataset(dataset, data.examples["validation"])
    probabilities, labels = predictions.probabilities, predictions.labels
    return predictions, {"val_loss": calibration.log_loss(labels, probabilities),
                         "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean())}


def _line(phase: Phase, row: dict) -> str:
    validation = (f"validation loss {row['val_loss']:.3f}, accuracy {row['val_accuracy']:.3f}"
                  if np.isfinite(row["val_loss"]) else "no validation split")
    title = f"{phase.name} {row['epoch']}/{phase.epochs}"
    if phase.averages:
        return f"{title}: {validation}"
    return (f"{title}: loss {row['loss']:.3f}, accuracy {row['accuracy']:.3f}; {validation}; "
            f"{row['images_per_second']:.0f} images/s")
