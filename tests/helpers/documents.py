"""The commands in the documents, and the folder of pictures and models that they name."""
import ast
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.helpers.programs import ROOT, forks, succeed

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("configs/*.md")),
         *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("tools/*/README.md"))]
REASONS = {"has a test of its own", "needs a network", "needs Docker", "needs ImageNet weights",
           "needs a running server", "needs the extras onnx and litert",
           "runs until stopped", "takes minutes"}

# What makes a training short, the only change that is made to a command: the small network instead
# of EfficientNet, whose graphs alone take half a minute. The notebook trains EfficientNet.
SHORTER = {"train": ["--architecture=baseline_cnn", "--weights=none", "--image_size=32",
                     "--batch_size=16", "--head_epochs=1", "--fine_tune_epochs=1"]}

_BLOCK = re.compile(r"(?:<!-- not run: (.+?) -->\n)?^```(bash|python)\n(.*?)^```$",
                    re.MULTILINE | re.DOTALL)
_LINE = r"(?:\\\n|[^\n])*"  # with those that a backslash continues
_OURS = re.compile(rf"^(?:fashionclf|python -m (?:fashionclf|tools))\b{_LINE}", re.MULTILINE)
_MADE = re.compile(rf"\bbuild_tfrecords {_LINE}--records=(\S+)(?!\S| --verify)"
                   rf"|\btrain {_LINE}--run=(\S+)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of commands in a page."""
    language: str
    text: str
    reason: str  # why it isn't run; "" where it is


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(language, text, reason) for reason, language, text in _BLOCK.findall(text)]


def our_commands(text: str) -> str:
    """Those of the commands that start a program of ours."""
    return "\n".join(_OURS.findall(text))


def examples(file: Path) -> str:
    """The commands in the docstring of a program."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    indented = re.findall(r"(?:^ {4}.*\n?)+", docstring, re.MULTILINE)
    return our_commands("\n".join(map(textwrap.dedent, indented)))


def prepare(folder: Path) -> None:
    """Fills `folder` with what the commands name: drawn pictures, records, a trained run."""
    succeed("tools.make_sample_data", f"--output={folder / 'data/deepfashion'}", "--images=240",
            "--image_size=96")
    _lay_out(folder)
    for name in ("configs", "docs", "tools"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "saved_models").mkdir()
    (folder / "saved_models/fashion_b0").symlink_to(ROOT / "saved_models/fashion_b0")

    run(folder, "fashionclf build_tfrecords --source=folder --source_dir=PICTURES "
                "--records=data/mine\n"
                "fashionclf train --records=data/mine --run=saved_models/mine "
                "--weights=saved_models/fashion_b0")


def _lay_out(folder: Path) -> None:
    """Arranges the pictures of four classes as PICTURES/CLASS/SKU/, and as shop.csv and images/.
    """
    rows = []
    (folder / "images").mkdir()
    for number, item in enumerate(sorted((folder / "data/deepfashion/img").iterdir())):
        category = item.name.rpartition("_")[2]
        if category not in ("Coat", "Dress", "Hoodie", "Skirt"):
            continue
        place = shutil.copytree(item, folder / "PICTURES" / category / f"sku{number}")
        for picture in sorted(place.iterdir()):
            shutil.copy(picture, folder / f"images/{len(rows)}.jpg")
            rows.append(f"{len(rows)},images/{len(rows)}.jpg,{category},sku{number}")
    (folder / "shop.csv").write_text("\n".join(["id,image,type,sku", *rows]) + "\n")

    shutil.copytree(place, folder / "NEW_PICTURES")
    shutil.copy(picture, folder / "photo.jpg")


def without_what_is_made(folder: Path, text: str) -> None:
    """Removes the records and runs that `text` makes, as a reader wouldn't have them."""
    for made in {name for names in _MADE.findall(text) for name in names if name}:
        shutil.rmtree(folder / made, ignore_errors=True)


def run(folder: Path, text: str, *, only_check: bool = False) -> None:
    """Runs `text` in bash, in which our programs are forks; fails with all that it wrote.

    Args:
        only_check: the programs parse and check their flags, and end.
    """
    here = folder / ".bin"
    here.mkdir(exist_ok=True)
    python = f"exec {sys.executable} -S {ROOT / 'tests/helpers/forked.py'}"
    for name, words in {"python": "", "fashionclf": "-m fashionclf "}.items():
        (here / name).write_text(f'#!/bin/sh\n{python} {words}"$@"\n')
        (here / name).chmod(0o755)

    channel = forks().fileno()
    more = {"*": ["--only_check_args"]} if only_check else SHORTER
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, pass_fds=[channel],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
             "FORKS": str(channel), "MORE_FLAGS": json.dumps(more), "TF_CPP_MIN_LOG_LEVEL": "3",
             "XDG_CACHE_HOME": str(folder / ".cache")})
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
