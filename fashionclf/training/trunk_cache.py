"""The trunk cache: the output of the frozen layers, computed once for a few views of each picture.

A view is a picture under one draw of the augmentation. The head trains on the pooled features of
one view, or is solved on those of all; the fine-tune phase trains on the feature maps that enter
its first block, of all views. No frozen layer is computed again. A cache_files.CacheFiles holds
the files:

    train-003-predictions.npy   float16 [N, ...]: the input of the layer "predictions" for view 3
                                of the N training pictures, in the order of the records

Records that a training takes some pictures of are cached whole, so that folds share their views.
What teachers say of the views is in a cache of each teacher.
"""
import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import inference, litert, network
from fashionclf.model.network import PREDICTIONS
from fashionclf.records.input_pipeline import Records
from fashionclf.system.arrays import Rows
from fashionclf.system.cache_files import DTYPE, CacheFiles
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.views import View, fill, made_from


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activations:
    """The input of a phase in place of Records: the same examples in the same order."""
    records: Records
    enters: str  # the layer that takes the activations
    views: dict[str, list[np.ndarray | Rows]]  # by split: float16 [N, ...] per view, in order
    rows: dict[str, dict[bytes, int]]  # split -> path -> row in these arrays
    targets: list[np.ndarray] = ()  # float32 [N, C] per training view; none without teachers

    @property
    def examples(self) -> dict[str, int]:
        return self.records.examples

    def training(self, *, epoch: int, batch_size: int, seed: int, skip_batches: int = 0,
                 context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """As Records.training, but "image" is float32 [B, ...], the activations.

        With teachers, "target" is float32 [B, C]. An example changes its view from epoch to
        epoch; a batch mixes views.
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
        views, rows = {"image": self.views[split]}, self.rows[split]
        if split == "train" and self.targets:
            views["target"] = self.targets

        def look_up(paths: np.ndarray) -> list[np.ndarray]:
            places = [rows[path] for path in paths]
            return [np.stack([arrays[(epoch + place) % len(arrays)][place] for place in places])
                    .astype(np.float32) for arrays in views.values()]

        def with_activations(batch: dict) -> dict:
            found = tf.numpy_function(look_up, [batch["path"]], [tf.float32] * len(views),
                                      stateful=False)
            return {**batch, **{name: tf.ensure_shape(array, [None, *arrays[0].shape[1:]])
                                for (name, arrays), array in zip(views.items(), found)}}
        return ds.map(with_activations)


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
    train = [View("train", number, pooled=solved or not number)
             for number in range(views if recipe.augmentation else 1)]
    wanted = [train + [View("validation", 0)] * bool(source.examples.get("validation"))
              for source in records.sources]
    whole = sum(_num_bytes(model, layers, source, several)
                for source, several in zip(records.sources, wanted))
    if whole > max_bytes:
        raise ValueError(f"the trunk cache would take {whole / 1e9:.2f} GB, over "
                         f"--cache_gigabytes={max_bytes / 1e9:g}: raise it, lower --cache_views, "
                         "or turn the cache off with --cache_views=0")

    parts = [_computed(model, layers, recipe, source, several, cache_dir=Path(cache_dir))
             for source, several in zip(records.sources, wanted)]
    arrays, rows = parts[0], {split: _rows(records, split) for split in parts[0][layers[0]]}

    # Of several records, or of some pictures of one, the rows that are trained on
    places = None
    if records.sources[0] is not records:
        paths = [path for source in records.sources for path in _rows(source, "train")]
        place = {path: number for number, path in enumerate(paths)}
        places = np.array([place[path] for path in rows["train"]])
        for layer in layers:
            arrays[layer]["train"] = [Rows(several, places) for several in zip(
                *(part[layer]["train"] for part in parts))]

    taught = []
    if recipe.teachers:
        taught = recipe.teachers.targets(recipe, records, train, places=places,
                                         cache_dir=Path(cache_dir))
    return {phase: Activations(
        records=records, enters=layer, views=arrays[layer], rows=rows,
        targets=taught[:len(arrays[layer]["train"])]) if layer else records
        for phase, layer in enters.items()}


def _computed(model: keras.Model, layers: list[str], recipe: Recipe, records: Records,
              wanted: list[View], *, cache_dir: Path) -> dict[str, dict[str, list[np.ndarray]]]:
    """Returns layer -> split -> the arrays of whole records, one per view."""
    with CacheFiles.opened(cache_dir, _made_from(model, layers, recipe, records)) as files:
        missing = [view for view in wanted if not files.hold(list(_names(layers, view).values()))]
        print(f"trunk cache {files.folder}: cached features of {len(wanted) - len(missing)} of "
              f"{len(wanted)} views, computing {len(missing)}", flush=True)
        _check_room(files.folder, _num_bytes(model, layers, records, missing))

        # Views that take the same layers share one compiled graph.
        forward = functools.cache(
            lambda names: _forward(model, names, pictures=records.examples["train"]))
        for number, view in enumerate(missing, start=1):
            compute = forward(tuple(_names(layers, view)))
            names = _names(layers, view).values()
            with files.writing(list(names), records.examples[view.split]) as add:
                fill(add, compute, recipe, records, view, title=f"view {number}/{len(missing)}")

        arrays = {layer: {view.split: [] for view in wanted} for layer in layers}
        for view in wanted:
            for layer, name in _names(layers, view).items():
                arrays[layer][view.split].append(files.array(name))
    return arrays


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
    runtime = litert.version() if litert.worth(records.examples["train"]) else "tensorflow"
    return {**made_from(recipe, records), "trunk_sha256": trunk.hexdigest(), "layers": layers,
            "dtype": DTYPE.name, "runtime": runtime}


def _num_bytes(model: keras.Model, layers: list[str], records: Records, views: list[View]) -> int:
    """Returns the size of the files of `views`."""
    numbers = {name: int(np.prod(model.get_layer(name).input.shape[1:])) for name in layers}
    return DTYPE.itemsize * sum(records.examples[view.split] * numbers[name]
                                for view in views for name in _names(layers, view))


def _check_room(folder: Path, more: int) -> None:
    """Raises OSError if `more` bytes do not fit the disk."""
    free = shutil.disk_usage(folder).free
    if more > free:
        raise OSError(f"the trunk cache needs {more / 1e9:.2f} GB more and {folder} has "
                      f"{free / 1e9:.2f} GB: make room, choose another --cache_dir, or lower "
                      "--cache_views")


def _forward(model: keras.Model, layers: Sequence[str], *, pictures: int):
    """Compiles float32 [B, S, S, 3] -> the input of each of `layers`, float32."""
    inputs = [model.get_layer(name).input for name in layers]
    frozen = inference.with_constants(keras.Model(model.input, inputs))

    def forward(images):
        return [tf.cast(array, tf.float32) for array in tf.nest.flatten(frozen(images))]

    shape = model.input_shape[1:]
    if litert.worth(pictures):
        return litert.OnEachCore(forward, shape)
    return tf.function(forward, input_signature=[tf.TensorSpec([None, *shape], tf.float32)])


def _rows(records: Records, split: str) -> dict[bytes, int]:
    """Returns path -> row of each record."""
    batches = records.in_order(split, ("path",)).batch(1024).as_numpy_iterator()
    paths = [path for batch in batches for path in batch["path"]]
    return {path: row for row, path in enumerate(paths)}
