"""The TFDS builder: agreement with build_tfrecords, what it says and refuses, its command."""
import json
import shutil
from importlib.util import find_spec

import pytest
import tensorflow_datasets as tfds

from fashionclf.deepfashion.deepfashion_dataset_builder import CLASSES
from fashionclf.records import shards
from tests.helpers.deepfashion_tree import BESIDE, DAMAGED, SPLITS, lay
from tests.helpers.programs import succeed


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return lay(tmp_path_factory.mktemp("deepfashion"))


def load(tree, data_dir):
    tfds.load("deepfashion", data_dir=data_dir, download_and_prepare_kwargs={
        "download_config": tfds.download.DownloadConfig(manual_dir=tree)})
    return tfds.builder("deepfashion", data_dir=data_dir)


@pytest.fixture(scope="module")
def built(tmp_path_factory, tree):
    return load(tree, tmp_path_factory.mktemp("tfds"))


def content(builder):
    """split -> path -> the other fields, with the image's bytes and the name of the class."""
    read = builder.as_dataset(decoders={"image": tfds.decode.SkipDecoding()})
    found = {name: list(tfds.as_numpy(split)) for name, split in read.items()}
    assert {name: len(records) for name, records in found.items()} == SPLITS
    name_of = builder.info.features["label"].int2str
    return {name: {record["path"]: (record["image"], record["label"], name_of(record["label"]),
                                    record["item"], record["bbox"].tolist())
                   for record in records} for name, records in found.items()}


@pytest.mark.slow
def test_tfds_and_build_tfrecords_agree_record_by_record(tmp_path, tree, built):
    succeed("fashionclf.build_tfrecords", f"--source_dir={tree}", "--split=official",
            f"--records={tmp_path / 'records'}")
    ours = tfds.builder_from_directory(tmp_path / "records")
    assert content(ours) == content(built)
    assert ours.info.features.to_json() == built.info.features.to_json()
    assert built.info.features["label"].names == CLASSES


def test_pictures_are_stored_as_found_and_the_metadata_names_what_is_left_out_or_repaired(
        tree, built):
    assert content(built)["train"][BESIDE.encode()] == (
        (tree / BESIDE).read_bytes(), CLASSES.index("Dress"), "Dress", b"img/Warm_Dress",
        [2, 3, 18, 20])
    assert list(built.info.metadata["left_out"]) == [DAMAGED]
    assert built.info.metadata["repaired"] == {BESIDE: "box cut at the border of the picture"}


def test_description_citation_and_licence_are_there(tmp_path):
    info = tfds.builder("deepfashion", data_dir=tmp_path).info
    assert "289,222" in info.description and "own partition" in info.description
    assert "@inproceedings{liu2016deepfashion" in info.citation and "2016" in info.citation
    assert "non-commercial research" in info.redistribution_info.license
    assert info.supervised_keys == ("image", "label")
    assert info.features.to_json() == shards.schema(CLASSES).to_json()


def test_lists_without_pictures_or_of_other_categories_are_refused(tmp_path, tree):
    lists = shutil.copytree(tree, tmp_path / "lists", ignore=shutil.ignore_patterns("img"))
    with pytest.raises(ValueError, match="no picture can be used.*missing file.*img/ unpacked"):
        load(lists, tmp_path / "data")
    names = lists / "Anno_coarse/list_category_cloth.txt"
    names.write_text(names.read_text().replace("Anorak", "Cloak"))
    with pytest.raises(ValueError, match="'Cloak' is not a category of DeepFashion"):
        load(lists, tmp_path / "data")


def test_the_classes_are_the_categories_of_the_real_lists(shared):
    names = (shared / "deepfashion/Anno_coarse/list_category_cloth.txt").read_text().split()[3::2]
    assert set(names) - set(CLASSES) == {"Cape", "Nightdress", "Shirtdress", "Sundress"}
    assert CLASSES == sorted(CLASSES) and set(CLASSES) < set(names)


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("apache_beam") and find_spec("mlcroissant")), reason="what "
                    "the tfds command imports is absent: pip install 'fashionclf[tfds]'")
@pytest.mark.parametrize("words", [["deepfashion", "--imports=fashionclf.deepfashion"],
                                   ["fashionclf/deepfashion"]], ids=["imported", "by folder"])
def test_the_tfds_command_builds_it(tmp_path, tree, words):
    succeed("tensorflow_datasets.scripts.cli.main", "build", *words, f"--manual_dir={tree}",
            f"--data_dir={tmp_path}", fresh=True)
    made = json.loads((tmp_path / "deepfashion/1.0.0/dataset_info.json").read_text())
    assert {split["name"]: int(split["shardLengths"][0]) for split in made["splits"]} == SPLITS
