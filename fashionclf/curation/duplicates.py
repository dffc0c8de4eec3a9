"""Groups the pictures that are copies of one photograph, and says which of each group to keep."""
import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse
from PIL import Image

from fashionclf.curation import copies
from fashionclf.curation.cards import Card
from fashionclf.curation.copies import Looks
from fashionclf.deployment.descriptions import Descriptions
from fashionclf.pictures import loading, near_duplicates, reading, registration
from fashionclf.pictures.files import Picture
from fashionclf.pictures.registration import Thumbnails
from fashionclf.system import files
from fashionclf.system.progress import progress_bar

COLUMNS = ["group", "path", "keep", "kind", "bits", "similarity", "likeness", "width", "height",
           "bytes"]
TYPES = dict.fromkeys(["group", "bits", "width", "height", "bytes"], "int64") | {
    "keep": "bool", "similarity": "float64", "likeness": "float64"}  # for prediction_table.write
IDENTICAL, NEAR_DUPLICATE, ALTERED, RECOLOURED, MIRRORED = (
    "identical", "near-duplicate", "altered", "recoloured", "mirrored")
# In words for cards; the label page filters by what stands before the colon
REASONS = {IDENTICAL: "identical: the same bytes as {}", NEAR_DUPLICATE: "near-duplicate: of {}",
           ALTERED: "altered: cut, bordered or lettered {}",
           RECOLOURED: "recoloured: perhaps another garment than {}",
           MIRRORED: "mirrored: perhaps another shot than {}"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Copy:
    """A picture that has a copy; the measures are to the one to keep, and None for that one.

    Attributes:
        number: of the picture in the list that was searched.
        group: from 1, in the order of their first paths.
        kind: the relation to the one to keep, a key of REASONS.
        bits: in which the perceptual hashes differ, of 256.
        similarity: cosine of the features.
        likeness: see registration.Comparison.
        size: width and height in pixels, and bytes.
    """
    number: int
    group: int
    keep: bool
    size: tuple[int, int, int]
    kind: str | None = None
    bits: int | None = None
    similarity: float | None = None
    likeness: float | None = None

    def cells(self, path: str) -> list:
        """Returns the cells of COLUMNS."""
        return [self.group, path, self.keep, self.kind, self.bits, self.similarity, self.likeness,
                *self.size]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a search for copies has found.

    Attributes:
        copies: by group, the one to keep first.
        unusable: number of a picture -> reason.
        repeated: how many pictures name a file that an earlier one names; they are not searched.
    """
    copies: list[Copy]
    unusable: dict[int, str]
    repeated: int


def find(pictures: Sequence[Picture], described: Descriptions, paths: Sequence[str]) -> Found:
    """Finds the copies among pictures; needs no labels.

    Groups and the choice of what to keep don't depend on the order of the pictures.

    Args:
        described: of `pictures`, in order.
        paths: of `pictures`, as rows show them.
    """
    unusable = {i: error for i, error in enumerate(described.errors) if error}
    first_named: dict[str, int] = {}
    for i in np.flatnonzero(described.usable).tolist():
        first_named.setdefault(os.path.realpath(pictures[i].path), i)
    repeated = len(pictures) - len(unusable) - len(first_named)

    owners: dict[str, list[int]] = {}
    for i in sorted(first_named.values(), key=paths.__getitem__):
        owners.setdefault(described.digests[i], []).append(i)
    owners = dict(sorted(owners.items()))  # in an order that doesn't depend on names

    looks, sizes, faults = _looks(pictures, owners, described)
    for digest, fault in faults.items():
        unusable |= dict.fromkeys(owners.pop(digest), fault)
    return Found(copies=_copies(looks, sizes, list(owners.values()), paths),
                 unusable=dict(sorted(unusable.items())), repeated=repeated)


def _looks(pictures: Sequence[Picture], owners: dict[str, list[int]],
           described: Descriptions) -> tuple[Looks, np.ndarray, dict[str, str]]:
    """Reads a picture of each digest.

    Returns the looks and the sizes, int [N, 3], of those that can be read, and the others' faults.
    """
    named = [(digest, [pictures[i] for i in numbers]) for digest, numbers in owners.items()]
    read = loading.map_ahead(_look, named, 64, threads=os.cpu_count())
    thumbnails = Thumbnails.empty(len(named))
    hashes, sizes, rows, faults = [], [], [], {}
    for (digest, numbers), look in zip(owners.items(), progress_bar(
            read, total=len(named), desc="looking at pictures", unit="pictures")):
        if isinstance(look, str):
            faults[digest] = look
            continue
        thumbnail, hashed, size = look
        thumbnails.grey[len(rows)], thumbnails.chroma[len(rows)] = thumbnail
        hashes.append(hashed)
        sizes.append(size)
        rows.append(numbers[0])

    looks = Looks(thumbnails=thumbnails.of(slice(len(rows))), hashes=hashes,
                  features=described.features[rows])
    return looks, np.reshape(sizes, (-1, 3)).astype(int), faults


def _look(named: tuple[str, list[Picture]]) -> tuple[Thumbnails, str, tuple[int, ...]] | str:
    """Returns thumbnail, perceptual hash and size of a digest's first file that still has it."""
    digest, pictures = named
    encodings = (picture.bytes_or_reason() for picture in pictures)
    encoded = next((encoded for encoded in encodings if not isinstance(encoded, str)
                    and files.digest(encoded) == digest), None)
    if encoded is None:
        return "changed while it was searched for copies; repeat the command"
    return look(encoded)


def look(encoded: bytes) -> tuple[Thumbnails, str, tuple[int, ...]] | str:
    """Returns a picture's thumbnail, its perceptual hash, and its width, height and bytes.

    Or the reason why it can't be used.
    """
    pixels = reading.decoded_or_reason(encoded)
    if isinstance(pixels, str):
        return pixels
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    hashed = near_duplicates.perceptual_hash(grey)
    return registration.thumbnail(pixels), hashed, (*grey.shape[::-1], len(encoded))


def _copies(looks: Looks, sizes: np.ndarray, owners: list[list[int]],
            paths: Sequence[str]) -> list[Copy]:
    """Groups N different pictures, of which `owners` are the files, and lists those with a copy."""
    def first_kept(look: int) -> tuple:
        width, height, size = sizes[look]
        return -width * height, -size, paths[owners[look][0]]

    copied = _copied(looks, sorted(range(len(owners)), key=first_kept))
    groups = [[(i, look, relation) for look, relation in ({kept: _SAME} | others).items()
               for i in owners[look]] for kept, others in copied.items()]
    groups = [group for group in groups if len(group) > 1]
    groups.sort(key=lambda group: min(paths[i] for i, *_ in group))
    return [Copy(number=i, group=number, keep=not rank, size=tuple(sizes[look].tolist()),
                 **(relation if rank else {}))
            for number, group in enumerate(groups, start=1)
            for rank, (i, look, relation) in enumerate(group)]


_SAME = {"kind": IDENTICAL, "bits": 0, "similarity": 1.0, "likeness": 1.0}


def _copied(looks: Looks, order: list[int]) -> dict[int, dict[int, dict]]:
    """Returns the look to keep -> its copies -> attributes of Copy.

    The first in `order` keeps its copies, then the first of the others, and so on: a copy of a
    copy that isn't like the one to keep would lead from garment to garment.
    """
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    low, high = copies.pairs(looks).T
    joined = scipy.sparse.coo_array((np.ones(len(low), bool), (low, high)),
                                    shape=(len(order), len(order)))
    labels = scipy.sparse.csgraph.connected_components(joined, directed=False)[1]

    found: dict[int, dict[int, dict]] = {}
    left = np.array(order, int)
    while len(left):
        # The first of each component that is left, compared with all others of it
        _, firsts = np.unique(labels[left], return_index=True)
        kept_of = dict(zip(labels[left[firsts]].tolist(), left[firsts].tolist()))
        pairs = np.array([(kept_of[labels[look]], look) for look in np.delete(left, firsts)],
                         int).reshape(-1, 2)
        is_copy, relations = _relations(looks, pairs)
        found |= {kept: {} for kept in kept_of.values()}
        for (kept, look), relation in zip(pairs[is_copy].tolist(), relations):
            found[kept][look] = relation
        left = pairs[~is_copy, 1]
    return found


def _relations(looks: Looks, pairs: np.ndarray) -> tuple[np.ndarray, list[dict]]:
    """Returns bool [P], which pairs are copies, and attributes of Copy of each that is one."""
    compared = looks.compare(np.sort(pairs, axis=1))  # as when they were found
    is_copy = looks.are_copies(pairs, compared)
    pairs, compared = pairs[is_copy], registration.Comparison(*(of[is_copy] for of in compared))
    bits, similarity = looks.bits(pairs), looks.similarity(pairs)
    kinds = np.select(
        [compared.tint > copies.TINT, bits <= near_duplicates.THRESHOLD, compared.mirrored],
        [RECOLOURED, NEAR_DUPLICATE, MIRRORED], ALTERED)
    return is_copy, [
        {"kind": str(kind), "bits": int(bit), "similarity": round(float(cosine), 6),
         "likeness": round(float(likeness), 6)}
        for kind, bit, cosine, likeness in zip(kinds, bits, similarity, compared.likeness)]


def cards(found: Found, pictures: Sequence[Picture], paths: Sequence[str],
          digests: Sequence[str]) -> Iterator[Card]:
    """Yields a card for each copy; the groups with the least likeness come first."""
    for _, group in itertools.groupby(found.copies, key=lambda copy: copy.group):
        kept, *others = group
        doubt = 1 - min(copy.likeness for copy in others)
        for copy in (kept, *others):
            reason = (f"keep: the largest of {1 + len(others)} copies" if copy.keep
                      else REASONS[copy.kind].format(paths[kept.number]))
            yield Card(
                path=paths[copy.number], digest=digests[copy.number],
                pixels=functools.partial(reading.pixels_or_reason, pictures[copy.number]),
                reasons=(reason,), priority=doubt, group=str(copy.group))


def summary(found: Found, pictures: int) -> str:
    """Says in words what was found among so many pictures."""
    groups = found.copies[-1].group if found.copies else 0
    by_kind = collections.Counter(copy.kind for copy in found.copies if copy.kind)
    kinds = ", ".join(f"{by_kind[kind]:,} {kind}" for kind in REASONS if by_kind[kind])
    parts = [f"{pictures:,} {'picture' if pictures == 1 else 'pictures'}: " + (
        f"{len(found.copies):,} have a copy, in {groups:,} {'group' if groups == 1 else 'groups'} "
        f"({kinds})" if groups else "none has a copy")]
    if found.unusable:
        parts.append(f"{len(found.unusable):,} unreadable")
    if found.repeated:
        parts.append(f"{found.repeated:,} named twice")
    return "; ".join(parts)
