"""The trunk cache: the output of the frozen layers, computed once for a few views of each picture.

A view is a picture under one draw of the augmentation. The head trains on the pooled features of
one view, or is solved on those of all; the fine-tune phase trains on the feature maps that enter
its first block, of all views. No frozen layer is computed again. A cache_files.CacheFiles holds
the files:

    train-003-predictions.npy   float16 [N, ...]: the input of the layer "predictions" for view 3
                                of the N training pictures, in the order of the records
"""
import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import inference, network
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.network import PREDICTIONS
from fashionclf.pictures import decoding
from fashionclf.records.input_pipeline import Records
from fashionclf.system import signals
from fashionclf.system.cache_files import DTYPE, CacheFiles
from fashionclf.system.progress import progress_bar
from fashionclf.training.recipe import Phase, Recipe

FILL_BATCH = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activations:
    """The input of a phase in place of Records: the same examples in the same order."""
    records: Records
    enters: str  # the layer that takes the activations
    views: dict[str, list[np.ndarray]]  # by split: float16 [N, ...] per view, in records' order
    rows: dict[str, dict[bytes, int]]  # split -> path -> row in these arrays

    @property
    def examples(self) -> dict[str, int]:
        return self.records.examples

    def training(self, *, epoch: int, batch_size: int, seed: int, skip_batches: int = 0,
                 context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """As Records.training, but "image" is float32 [B, ...], the activations.

        An example changes its view from epoch to epoch; a batch mixes views.
        """
        context = context or tf.distribute.InputContext()
        ds = self.records.shuffled(("path", "label"), batch_size=batch_size, seed=seed,
                                   skip_batches=skip_batches, context=context)
        ds = ds.batch(context.get_per_replica_batch_size(batch_size), drop_remainder=True)
        return self._looked_up(ds, "train", epoch).prefetch(2)

    def evaluation(self, split: str, *, batch_size: int) -> tf.data.Dataset:
        """As Records.evaluation, but "image" is float32 [B, ...], the activations."""
        ds = self.records.in_order(split, ("path", "label", "item"))
        return self._looked_up(ds.batch(batch_size), split, epoch=0).prefetch(2)

    def _looked_up(self, ds: tf.data.Dataset, split: str, epoch: int) -> tf.data.Dataset:
        views, rows = self.views[split], self.rows[split]

        def look_up(paths: np.ndarray) -> np.ndarray:
            places = [rows[path] for path in paths]
            chosen = [views[(epoch + place) % len(views)][place] for place in places]
            return np.stack(chosen).astype(np.float32)

        def with_activations(batch: dict) -> dict:
            arrays = tf.numpy_function(look_up, [batch["path"]], tf.float32, stateful=False)
            return {**batch, "image": tf.ensure_shape(arrays, [None, *views[0].shape[1:]])}
        return ds.map(with_activations)


class View(NamedTuple):
    """One pass over a split: augmented by the draws of `number` if it is "train", else plain."""
    split: str
    number: int
    pooled: bool = True  # whether the head, besides other phases, needs it


def open_or_fill(model: keras.Model, phases: Sequence[Phase], recipe: Recipe, records: Records, *,
                 cache_dir: Path, views: int, max_bytes: float) -> dict[str, Activations | Records]:
    """Returns the input of each phase, by name: records if no weight below it is frozen.

    Existing files are reused; a kill costs the view that was being computed.

    Args:
        model: with the initial weights of the first phase.
        views: of each training picture, at most; no more than epochs, and one without
            augmentation. A validation picture has one, not augmented.

    Raises:
        ValueError: all files would exceed `max_bytes`, or one is damaged or stale.
        OSError: the disk is full.
    """
    enters = {phase.name: _enters(model, phase) for phase in phases}
    layers = sorted(set(filter(None, enters.values())))
    if not layers:
        print("trunk cache: no phase has frozen layers, training on pictures", flush=True)
        return dict.fromkeys(enters, records)

    # More views than epochs would never be used, but by a solved head, which sees all at once.
    solved = any(phase.solved for phase in phases)
    if not solved:
        views = min(views, max(phase.epochs for phase in phases if enters[phase.name]))
    wanted = [View("train", number, pooled=solved or not number)
              for number in range(views if recipe.augmentation else 1)]
    if records.examples.get("validation"):
        wanted.append(View("validation", 0))

    made_from = _made_from(model, layers, recipe, records)
    with CacheFiles.opened(Path(cache_dir), made_from) as files:
        missing = [view for view in wanted if not files.hold(list(_names(layers, view).values()))]
        print(f"trunk cache {files.folder}: cached features of {len(wanted) - len(missing)} of "
              f"{len(wanted)} views, computing {len(missing)}", flush=True)
        _check_room(files.folder, max_bytes, whole=_num_bytes(model, layers, records, wanted),
                    more=_num_bytes(model, layers, records, missing))

        # Views that take the same layers share one compiled graph.
        forward = functools.cache(lambda names: _forward(model, names))
        for number, view in enumerate(missing, start=1):
            compute = forward(tuple(_names(layers, view)))
            names = _names(layers, view).values()
            with files.writing(list(names), records.examples[view.split]) as add:
                _fill(add, compute, recipe, records, view, title=f"view {number}/{len(missing)}")

        # layer -> split -> the arrays, one per view
        arrays = {layer: {view.split: [] for view in wanted} for layer in layers}
        for view in wanted:
            for layer, name in _names(layers, view).items():
                arrays[layer][view.split].append(files.array(name))

    rows = {view.split: _rows(records, view.split) for view in wanted if not view.number}
    return {phase: Activations(records=records, enters=layer, views=arrays[layer], rows=rows)
            if layer else records for phase, layer in enters.items()}


def _names(layers: list[str], view: View) -> dict[str, str]:
    """Returns layer -> file of a view; the trained head, unless alone, has the first view only."""
    cached = [name for name in layers if view.pooled or name != PREDICTIONS] or layers
    return {layer: f"{view.split}-{view.number:03d}-{layer}.npy" for layer in cached}


def _enters(model: keras.Model, phase: Phase) -> str | None:
    """Returns the first trained layer; None if no layer with a kernel is below it."""
    first = network.first_trained(model, phase.unfreeze_from)
    below = model.layers[:model.layers.index(first)]
    return first.name if any(hasattr(layer, "kernel") for layer in below) else None


def _made_from(model: keras.Model, layers: list[str], recipe: Recipe, records: Records) -> dict:
    """Returns everything that determines the activations, ready for JSON."""
    trunk = hashlib.sha256()
    for variable in network.part(model, None, network.FEATURES).variables:
        trunk.update(variable.numpy().tobytes())
    return {
        "records": records.manifest["fingerprint"],
        "image_size": records.framing.image_size, "box_margin": records.framing.box_margin,
        "decoder": decoding.VERSION, "trunk_sha256": trunk.hexdigest(), "layers": layers,
        "precision": keras.mixed_precision.global_policy().name,
        "augmentation": recipe.augmentation and recipe.augmentation.settings, "seed": recipe.seed,
        "tensorflow": tf.__version__, "keras": keras.__version__, "dtype": DTYPE.name}


def _num_bytes(model: keras.Model, layers: list[str], records: Records, views: list[View]) -> int:
    """Returns the size of the files of `views`."""
    numbers = {name: int(np.prod(model.get_layer(name).input.shape[1:])) for name in layers}
    return DTYPE.itemsize * sum(records.examples[view.split] * numbers[name]
                                for view in views for name in _names(layers, view))


def _check_room(folder: Path, max_bytes: float, *, whole: int, more: int) -> None:
    """Raises ValueError if `whole` exceeds the limit, OSError if `more` does not fit the disk."""
    if whole > max_bytes:
        raise ValueError(f"the trunk cache would take {whole / 1e9:.2f} GB, over "
                         f"--cache_gigabytes={max_bytes / 1e9:g}: raise it, lower --cache_views, "
                         "or turn the cache off with --cache_views=0")
    free = shutil.disk_usage(folder).free
    if more > free:
        raise OSError(f"the trunk cache needs {more / 1e9:.2f} GB more and {folder} has "
                      f"{free / 1e9:.2f} GB: make room, choose another --cache_dir, or lower "
                      "--cache_views")


def _forward(model: keras.Model, layers: Sequence[str]):
    """Compiles float32 [B, S, S, 3] -> the input of each of `layers`, float32."""
    inputs = [model.get_layer(name).input for name in layers]
    frozen = inference.with_constants(keras.Model(model.input, inputs))

    @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)])
    def forward(images):
        return [tf.cast(array, tf.float32) for array in tf.nest.flatten(frozen(images))]
    return forward


def _fill(add: Callable[[list], None], compute, recipe: Recipe, records: Records, view: View, *,
          title: str) -> None:
    """Computes a view batch by batch and passes its arrays to `add`."""
    augment = (tf.function(recipe.augmentation, reduce_retracing=True)
               if recipe.augmentation and view.split == "train" else None)
    batches = records.evaluation(view.split, batch_size=FILL_BATCH)
    with progress_bar(total=records.examples[view.split], desc=f"filling the trunk cache, {title}",
                      unit="pictures") as bar:
        for number, batch in enumerate(batches):
            images = batch["image"]
            if augment:
                entropy = np.random.SeedSequence([recipe.seed, view.number, number])
                seed = entropy.generate_state(2).astype(np.int32)
                images = augment(images, tf.random.stateless_uniform([len(images), DRAWS], seed))

            add([array.numpy() for array in compute(images)])
            bar.update(len(batch["label"]))
            if signals.requested():
                signals.leave("the trunk cache keeps the views computed before this one")


def _rows(records: Records, split: str) -> dict[bytes, int]:
    """Returns path -> row of each record."""
    batches = records.in_order(split, ("path",)).batch(1024).as_numpy_iterator()
    paths = [path for batch in batches for path in batch["path"]]
    return {path: row for row, path in enumerate(paths)}
