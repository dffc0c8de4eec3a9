"""Finds pairs of pictures that are copies of one photograph, among those that look alike.

Candidates have close perceptual hashes, or are each other's nearest by a model's features, which
see through a mirror, a cut and another colour. Features alone would join the garments of a shop
that look alike; so candidates are compared pixel by pixel (pictures/registration.py).
"""
import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from fashionclf.pictures import loading, near_duplicates, registration
from fashionclf.pictures.registration import Thumbnails
from fashionclf.system.progress import progress_bar

NEAREST = 5  # pictures by features that are candidates for each picture
COMPONENTS = 256  # principal ones of the features, by which the nearest are found
SAMPLED = 20_000  # pictures whose features these are computed from
TILE = 2048  # pictures compared by features at a time with as many others
PAIRS = 64  # compared pixel by pixel at a time

# tools/benchmark/duplicates measures what these find and what they join by mistake.
SURE_BITS = 12  # of perceptual hashes, up to which a pair is a copy whatever its likeness
LIKENESS = 0.95  # least of a copy: shops photograph in one pose
MIRRORED_SIMILARITY = 0.9  # least of a mirrored copy: many outlines are symmetrical
TINT = 12.0  # levels of 256; above them a copy counts as recoloured


@dataclasses.dataclass(frozen=True, kw_only=True)
class Looks:
    """What N pictures look like, in an order that doesn't depend on their names.

    Attributes:
        hashes: perceptual, 64 hex digits (see near_duplicates).
        features: float16 [N, D] of a model.
    """
    thumbnails: Thumbnails
    hashes: list[str]
    features: np.ndarray

    def compare(self, pairs: np.ndarray) -> registration.Comparison:
        """Compares int [P, 2], in threads; 0.1 GB of memory."""
        def compared(start: int) -> registration.Comparison:
            low, high = pairs[start:start + PAIRS].T
            return registration.compare(self.thumbnails.of(low), self.thumbnails.of(high))

        starts = range(0, len(pairs), PAIRS)
        parts = loading.map_ahead(compared, starts, 4, threads=os.cpu_count())
        parts = list(progress_bar(parts, total=len(starts), desc="comparing pixels",
                                  unit="batches"))
        return registration.Comparison(*map(np.concatenate, zip(*parts))) if parts else _NOTHING

    def bits(self, pairs: np.ndarray) -> np.ndarray:
        """Returns int [P], in which the hashes differ."""
        return near_duplicates.bits(*([self.hashes[i] for i in side] for side in pairs.T))

    def similarity(self, pairs: np.ndarray) -> np.ndarray:
        """Returns float32 [P], cosines of the features."""
        parts = [(_unit(self.features[part[:, 0]]) * _unit(self.features[part[:, 1]])).sum(axis=1)
                 for part in _parts(pairs)]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def are_copies(self, pairs: np.ndarray, found: registration.Comparison) -> np.ndarray:
        """Returns bool [P], which pairs are copies, from what `compare` has found."""
        return alike(found, self.similarity(pairs)) | (self.bits(pairs) <= SURE_BITS)


_NOTHING = registration.Comparison(*np.empty((2, 0), np.float32), np.empty(0, bool))


def alike(found: registration.Comparison, similarity: np.ndarray) -> np.ndarray:
    """Returns bool [P]: which pairs are copies by their pixels, and by cosines if mirrored."""
    fits = found.likeness >= LIKENESS
    return fits & (~found.mirrored | (similarity >= MIRRORED_SIMILARITY))


def pairs(looks: Looks) -> np.ndarray:
    """Returns int [P, 2], lower first: the copies."""
    likely = candidates(looks)
    return likely[looks.are_copies(likely, looks.compare(likely))]


def candidates(looks: Looks) -> np.ndarray:
    """Returns int [P, 2], lower first: pairs with close hashes, or near by their features."""
    return np.unique(np.concatenate([near_duplicates.pairs(looks.hashes),
                                     nearest(looks.features)]), axis=0)


def nearest(features: np.ndarray, count: int = NEAREST) -> np.ndarray:
    """Returns int [P, 2], lower first: each picture with its nearest by cosine.

    100,000 pictures of 1,280 features take 0.4 GB, and on two CPU cores some minutes.
    """
    count = min(count, len(features) - 1)
    if count < 1:
        return np.empty((0, 2), int)

    vectors, found = _principal(features), []
    for start in progress_bar(range(0, len(vectors), TILE), desc="comparing features",
                              unit="tiles"):
        rows = np.arange(start, min(start + TILE, len(vectors)))
        neighbours = _nearest_of(vectors, rows, count)
        found.append(np.sort(np.column_stack([np.repeat(rows, count), neighbours.ravel()])))
    return np.unique(np.concatenate(found), axis=0)


def _nearest_of(vectors: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Returns int [len(rows), count], the nearest others of unit vectors, in no order."""
    best = np.full((len(rows), count), -np.inf, np.float32)
    places = np.zeros((len(rows), count), int)
    for start in range(0, len(vectors), TILE):
        cosines = vectors[rows] @ vectors[start:start + TILE].T
        if start == rows[0]:
            np.fill_diagonal(cosines, -np.inf)  # of pictures with themselves

        best = np.column_stack([best, cosines])
        numbers = np.broadcast_to(np.arange(start, start + cosines.shape[1]), cosines.shape)
        places = np.column_stack([places, numbers])
        chosen = np.argpartition(-best, count - 1, axis=1)[:, :count]
        best = np.take_along_axis(best, chosen, axis=1)
        places = np.take_along_axis(places, chosen, axis=1)
    return places


def _principal(features: np.ndarray) -> np.ndarray:
    """Projects unit vectors onto their principal components: float32 [N, at most COMPONENTS].

    They are not centred, so that products of rows stay cosines but for what is left out.
    """
    step = max(1, len(features) // SAMPLED)
    sample = _unit(features[::step])
    components = np.linalg.eigh(sample.T @ sample)[1][:, -COMPONENTS:]
    return np.concatenate([_unit(_unit(part) @ components) for part in _parts(features)])


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start:start + TILE] for start in range(0, len(rows), TILE))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Scales to length 1: float32; a vector of zeros is like none."""
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
