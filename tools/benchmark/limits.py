"""Our parts beside bare loops that do no more than must be done, on the same pictures.

Ours / bare, with the least ratio that is asked for:

input (0.9): an epoch of input_pipeline.training / decode and resize of its bytes on all cores.
build (0.7): build_tfrecords from the first picture to the exit / decoding each file on all cores.
predict (0.9): Predictor.predict_files / the forward pass of a batch that is in memory.
head_step, fine_tune_step: steps fed by input_pipeline.training / the same on a batch in memory.
"""
import itertools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import augmentation, inference, network, weights
from fashionclf.model.spec import Spec
from fashionclf.pictures import files as picture_files
from fashionclf.records import input_pipeline, manifests
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.step import make_step
from tools.benchmark import export, job, timed
from tools.benchmark.contenders import Round

TIMES = 3  # each side of a pair is measured, in turns
BARS = {"input": 0.9, "build": 0.7, "predict": 0.9, "head_step": None, "fine_tune_step": None}
Pair = tuple[Callable[[], float], Callable[[], float]]  # ours, bare: pictures a second


def measured(this: Round, names: list[str], *, pictures: int) -> Iterator[tuple[str, dict]]:
    """Measures the limits called `names`, one after the other.

    Args:
        pictures: how many each measurement with the network takes, rounded down to batches.

    Yields:
        A name and {"ours": rates, "bare": rates (pictures/s, TIMES each), "bar": least ratio
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
    files = sorted(export.pictures(this.records, this.output / f"pictures_{this.number}")
                   .rglob("*.jpg"))
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


def _on_all_cores(work: Callable, arguments: Iterable) -> None:
    with ThreadPool(os.cpu_count()) as pool:
        for _ in pool.imap_unordered(work, arguments, chunksize=16):
            pass


def _input(this: Round, files: list[Path]) -> Pair:
    encoded, size = [file.read_bytes() for file in files], this.job.image_size

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def decode(data):
        pixels = tf.io.decode_jpeg(data, channels=3)
        return tf.image.resize(pixels, [size, size], antialias=True)

    def bare() -> float:
        return rate(len(encoded), lambda: _on_all_cores(lambda x: decode(tf.constant(x)), encoded))

    def ours() -> float:
        start, seen = time.perf_counter(), 0
        for batch in _batches(this):
            seen += len(batch["label"])
        return seen / (time.perf_counter() - start)
    bare(), ours()  # compiles, and brings the files into memory
    return ours, bare


def _batches(this: Round) -> tf.data.Dataset:
    return input_pipeline.training(this.records, image_size=this.job.image_size, box_margin=0.1,
                                   batch_size=this.job.batch_size, seed=0)


def _build(this: Round, files: list[Path]) -> Pair:
    def bare() -> float:
        return rate(len(files), lambda: _on_all_cores(
            lambda file: tf.io.decode_jpeg(file.read_bytes(), channels=3), files))

    def ours() -> float:
        built = this.output / "limits_records"
        shutil.rmtree(built, ignore_errors=True)
        seconds = timed.run(
            [sys.executable, "-m", "fashionclf.build_tfrecords", "--source=folder",
             f"--source_dir={files[0].parents[2]}", "--split=stratified", f"--records={built}"],
            marks={"build": "opening pictures"}, log=this.output / "limits_build.log")
        return len(files) / seconds["build"]
    bare()
    return ours, bare


def _predict(this: Round, files: list[Path], pictures: int) -> Pair:
    count = pictures // this.job.batch_size * this.job.batch_size
    named = [picture_files.Picture(str(file), os.sep)
             for file in itertools.islice(itertools.cycle(files), count)]
    model, batch = _model(this), _batch(this)["image"]
    predictor = inference.Predictor(model, fixed=True)  # as predict has it

    @tf.function
    def forward(images):
        return model(images, training=False)

    def bare() -> float:
        return rate(count, lambda: [forward(batch).numpy()
                                    for _ in range(count // len(batch))])

    def ours() -> float:
        return rate(count, lambda: list(predictor.predict_files(
            named, image_size=this.job.image_size, batch_size=this.job.batch_size)))
    forward(batch), predictor.probabilities(batch)
    return ours, bare


def _batch(this: Round) -> dict[str, tf.Tensor]:
    """One batch, for good in memory."""
    return next(iter(_batches(this)))


def _model(this: Round) -> keras.Model:
    spec = Spec("efficientnet_b0", manifests.read(this.records)["classes"],
                this.job.image_size, 0.1)
    model = network.build(spec)
    if this.weights != "none":
        weights.load_trunk(model, this.weights)
    return model


def _step(this: Round, phase_name: str, pictures: int) -> Pair:
    model, steps = _model(this), pictures // this.job.batch_size
    block = {"head": None, "fine_tune": job.UNFREEZE_FROM}[phase_name]
    network.unfreeze_from(model, block)
    optimizer = keras.optimizers.Adam(1e-5)
    optimizer.build(model.trainable_variables)
    recipe = Recipe(
        batch_size=this.job.batch_size, augmentation=augmentation.Augmentation(), mixup=0.0,
        dropout=job.DROPOUT, stochastic_depth=0.0, label_smoothing=0.0,
        class_weights=np.ones(model.output.shape[-1]), ema_momentum=0.0, seed=0)
    phase = Phase(phase_name, block, 1, 1e-5, 0, job.L2)
    step = make_step(model, optimizer, phase, recipe)
    batch, seed = _batch(this), tf.constant([0, 0])

    def run(batches: Iterable) -> float:
        def work():
            for found in itertools.islice(batches, steps):
                last = step(found, seed)
            return last.numpy()  # waits for the device
        return rate(steps * this.job.batch_size, work)
    step(batch, seed)
    return (lambda: run(itertools.chain.from_iterable(_batches(this) for _ in range(steps))),
            lambda: run(itertools.repeat(batch)))
