"""Every kind of tools.bad_pictures has its stated fate in build, training and prediction."""
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.pictures import inspection, loading
from fashionclf.system import cells
from fashionclf.system.files import PICTURE_SUFFIXES
from tests.helpers.programs import ROOT, start, succeed
from tests.helpers.tiny import frame, make_spec, save_run
from tools.bad_pictures import fates, places
from tools.bad_pictures.kinds import BY_BYTES, USED

opened: list[str] = []
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)


@pytest.fixture(scope="module")
def corpus():
    """The source folder, and the kinds of pictures in it, in a folder that nobody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield places.write_corpus(Path(folder))


@pytest.fixture(scope="module")
def seen(corpus):
    """(kind, fate in the build, fate in predict, MB of memory) of each kind; files then opened."""
    source, kinds = corpus
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "1")
        fates.fates(source, kinds[0])
        opened.clear()
        rows = [(kind, *fates.fates(source, kind)) for kind in kinds]
        return rows, [os.path.realpath(file) for file in opened if isinstance(file, (str, bytes))]


def test_there_are_more_than_30_kinds_each_in_a_place_of_its_own():
    kinds = [*BY_BYTES, *places.by_place(Path("/elsewhere/outside.jpg"))]
    assert len({kind.path for kind in kinds}) == len(kinds) > 30


@pytest.mark.slow
def test_every_kind_has_its_fate_in_build_and_predict_alike_in_bounded_memory_as_docs_state(
        corpus, seen):
    for kind, build, predict, peak in seen[0]:
        assert build.startswith(kind.fate) and predict == build, kind.path
        assert peak < fates.BOUND_MB, kind.path

    written = (ROOT / "docs/bad_pictures.md").read_text(encoding="utf-8").splitlines()
    outside = str(corpus[0].parent)
    rows = [fates.table_row(*row, outside=outside).rpartition(" | ")[0] for row in seen[0]]
    assert rows == [line.rpartition(" | ")[0] for line in written if line.startswith("| `")]


@pytest.mark.slow
def test_nothing_outside_the_source_folder_is_opened(corpus, seen):
    source = os.path.realpath(corpus[0])
    pictures = [file for file in seen[1] if file.lower().endswith(PICTURE_SUFFIXES)]
    assert f"{source}/Tee/plain.jpg" in pictures
    assert all(file.startswith(source + os.sep) for file in pictures)


@pytest.mark.slow
def test_training_decodes_what_is_used_to_the_pixels_of_predict(corpus):
    source, kinds = corpus
    used = [kind for kind in kinds if kind.fate == USED and "/largest." not in kind.path]
    files = [picture_files.Picture(path=str(source / kind.path), root=str(source)) for kind in used]
    encoded = tf.data.Dataset.from_generator(
        lambda: (inspection.recordable((source / kind.path).read_bytes()) for kind in used),
        output_signature=tf.TensorSpec([], tf.string))
    trained = encoded.map(lambda picture: decoding.load(picture, decoding.NO_BOX, frame()))
    predicted = loading.load_all(files, framing=frame(), ahead=1)
    for kind, image, (_, found) in zip(used, trained, predicted, strict=True):
        assert np.isfinite(image).all(), kind.path
        assert np.abs(image - found).max() < (1.01 if "cmyk" in kind.path or "ycck" in kind.path
                                              else 0.01), kind.path


def listed(kinds):
    """Path -> fate of what a program, run by the same user, finds in the source folder."""
    return {kind.path: kind.fate for kind in kinds
            if kind.listed and not (kind.path == places.UNREADABLE and os.geteuid() == 0)}


@pytest.mark.slow
def test_a_build_over_all_kinds_keeps_what_is_used_and_lists_the_rest(corpus, tmp_path):
    source, kinds = corpus
    succeed("fashionclf.build_tfrecords", "--source=folder", f"--source_dir={source}",
            f"--records={tmp_path / 'r'}")
    manifest = json.loads((tmp_path / "r/manifest.json").read_text())
    assert manifest["rows_read"] == manifest["written"] + manifest["quarantined"] + sum(
        manifest["dropped"].values())

    dropped = pd.read_csv(tmp_path / "r/dropped.csv").set_index("path")["reason"]
    assert dropped["Coat/linked/"].startswith("link to the folder ")

    stated = listed(kinds)
    reasons = pd.read_csv(tmp_path / "r/quarantine.csv").set_index("path")["reason"]
    refused = {cells.safe(path): fate for path, fate in stated.items() if fate != USED}
    assert set(reasons.index) - {places.UNREADABLE} == set(refused)
    assert all(reasons[path].startswith(fate) for path, fate in refused.items())

    stored = tfds.builder_from_directory(tmp_path / "r").as_dataset(
        decoders={"image": tfds.decode.SkipDecoding()})
    paths = [record["path"].numpy().decode() for part in stored.values() for record in part]
    assert sorted(set(paths) - {places.UNREADABLE}) == sorted(
        path for path, fate in stated.items() if fate == USED)
    assert len(paths) == len(set(paths)) == manifest["written"]


@pytest.mark.slow
def test_predict_over_all_kinds_has_an_error_for_exactly_those_that_a_build_refuses(
        corpus, tmp_path):
    source, kinds = corpus
    save_run(tmp_path / "run", make_spec(classes=["Coat", "Tee"]))
    done = start("fashionclf.predict", f"--run={tmp_path / 'run'}",
                 f"--output={tmp_path / 'found.csv'}", source)
    assert done.returncode == 1, done.stderr
    rows = pd.read_csv(tmp_path / "found.csv", index_col="path", keep_default_na=False)

    stated = listed(kinds) | {"Coat/linked": "cannot be read: link to the folder "}
    assert set(rows.index) - {f"{source}/{places.UNREADABLE}"} == {
        cells.safe(f"{source}/{path}") for path in stated}
    for path, fate in stated.items():
        row = rows.loc[cells.safe(f"{source}/{path}")]
        assert bool(row["class"]) == (fate == USED), path
        assert row["error"].startswith(fate.removeprefix(USED)), path
