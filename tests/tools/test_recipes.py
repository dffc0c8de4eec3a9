"""A recipe file: program calls in order, with places filled in, and wrong lines named."""
from pathlib import Path

import pytest

from tests.helpers.programs import ROOT
from tools import recipes

PLACES = recipes.Places(records=Path("records"), run=Path("work/run"), weights="w.weights.h5",
                        cache=Path("work/cache"), seed=2)
TEXT = """# teachers first
[small one]
train --flagfile=configs/slides_model2.cfg --head_epochs=2

[taught-2]
train --flagfile=configs/slides_model2.cfg --run={run}_teacher --seed={seed}1
train --flagfile=configs/slides_model2.cfg --weights={run}_teacher '--export=litert'
"""


def written(tmp_path, text):
    file = tmp_path / "recipes.txt"
    file.write_text(text)
    return file


def test_every_training_gets_the_places_that_its_line_does_not_name(tmp_path):
    small, taught = recipes.read(written(tmp_path, TEXT))
    assert (small.name, taught.name) == ("small one", "taught-2")
    assert small.commands(PLACES) == [[
        "fashionclf.train", "--flagfile=configs/slides_model2.cfg", "--head_epochs=2",
        "--records=records", "--run=work/run", "--weights=w.weights.h5",
        "--cache_dir=work/cache", "--seed=2"]]
    teacher, student = taught.commands(PLACES)
    assert teacher[2:] == ["--run=work/run_teacher", "--seed=21", "--records=records",
                           "--weights=w.weights.h5", "--cache_dir=work/cache"]
    assert student[2:5] == ["--weights=work/run_teacher", "--export=litert", "--records=records"]


def test_a_training_above_the_first_recipe_has_the_flags_with_which_all_others_begin(tmp_path):
    text = "train --l2=0 --seed=1\n[a]\ntrain --seed=7\n[b]\npredict --run={run}\ntrain\n"
    assert [recipe.calls for recipe in recipes.read(written(tmp_path, text))] == [
        (("train", "--l2=0", "--seed=1", "--seed=7"),),
        (("predict", "--run={run}"), ("train", "--l2=0", "--seed=1"))]


def test_recipes_are_chosen_by_name(tmp_path):
    file = written(tmp_path, TEXT)
    assert [recipe.name for recipe in recipes.read(file, ["taught-2"])] == ["taught-2"]
    with pytest.raises(ValueError, match="no recipe 'large', only small one, taught-2"):
        recipes.read(file, ["large"])


@pytest.mark.parametrize("text, message", [
    ("predict --run=a\n", ":1: 'predict --run=a' stands before"),
    ("train --seed=1\ntrain --seed=2\n", ":2: 'train --seed=2' stands before"),
    ("[a]\ntrain\n[a]\n", r":3: there is a recipe \[a\] above"),
    ("[a]\n[b]\ntrain\n", r"recipe \['a'\] has no program call"),
    ("# nothing\n", "has no recipe"),
    ("[a]\ntrain --run={rnu}\n", ":2: .*{rnu} is none of {records}, {run}"),
    ("[a]\n--flagfile=x.cfg\n", ":2: '--flagfile=x.cfg' is no program"),
    ("[../a]\ntrain\n", r":1: \[../a\] names files too"),
    ("[a]\ntrain 'x\n", ":2: .*No closing quotation")])
def test_a_wrong_line_is_named_with_its_cure(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        recipes.read(written(tmp_path, text))


def test_a_recipe_is_another_one_once_its_calls_or_its_flag_file_change(tmp_path):
    config = tmp_path / "a.cfg"
    config.write_text("--head_epochs=1\n")
    recipe = recipes.Recipe("a", (("train", f"--flagfile={config}"),))
    before = recipe.digest()
    assert recipes.Recipe("b", recipe.calls).digest() == before
    assert recipes.Recipe("a", ((*recipe.calls[0], "--seed=1"),)).digest() != before
    config.write_text("--head_epochs=2\n")
    assert recipe.digest() != before


@pytest.mark.slow
def test_flags_are_checked_before_anything_runs_and_ours_are_right():
    for recipe in recipes.read(ROOT / "configs/recipes_frontier.txt"):
        recipes.check(recipe, PLACES)
    with pytest.raises(ValueError, match="recipe x: (?s:.*)is refused: .*head_epoch"):
        recipes.check(recipes.Recipe("x", (("train", "--head_epoch=1"),)), PLACES)
