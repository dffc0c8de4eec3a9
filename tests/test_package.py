"""The package is whole where people get it: from a wheel, from any folder, with every program."""
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import numpy as np
import pytest
from PIL import Image

import fashionclf
from fashionclf.__main__ import PROGRAMS
from tests.helpers.programs import ROOT, start_code, succeed

PARTS = ("fashionclf", "configs", "saved_models/fashion_b0")  # what a wheel is made of
IN_THE_WHEEL = {"configs": "fashionclf/configs",
                "saved_models/fashion_b0": "fashionclf/saved_models/fashion_b0"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as a build leaves folders beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns(
            "__pycache__", "report.html", "misclassified.png", "checkpoints", "tensorboard"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    succeed("pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-deps",
            f"--wheel-dir={folder}", source, fresh=True)
    return next(folder.glob("fashionclf-*.whl")), source


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a command of a new environment, which has the wheel and the libraries of this one.

    It runs in a folder of its own, without the checkout.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=True)
    binaries = folder / "env/bin"
    site = sysconfig.get_path("purelib", vars={"base": str(folder / "env")})
    with open(os.path.join(site, "libraries.pth"), "w") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    environment = {"PATH": f"{binaries}:{os.defpath}", "HOME": str(folder)}

    def run(*words, **options):
        return subprocess.run([binaries / words[0], *map(str, words[1:])], text=True,
                              cwd=folder, env=environment, capture_output=True, **options)

    done = run("python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
               "--no-deps", wheel[0])
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture
def photo(tmp_path):
    file = tmp_path / "photo.jpg"
    Image.fromarray(np.full((90, 60, 3), (200, 30, 30), np.uint8)).save(file)
    return file


@pytest.mark.slow
def test_the_wheel_holds_all_that_the_checkout_has_and_nothing_else(wheel):
    file, source = wheel
    expected = set()
    for part in PARTS:
        for path in (source / part).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                inside = IN_THE_WHEEL.get(part, part)
                expected.add(f"{inside}/{path.relative_to(source / part).as_posix()}")
    held = {name for name in zipfile.ZipFile(file).namelist() if ".dist-info/" not in name}
    assert held == expected


@pytest.mark.slow
def test_a_wheel_labels_a_picture_from_any_folder(installed, photo):
    expected = succeed("fashionclf", "predict", photo).stdout
    for words in (["fashionclf"], ["python", "-m", "fashionclf"]):
        done = installed(*words, "predict", photo)
        assert done.returncode == 0 and done.stdout == expected, done.stderr
    assert installed("python", "-m", "fashionclf.predict", photo).stdout == expected
    assert installed("fashionclf", "--version").stdout == f"fashionclf {fashionclf.__version__}\n"

    code = f"""if True:
        from fashionclf import Classifier
        classifier = Classifier.load("fashion_b0")
        print(classifier.engine, classifier({str(photo)!r}).label)"""
    label = expected.splitlines()[1].split(",")[1]
    assert installed("python", "-c", code).stdout == f"litert {label}\n"


@pytest.mark.slow
def test_a_wheel_has_every_program_and_config_and_names_an_install_that_works(installed, photo):
    for program in PROGRAMS:
        shown = installed("fashionclf", program, "--help")
        assert shown.returncode == 0 and "--helpfull" in shown.stdout, program
    for config in ("fashion_b0", "slides_model2"):
        done = installed("fashionclf", "train", f"--flagfile=configs/{config}.cfg",
                         "--only_check_args")
        assert done.returncode == 0, done.stderr
    done = installed("fashionclf", "build_tfrecords", "--only_check_args",
                     "--flagfile=configs/records_deepfashion_top20.cfg")
    assert done.returncode == 0, done.stderr

    code = "from fashionclf import deepfashion; print(deepfashion.Builder.get_metadata().citation)"
    assert "@inproc" in installed("python", "-c", code).stdout

    # Without the library of an extra, as in a new environment
    code = """if True:
        import sys
        from fashionclf.system import extras
        sys.modules["openpyxl"] = None
        print(extras.install("excel"))"""
    assert installed("python", "-c", code).stdout == (
        "python -m pip install 'fashionclf[excel]'\n")


def test_a_program_is_started_by_its_name_and_an_unknown_one_refused():
    shown = succeed("fashionclf", "--help", fresh=True).stdout
    assert all(name in shown for name in PROGRAMS)
    modules = {file.stem for file in (ROOT / "fashionclf").glob("*.py")}
    assert set(PROGRAMS) == modules - {"__init__", "__main__", "build_flags", "cli",
                                       "picture_flags", "train_flags", "train_plan"}
    code = "import sys; sys.argv = ['fashionclf', 'label']; from fashionclf import __main__ as m"
    done = start_code(f"{code}; m.main()")
    assert done.returncode == 1 and done.stderr.startswith("error: unknown program 'label'; choose")


def test_a_subcommand_answers_as_its_module_does():
    for words in (["--help"], ["--batch_size=0"], []):
        one = subprocess.run([sys.executable, "-m", "fashionclf", "predict", *words], cwd=ROOT,
                             text=True, capture_output=True)
        other = subprocess.run([sys.executable, "-m", "fashionclf.predict", *words], cwd=ROOT,
                               text=True, capture_output=True)
        assert (one.returncode, one.stdout, one.stderr) == (
            other.returncode, other.stdout, other.stderr), words
