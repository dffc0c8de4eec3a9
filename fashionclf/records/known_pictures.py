"""Keeps the hashes of the pictures beside their records, in the same order."""
from pathlib import Path

import pandas as pd

from fashionclf.pictures import picture_hashes
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.records import audit, shards
from fashionclf.records.input_pipeline import Records
from fashionclf.records.manifests import HASHES
from fashionclf.system.progress import progress_bar


def write(table: pd.DataFrame, folder: Path) -> str:
    """Writes the hashes of audited rows, `path, split, digest, perceptual_hash`; gives the sha256.

    That belongs into the manifest as hashes_sha256, but not into the fingerprint of the records.
    """
    ordered = {split: shards.in_order(split, rows) for split, rows in table.groupby("split")}
    return picture_hashes.write(folder / HASHES, {
        split: picture_hashes.of(rows["digest"], rows["perceptual_hash"])
        for split, rows in ordered.items()})


def read(records: Records, split: str) -> PictureHashes:
    """Returns the hashes of a split; computes them if older records have none, and says so."""
    if records.hashes and split in records.hashes:
        return records.hashes[split]
    sha256, count = records.manifest.get("hashes_sha256"), records.examples.get(split, 0)
    if not count:
        return PictureHashes()
    if sha256 and (records.folder / HASHES).is_file():
        return picture_hashes.read(records.folder / HASHES, sha256)[split]

    print(f"{records.folder} carry no hashes of their pictures ({HASHES}): computing those of "
          f"{count:,} {split} pictures", flush=True)
    digests, hashes = [], []
    encoded = (record["image"].numpy() for record in records.in_order(split, ("image",)))
    for picture in progress_bar(encoded, total=count, desc=f"hashing {split}", unit="pictures"):
        _, digest, perceptual, *_ = audit.inspected(picture)
        digests.append(digest)

        # What today's audit refuses is like no other picture, as is a digest.
        hashes.append(perceptual or digest)
    return picture_hashes.of(digests, hashes)
