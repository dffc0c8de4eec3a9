"""Each picture is predicted by runs that have not seen its garment."""
import numpy as np
import pandas as pd
import pytest

from fashionclf.curation import trained_runs
from fashionclf.curation.labelled_pictures import Described, LabelledPictures
from fashionclf.evaluation import lineage
from fashionclf.model import spec as specs
from fashionclf.pictures import picture_hashes
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.system import files
from tests.helpers.tiny import make_spec

HASHES = PictureHashes(*(np.random.default_rng(0).integers(0, 256, (4, width), np.uint8)
                         for width in (picture_hashes.DIGEST_BYTES, picture_hashes.HASH_BYTES)))
GARMENTS = np.array([0, 0, 1, 2])


class Trained:
    """An engine of which only the folder is looked at."""

    def __init__(self, folder, classes, seen):
        folder.mkdir()
        self.folder, self.spec = folder, make_spec(classes=classes)
        parts = {"train": PictureHashes(*(values[seen] for values in HASHES)),
                 "validation": PictureHashes()}
        files.write_json(folder / specs.MODEL, {
            **self.spec.as_json(), "weights_sha256": "",
            "hashes_sha256": picture_hashes.write(folder / lineage.HASHES, parts)})


def pictures(*shares, classes=("Coat", "Dress")):
    """Four pictures, which run k predicts as the first class of its own by shares[k]."""
    return LabelledPictures(
        classes=list(classes), table=pd.DataFrame({"path": list("abcd")}), unusable=pd.DataFrame(),
        hashes=HASHES, loaders=dict,
        described=[Described(np.tile([share, 1 - share], (4, 1)), np.eye(4)) for share in shares])


def test_a_run_that_saw_a_garment_predicts_none_of_its_pictures(tmp_path):
    runs = [Trained(tmp_path / "first", ["Coat", "Dress"], [0, 3]),
            Trained(tmp_path / "second", ["Dress", "Coat"], [3])]  # its classes in another order
    found = trained_runs.by_unseen(runs, pictures(0.2, 0.4), GARMENTS)
    assert np.allclose(found[:3, 0], [0.6, 0.6, 0.4])  # picture 1 is of a garment that run 0 saw
    assert np.isnan(found[3]).all()
    with pytest.raises(ValueError, match="each was trained on every garment"):
        trained_runs.by_unseen(runs[:1], pictures(0.2), np.zeros(4, int))


def test_a_run_of_other_classes_is_refused(tmp_path):
    run = Trained(tmp_path / "run", ["Coat", "Skirt"], [0])
    with pytest.raises(ValueError, match="the records lack Skirt; the run does not know Dress"):
        trained_runs.by_unseen([run], pictures(0.2), GARMENTS)


def test_what_the_run_of_the_features_was_trained_on_is_counted(tmp_path):
    seen, strange = (Trained(tmp_path / name, ["Coat", "Dress"], rows)
                     for name, rows in (("seen", [0, 2]), ("strange", [])))
    (line,) = trained_runs.contamination(seen, pictures(0.2))
    assert line.startswith(f"warning: {seen.folder} was trained on 2 of these 4 pictures")
    assert trained_runs.contamination(strange, pictures(0.2)) == []
