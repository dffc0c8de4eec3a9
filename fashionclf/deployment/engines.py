"""Runs a finished model: by TensorFlow, or its export by LiteRT or ONNX Runtime.

The exports start in a fraction of a second, where TensorFlow takes several.
"""
import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fashionclf.deployment import exported
from fashionclf.model import spec as specs
from fashionclf.model.spec import Spec
from fashionclf.pictures import loading
from fashionclf.pictures.files import Picture
from fashionclf.system import extras, quiet

if TYPE_CHECKING:
    from fashionclf.model.weights import Run

# A picture; its probabilities, float32 [C], or the reason why it can't be used; its features,
# float32 [D], or None if it is unusable.
Answer = tuple[Picture, np.ndarray | str, np.ndarray | None]
# float32 [1, S, S, 3], RGB, 0..255 -> probabilities [1, C], features [1, D]
Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

NAMES = ("tensorflow", "litert", "litert_int8", "onnx")
EQUAL = ("litert", "onnx")  # to TensorFlow, to within rounding; the fastest first
RUNTIMES = {"litert": "ai_edge_litert", "litert_int8": "ai_edge_litert", "onnx": "onnxruntime"}


class Engine(Protocol):
    """A finished model that is ready to predict."""
    name: str  # one of NAMES
    folder: Path
    spec: Spec

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps float32 [B, S, S, 3], RGB, 0..255, to probabilities [B, C] and features [B, D]."""

    def predict_batches(self, pictures: Iterable[Picture], *,
                        batch_size: int) -> Iterator[list[Answer]]:
        """Yields answers for whole picture files in order, in lists of `batch_size` or, last, less.

        A few batches are in memory at a time.
        """


def load(run_dir: str | Path, name: str = "auto") -> Engine:
    """Loads a finished model.

    Args:
        name: one of NAMES, or "auto": the first of EQUAL that is installed and that the run has an
            export for, else TensorFlow.

    Raises:
        FileNotFoundError, ValueError: there is no such model, or it has no such export.
    """
    folder = Path(run_dir)
    specs.read(folder)
    if name == "auto":
        name = _fastest(folder)
    if name == "tensorflow":
        if not find_spec("keras"):
            raise ValueError(f"{folder}: needs TensorFlow, as --engine names it or as the run has "
                             "no export for LiteRT: pip install tensorflow")
        with quiet.tensorflow_start():
            from fashionclf.model import weights

        return TensorFlow(weights.load(folder))

    if not find_spec(RUNTIMES[name]):
        cure = extras.install("onnx") if name == "onnx" else "pip install ai-edge-litert"
        raise ValueError(f"--engine={name} needs {RUNTIMES[name]}: {cure}")
    file = exported.file_or_reason(folder, name)
    if isinstance(file, str):
        raise ValueError(f"--engine={name}: {file}. 'fashionclf export --run={folder} "
                         f"--format={name} --output={folder / exported.FOLDER} PICTURES' writes it")
    return _Exported(name, file, folder)


def _fastest(folder: Path) -> str:
    for name in EQUAL:
        if not (folder / exported.FOLDER / exported.FILES[name]).exists():
            continue
        found = exported.file_or_reason(folder, name)
        if isinstance(found, str):
            print(f"note: {found}; this export is not used", file=sys.stderr)
        elif find_spec(RUNTIMES[name]):
            return name
    return "tensorflow"


def num_features(engine: Engine) -> int:
    """Returns D of the features, by a prediction of a blank picture."""
    size = engine.spec.framing.image_size
    return engine.outputs(np.zeros((1, size, size, 3), np.float32))[1].shape[1]


class TensorFlow:
    """A run in TensorFlow, on its accelerator if it has one."""
    name = "tensorflow"

    def __init__(self, run: "Run"):
        self.folder, self.spec = run.folder, run.spec
        self.predictor = run.predictor()

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities, features = self.predictor.outputs(images)
        return probabilities, features

    def predict_batches(self, pictures: Iterable[Picture], *,
                        batch_size: int) -> Iterator[list[Answer]]:
        loaded = loading.load_all(pictures, framing=self.spec.framing, ahead=2 * batch_size)
        while batch := list(itertools.islice(loaded, batch_size)):
            yield list(self._answers(batch))

    def _answers(self, batch: list[tuple[Picture, np.ndarray | str]]) -> Iterator[Answer]:
        """Predicts the usable pictures of a batch at once; the others keep their reason."""
        usable = [pixels for _, pixels in batch if not isinstance(pixels, str)]
        outputs = zip(*self.outputs(np.stack(usable))) if usable else iter(())
        for picture, pixels in batch:
            yield picture, *((pixels, None) if isinstance(pixels, str) else next(outputs))


class _Exported:
    """An export in its own runtime, picture by picture: on a CPU, larger batches are slower.

    Of several pictures, each core predicts its own; a single one is predicted by all cores.
    """

    def __init__(self, name: str, file: Path, folder: Path):
        self.name, self.folder, (self.spec, *_) = name, folder, specs.read(folder)
        open_file = open_onnx if name == "onnx" else open_litert
        self._open = functools.partial(open_file, file)
        self._of_thread = threading.local()  # a network must not be called by two threads
        self._pool = ThreadPoolExecutor(os.cpu_count())
        with quiet.tensorflow_start():
            self._on_all_cores = self._open(os.cpu_count())
        self._lock = threading.Lock()

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(images) == 1:
            with self._lock:
                return self._on_all_cores(images)
        probabilities, features = map(np.concatenate, zip(*self._pool.map(self._on_core, images)))
        return probabilities, features

    def predict_batches(self, pictures: Iterable[Picture], *,
                        batch_size: int) -> Iterator[list[Answer]]:
        answers = loading.map_ahead(self._answer, pictures, 2 * batch_size, threads=os.cpu_count())
        while batch := list(itertools.islice(answers, batch_size)):
            yield batch

    def _answer(self, picture: Picture) -> Answer:
        pixels = loading.load(picture, self.spec.framing)
        if isinstance(pixels, str):
            return picture, pixels, None
        probabilities, features = self._on_core(pixels)
        return picture, probabilities[0], features[0]

    def _on_core(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predicts float32 [S, S, 3] by this thread's own network."""
        if not hasattr(self._of_thread, "network"):
            self._of_thread.network = self._open(1)
        return self._of_thread.network(pixels[np.newaxis])


def open_litert(file: Path, threads: int) -> Network:
    """Opens an export in LiteRT, for one thread that calls it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=threads)
    interpreter.allocate_tensors()  # prints a line, the first time
    runner = interpreter.get_signature_runner("serving_default")

    def call(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = runner(**{exported.INPUT: images})
        return tuple(found[name] for name in exported.OUTPUTS)
    return call


def open_onnx(file: Path, threads: int) -> Network:
    """Opens an export in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda images: tuple(session.run(exported.OUTPUTS, {exported.INPUT: images}))
