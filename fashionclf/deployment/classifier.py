"""The Python interface: a finished model that classifies pictures in any form."""
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import overload

import numpy as np
from PIL import Image

from fashionclf.deployment import engines
from fashionclf.pictures import files, reading
from fashionclf.pictures.files import Picture
from fashionclf.system import packaged

# A file, the bytes of one, a PIL image, or uint8 pixels [H, W, 3] (RGB) or [H, W] (grey).
Input = str | os.PathLike | bytes | Image.Image | np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The prediction for one picture; if it can't be used, `error` says why and the rest is empty.

    Attributes:
        path: the file, or None for a picture in memory.
        top: the most probable classes with their probabilities, falling.
        probabilities: float32 [C], in the order of Classifier.classes; they sum to one.
        error: the reason why the picture can't be used, or None.
    """
    path: str | None
    top: tuple[tuple[str, float], ...] = ()
    probabilities: np.ndarray | None = dataclasses.field(default=None, repr=False)
    error: str | None = None

    @property
    def label(self) -> str | None:
        """The most probable class, or None if the picture can't be used."""
        return self.top[0][0] if self.top else None

    @property
    def probability(self) -> float | None:
        """The probability of `label`, 0 to 1, or None if the picture can't be used."""
        return self.top[0][1] if self.top else None


class Classifier:
    """A finished model. Framing, mirror image and temperature of the model are always applied::

        classifier = Classifier.load("fashion_b0")
        classifier("photo.jpg").label

    Pictures are turned as their EXIF orientation says and laid over white where they are
    transparent, as in training. A call may come from any thread.
    """

    def __init__(self, engine: engines.Engine):
        self._engine = engine

    @classmethod
    def load(cls, model: str | os.PathLike = "fashion_b0", *, engine: str = "auto") -> "Classifier":
        """Loads a model.

        Args:
            model: name of a released model, or the folder of a finished training.
            engine: "tensorflow"; "litert", "litert_int8" or "onnx" for an export of the model,
                which starts in a fraction of a second; or "auto", the fastest that is installed
                and gives TensorFlow's answers. On a GPU, choose "tensorflow".

        Raises:
            FileNotFoundError: there is no such model.
            ValueError: it is damaged, or has no export for `engine`.
        """
        if engine not in ("auto", *engines.NAMES):
            raise ValueError(f"engine {engine!r} is not one of auto, {', '.join(engines.NAMES)}")
        return cls(engines.load(packaged.found(os.fspath(model)), engine))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of Prediction.probabilities."""
        return tuple(self._engine.spec.classes)

    @property
    def engine(self) -> str:
        """Returns what runs the model, one of tensorflow, litert, litert_int8 and onnx."""
        return self._engine.name

    @overload
    def __call__(self, pictures: Input, *, top: int = 3) -> Prediction: ...

    @overload
    def __call__(self, pictures: list[Input], *, top: int = 3) -> list[Prediction]: ...

    def __call__(self, pictures, *, top=3):
        """Classifies a picture, or a list of them.

        Args:
            pictures: files, bytes of files, PIL images or arrays: see Input.
            top: number of classes in Prediction.top.

        Returns:
            A Prediction; of a list, one for each picture, in order. A picture that can't be used
            has its reason in Prediction.error.

        Raises:
            ValueError: a single picture can't be used.
            TypeError: a picture is none of Input.
        """
        single = not isinstance(pictures, (list, tuple))
        answers = self._answers([pictures] if single else pictures)
        found = [self._prediction(path, answer, top) for path, answer, _ in answers]
        if single and found[0].error:
            raise ValueError(f"{found[0].path or 'the picture'}: {found[0].error}")
        return found[0] if single else found

    def embed(self, pictures: Input | list[Input]) -> np.ndarray:
        """Returns the pooled features, float32 [D] of a picture, [N, D] of a list.

        Pictures that look alike have a high cosine similarity. A picture of a list that can't be
        used has a row of NaN; a single one raises ValueError.
        """
        single = not isinstance(pictures, (list, tuple))
        answers = self._answers([pictures] if single else pictures)
        if single and answers[0][2] is None:
            raise ValueError(f"{answers[0][0] or 'the picture'}: {answers[0][1]}")
        width = next((len(found) for *_, found in answers if found is not None), None)
        missing = np.full(width or engines.num_features(self._engine), np.nan, np.float32)
        rows = np.stack([missing if found is None else found for *_, found in answers]
                        ) if answers else np.empty((0, len(missing)), np.float32)
        return rows[0] if single else rows

    def stream(self, paths: Iterable[str | os.PathLike], *, top: int = 3,
               batch_size: int = 32) -> Iterator[Prediction]:
        """Classifies files, and the pictures in folders, one by one in order.

        Only a few batches are in memory, and reading uses all cores: for more than a few pictures.

        Raises:
            ValueError: a folder contains no pictures.
        """
        if isinstance(paths, (str, os.PathLike)):
            paths = [paths]
        found, _ = files.find(map(os.fspath, paths))
        batches = self._engine.predict_batches(found, batch_size=batch_size)
        for picture, answer, _ in itertools.chain.from_iterable(batches):
            yield self._prediction(picture.path, answer, top)

    def _prediction(self, path: str | None, answer: np.ndarray | str, top: int) -> Prediction:
        if isinstance(answer, str):
            return Prediction(path=path, error=answer)
        best = np.argsort(-answer, kind="stable")[:top]
        return Prediction(path=path, probabilities=answer, top=tuple(
            (self._engine.spec.classes[i], float(answer[i])) for i in best))

    def _answers(self, pictures: Iterable[Input]) -> list[tuple]:
        """Path, probabilities or reason, and features or None, of each picture."""
        read = [_read(picture) for picture in pictures]
        usable = [reading.fit(pixels, self._engine.spec.framing) for _, pixels in read
                  if not isinstance(pixels, str)]
        outputs = zip(*self._engine.outputs(np.stack(usable))) if usable else iter(())
        return [(path, *((pixels, None) if isinstance(pixels, str) else next(outputs)))
                for path, pixels in read]


def _read(picture: Input) -> tuple[str | None, np.ndarray | str]:
    """The path, if there is one, and uint8 [H, W, 3] or the reason why it can't be used."""
    if isinstance(picture, (str, os.PathLike)):
        path = os.fspath(picture)
        return path, reading.pixels_or_reason(Picture(path=path, root=os.sep))
    if isinstance(picture, (bytes, bytearray)):
        return None, reading.decoded_or_reason(bytes(picture))
    if isinstance(picture, Image.Image):
        return None, reading.opened_or_reason(picture)
    if isinstance(picture, np.ndarray):
        return None, _of_array(picture)
    raise TypeError(f"a picture is a path, bytes, a PIL image or an array, not {type(picture)}")


def _of_array(pixels: np.ndarray) -> np.ndarray | str:
    """Checks that an array is uint8 [H, W, 3] or [H, W]; repeats grey."""
    if pixels.dtype != np.uint8 or 0 in pixels.shape or not (
            pixels.ndim == 2 or pixels.ndim == 3 and pixels.shape[2] == 3):
        return (f"an array of {pixels.dtype} {list(pixels.shape)}: pixels are uint8 [H, W, 3], "
                "RGB, or [H, W], grey")
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
