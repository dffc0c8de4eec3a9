"""What a phase trains on where the layers below are frozen: their output, instead of pictures."""
import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fashionclf.model import inference, network
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.network import PREDICTIONS
from fashionclf.records import input_pipeline
from fashionclf.records.input_pipeline import Pictures
from fashionclf.records.manifest import read_manifest
from fashionclf.system import signals
from fashionclf.system.cache_files import DTYPE, CacheFiles
from fashionclf.training.recipe import Phase, Recipe


@dataclasses.dataclass(frozen=True)
class Activations:
    """What a phase trains on in place of Pictures: the same examples in the same order.

    Attributes:
        pictures: what the activations were computed from.
        enters: the layer that takes them in.
        views: split -> float16 arrays [N, ...], one a view, in the order of the records.
        rows: split -> path -> place in these arrays.
    """
    pictures: Pictures
    enters: str
    views: dict[str, list[np.ndarray]]
    rows: dict[str, dict[bytes, int]]

    @property
    def examples(self) -> dict[str, int]:
        return self.pictures.examples

    def training(self, *, epoch: int, batch_size: int, seed: int, skip_batches: int = 0,
                 context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """As input_pipeline.training, but "image" is float32 [B, ...], the activations.

        Each example goes through its views from epoch to epoch, and a batch holds many views.
        """
        context = context or tf.distribute.InputContext()
        ds = input_pipeline.shuffled(
            self.pictures.records_dir, ("path", "label"), batch_size=batch_size, seed=seed,
            skip_batches=skip_batches, context=context)
        ds = ds.batch(context.get_per_replica_batch_size(batch_size), drop_remainder=True)
        return self._looked_up(ds, "train", epoch).prefetch(2)

    def evaluation(self, split: str, *, batch_size: int) -> tf.data.Dataset:
        """As input_pipeline.evaluation, but "image" is float32 [B, ...], the activations."""
        ds = input_pipeline.in_order(self.pictures.records_dir, split, ("path", "label", "item"))
        return self._looked_up(ds.batch(batch_size), split, epoch=0).prefetch(2)

    def _looked_up(self, ds: tf.data.Dataset, split: str, epoch: int) -> tf.data.Dataset:
        views, rows = self.views[split], self.rows[split]

        def look_up(paths: np.ndarray) -> np.ndarray:
            places = [rows[path] for path in paths]
            return np.stack([views[(epoch + place) % len(views)][place] for place in places]
                            ).astype(np.float32)

        def with_activations(batch: dict) -> dict:
            found = tf.numpy_function(look_up, [batch["path"]], tf.float32, stateful=False)
            return {**batch, "image": tf.ensure_shape(found, [None, *views[0].shape[1:]])}
        return ds.map(with_activations)


FILL_BATCH = 32


def open_or_fill(model: keras.Model, phases: Sequence[Phase], recipe: Recipe, pictures: Pictures,
                 *, cache_dir: Path, views: int,
                 most_bytes: float) -> dict[str, Activations | Pictures]:
    """What each phase, by its name, trains on: pictures where no weight below it is frozen.

    Files that are there are used again; a kill costs the view that was being computed.

    Args:
        model: with the weights that the first phase begins with.
        views: of each training picture, at most; no more than there are epochs, and one without
            augmentation. Of a picture for validation there is one, not augmented.
        most_bytes: what the files may take.

    Raises:
        ValueError: they would take more, or one is not what was written.
        OSError: the disk is full.
    """
    enters = {phase.name: _enters(model, phase) for phase in phases}
    layers = sorted(set(filter(None, enters.values())))
    if not layers:
        print("trunk cache: no phase has frozen layers, all train on pictures", flush=True)
        return dict.fromkeys(enters, pictures)
    views = min(views, max(phase.epochs for phase in phases if enters[phase.name]))
    wanted = [("train", view) for view in range(views if recipe.augmentation else 1)]
    wanted += [("validation", 0)] if pictures.examples.get("validation") else []
    with CacheFiles.opened(Path(cache_dir), _made_from(model, layers, recipe, pictures)) as files:
        missing = [view for view in wanted if not files.hold(_names(layers, *view))]
        print(f"trunk cache {files.folder}: {len(wanted) - len(missing)} views are there, "
              f"{len(missing)} are computed now", flush=True)
        _check_room(files, model, layers, pictures, wanted, missing, most_bytes)
        forward = functools.cache(lambda names: _forward(model, names))
        for number, (split, view) in enumerate(missing, start=1):
            _fill(files, forward(tuple(_taken(layers, view))), _names(layers, split, view), recipe,
                  pictures, split, view, f"view {number}/{len(missing)}")
        arrays = {name: {split: [files.array(*_names([name], *view)) for view in wanted
                                 if view[0] == split and name in _taken(layers, view[1])]
                         for split, _ in wanted} for name in layers}
    rows = {split: _rows(pictures.records_dir, split) for split in arrays[layers[0]]}
    return {phase: Activations(pictures, name, arrays[name], rows) if name else pictures
            for phase, name in enters.items()}


def _taken(layers: list[str], view: int) -> list[str]:
    """The layers for which a view is kept: the head has the first alone, if others have more."""
    return [name for name in layers if view == 0 or name != PREDICTIONS] or layers


def _names(layers: list[str], split: str, view: int) -> list[str]:
    """The files of a view."""
    return [f"{split}-{view:03d}-{layer}.npy" for layer in _taken(layers, view)]


def _enters(model: keras.Model, phase: Phase) -> str | None:
    """The layer at which training starts; None where no kernel lies below it."""
    first = network.first_trained(model, phase.unfreeze_from)
    below = model.layers[:model.layers.index(first)]
    return first.name if any(hasattr(layer, "kernel") for layer in below) else None


def _made_from(model: keras.Model, layers: list[str], recipe: Recipe, pictures: Pictures) -> dict:
    """All that the activations are a function of, as JSON has it."""
    trunk = hashlib.sha256()
    for variable in network.part(model, None, network.FEATURES).variables:
        trunk.update(variable.numpy().tobytes())
    return {
        "records": read_manifest(pictures.records_dir)["fingerprint"],
        "image_size": pictures.image_size, "box_margin": pictures.box_margin,
        "trunk_sha256": trunk.hexdigest(), "layers": layers,
        "precision": keras.mixed_precision.global_policy().name,
        "augmentation": recipe.augmentation and recipe.augmentation.settings, "seed": recipe.seed,
        "tensorflow": tf.__version__, "keras": keras.__version__, "dtype": DTYPE.name}


def _check_room(files: CacheFiles, model: keras.Model, layers: list[str], pictures: Pictures,
                wanted: list, missing: list, most_bytes: float) -> None:
    """Raises ValueError where `wanted` is over `most_bytes`, OSError where the disk has no room."""
    numbers = {name: int(np.prod(model.get_layer(name).input.shape[1:])) for name in layers}
    whole, more = (DTYPE.itemsize * sum(pictures.examples[split] * numbers[name]
                                        for split, view in views for name in _taken(layers, view))
                   for views in (wanted, missing))
    if whole > most_bytes:
        raise ValueError(f"the trunk cache would take {whole / 1e9:.2f} GB, over "
                         f"--cache_gigabytes={most_bytes / 1e9:g}: raise it, lower --cache_views, "
                         "or train without with --cache_views=0")
    free = shutil.disk_usage(files.folder).free
    if more > free:
        raise OSError(f"the trunk cache needs {more / 1e9:.2f} GB more and {files.folder} has "
                      f"{free / 1e9:.2f} GB: make room, name another --cache_dir, or lower "
                      "--cache_views")


def _forward(model: keras.Model, layers: Sequence[str]):
    """Compiles float32 [B, S, S, 3] -> what each of `layers` takes in, float32."""
    frozen = inference.with_constants(
        keras.Model(model.input, [model.get_layer(name).input for name in layers]))

    @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)])
    def forward(images):
        return [tf.cast(array, tf.float32) for array in tf.nest.flatten(frozen(images))]
    return forward


def _fill(files: CacheFiles, forward, names: list[str], recipe: Recipe, pictures: Pictures,
          split: str, view: int, title: str) -> None:
    augment = (tf.function(recipe.augmentation, reduce_retracing=True)
               if recipe.augmentation and split == "train" else None)
    count = pictures.examples[split]
    with files.writing(names, count) as add, tqdm(
            total=count, desc=f"filling the trunk cache, {title}", unit=" pictures") as bar:
        for number, batch in enumerate(pictures.evaluation(split, batch_size=FILL_BATCH)):
            seed = np.random.SeedSequence([recipe.seed, view, number]).generate_state(2)
            images = batch["image"]
            if augment:
                images = augment(images, tf.random.stateless_uniform(
                    [len(images), DRAWS], seed.astype(np.int32)))
            add([array.numpy() for array in forward(images)])
            bar.update(len(batch["label"]))
            if signals.requested():
                signals.leave("the views of the trunk cache before this one are kept")


def _rows(records_dir: Path, split: str) -> dict[bytes, int]:
    """Path of each record -> its place."""
    paths = input_pipeline.in_order(records_dir, split, ("path",)).batch(1024)
    found = [path for batch in paths.as_numpy_iterator() for path in batch["path"]]
    return {path: place for place, path in enumerate(found)}
