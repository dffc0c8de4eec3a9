"""The Python interface: the same answer for a picture in any form, and a reason for a bad one."""
import inspect
import io
import pathlib
import typing

import numpy as np
import pytest
from PIL import Image

import fashionclf
from fashionclf import Classifier, Prediction, read_records
from fashionclf.deployment import engines
from fashionclf.pictures import files as picture_files
from tests.helpers.tiny import CLASSES, frame, make_records, make_spec, save_run


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    spec = make_spec(framing=frame(32, 0.1), mirrored=True, temperature=0.5)
    return save_run(tmp_path_factory.mktemp("run"), spec).folder


@pytest.fixture(scope="module")
def classifier(run_dir):
    return Classifier.load(run_dir)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture that is turned by its EXIF orientation."""
    file = tmp_path_factory.mktemp("photo") / "photo.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, exif=exif)
    return file


def test_a_picture_has_one_answer_in_every_form(classifier, photo):
    upright = np.rot90(np.asarray(Image.open(photo)), -1)
    forms = [photo, str(photo), photo.read_bytes(), Image.open(photo), upright]
    expected = classifier(photo)
    assert expected.path == str(photo) and expected.error is None
    for form, found in zip(forms, classifier(forms), strict=True):
        assert np.allclose(found.probabilities, expected.probabilities, atol=1e-5), type(form)
        assert np.allclose(classifier(form).probabilities, expected.probabilities, atol=1e-5)
    assert np.allclose(classifier.embed(forms), classifier.embed(photo), atol=1e-4)


def test_the_answer_is_that_of_the_model_with_mirror_image_temperature_and_framing(
        run_dir, classifier, photo):
    pictures, _ = picture_files.find([str(photo)])
    (_, expected, features), = next(engines.load(run_dir).predict_batches(pictures, batch_size=1))
    assert np.allclose(classifier(photo).probabilities, expected, atol=1e-6)
    assert np.allclose(classifier.embed(photo), features, atol=1e-4)
    assert classifier.classes == tuple(CLASSES) and classifier.engine == "tensorflow"


def test_a_prediction_names_the_most_probable_classes(classifier, photo):
    found = classifier(photo, top=2)
    best = np.argsort(-found.probabilities)
    assert [name for name, _ in found.top] == [CLASSES[i] for i in best[:2]]
    assert found.label == CLASSES[best[0]]
    assert found.probability == pytest.approx(found.probabilities.max())
    assert found.probabilities.sum() == pytest.approx(1)


BAD = [(b"GIF", "not a picture"), ("absent.jpg", "missing file"),
       (np.zeros((4, 4, 3)), "float64"), (np.zeros((4, 0, 3), np.uint8), "uint8"),
       (Image.new("I", (4, 4)), "32 bits per pixel")]


@pytest.mark.parametrize("picture, reason", BAD, ids=["bytes", "path", "float", "empty", "wide"])
def test_a_bad_picture_is_an_error_in_its_row_and_alone_an_exception(
        classifier, photo, picture, reason):
    good, bad = classifier([photo, picture])
    assert good.label and bad.label is bad.probability is bad.probabilities is None
    assert reason in bad.error
    with pytest.raises(ValueError, match=reason):
        classifier(picture)
    rows = classifier.embed([picture, photo])
    assert np.isnan(rows[0]).all() and np.isfinite(rows[1]).all()
    with pytest.raises(ValueError, match=reason):
        classifier.embed(picture)


def test_what_is_no_picture_at_all_is_a_type_error(classifier):
    with pytest.raises(TypeError, match="a path, bytes, a PIL image or an array"):
        classifier(7)


def test_no_pictures_have_no_answers(classifier):
    assert classifier([]) == [] and classifier.embed([]).shape[0] == 0


def test_a_stream_reads_files_and_folders_in_order(classifier, photo, tmp_path):
    for name in "cab":
        Image.new("RGB", (9, 9)).save(tmp_path / f"{name}.png")
    found = list(classifier.stream([photo, tmp_path, "absent.jpg"], batch_size=2))
    assert [pathlib.Path(row.path).name for row in found] == [
        "photo.png", "a.png", "b.png", "c.png", "absent.jpg"]
    assert [bool(row.error) for row in found] == [False] * 4 + [True]
    assert [row.path for row in classifier.stream(tmp_path)] == [
        str(tmp_path / f"{name}.png") for name in "abc"]


@pytest.mark.parametrize("model, options, error, reason", [
    ("fashion_b9", {}, FileNotFoundError, "fashion_b9.*released models: fashion_b0"),
    ("fashion_b0", {"engine": "torch"}, ValueError, "'torch' is not one of auto, tensorflow")])
def test_a_wrong_name_is_told_with_those_that_are_right(model, options, error, reason):
    with pytest.raises(error, match=reason):
        Classifier.load(model, **options)


@pytest.mark.slow
def test_the_released_model_is_loaded_by_its_name_from_any_folder(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(Classifier.load("fashion_b0").classes) == 17
    assert Classifier.load().engine == "litert"


@pytest.mark.slow
def test_records_are_read_with_class_item_split_and_pixels(tmp_path):
    records_dir = make_records(tmp_path, per_class={"train": 2, "test": 1})
    found = list(read_records(records_dir))
    assert [record.split for record in found] == ["train"] * 6 + ["test"] * 3
    assert {record.label for record in found} == set(CLASSES)
    for record in found:
        assert record.path.startswith(record.item) and record.bbox is None
        assert np.array_equal(record.pixels(), np.asarray(Image.open(io.BytesIO(record.encoded))))
    assert len(list(read_records(records_dir, ("test",)))) == 3
    with pytest.raises(ValueError, match="validation"):
        list(read_records(records_dir, ("validation",)))


SURFACE = {
    "Classifier": {"load": "(model='fashion_b0', *, engine='auto')", "classes": None,
                   "engine": None, "__call__": "(self, pictures, *, top=3)",
                   "embed": "(self, pictures)", "stream": "(self, paths, *, top=3, batch_size=32)"},
    "Prediction": {"path": None, "top": None, "probabilities": None, "error": None, "label": None,
                   "probability": None},
    "Record": {"split": None, "path": None, "label": None, "item": None, "bbox": None,
               "encoded": None, "pixels": "(self)"},
    "read_records": "(folder, splits=None)",
}


def bare(function):
    """The signature without annotations."""
    signature = inspect.signature(function)
    return str(signature.replace(
        return_annotation=inspect.Signature.empty,
        parameters=[parameter.replace(annotation=inspect.Parameter.empty)
                    for parameter in signature.parameters.values()]))


def test_the_public_interface_does_not_change_by_accident():
    """A change of this table is a change for users: say so in CHANGELOG.md."""
    assert sorted(fashionclf.__all__) == sorted([*SURFACE, "__version__"])
    for name, members in SURFACE.items():
        thing = getattr(fashionclf, name)
        if isinstance(members, str):
            assert bare(thing) == members
            continue
        public = {member for member in [*vars(thing), *typing.get_type_hints(thing)]
                  if not member.startswith("_")} | set(members) & {"__call__"}
        assert public == set(members), name
        for member, signature in members.items():
            if signature:
                assert bare(getattr(thing, member)) == signature
        assert inspect.getdoc(thing)
    assert set(fashionclf.__all__) <= set(dir(fashionclf)) and Prediction.__doc__
