"""Promises of `python -m fashionclf.search`, kept by the program and by what it is made of."""
import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import engines, search_index, search_sheet, visual_search
from fashionclf.pictures import catalogue
from fashionclf.pictures import files as picture_files
from fashionclf.records.input_pipeline import Records
from fashionclf.system.csv_files import Form
from tests.helpers.programs import start
from tests.helpers.tiny import CLASSES, make_records, make_spec, save_run

pytestmark = pytest.mark.slow  # networks are built and run

pytest.importorskip("faiss", reason="fashionclf[search] is missing")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"), make_spec()).folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Four noisy pictures of each of three colours, and a row for each in a CSV."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    rows = ["file,kind,sku"]
    for label, name in enumerate(CLASSES):
        for number in range(4):
            pixels = rng.integers(0, 60, (40, 40, 3))
            pixels[..., label] += 190
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}{number}.png")
            rows.append(f"{name}{number}.png,{name},{name}-sku")
    (folder / "shop.csv").write_text("\n".join([*rows, "absent.png,Red,x\n"]))
    return folder


@pytest.fixture(scope="module")
def describer(run_dir):
    return visual_search.Describer(engines.load(run_dir, "tensorflow"), batch_size=5)


@pytest.fixture
def listed(shop, describer):
    pictures, table, _ = catalogue.read(shop / "shop.csv", Form(path_column="file"),
                                        source_dir=None)
    known = [{"path": row.file, "class": row.kind, "item": row.sku} for row in table.itertuples()]
    return pictures, known


def described(describer, words):
    pictures, _ = picture_files.find(words)
    return describer.files(pictures, [{"path": picture.path} for picture in pictures])


def index_of(known, folder, **facts):
    search_index.write(folder, known.features, known.rows, facts=facts)
    return search_index.read(folder)


def test_neighbours_are_pictures_of_the_same_colour_and_never_the_query(
        shop, describer, listed, tmp_path):
    index = index_of(describer.files(*listed), tmp_path / "index", root=str(shop))
    words = [str(shop / f"{name}.png") for name in ("Red1", "absent", "Blue0")]
    queries = described(describer, words)
    found = visual_search.answers(index, queries, 3)
    assert list(found.columns) == [*visual_search.COLUMNS, "place"]
    red = found[found["query"] == words[0]]
    assert sorted(red["path"]) == ["Red0.png", "Red2.png", "Red3.png"]
    assert red["rank"].tolist() == [1, 2, 3] and set(red["class"]) == {"Red"}
    assert (red["similarity"].diff()[1:] <= 0).all() and red["similarity"].between(0.9, 1).all()
    assert set(red["item"]) == {"Red-sku"} and red["predicted"].isin(CLASSES).all()
    assert found["query"].tolist() == [words[0]] * 3 + [words[2]] * 3 + [words[1]]
    assert found["error"].tolist()[-1] == "missing file" and found["error"][:-1].isna().all()

    figure = search_sheet.sheet(index, queries.rows, found, describer.engine.spec)
    titles = [axes.get_title().split("\n") for axes in figure.axes]
    assert len(titles) == 2 * 4 and titles[0][0] == "Red1.png"
    assert titles[0][1] == f"predicted {queries.rows[0]['predicted']}"
    assert titles[1] == ["Red", f"{red['similarity'].iloc[0]:.3f}", red["path"].iloc[0]]
    for axes, label in ((figure.axes[0], 0), (figure.axes[3], 0), (figure.axes[7], 2)):
        assert axes.images[0].get_array().mean(axis=(0, 1)).argmax() == label


def test_a_picture_that_is_gone_is_said_on_the_sheet(shop, describer, listed, tmp_path):
    index = index_of(describer.files(*listed), tmp_path / "index", root=str(tmp_path))
    queries = described(describer, [str(shop / "Red1.png")])
    figure = search_sheet.sheet(index, queries.rows, visual_search.answers(index, queries, 2),
                                describer.engine.spec)
    assert [len(axes.images) for axes in figure.axes] == [1, 0, 0]
    assert figure.axes[1].texts[0].get_text() == "missing file"


def test_pictures_are_named_by_as_much_of_their_path_as_tells_them_apart(
        shop, describer, listed, tmp_path):
    for paths, named in [
            (["x/a/front.jpg", "x/a/back.jpg"], ["front.jpg", "back.jpg"]),
            (["x/a/front.jpg", "x/b/front.jpg", "back.jpg", "x/b/front.jpg"],
             ["a/front.jpg", "b/front.jpg", "back.jpg"]),
            (["front.jpg", "a/front.jpg", "/a/front.jpg"],
             ["front.jpg", "a/front.jpg", "/a/front.jpg"]), ([], [])]:
        assert list(search_sheet.short_names(paths).values()) == named
    for folder in ("one", "two_of_a_long_name_"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "front.png").write_bytes((shop / "Red1.png").read_bytes())
    index = index_of(described(describer, [str(tmp_path / "one")]), tmp_path / "index", root="/")
    queries = described(describer, [str(tmp_path / "two_of_a_long_name_")])
    figure = search_sheet.sheet(index, queries.rows, visual_search.answers(index, queries, 2),
                                describer.engine.spec)
    titles = [axes.get_title().split("\n") for axes in figure.axes]
    assert titles[0][:2] == ["two_of_a_long_name_/", "front.png"]
    assert titles[1][2] == "one/front.png"


def test_an_index_without_predicted_classes_shows_none(shop, describer, listed, tmp_path):
    known = describer.files(*listed)
    for row in known.rows:
        del row["predicted"], row["class"]
    index = index_of(known, tmp_path / "index", root=str(shop))
    queries = described(describer, [str(shop / "Red1.png")])
    figure = search_sheet.sheet(index, queries.rows, visual_search.answers(index, queries, 2),
                                describer.engine.spec)
    similarity, name = figure.axes[1].get_title().split("\n")
    assert float(similarity) > 0.9 and name.startswith("Red")


def test_pictures_of_records_are_described_as_files_and_shown_from_the_records(
        describer, tmp_path):
    records_dir = make_records(tmp_path, per_class={"train": 2, "test": 1})
    records = Records.open(records_dir, describer.engine.spec.framing)
    known = describer.records(records, ["train", "test"])
    assert [row["split"] for row in known.rows] == ["train"] * 6 + ["test"] * 3
    index = index_of(known, tmp_path / "index", root=None, records=str(records_dir),
                     box_margin=0.0)
    for row, features in zip(known.rows, known.features):
        assert row["class"] == row["item"].rpartition("_")[2]
        again = described(describer, [str(tmp_path / "source" / row["path"])])
        np.testing.assert_allclose(again.features[0], features, rtol=1e-4, atol=1e-3)
    found = visual_search.answers(index, again, 2)  # the last, which has no path to be known by
    assert found["similarity"][0] == pytest.approx(1, abs=1e-5)
    figure = search_sheet.sheet(index, again.rows, found, describer.engine.spec)
    assert (figure.axes[1].images[0].get_array() == figure.axes[0].images[0].get_array()).all()
    with pytest.raises(ValueError, match="its split 'validation' is empty"):
        describer.records(records, ["validation"])


def test_saved_features_are_taken_where_they_are_of_these_pictures_by_this_run(
        describer, listed, tmp_path):
    pictures, known = listed
    computed = describer.files(pictures, known)
    lacking = np.full((1, engines.num_features(describer.engine)), np.nan, np.float32)
    saved = np.vstack([computed.features, lacking])
    np.save(tmp_path / "e.npy", saved)
    found = describer.saved(tmp_path / "e.npy", pictures, known)
    np.testing.assert_array_equal(found.features, computed.features)
    assert found.rows == known[:-1]  # the class that was predicted isn't among the features
    assert found.unusable[0]["path"] == "absent.png" and "NaN in" in found.unusable[0]["reason"]
    for wrong, message in ((saved[:-1], "has shape"), (saved[:, :-1], "has shape"),
                           (saved[[*range(4, 12), *range(4), 12]], "not the features of")):
        np.save(tmp_path / "e.npy", wrong)
        with pytest.raises(ValueError, match=message):
            describer.saved(tmp_path / "e.npy", pictures, known)
    (tmp_path / "e.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match="not a complete .npy file"):
        describer.saved(tmp_path / "e.npy", pictures, known)


def search(*words, **options):
    return start("fashionclf.search", *words, **options)


def test_a_catalogue_is_built_and_queried_from_the_command_line(run_dir, shop, tmp_path):
    index = tmp_path / "index"
    common = [f"--run={run_dir}", f"--index={index}"]
    built = search("build", *common, f"--csv_file={shop / 'shop.csv'}", "--path_column=file",
                   "--class_column=kind", "--item_column=sku", fresh=True)
    assert built.returncode == 1 and "12 pictures, exact search" in built.stdout
    assert "left out: absent.png: missing file" in built.stderr
    facts = json.loads((index / "index.json").read_text())
    assert facts["unusable"] == [{"path": "absent.png", "reason": "missing file"}]

    asked = search("query", *common, "--k=3", f"--sheet={tmp_path / 'sheet.png'}", "Red1.png",
                   cwd=shop)
    assert asked.returncode == 0, asked.stderr
    rows = list(csv.DictReader(io.StringIO(asked.stdout)))
    assert sorted(row["path"] for row in rows) == ["Red0.png", "Red2.png", "Red3.png"]
    assert rows[0]["rank"] == "1" and rows[0]["error"] == "" and 0.9 < float(
        rows[0]["similarity"]) <= 1
    assert Image.open(tmp_path / "sheet.png").size[0] > 500

    (tmp_path / "other").mkdir()
    save_run(tmp_path / "other", make_spec())
    other = search("query", f"--run={tmp_path / 'other'}", f"--index={index}", shop / "Red1.png")
    assert other.returncode == 1 and "was built with another model" in other.stderr
