"""Is an export the run? Both are asked about the same real pictures, in turns."""
import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.model import inference
from fashionclf.model.spec import Spec
from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.pictures import inspection
from fashionclf.records import input_pipeline


@dataclasses.dataclass(frozen=True)
class Example:
    """A picture, undecoded.

    Attributes:
        encoded: the file's bytes.
        bbox: int32 [4], see decoding.crop.
        label: its class, None if that isn't known.
    """
    encoded: bytes
    bbox: np.ndarray
    label: int | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """An export beside its run, on the same pictures.

    Attributes:
        pictures: how many.
        largest_difference: of any probability of any picture.
        agreement: share of pictures of which both name the same class.
        run_accuracy, accuracy: of the run and of the export; None where labels are not known.
        run_pictures_per_second, pictures_per_second: from arrays in memory (from undecoded
            files for a SavedModel's "serving_default"), a first call left out.
    """
    pictures: int
    largest_difference: float
    agreement: float
    run_accuracy: float | None
    accuracy: float | None
    run_pictures_per_second: float
    pictures_per_second: float


def of_records(records_dir: str | Path, split: str, most: int) -> list[Example]:
    """The first `most` of a split; their order, by the hash of the path, is a random one."""
    dataset = input_pipeline.in_order(records_dir, split, ("image", "bbox", "label"))
    return [Example(record["image"], record["bbox"], int(record["label"]))
            for record in dataset.take(most).as_numpy_iterator()]


def of_files(words: list[str], most: int) -> list[Example]:
    """Of the pictures that `words` name `most`, evenly spread.

    Raises:
        ValueError: a picture can't be used, or a folder holds none.
        OSError: a file can't be read.
    """
    pictures, _ = picture_files.find(words)
    chosen = np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(int)
    return [Example(_read(pictures[i]), np.zeros(4, np.int32), None) for i in chosen]


def _read(picture: picture_files.Picture) -> bytes:
    try:
        if picture.fault:
            raise ValueError(picture.fault)
        encoded = picture_files.read_image(Path(picture.root), os.path.abspath(picture.path))
        if reason := inspection.why_unusable(encoded):
            raise ValueError(reason)
    except ValueError as error:
        raise ValueError(f"{picture.path}: {error}; an export is checked on pictures that can be "
                         "used: leave this one out") from error
    return encoded


def load(examples: Iterable[Example], spec: Spec) -> Iterator[np.ndarray]:
    """float32 [S, S, 3], RGB, 0..255, of each, cropped to its box, as evaluation does."""
    for example in examples:
        yield decoding.load(tf.constant(example.encoded), tf.constant(example.bbox),
                            image_size=spec.image_size, box_margin=spec.box_margin).numpy()


def compare_on_pictures(predictor: inference.Predictor, exported: Callable, spec: Spec,
                        examples: list[Example], batch_size: int) -> Comparison:
    """Compares what both say of pictures that are decoded and resized already."""
    batches = (np.stack(list(load(some, spec))) for some in _batches(examples, batch_size))
    return _compare(predictor.probabilities, exported, batches, examples)


def compare_on_files(predictor: inference.Predictor, exported: Callable, spec: Spec,
                     examples: list[Example], batch_size: int) -> Comparison:
    """Compares what both say of files; boxes are not looked at, as predict has none."""
    no_box = np.zeros(4, np.int32)

    def run(encoded: np.ndarray) -> np.ndarray:
        whole = (Example(one, no_box, None) for one in encoded)
        return predictor.probabilities(np.stack(list(load(whole, spec))))
    batches = (np.array([one.encoded for one in some], object)
               for some in _batches(examples, batch_size))
    return _compare(run, exported, batches, examples)


def _batches(examples: list[Example], size: int) -> Iterator[tuple[Example, ...]]:
    iterator = iter(examples)
    return iter(lambda: tuple(itertools.islice(iterator, size)), ())


def _compare(run: Callable, exported: Callable, batches: Iterable[np.ndarray],
             examples: list[Example]) -> Comparison:
    says, seconds = ([], []), np.zeros(2)
    for batch in batches:
        for i, function in enumerate((run, exported)):
            if not says[i]:
                function(batch)  # the first call compiles and allocates
            begun = time.perf_counter()
            says[i].append(function(batch))
            seconds[i] += time.perf_counter() - begun
    ours, theirs = (np.concatenate(parts) for parts in says)
    if theirs.shape != ours.shape or not np.isfinite(theirs).all():
        raise ValueError(f"the export gives {theirs.shape} probabilities, not {ours.shape}, or "
                         "some that are not finite: this run can't be exported to that format")
    labels = None if examples[0].label is None else np.array([one.label for one in examples])
    run_accuracy, accuracy = (
        None if labels is None else float((found.argmax(axis=1) == labels).mean())
        for found in (ours, theirs))
    return Comparison(
        len(ours), float(np.abs(ours - theirs).max()),
        float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        run_accuracy, accuracy, *(len(ours) / seconds).tolist())


Run = Callable[[np.ndarray], np.ndarray]
"""float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C]; for "serving_default" bytes, object [B]."""


def start(name: str, path: Path, *, signature: str = "images") -> Run:
    """Loads a format of export_formats.FILES; all cores work for it.

    Args:
        signature: of a SavedModel; others have one.
    """
    if name == "saved_model":
        return _start_saved_model(path, signature)
    return _start_onnx(path) if name == "onnx" else _start_litert(path)


def _start_saved_model(path: Path, signature: str) -> Run:
    loaded = tf.saved_model.load(str(path))

    def run(batch: np.ndarray) -> np.ndarray:
        function = loaded.signatures[signature]  # looked up here, as it doesn't keep `loaded`
        return function(tf.constant(batch))["probabilities"].numpy()
    return run


def _start_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (inputs,) = session.get_inputs()
    return lambda batch: session.run(None, {inputs.name: batch})[0]


def _start_litert(path: Path) -> Run:
    """One picture at a time, as a phone does; its kernels gain nothing from batches."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()

    def one(picture: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(inputs["index"], picture[None])
        interpreter.invoke()
        return interpreter.get_tensor(outputs["index"])[0]
    return lambda batch: np.stack([one(picture) for picture in batch])
