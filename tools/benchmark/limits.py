"""Our parts beside bare loops that do only what must be done, on the same pictures.

Ours / bare, with the smallest ratio that is asked for:

input (0.9): an epoch of Records.training / decoding and resizing its bytes on all cores.
build (0.7): opening all pictures and writing all records, as build_tfrecords does / decoding each.
predict (0.9): TensorFlow.predict_batches / the forward pass of a batch that is in memory.
head_step, fine_tune_step: steps fed by Records.training / the same on a batch in memory.
"""
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.deployment import engines
from fashionclf.model import augmentation, network, weights
from fashionclf.model.spec import Spec
from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.pictures.framing import Framing
from fashionclf.records import audit, manifests, shards
from fashionclf.records.input_pipeline import Records
from fashionclf.sources import categories, readers
from fashionclf.system import workers
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.step import make_step
from tools.benchmark import folders, job
from tools.benchmark.contenders import Round

TIMES = 3  # each side of a pair is measured, in turns
BARS = {"input": 0.9, "build": 0.7, "predict": 0.9, "head_step": None, "fine_tune_step": None}
Pair = tuple[Callable[[], float], Callable[[], float]]  # ours, bare: pictures a second


def measured(this: Round, names: list[str], *, pictures: int) -> Iterator[tuple[str, dict]]:
    """Measures the limits called `names`, one after the other.

    Args:
        pictures: number for each measurement with the network, rounded down to batches.

    Yields:
        A name and {"ours": rates, "bare": rates (pictures/s, TIMES each), "bar": smallest ratio
        that is asked for, or None}.

    Raises:
        ValueError: a name isn't known, or there are too few pictures.
    """
    unknown = sorted(set(names) - set(BARS))
    if unknown:
        raise ValueError(f"--limit_names: {unknown[0]!r} is none of {', '.join(BARS)}")
    if pictures < this.job.batch_size:
        raise ValueError(f"--limit_pictures={pictures} do not fill one batch of "
                         f"{this.job.batch_size}")

    for name in names:
        ours, bare = _pair(name, this, pictures)
        rates = {"ours": [], "bare": []}
        for _ in range(TIMES):
            rates["bare"].append(bare())
            rates["ours"].append(ours())
        print(f"limit {name}: ours {rates['ours']}, bare {rates['bare']}", flush=True)
        yield name, {**rates, "bar": BARS[name]}


def _pair(name: str, this: Round, pictures: int) -> Pair:
    folder = folders.export(this.records, this.output / f"pictures_{this.number}")
    files = sorted(folder.rglob("*.jpg"))
    if name == "input":
        return _input(this, [file for file in files if file.parts[-3] == "train"])
    if name == "build":
        return _build(this, files)
    if name == "predict":
        return _predict(this, files, pictures)
    return _step(this, name.removesuffix("_step"), pictures)


def rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def _on_all_cores(inputs: list, function: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """Returns the rate of a pipeline that maps each input to a picture and drops it."""
    pixels = tf.data.Dataset.from_tensor_slices(inputs).map(
        lambda x: tf.cast(function(x)[0, 0, 0], tf.float32),  # a shape would be folded
        num_parallel_calls=tf.data.AUTOTUNE)
    return rate(len(inputs), lambda: pixels.reduce(0.0, tf.add).numpy())


def decoding_rate(files: list[Path]) -> float:
    """Reads and decodes each file once; returns pictures per second."""
    return _on_all_cores(list(map(str, files)), lambda file: decoding.decode(tf.io.read_file(file)))


def building_rate(labelled: categories.Labelled, images_root: Path, run: workers.Run) -> float:
    """Opens all pictures and writes all records, as build_tfrecords does; pictures per second."""
    def work() -> None:
        table = labelled.table.join(audit.pictures(labelled.table, images_root, run=run))
        table = audit.with_checked_boxes(table[table["reason"].isna()]).assign(split="train")
        with tempfile.TemporaryDirectory() as folder:
            shards.write(table, Path(folder), images_root=images_root, classes=labelled.classes,
                         run=run)

    return rate(len(labelled.table), work)


def _input(this: Round, files: list[Path]) -> Pair:
    encoded, side = [file.read_bytes() for file in files], this.job.image_size

    def bare() -> float:
        return _on_all_cores(encoded, lambda data: tf.image.resize(
            tf.io.decode_jpeg(data, channels=3), [side, side], antialias=True))

    def ours() -> float:
        start = time.perf_counter()
        seen = sum(len(batch["label"]) for batch in _batches(this))
        return seen / (time.perf_counter() - start)

    bare(), ours()  # compiles, and brings the files into memory
    return ours, bare


def _batches(this: Round) -> tf.data.Dataset:
    return Records.open(this.records, _framing(this)).training(
        batch_size=this.job.batch_size, seed=0)


def _framing(this: Round) -> Framing:
    return Framing(image_size=this.job.image_size, box_margin=0.1)


def _build(this: Round, files: list[Path]) -> Pair:
    source = readers.read_folder(files[0].parents[2])
    labelled = categories.assign(source.table, label_from="annotation")
    run = workers.processes(preload=["fashionclf.records.preload"])

    def ours() -> float:
        return building_rate(labelled, source.images_root, run)

    decoding_rate(files), ours()  # brings the files into memory, and loads TensorFlow for workers
    return ours, lambda: decoding_rate(files)


def _predict(this: Round, files: list[Path], pictures: int) -> Pair:
    count = pictures // this.job.batch_size * this.job.batch_size
    named = [picture_files.Picture(path=str(file), root=os.sep)
             for file in itertools.islice(itertools.cycle(files), count)]
    run, batch = _run(this), _batch(this)["image"]
    model, engine = run.network, engines.TensorFlow(run)

    @tf.function
    def forward(images):
        return model(images, training=False)

    def bare() -> float:
        return rate(count, lambda: [forward(batch).numpy() for _ in range(count // len(batch))])

    def ours() -> float:
        return rate(count, lambda: list(engine.predict_batches(
            named, batch_size=this.job.batch_size)))

    forward(batch), engine.outputs(batch)  # compiles
    return ours, bare


def _batch(this: Round) -> dict[str, tf.Tensor]:
    """Returns one batch, which stays in memory."""
    return next(iter(_batches(this)))


def _run(this: Round) -> weights.Run:
    spec = Spec(architecture="efficientnet_b0", framing=_framing(this),
                classes=manifests.read(this.records)["classes"])
    model = network.build(spec)
    if this.weights != "none":
        weights.load_trunk(model, this.weights)
    return weights.Run(folder=this.records, network=model, spec=spec)


def _step(this: Round, phase_name: str, pictures: int) -> Pair:
    # The training step of Model 2 in this phase, without what can be switched off.
    model, steps = _run(this).network, pictures // this.job.batch_size
    block = {"head": None, "fine_tune": job.UNFREEZE_FROM}[phase_name]
    network.unfreeze_from(model, block)
    optimizer = keras.optimizers.Adam(1e-5)
    optimizer.build(model.trainable_variables)
    recipe = Recipe(
        batch_size=this.job.batch_size, augmentation=augmentation.Augmentation(), mixup=0.0,
        dropout=job.DROPOUT, stochastic_depth=0.0, label_smoothing=0.0,
        class_weights=np.ones(model.output.shape[-1]), ema_momentum=0.0, seed=0)
    phase = Phase(name=phase_name, unfreeze_from=block, epochs=1, learning_rate=1e-5,
                  warmup_steps=0, l2=job.L2)
    step = make_step(model, optimizer, phase, recipe)

    batch, seed = _batch(this), tf.constant([0, 0])
    step(batch, seed)  # compiles

    def run(batches: Iterable) -> float:
        def work():
            for each in itertools.islice(batches, steps):
                last = step(each, seed)
            return last.numpy()  # waits for the device
        return rate(steps * this.job.batch_size, work)

    return (lambda: run(itertools.chain.from_iterable(_batches(this) for _ in range(steps))),
            lambda: run(itertools.repeat(batch)))
