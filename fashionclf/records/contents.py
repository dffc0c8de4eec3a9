"""The Python interface to records: each picture with its class, garment and split."""
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fashionclf.pictures import reading
from fashionclf.records import manifests
from fashionclf.sources.splits import SPLITS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A picture of a finished build.

    Attributes:
        split: "train", "validation" or "test".
        path: of the file that it was built from, relative to the source's folder.
        label: its class.
        item: the garment, or the wider group, that is on one side of the split.
        bbox: x1, y1, x2, y2 in pixels, 1-based and inclusive; None if the source has no box.
        encoded: the bytes of its JPEG, PNG or WEBP.
    """
    split: str
    path: str
    label: str
    item: str
    bbox: tuple[int, int, int, int] | None
    encoded: bytes = dataclasses.field(repr=False)

    def pixels(self) -> np.ndarray:
        """Decodes the whole picture to uint8 [H, W, 3], RGB, as a person sees it."""
        return reading.decoded_or_reason(self.encoded)


def read_records(folder: str | Path, splits: tuple[str, ...] | None = None) -> Iterator[Record]:
    """Yields the records that build_tfrecords wrote, in file order.

    Args:
        folder: the --records of the build.
        splits: those to read, "train", "validation" or "test"; None for all that there are.

    Raises:
        FileNotFoundError, ValueError: there are no such records, or no such split.
    """
    manifest = manifests.read(folder)
    for split in splits or [name for name in SPLITS if manifest["examples"].get(name)]:
        manifests.check_split(manifest, split, folder)
        yield from _records(Path(folder), manifest, split)


def _records(folder: Path, manifest: dict, split: str) -> Iterator[Record]:
    from fashionclf.pictures.framing import Framing
    from fashionclf.records.input_pipeline import Records  # loads TensorFlow

    records = Records(folder=folder, manifest=manifest,
                      framing=Framing(image_size=1, box_margin=0.0))  # which is not applied
    fields = ("image", "bbox", "label", "path", "item")
    for record in records.in_order(split, fields).as_numpy_iterator():
        yield Record(
            split=split, path=record["path"].decode(), item=record["item"].decode(),
            label=manifest["classes"][record["label"]], encoded=record["image"],
            bbox=tuple(record["bbox"].tolist()) if record["bbox"].any() else None)
