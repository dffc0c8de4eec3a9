"""DeepFashion's category benchmark as a TFDS data set, from a tree that lies on a disk.

    import fashionclf.deepfashion, tensorflow_datasets as tfds
    config = tfds.download.DownloadConfig(manual_dir="data/deepfashion")
    train = tfds.load("deepfashion", split="train",
                      download_and_prepare_kwargs={"download_config": config})

or, after pip install 'fashionclf[tfds]', which brings what the command tfds imports:

    tfds build deepfashion --imports=fashionclf.deepfashion --manual_dir=data/deepfashion

The schema is that of fashionclf.records, and the records are those that build_tfrecords
writes of the same tree with --split=official; classes are numbered alike too.
"""
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import tensorflow_datasets as tfds

from fashionclf.records import audit, manifests, shards
from fashionclf.sources import categories, readers, splits

CLASSES = (Path(__file__).parent / "classes.txt").read_text().splitlines()[1:]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Splits are the benchmark's own partition; every picture is opened before one is written."""

    VERSION = tfds.core.Version(manifests.VERSION)
    RELEASE_NOTES = {manifests.VERSION: "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
        Ask its authors for the Category and Attribute Prediction Benchmark of DeepFashion
        (https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html) and unpack it, so that img/,
        Anno_coarse/ and Eval/ lie in manual_dir. Other layouts that are about are found too."""

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=shards.schema(CLASSES), supervised_keys=("image", "label"),
            homepage="https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html",
            license="For non-commercial research and educational purposes only, after "
                    "registration with the authors, who do not own the pictures.",
            metadata=tfds.core.MetadataDict())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        found = readers.read_deepfashion(dl_manager.manual_dir)
        labelled = categories.assign(found.table, label_from="annotation", official=True)
        foreign = sorted(set(labelled.classes) - set(CLASSES))
        if foreign:
            raise ValueError(f"{found.images_root}: {foreign[0]!r} is no category of DeepFashion "
                             "with pictures; for a tree with classes of its own, use "
                             "'python -m fashionclf.build_tfrecords'")
        # In this process: others would run the caller's script anew.
        table = labelled.table.join(audit.pictures(labelled.table, found.images_root))
        usable = audit.with_checked_boxes(table[table["reason"].isna()])
        left_out = pd.concat([table[table["reason"].notna()], labelled.dropped])
        if usable.empty:
            raise ValueError(f"{found.images_root}: no picture can be used, the first because: "
                             f"{left_out['reason'].iloc[0]}. Is img/ unpacked?")
        self._note("left_out", left_out, "reason")
        self._note("repaired", usable[usable["repair"].notna()], "repair")
        usable["split"] = splits.split(usable, method="official")
        return {str(name): self._generate_examples(rows, found.images_root)
                for name, rows in usable.groupby("split")}

    def _note(self, name: str, rows: pd.DataFrame, column: str) -> None:
        self.info.metadata[name] = dict(zip(rows["path"], rows[column]))
        print(f"{name}: {len(rows):,} pictures (see metadata.json)")

    def _generate_examples(self, rows: pd.DataFrame,
                           images_root: Path) -> Iterator[tuple[str, dict]]:
        for row in rows.itertuples():
            yield row.path, {"image": shards.unchanged(row, images_root), "label": row.category,
                             "path": row.path, "item": row.item, "bbox": row.bbox or (0, 0, 0, 0)}
