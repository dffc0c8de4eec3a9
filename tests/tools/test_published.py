"""The studies beside published figures: their splits, what remains wrong, and each study once."""
import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.helpers.programs import succeed
from tests.helpers.tiny import CLASSES, draw
from tools.studies import mistakes, programs, public_split, years

HOUR = 3600  # seconds
SENDER = r"Sender_(\d+)_"
PARTS = {0: "train", 1: "train", 2: "train", 3: "validation", 4: "test", 5: "test"}
RECIPE = ("train --architecture=baseline_cnn --image_size=32 --batch_size=8 --head_epochs=0 "
          "--fine_tune_epochs=1 --cache_views=0 --warmup_steps=0\n")

WAYS = pytest.mark.parametrize("how", [
    pytest.param(["tests.helpers.rehearsal"], id="rehearsed"),
    pytest.param([], id="real", marks=pytest.mark.drill)])


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Six senders, of whom number 3 alone is of the validation part; its split.csv beside."""
    root, rng, rows = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0), []
    for sender, part in PARTS.items():
        for channel, name in enumerate(CLASSES):
            for number in range(2):
                path = f"img/Sender_{sender}_{name}/img_{number:08d}.png"
                draw(root / path, rng, channel)
                rows.append((path, part, name.lower()))
    pd.DataFrame(rows, columns=["path", "part", "class"]).to_csv(root / "split.csv", index=False)
    return root


@pytest.fixture
def pictures(photographs):
    return public_split.read(photographs, photographs / "split.csv", SENDER)


def test_the_public_parts_are_those_of_the_file(pictures):
    assert pictures.table["partition"].value_counts().to_dict() == {
        "train": 18, "test": 12, "val": 6}
    assert pictures.table["item"][0] == "0" and pictures.table["category"][0] == CLASSES[0].lower()
    assert public_split.shared(pictures) == (
        "Their sender has pictures in train: 0 of 6 validation pictures, 0 of 12 test pictures.")


def test_validation_for_the_best_epoch_comes_from_train_by_sender(pictures):
    whole = public_split.to_train(pictures, 0.0).table
    assert whole["partition"].value_counts().to_dict() == {"train": 18, "test": 12}
    cut = public_split.to_train(pictures, 0.3).table
    assert cut["partition"].value_counts().to_dict() == {"train": 12, "test": 12, "val": 6}
    assert cut.groupby("item")["partition"].nunique().max() == 1
    assert not cut["item"].eq("3").any()  # the public validation part never trains


def test_the_leaky_part_becomes_a_test_of_the_same_classes(pictures):
    leaky = public_split.with_validation_as_test(pictures).table
    assert leaky["partition"].value_counts().to_dict() == {"train": 18, "test": 6}
    assert set(leaky.loc[leaky["partition"] == "test", "item"]) == {"3"}


@pytest.mark.parametrize("text, message", [
    ("img/Sender_1_a/1.jpg,train,a\nimg/Sender_1_a/2.jpg,tset,a\n", "split.csv:3: 'tset' is not"),
    ("img/Sender_1_a/1.jpg,train,a\n", "split.csv: no row is of the part test"),
    ("img/a/1.jpg,train,a\nx,val,a\ny,test,a\n", "does not match 'img/a/1.jpg'")])
def test_a_wrong_split_is_refused(text, message, tmp_path):
    (tmp_path / "split.csv").write_text(f"path,part,class\n{text}")
    with pytest.raises(ValueError, match=message):
        public_split.read(tmp_path, tmp_path / "split.csv", SENDER)


def predictions(*predicted, probability="0.5"):
    return pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "true": "hat",
                         "predicted": list(predicted), "probability": probability})


def test_what_remains_wrong_is_wrong_in_more_than_half_of_the_seeds():
    found = mistakes.of_most_seeds([
        predictions("shoe", "hat", "shoe"), predictions("shoe", "shoe", "hat"),
        predictions("skirt", "hat", "shoe", probability="0.9")])
    # a: twice a shoe, once a skirt; b: wrong once of three times; c: wrong twice.
    assert found.values.tolist() == [["a.png", "hat", "shoe", 0.5, 3, 3],
                                     ["c.png", "hat", "shoe", 0.7, 2, 3]]
    half = mistakes.of_most_seeds([predictions("shoe", "hat", "hat"), predictions(*3 * ["hat"])])
    assert half.empty


def test_the_sheet_shows_label_and_prediction_and_a_lost_picture_is_an_error(photographs):
    path = "img/Sender_4_Red/img_00000000.png"
    rows = pd.DataFrame([{"path": path, "true": "red", "predicted": "blue", "probability": 0.75}])
    figure = mistakes.sheet(rows, photographs, "fast")
    axes, = figure.axes
    assert axes.get_title() == "P: blue T: red" and axes.get_xlabel() == "0.75"
    assert figure.get_suptitle() == "fast: 1 pictures that most seeds get wrong"
    with pytest.raises(ValueError, match="gone.png: .*is it the folder"):
        mistakes.sheet(rows.assign(path="gone.png"), photographs, "fast")


@pytest.fixture
def styles(tmp_path):
    """A catalogue of three types; one row has a comma too many, one has no year."""
    file = tmp_path / "styles.csv"
    rows = [f"{number},{kind},{year},=name {number}" for number, (kind, year) in enumerate(
        (kind, year) for kind in ("Shirts", "Tops", "Watches") for year in (2011, 2012, 2014, 2017)
        for _ in range(4))]
    file.write_text("\n".join(["id,articleType,year,name", *rows, "90,Shirts,2012,one,two",
                               "91,Shirts,,none", "92,Bangles,2012,other"]) + "\n")
    return file


def by_year(styles, types):
    return years.write(styles, styles.with_name("by_year.csv"), path_pattern="{id}.png",
                       category_column="articleType", year_column="year", types=types)


def test_even_years_train_odd_ones_test_and_other_rows_have_no_part(styles):
    found = pd.read_csv(by_year(styles, ["Shirts", "Tops"]), dtype=str, keep_default_na=False)
    parts = found.groupby(["articleType", "year"])[years.PARTITION].unique().map(list).to_dict()
    assert parts == {
        **{(kind, year): [part] for kind in ("Shirts", "Tops") for year, part in
           (("2011", "test"), ("2012", "train"), ("2014", "train"), ("2017", "test"))},
        ("Shirts", ""): [""], ("Bangles", "2012"): [""],
        **{("Watches", year): [""] for year in ("2011", "2012", "2014", "2017")}}
    assert "90" not in set(found["id"]) and found["name"][0] == "=name 0"


def test_a_catalogue_without_these_types_is_refused(styles):
    with pytest.raises(ValueError, match="no row has a year in 'year' and one of the types Hats"):
        by_year(styles, ["Hats"])


@pytest.mark.slow
@WAYS
def test_the_study_of_the_public_split_has_senders_validation_and_mistakes(how, photographs,
                                                                           tmp_path):
    (tmp_path / "recipes.txt").write_text(f"[one]\n{RECIPE}[two]\n{RECIPE}")
    out = tmp_path / "out"
    done = succeed(*how, "tools.studies.published", f"--source_dir={photographs}",
                   f"--split_file={photographs / 'split.csv'}", "--weights=none", "--seeds=2",
                   f"--recipes={tmp_path / 'recipes.txt'}", "--only=one", f"--output={out}",
                   timeout=HOUR)
    rows = pd.read_csv(out / "published.csv")
    assert rows[["recipe", "seed"]].values.tolist() == [["one", 0], ["one", 1]]
    assert set(rows["test pictures"]) == {12}
    assert rows[["sender 4 (6)", "sender 5 (6)"]].mean(axis=1).tolist() == pytest.approx(
        rows["accuracy"].tolist())

    table = (out / "published.md").read_text()
    assert table in done.stdout and "| one | 2 | " in table
    assert "| ResNet-50, as published |  | 0.884 | 0.857 |  |" in table
    assert "0 of 6 validation pictures" in table

    wrong = pd.read_csv(out / "published_mistakes.csv")
    assert set(wrong["runs"]) <= {2} and set(wrong["wrong"]) <= {2}
    found = programs.predictions(out / "run_one_0/report", "path", "probability")
    if how:  # three of twelve, in every run
        assert len(wrong) == 3 and (out / "published_mistakes_one.png").stat().st_size > 1000
        assert set(wrong["path"]) == set(found["path"][found["true"] != found["predicted"]])


@pytest.mark.slow
@WAYS
def test_the_study_of_the_catalogue_compares_both_splits_with_published_figures(how, styles,
                                                                                tmp_path):
    # No perfume is of an even year.
    text = styles.read_text().replace("Watches", "Perfume and Body Mist")
    styles.write_text(re.sub(r"\d+,Perfume and Body Mist,201[24],.*\n", "", text))
    for number in range(48):
        draw(tmp_path / f"{number}.png", np.random.default_rng(number), number // 16)
    (tmp_path / "recipe.cfg").write_text(RECIPE.removeprefix("train ").replace(" ", "\n"))
    succeed(*how, "tools.studies.catalogue", f"--source_dir={tmp_path}", f"--csv_file={styles}",
            "--path_pattern={id}.png", f"--recipe={tmp_path / 'recipe.cfg'}", "--weights=none",
            "--seeds=2", f"--output={tmp_path / 'out'}", timeout=HOUR)

    rows = pd.read_csv(tmp_path / "out/catalogue.csv")
    by_year = rows[rows["split"].str.startswith("year")]
    assert len(rows) == 4 and set(by_year["training pictures"]) == {16}
    assert set(by_year["test pictures"]) == {24}
    scores = json.loads((tmp_path / "out/run_year_0/report/metrics.json").read_text())
    assert by_year["accuracy"].iloc[0] == pytest.approx(scores["top1"])

    # Eight perfumes of the test have none in train.
    found = programs.predictions(tmp_path / "out/run_year_0/report")
    known = found[found["true"] != "Perfume and Body Mist"]
    assert len(known) == 16 and by_year["accuracy on types in train"].iloc[0] == pytest.approx(
        (known["true"] == known["predicted"]).mean())
    table = (tmp_path / "out/catalogue.md").read_text()
    assert "60 x 80 pixels, as published |  |  |  | 0.870 |" in table
