"""DeepFashion's category benchmark as a TFDS dataset, from a tree on disk.

    import fashionclf.deepfashion, tensorflow_datasets as tfds
    config = tfds.download.DownloadConfig(manual_dir="data/deepfashion")
    train = tfds.load("deepfashion", split="train",
                      download_and_prepare_kwargs={"download_config": config})

or, after pip install 'fashionclf[tfds]', which installs the imports of the command tfds:

    tfds build deepfashion --imports=fashionclf.deepfashion --manual_dir=data/deepfashion

Schema, records and class numbers are those of build_tfrecords on the same tree with
--split=official.
"""
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import tensorflow_datasets as tfds

from fashionclf.records import audit, manifests, shards
from fashionclf.sources import categories, readers, splits

CLASSES = (Path(__file__).parent / "classes.txt").read_text().splitlines()[1:]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Uses the benchmark's own partition; opens every picture before it writes the first."""

    VERSION = tfds.core.Version(manifests.VERSION)
    RELEASE_NOTES = {manifests.VERSION: "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
        Ask its authors for the Category and Attribute Prediction Benchmark of DeepFashion
        (https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html) and unpack it, so that img/,
        Anno_coarse/ and Eval/ are in manual_dir. Other known layouts are detected."""

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=shards.schema(CLASSES), supervised_keys=("image", "label"),
            homepage="https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html",
            license="For non-commercial research and educational purposes only, after registration "
            "with the authors, who do not own the pictures.", metadata=tfds.core.MetadataDict())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        source = readers.read_deepfashion(dl_manager.manual_dir)
        labelled = categories.assign(source.table, label_from="annotation", official=True)
        foreign = sorted(set(labelled.classes) - set(CLASSES))
        if foreign:
            raise ValueError(f"{source.images_root}: {foreign[0]!r} is not a category of "
                             "DeepFashion with pictures; for a tree with other classes, use "
                             "'python -m fashionclf.build_tfrecords'")

        # In this process: new ones would run the caller's script again.
        table = labelled.table.join(audit.pictures(labelled.table, source.images_root))
        usable = audit.with_checked_boxes(table[table["reason"].isna()])
        left_out = pd.concat([table[table["reason"].notna()], labelled.dropped])
        if usable.empty:
            raise ValueError(f"{source.images_root}: no picture can be used; the first: "
                             f"{left_out['reason'].iloc[0]}. Is img/ unpacked?")

        self._note("left_out", left_out, "reason")
        self._note("repaired", usable[usable["repair"].notna()], "repair")
        usable["split"] = splits.split(usable, method="official")
        return {str(name): self._generate_examples(rows, source.images_root)
                for name, rows in usable.groupby("split")}

    def _note(self, name: str, rows: pd.DataFrame, column: str) -> None:
        self.info.metadata[name] = dict(zip(rows["path"], rows[column]))
        print(f"{name}: {len(rows):,} pictures (see metadata.json)")

    def _generate_examples(self, rows: pd.DataFrame,
                           images_root: Path) -> Iterator[tuple[str, dict]]:
        for row in rows.itertuples():
            yield row.path, {"image": shards.recorded(row, images_root), "label": row.category,
                             "path": row.path, "item": row.item, "bbox": row.bbox or (0, 0, 0, 0)}
