"""Nearest neighbours by cosine similarity, with Faiss: exact for small sets, else approximate.

Up to EXACT_UP_TO vectors a query compares all; beyond, those in the lists of an inverted file (IVF:
Sivic and Zisserman, 2003) whose centres are nearest to it. Indexes are memory-mapped, so that a
query reads only the vectors it compares. Open only folders that you trust: Faiss's files are
checked for damage, not for malice.
"""
import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from fashionclf.system import extras, files

EXACT_UP_TO = 100_000  # vectors
PROBED = 1 / 16  # of the lists of an approximate index
SAMPLED = 64  # vectors per list to train its centre on
CHUNK = 50_000  # vectors normalized at a time
VECTORS, PICTURES, FACTS = "vectors.faiss", "pictures.jsonl", "index.json"


@dataclasses.dataclass(frozen=True)
class Index:
    """An index in memory; get one from `read`."""
    facts: dict  # the content of index.json
    pictures: list[dict]  # one for each vector
    vectors: object  # the Faiss index of `build`

    def nearest(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the neighbours of float32 [Q, D].

        Returns:
            Cosine similarities, float32 [Q, k], falling, and the places of the neighbours in
            `pictures`, int64 [Q, k]; -1 where there are fewer than k.

        Raises:
            ValueError: the vectors have another width than the index, or are not finite.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.vectors.d:
            raise ValueError(f"this index holds features of {self.vectors.d} numbers, not "
                             f"{list(vectors.shape)}: query it with the run it was built with")
        return self.vectors.search(unit(vectors), k)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scales float [N, D] to length 1: float32; raises ValueError if one is 0 or not finite."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    wrong = ~(np.isfinite(lengths) & (lengths > 0))
    if wrong.any():
        raise ValueError(f"vector {int(wrong.argmax())} is zero or not finite: exclude unusable "
                         "pictures; if all are usable, the weights are damaged")
    return vectors / lengths


def build(vectors: np.ndarray, approximate: bool | None = None) -> object:
    """Builds a Faiss index of float [N, D], which may be memory-mapped.

    With `approximate` None, it is approximate above EXACT_UP_TO vectors.
    """
    faiss = _faiss()
    count, width = vectors.shape

    if approximate or (approximate is None and count > EXACT_UP_TO):
        lists = round(count ** 0.5)
        index = faiss.index_factory(width, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        index.nprobe = max(1, round(lists * PROBED))
        sample = np.random.default_rng(0).permutation(count)[:SAMPLED * lists]
        index.train(unit(vectors[np.sort(sample)]))
    else:
        index = faiss.IndexFlatIP(width)

    for start in range(0, count, CHUNK):
        index.add(unit(vectors[start:start + CHUNK]))
    return index


def write(folder: str | Path, vectors: np.ndarray, pictures: list[dict], *, facts: dict,
          approximate: bool | None = None) -> dict:
    """Builds an index in `<folder>.incomplete`, then renames it; returns the index.json.

    Args:
        vectors, approximate: see `build`.
        pictures: a dictionary of JSON values for each vector.
        facts: further entries of index.json.

    Raises:
        FileExistsError: `folder` exists, or another process is writing it.
    """
    with files.staging(Path(folder), flag="--index") as staged:
        index = build(vectors, approximate)
        _faiss().write_index(index, os.fspath(staged / VECTORS))
        with open(staged / PICTURES, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(picture) + "\n" for picture in pictures)

        facts = {**facts, "pictures": len(pictures), "dimensions": index.d,
                 "search": "approximate" if hasattr(index, "nprobe") else "exact",
                 "bytes": {name: (staged / name).stat().st_size for name in (VECTORS, PICTURES)}}
        files.write_json(staged / FACTS, facts)
    return facts


def read(folder: str | Path) -> Index:
    """Opens an index; raises FileNotFoundError if there is none, ValueError if it is damaged."""
    faiss, folder = _faiss(), Path(folder)
    if not (folder / FACTS).is_file():
        raise FileNotFoundError(f"{folder}: contains no {FACTS}; give the --index of a finished "
                                "'python -m fashionclf.search build'")

    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        for name, size in facts["bytes"].items():
            if (folder / name).stat().st_size != size:
                raise ValueError(f"{name} should be {size:,} bytes long")

        with open(folder / PICTURES, encoding="utf-8") as file:
            pictures = list(map(json.loads, file))
        vectors = faiss.read_index(os.fspath(folder / VECTORS), faiss.IO_FLAG_MMAP_IFC)
        if not len(pictures) == vectors.ntotal == facts["pictures"]:
            raise ValueError(f"{len(pictures):,} pictures, {vectors.ntotal:,} vectors")
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{folder} is damaged ({error!s:.200}): copy it again, or rebuild it") from error
    return Index(facts, pictures, vectors)


def _faiss():
    try:
        import faiss
    except ImportError as error:
        raise ValueError(f"search needs Faiss: {extras.install('search')}") from error
    return faiss
