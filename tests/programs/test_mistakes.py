"""A mistake in a command gets one line and exit code 1, before TensorFlow is even loaded."""
import os
import re

import pytest

from tests.helpers.programs import ROOT, start_code
from tests.helpers.tiny import make_records

pytestmark = pytest.mark.slow  # each starts a program
PROGRAMS = ["build_tfrecords", "train", "evaluate", "predict", "search", "export"]
AT_EXIT = """
import atexit, runpy, sys
del sys.argv[0]
atexit.register(lambda: print("tensorflow loaded:", "tensorflow" in sys.modules))
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

# Each command starts in a folder that holds empty/, pictures/, records/ and
# records_without_validation/ of three classes, run/ of a finished training, and the files below.
FOLDER = "--source=folder --source_dir=pictures --records=new"
TRAIN = "--records=records --run=new"
PREDICT = "--run=run --output=new.csv"
SEARCH = "--run=run --index=new"
EXPORT = "--run=run --output=new"
MISTAKES = [
    # program, the words after it, what the line names or advises
    ("build_tfrecords", f"{FOLDER} --sorce=folder", "sorce"),
    ("build_tfrecords", f"{FOLDER} stray", "unexpected argument 'stray'"),
    ("build_tfrecords", "--source=zip", "deepfashion"),
    ("build_tfrecords", "--source=folder --records=new", "--source_dir=DIR"),
    ("build_tfrecords", "--source_dir=pictures", "--records=DIR"),
    ("build_tfrecords", "--source_dir=absent --records=new", "absent"),
    ("build_tfrecords", "--source=folder --source_dir=absent --records=new", "absent"),
    ("build_tfrecords", "--source=folder --source_dir=empty --records=new", "contains no pictures"),
    ("build_tfrecords", "--source=folder --source_dir=pictures --records=empty",
     "never overwritten"),
    ("build_tfrecords", f"{FOLDER} --csv_file=absent.csv", "--source=csv"),
    ("build_tfrecords", "--source=csv --csv_file=absent.csv --source_dir=pictures --records=new",
     "absent.csv"),
    ("build_tfrecords", "--source=csv --csv_file=text.txt --source_dir=pictures --records=new "
     "--path_pattern=images/id.jpg", "--path_pattern needs a column in braces"),
    ("build_tfrecords", "--source=csv --csv_file=text.txt --source_dir=pictures --records=new "
     "--path_pattern={id}.jpg --path_column=id", "give one of them"),
    ("build_tfrecords", f"{FOLDER} --csv_separator=:", "--csv_separator is comma"),
    ("build_tfrecords", f"{FOLDER} --csv_encoding=utf-9", "--csv_encoding: unknown encoding"),
    ("build_tfrecords", f"{FOLDER} --classes=absent.txt", "absent.txt"),
    ("build_tfrecords", f"{FOLDER} --classes=text.txt", "there are no pictures of class 'Tee'"),
    ("build_tfrecords", f"{FOLDER} --category_map=absent.csv", "absent.csv"),
    ("build_tfrecords", f"{FOLDER} --test_fraction=0.8 --validation_fraction=0.3",
     "nothing is left for train"),
    ("build_tfrecords", "--verify --records=absent", "absent"),
    ("build_tfrecords", "--source=folder --source_dir=pictures --records=fifo/new",
     "is not a folder"),
    ("build_tfrecords", "--flagfile=absent.cfg", "absent.cfg"),

    ("train", f"{TRAIN} --epochs=3", "epochs"),
    ("train", f"{TRAIN} stray", "unexpected argument 'stray'"),
    ("train", f"{TRAIN} --batch_size=0", "batch_size"),
    ("train", "--records=records --run=text.txt", "text.txt is not a folder"),
    ("train", "--records=records --run=${RUNS}/new", "that no shell has replaced"),
    ("train", f"{TRAIN} --weights=“run”", "remove them"),
    ("train", "--records=records", "--run"),
    ("train", f"{TRAIN} --head_epochs=0 --fine_tune_epochs=0", "--head_epochs"),
    ("train", f"{TRAIN} --calibrate --temperature=2", "--calibrate"),
    ("train", f"{TRAIN} --head=solved --head_epochs=0", "--head_epochs=0 leaves out"),
    ("train", f"{TRAIN} --head=solved --cache_views=0", "--cache_views=0 keeps no features"),
    ("train", f"{TRAIN} --head=solved --architecture=baseline_cnn", "no frozen layers"),
    ("train", f"{TRAIN} --head=solved --weights=run --align=same", "--align names where"),
    ("train", f"{TRAIN} --jit --strategy=mirrored", "--jit compiles the step of one device"),
    ("train", f"{TRAIN} --architecture=baseline_cnn --layer_decay=0.9", "baseline_cnn has none"),
    ("train", "--records=absent --run=new", "build_tfrecords"),
    ("train", "--records=empty --run=new", "build_tfrecords"),
    ("train", "--records=records_without_validation --run=new --calibrate",
     "--validation_fraction above 0"),
    ("train", f"{TRAIN} --weights=absent.weights.h5", "--weights takes"),
    ("train", f"{TRAIN} --weights=none --align=text.txt", "--align starts from the head of a run"),
    ("train", f"{TRAIN} --weights=run --align=absent.csv", "absent.csv"),

    ("evaluate", "--run=run --records=records --splt=test", "splt"),
    ("evaluate", "--run=run --records=records --split=tset", "split"),
    ("evaluate", "--run=run --records=absent", "absent"),
    ("evaluate", "--run=absent --records=records", "absent"),
    ("evaluate", "--run=empty --records=records", "finished training"),
    ("evaluate", "--run=run --records=records --align=absent.csv", "absent.csv"),
    ("evaluate", "--run=run --records=records --output=text.txt/new", "is not a folder"),

    ("predict", PREDICT, "no picture named"),
    ("predict", f"{PREDICT} --form=csv pictures", "form"),
    ("predict", f"{PREDICT} absent.jpg", "absent.jpg: no such file or folder"),
    ("predict", f"{PREDICT} absent.jpg absent", "nor is any other of 2"),
    ("predict", f"{PREDICT} empty", "empty: contains no pictures"),
    ("predict", "--run=absent --output=new.csv pictures", "fashionclf train"),
    ("predict", "--run=empty --output=- pictures", "fashionclf train"),
    ("predict", "--run=run --output=absent/new.csv pictures",
     "name a file in a folder that exists"),
    ("predict", "--run=run --output=new.txt pictures", "takes --format"),
    ("predict", f"{PREDICT} --csv_file=text.txt pictures", "choose one of the three"),
    ("predict", f"{PREDICT} --csv_file=absent.csv", "absent.csv"),
    ("predict", f"{PREDICT} --files_from=text.txt pictures", "choose one of the three"),
    ("predict", f"{PREDICT} --files_from=absent.txt", "absent.txt"),
    ("predict", f"{PREDICT} --files_from=none.txt", "names no pictures"),
    ("predict", "--run=run --output=text.txt --format=csv pictures", "--overwrite"),
    ("predict", "--run=run --output=earlier.csv pictures", "rows of 1 pictures that are not"),
    ("predict", "--run=run --output=fifo --format=xlsx pictures", "needs a plain file"),
    ("predict", "--run=run --output=pictures pictures", "name a file in a folder that exists"),
    ("predict", "--run=run --output=dangling pictures", "it is a link to"),
    ("predict", "--run=run --output=new.jsonl --excel pictures", "--excel is for CSV"),
    ("predict", f"{PREDICT} --embeddings=fifo pictures", "--embeddings=fifo: not a plain file"),
    ("predict", f"{PREDICT} --embeddings=text.txt pictures", "does not belong to new.csv"),
    ("predict", f"{PREDICT} --embeddings=new.csv pictures", "is also the file of --embeddings"),
    ("predict", "--run='run' --output=new.csv pictures", "remove them"),
    ("predict", f"{PREDICT} --flagfile=text.txt pictures", "text.txt:1: 'Tee' isn't a flag"),
    ("predict", "--flagfile=quoted.cfg pictures", "remove them"),
    ("predict", f"{PREDICT} --source_dir=pictures pictures", "goes with --csv_file alone"),
    ("predict", "--run=run --output=- --embeddings=new.npy pictures", "go with rows in a file"),
    ("predict", f"{PREDICT} --embeddings=absent/new.npy pictures", "--embeddings=absent/new.npy"),

    ("search", f"{SEARCH}", "build or query"),
    ("search", f"find {SEARCH}", "build or query"),
    ("search", f"build {SEARCH}", "name one of them"),
    ("search", f"build {SEARCH} --records=records pictures", "name one of them"),
    ("search", f"build {SEARCH} --embeddings=new.npy pictures", "go with the --csv_file"),
    ("search", f"build {SEARCH} --source_dir=pictures pictures", "goes with --csv_file alone"),
    ("search", f"build {SEARCH} --csv_file=absent.csv", "absent.csv"),
    ("search", f"build {SEARCH} --records=absent", "absent"),
    ("search", "build --run=run --index=empty pictures", "overwritten"),
    ("search", "build --run=absent --index=new pictures", "absent"),
    ("search", f"query {SEARCH}", "no picture named"),
    ("search", f"query {SEARCH} --sheet=absent/new.png pictures",
     "--sheet=absent/new.png: name a file in a folder that"),
    ("search", f"query {SEARCH} --output=dangling pictures", "it is a link to"),
    ("search", f"query {SEARCH} --sheet=fifo pictures", "not a plain file"),
    ("search", f"query {SEARCH} --files_from=text.txt pictures", "not both"),
    ("search", "query --run=run --index=absent pictures", "python -m fashionclf.search build"),

    ("export", f"{EXPORT} --format=onnx", "checked on real pictures: give either --records=DIR"),
    ("export", f"{EXPORT} --format=onnx --records=records pictures", "give either --records=DIR"),
    ("export", f"{EXPORT} --format=torch pictures", "one or more of saved_model, onnx, onnx_"),
    ("export", f"{EXPORT} pictures", "--format"),
    ("export", f"{EXPORT} --format=saved_model --records=absent", "absent"),
    ("export", f"{EXPORT} --format=saved_model empty", "empty"),
    ("export", "--run=absent --output=new --format=saved_model pictures", "absent"),
    ("export", "--run=run --output=empty --format=saved_model pictures", "choose another --output"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty").mkdir()
    (folder / "text.txt").write_text("Tee\n")
    (folder / "none.txt").write_text("\n")
    (folder / "quoted.cfg").write_text('--run=run\n--output="new.csv"\n')
    (folder / "earlier.csv").write_text("path,class,error\ngone.jpg,Tee,\n")
    (folder / "dangling").symlink_to("absent/new.csv")
    os.mkfifo(folder / "fifo")
    (folder / "run").symlink_to(ROOT / "saved_models/fashion_b0")

    records = make_records(tmp_path_factory.mktemp("with"),
                           per_class={"train": 1, "validation": 1, "test": 1})
    (folder / "records").symlink_to(records)
    (folder / "pictures").symlink_to(records.parent / "source/img")
    (folder / "records_without_validation").symlink_to(
        make_records(tmp_path_factory.mktemp("without"), per_class={"train": 1, "test": 1}))
    return folder


@pytest.mark.parametrize("program, words, culprit", MISTAKES,
                         ids=[f"{program} {words}" for program, words, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_it_at_once_and_leaves_nothing(folder, program, words,
                                                                        culprit):
    before = sorted(os.walk(folder))
    done = start_code(AT_EXIT, f"fashionclf.{program}", *words.split(), cwd=folder)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr

    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and culprit in errors[0], done.stderr
    assert done.stdout.splitlines()[-1] == "tensorflow loaded: False"
    assert sorted(os.walk(folder)) == before


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("flag", ["--help", "-h", "--version"])
def test_help_and_version_are_answered_with_exit_code_0(program, flag):
    done = start_code(AT_EXIT, f"fashionclf.{program}", flag)
    assert done.returncode == 0, done.stderr
    expected = r"\d+\.\d+\.\d+" if flag == "--version" else rf"fashionclf[ .]{program} "
    assert re.search(expected, done.stdout)
    assert done.stdout.splitlines()[-1] == "tensorflow loaded: False"
