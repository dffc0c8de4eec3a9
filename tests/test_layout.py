"""The rules of the house: which folder may import which, and that no map of it is out of date."""
import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.programs import ROOT, start_code

PACKAGE = ROOT / "fashionclf"
PROGRAMS = ["build_tfrecords", "train", "evaluate", "predict", "check_labels", "search", "export",
            "demo", "serve", "duplicates"]
ORDER = ["system", "sources", "pictures", "records", "model", "evaluation", "training",
         "deployment", "curation", "exporting", "serving",
         "deepfashion"]  # each may import what stands before it
STRANGERS = [{"sources", "pictures"}, {"records", "model"}, {"training", "deployment"},
             {"training", "curation"}, {"training", "exporting"}, {"training", "serving"},
             {"exporting", "serving"}, {"exporting", "curation"}, {"serving", "curation"},
             {"deepfashion", "deployment"}, {"deepfashion", "training"}]
WITHOUT_TENSORFLOW = re.compile(
    r"fashionclf\.(system|sources|pictures\.(near_duplicates|reading|loading)|records\.contents|"
    r"evaluation\.(selective|prediction_sets|outliers|drift|reference)|"
    r"deployment\.(engines|exported|classifier|confidence|descriptions|prediction|visual_search|"
    r"demo_looks)|"
    r"curation)\b.*")


def modules(package: Path) -> dict[str, Path]:
    """Dotted name -> file of every module."""
    names = {}
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = file
    return names


def imported(tree: ast.Module, names: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that a module names: in imports, wherever they stand, and in strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in names else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"fashionclf(\.\w+)+", node.value):
                yield node.value


def _folder(name: str, names: dict[str, Path]) -> str:
    """The folder of a module; "" for the package's root."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 or names[name].name == "__init__.py" and parts[1:] else ""


def faults(package: Path) -> list[str]:
    """What breaks the rules."""
    names, found = modules(package), []
    for name, file in names.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        folder = _folder(name, names)
        library = folder in ORDER
        if library and any(isinstance(node, ast.Name) and node.id == "FLAGS"
                           for node in ast.walk(tree)):
            found.append(f"{name} reads flags")

        for other in imported(tree, names):
            if library and other.partition(".")[0] == "absl":
                found.append(f"{name} imports absl")
            if other.partition(".")[0] != "fashionclf" or other == "fashionclf":  # the version
                continue
            if other not in names:
                found.append(f"{name} names {other}, which does not exist")
                continue
            if other.removeprefix("fashionclf.") in PROGRAMS and name != other:
                found.append(f"{name} imports the program {other}")
                continue
            room = _folder(other, names)
            if library and room not in ORDER[:ORDER.index(folder) + 1]:
                found.append(f"{name} imports {other}, which stands above it")
            elif {folder, room} in STRANGERS:
                found.append(f"{name} imports {other}, a stranger")
    return found


def test_imports_point_down_and_no_library_reads_flags():
    assert faults(PACKAGE) == []


def test_every_folder_has_its_place_in_the_order_and_opens_with_a_docstring_alone():
    folders = {file.parent.name: file for file in PACKAGE.glob("*/__init__.py")}
    assert sorted(folders) == sorted(ORDER)
    for folder, file in folders.items():
        if folder != "deepfashion":  # its import registers the builder with TFDS
            assert [type(node) for node in ast.parse(file.read_text()).body] == [ast.Expr], folder


@pytest.mark.parametrize("file, line, fault", [
    ("system/workers.py", "from fashionclf.records import shards",
     "system.workers imports fashionclf.records.shards, which stands above it"),
    ("system/workers.py", "PRELOADED = ['fashionclf.records.shards']",
     "system.workers imports fashionclf.records.shards, which stands above it"),
    ("model/network.py", "def late():\n    from fashionclf.records import shards",
     "model.network imports fashionclf.records.shards, a stranger"),
    ("records/audit.py", "from absl import flags", "records.audit imports absl"),
    ("records/audit.py", "FLAGS = None", "records.audit reads flags"),
    ("evaluation/page.py", "from fashionclf import train",
     "evaluation.page imports the program fashionclf.train"),
    ("train.py", "from fashionclf import evaluate",
     "train imports the program fashionclf.evaluate"),
    ("system/workers.py", "PRELOADED = ['fashionclf.shards']",
     "system.workers names fashionclf.shards, which does not exist")])
def test_what_breaks_a_rule_is_found(tmp_path, file, line, fault):
    package = shutil.copytree(PACKAGE, tmp_path / "fashionclf")
    with open(package / file, "a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    assert f"fashionclf.{fault}" in faults(package)


def test_system_sources_and_hashes_load_without_tensorflow():
    names = [name for name in modules(PACKAGE) if WITHOUT_TENSORFLOW.fullmatch(name)]
    code = f"import sys, {', '.join(names)}; sys.exit('tensorflow' in sys.modules)"
    assert start_code(code).returncode == 0


def test_the_map_in_contributing_is_the_territory():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.findall(r"^(\w+)/ +(.+)$", text, re.MULTILINE)
    assert [folder for folder, _ in lines] == ORDER[:-1][::-1] + ORDER[-1:]
    for folder, names in lines:
        there = sorted(file.stem for file in (PACKAGE / folder).glob("*.py")
                       if file.stem != "__init__")
        assert sorted(names.split()) == there, folder


def test_tests_mirror_the_folders():
    allowed = {*ORDER, "programs", "tools", "helpers"}
    assert {folder.name for folder in (ROOT / "tests").iterdir()
            if folder.is_dir() and folder.name != "__pycache__"} <= allowed
