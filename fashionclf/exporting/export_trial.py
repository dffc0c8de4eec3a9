"""The pictures on which exports are compared with their run, and the differences allowed."""
import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from fashionclf.pictures import decoding, inspection
from fashionclf.pictures.files import Picture
from fashionclf.pictures.framing import Framing
from fashionclf.records.input_pipeline import Records


class Example(NamedTuple):
    """A picture: the file's bytes, the box as for decoding.crop, and the class if it is known."""
    encoded: bytes
    bbox: np.ndarray
    label: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """The pictures on which exports are compared with their run, and how far they may differ.

    A difference is that of any probability, or the distance between a picture's features relative
    to their length.
    """
    examples: list[Example]
    calibration: list[Example]  # for the ranges of litert_int8
    source: dict = dataclasses.field(default_factory=dict)  # where they are from, for export.json
    batch_size: int = 32  # for throughput
    tolerance: float = 1e-4  # largest difference in float32
    float16_tolerance: float = 0.02  # the same for weights in float16
    int8_agreement: float = 0.95  # smallest share of pictures with the run's class


def of_records(records: Records, split: str, max_examples: int) -> list[Example]:
    """Returns the first `max_examples` of a split: a random sample, as the order is by hash."""
    dataset = records.in_order(split, ("image", "bbox", "label"))
    return [Example(record["image"], record["bbox"], int(record["label"]))
            for record in dataset.take(max_examples).as_numpy_iterator()]


def of_files(pictures: list[Picture], max_examples: int) -> list[Example]:
    """Returns `max_examples`, evenly spread; raises ValueError if one can't be used."""
    examples, count = [], min(max_examples, len(pictures))
    for i in np.linspace(0, len(pictures) - 1, count).round().astype(int):
        encoded = pictures[i].bytes_or_reason()
        reason = encoded if isinstance(encoded, str) else inspection.why_unusable(encoded)
        if reason:
            raise ValueError(f"{pictures[i].path}: {reason}; exclude it: an export is checked on "
                             "usable pictures only")
        examples.append(Example(inspection.recordable(encoded), decoding.NO_BOX))
    return examples


def load(examples: Iterable[Example], framing: Framing) -> Iterator[np.ndarray]:
    """Decodes each to float32 [S, S, 3], RGB, 0..255, cropped to its box as in evaluation."""
    for example in examples:
        yield decoding.load(tf.constant(example.encoded), tf.constant(example.bbox),
                            framing).numpy()
