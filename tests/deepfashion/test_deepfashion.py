"""The TFDS builder: agreement with build_tfrecords, what it says and refuses, its command."""
import json
import shutil
from importlib.util import find_spec

import pytest
import tensorflow_datasets as tfds

from fashionclf.deepfashion.deepfashion_dataset_builder import CLASSES
from fashionclf.records import shards
from tests.helpers.deepfashion_tree import BESIDE, DAMAGED, SPLITS, lay
from tests.helpers.programs import start


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return lay(tmp_path_factory.mktemp("deepfashion"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, tree):
    """Where tfds.load built the data set."""
    folder = tmp_path_factory.mktemp("tfds")
    tfds.load("deepfashion", data_dir=folder, download_and_prepare_kwargs={
        "download_config": tfds.download.DownloadConfig(manual_dir=tree)})
    return folder


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
def test_tfds_and_build_tfrecords_agree_record_by_record(tmp_path, tree, data_dir):
    built = start("fashionclf.build_tfrecords", f"--source_dir={tree}", "--split=official",
                  f"--records={tmp_path / 'records'}")
    assert built.returncode == 0, built.stderr
    ours = tfds.builder_from_directory(tmp_path / "records")
    theirs = tfds.builder("deepfashion", data_dir=data_dir)
    assert content(ours) == content(theirs)
    assert ours.info.features.to_json() == theirs.info.features.to_json()
    assert theirs.info.features["label"].names == CLASSES


def test_what_is_left_out_or_repaired_is_named_in_the_metadata(data_dir):
    info = tfds.builder("deepfashion", data_dir=data_dir).info
    assert list(info.metadata["left_out"]) == [DAMAGED]
    assert info.metadata["repaired"] == {BESIDE: "box cut at the border of the picture"}


def test_pictures_are_stored_as_found_with_their_class_and_box(tree, data_dir):
    train = content(tfds.builder("deepfashion", data_dir=data_dir))["train"]
    assert train[BESIDE.encode()] == ((tree / BESIDE).read_bytes(), CLASSES.index("Dress"), "Dress",
                                      b"img/Warm_Dress", [2, 3, 18, 20])


def test_description_citation_and_licence_are_there(tmp_path):
    info = tfds.builder("deepfashion", data_dir=tmp_path).info
    assert "289,222" in info.description and "own partition" in info.description
    assert "@inproceedings{liu2016deepfashion" in info.citation and "2016" in info.citation
    assert "non-commercial research" in info.redistribution_info.license
    assert info.supervised_keys == ("image", "label")
    assert info.features.to_json() == shards.schema(CLASSES).to_json()


def prepare(tree, data_dir):
    tfds.builder("deepfashion", data_dir=data_dir).download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=tree))


def test_a_tree_of_other_categories_is_refused(tmp_path, tree):
    other = tmp_path / "other"
    shutil.copytree(tree / "Anno_coarse", other / "Anno_coarse")
    shutil.copytree(tree / "Eval", other / "Eval")
    names = other / "Anno_coarse/list_category_cloth.txt"
    names.write_text(names.read_text().replace("Anorak", "Cloak"))
    with pytest.raises(ValueError, match="'Cloak' is not a category of DeepFashion"):
        prepare(other, tmp_path / "data")


def test_lists_without_pictures_are_refused(tmp_path, tree):
    for folder in ("Anno_coarse", "Eval"):
        shutil.copytree(tree / folder, tmp_path / "lists" / folder)
    with pytest.raises(ValueError, match="no picture can be used.*missing file.*img/ unpacked"):
        prepare(tmp_path / "lists", tmp_path / "data")


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
    built = start("tensorflow_datasets.scripts.cli.main", "build", *words, f"--manual_dir={tree}",
                  f"--data_dir={tmp_path}", fresh=True)
    assert built.returncode == 0, built.stderr
    made = json.loads((tmp_path / "deepfashion/1.0.0/dataset_info.json").read_text())
    assert {split["name"]: int(split["shardLengths"][0]) for split in made["splits"]} == SPLITS
