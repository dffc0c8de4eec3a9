"""Copies are grouped, the largest is kept, and the result doesn't depend on order or names."""
import hashlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from fashionclf.curation import copies, duplicates
from fashionclf.deployment.descriptions import Descriptions
from fashionclf.pictures.files import Picture
from tests.helpers.textures import texture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six photographs, copies of three of them, and a file that is none."""
    folder = tmp_path_factory.mktemp("shop")
    images = [texture(seed) for seed in range(6)]
    for number, image in enumerate(images):
        image.save(folder / f"p{number}.png")
    (folder / "a_copy_of_p0.png").write_bytes((folder / "p0.png").read_bytes())
    images[0].resize((90, 120)).save(folder / "half_p0.png")
    ImageOps.mirror(images[1]).save(folder / "mirrored_p1.png")
    images[2].crop((0, 12, 162, 240)).save(folder / "cut_p2.png")
    images[2].convert("L").save(folder / "grey_p2.png")
    (folder / "unreadable.png").write_bytes(b"no picture")
    return folder


def described(pictures):
    """Describes by mean colours, in place of a model."""
    digests, errors, features = [], [], []
    for picture in pictures:
        encoded = picture.bytes_or_reason()
        digests.append(hashlib.sha256(encoded).hexdigest())
        try:
            with Image.open(picture.path) as image:
                small = np.asarray(image.convert("RGB").resize((4, 4)), float)
            errors.append(None)
        except OSError:
            small = np.full((4, 4, 3), np.nan)
            errors.append("not a picture")
        features.append((small + small[:, ::-1]).ravel())
    return Descriptions(digests=digests, errors=errors, features=np.array(features, np.float16),
                        probabilities=np.zeros((len(pictures), 2), np.float32))


def find(paths):
    pictures = [Picture(path=str(path), root="/") for path in paths]
    found = duplicates.find(pictures, described(pictures), list(map(str, paths)))
    return found, [(copy.group, paths[copy.number].name, copy.kind) for copy in found.copies]


EXPECTED = [
    (1, "a_copy_of_p0.png", None), (1, "p0.png", "identical"), (1, "half_p0.png", "near-duplicate"),
    (2, "p2.png", None), (2, "grey_p2.png", "recoloured"), (2, "cut_p2.png", "altered"),
    (3, "p1.png", None), (3, "mirrored_p1.png", "mirrored")]


def test_each_kind_of_copy_is_grouped_with_the_one_to_keep(folder):
    found, rows = find(sorted(folder.iterdir()))
    assert {row[1:] for row in rows} == {row[1:] for row in EXPECTED}
    assert [row[0] for row in rows] == [row[0] for row in EXPECTED]
    by_kind = {copy.kind: copy for copy in found.copies}
    assert by_kind[None].keep and by_kind[None].bits is None
    assert (by_kind["identical"].bits, by_kind["identical"].likeness) == (0, 1.0)
    assert by_kind["near-duplicate"].bits <= 32 < by_kind["mirrored"].bits
    assert by_kind["altered"].size[:2] == (162, 228) and 0.8 < by_kind["altered"].likeness < 1
    assert found.unusable == {11: "not a picture"} and found.repeated == 0


def test_the_order_of_the_list_changes_nothing(folder):
    paths = sorted(folder.iterdir())
    assert find(paths[::-1])[1] == find(paths)[1] == find(paths[5:] + paths[:5])[1]


def test_a_file_that_is_named_twice_is_no_copy_of_itself(folder):
    found, rows = find([folder / "p3.png", folder / "." / "p3.png", folder / "p4.png"])
    assert rows == [] and found.repeated == 1
    assert duplicates.summary(found, 3) == (
        "3 pictures: none has a copy; 1 named twice")


@pytest.mark.parametrize("names", [["p3.png"], ["p3.png", "p4.png"], ["unreadable.png"]])
def test_few_pictures_without_copies_give_no_rows(folder, names):
    assert find([folder / name for name in names])[1] == []


def test_identical_files_need_no_likeness(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (60, 60), "white").save(tmp_path / name)
    assert find(sorted(tmp_path.iterdir()))[1] == [(1, "a.png", None), (1, "b.png", "identical")]


def test_a_picture_that_has_changed_since_it_was_described_is_left_out(tmp_path):
    for seed, name in enumerate(["a.png", "b.png"]):
        texture(seed).save(tmp_path / name)
    pictures = [Picture(path=str(path), root="/") for path in sorted(tmp_path.iterdir())]
    before = described(pictures)
    texture(1).save(tmp_path / "a.png")
    found = duplicates.find(pictures, before, ["a.png", "b.png"])
    assert "changed while" in found.unusable[0] and found.copies == []


def test_cards_show_groups_side_by_side_with_the_reason(folder):
    paths = sorted(folder.iterdir())
    found, _ = find(paths)
    pictures = [Picture(path=str(path), root="/") for path in paths]
    shown = list(duplicates.cards(found, pictures, [path.name for path in paths],
                                  described(pictures).digests))
    assert [card.group for card in shown] == ["1", "1", "1", "2", "2", "2", "3", "3"]
    assert shown[0].reasons == ("keep: the largest of 3 copies",)
    assert "the same bytes as" in shown[1].reasons[0] and shown[0].pixels().shape == (240, 180, 3)
    assert len({card.priority for card in shown[:3]}) == 1


def test_the_nearest_by_features_are_those_of_all_cosines(monkeypatch):
    monkeypatch.setattr(copies, "TILE", 16)
    features = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float16)
    unit = features / np.linalg.norm(features.astype(float), axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    expected = {tuple(sorted((i, j))) for i, row in enumerate(cosines)
                for j in np.argsort(-row)[:3]}
    assert set(map(tuple, copies.nearest(features, 3).tolist())) == expected
