"""The documents: their commands run, their links lead somewhere, and the site builds."""
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from tests.helpers import documents
from tests.helpers.programs import ROOT

REPOSITORY = "https://github.com/fashionclf/fashionclf"
PROGRAMS = [file for folder in ("fashionclf", "tools") for file in (ROOT / folder).rglob("*.py")
            if "cli.run(main" in file.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """The folder that the commands start from, made once for all workers of pytest."""
    shared = tmp_path_factory.getbasetemp().parent
    folder = shared / "documents"
    with FileLock(shared / "documents.lock"):
        if not (folder / "saved_models/mine/model.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            documents.prepare(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in documents.PAGES if documents.blocks(page)],
                         ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_run_as_they_stand(tmp_path, monkeypatch, prepared, page):
    folder = shutil.copytree(prepared, tmp_path / "reader", symlinks=True)
    blocks, names = documents.blocks(page), {}
    documents.without_what_is_made(folder, "".join(block.text for block in blocks))
    monkeypatch.chdir(folder)
    for block in blocks:
        if block.language == "python":
            code = compile(block.text, page, "exec")
            if not block.reason:
                exec(code, names)
        elif block.reason:
            documents.run(folder, documents.our_commands(block.text), only_check=True)
        else:
            documents.run(folder, block.text)


def test_a_block_that_is_not_run_has_one_of_a_few_reasons():
    reasons = {block.reason for page in documents.PAGES for block in documents.blocks(page)}
    assert reasons == {*documents.REASONS, ""}
    for page in documents.PAGES:
        marked = re.findall("^<!-- not run", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(marked) == sum(bool(block.reason) for block in documents.blocks(page)), page


@pytest.mark.slow
def test_the_examples_of_every_program_have_flags_that_it_takes(tmp_path):
    texts = {file: documents.examples(file) for file in PROGRAMS}
    assert [file for file, text in texts.items() if not text] == []
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    documents.run(tmp_path, "\n".join(texts.values()), only_check=True)


@pytest.mark.slow
def test_a_command_that_is_wrong_is_found(tmp_path):
    with pytest.raises(AssertionError, match="no picture named"):
        documents.run(tmp_path, "python -m fashionclf.predict --run=here --output=found.csv")


def test_absolute_links_to_this_project_lead_to_its_files():
    for page in documents.PAGES:
        text = page.read_text(encoding="utf-8")
        for path, anchor in re.findall(rf"{REPOSITORY}/blob/main/([^)#\s]+)#?([^)\s]*)", text):
            assert (ROOT / path).is_file(), (page, path)
            headings = re.findall("^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE)
            assert not anchor or anchor in map(slug, headings), (page, path, anchor)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    pictures = re.findall(r"!\[[^\]]+\]\((\S+)\)", readme)
    assert pictures and all((ROOT / url.removeprefix(f"{raw}/main/")).is_file() for url in pictures)
    assert [link for link in re.findall(r"\]\((\S+?)\)", readme)
            if not link.startswith("https://")] == [], "PyPI shows this page without its files"
    assert len(readme.split()) < 900


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_figures_of_the_released_model_are_those_of_its_report():
    report = ROOT / "saved_models/fashion_b0/report"
    card = (report.parent / "README.md").read_text(encoding="utf-8")
    tested = [tuple(map(float, found)) for found in re.findall(
        r"^\| \d+ \| 3,\d+ \| 410 \| (\S+) \([^|]+\| (\S+) ", card, re.MULTILINE)]
    right, macro_f1 = zip(*((round(410 * accuracy), f1) for accuracy, f1 in tested))
    accuracy, macro_f1 = sum(right) / 410 / len(tested), sum(macro_f1) / len(tested)
    assert (f"{accuracy:.3f} (macro F1 {macro_f1:.3f})"
            in (ROOT / "README.md").read_text(encoding="utf-8"))

    rows = pd.read_csv(report / "predictions.csv")
    right = rows["true"] == rows["predicted"]
    text = " ".join((ROOT / "docs/label.md").read_text(encoding="utf-8").split())
    for limit in (0.6, 0.9):
        kept = rows["probability"] >= limit
        assert re.search(f"{limit} keeps {kept.mean():.0%} [^,]*{right[kept].mean():.3f}".replace(
            "%", " %"), text)


def test_the_messages_in_troubleshooting_are_those_of_the_programs():
    quoted = re.findall(r"^- `(.+?)`", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    said = "\n".join(text for file in (ROOT / "fashionclf").rglob("*.py")
                     for text in strings(file)) + (ROOT / "tools/setup_venv.sh").read_text()
    said += "\nNo module named 'fashionclf'"  # Python says so
    assert len(quoted) > 20
    for message in quoted:
        pieces = map(re.escape, filter(None, message.split("…")))
        assert re.search("[^\n]*".join(pieces), said), message


def strings(file: Path) -> list[str]:
    """Returns the texts in a file, with … for what is filled in."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return ["".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            if isinstance(node, ast.JoinedStr) else node.value for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            or isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="fashionclf[docs] is missing")
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "docs", tmp_path / "site"],
                          cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not {"search", "genindex"} & {file.stem for file in (ROOT / "docs").glob("*.md")}, (
        "Sphinx has a page of this name")
    outside = [link for file in (tmp_path / "site").glob("*.html") for link in re.findall(
        r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', file.read_text())]
    assert outside == [], "a page that needs the network"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="fashionclf[docs] is missing")
    nbclient = pytest.importorskip("nbclient", reason="fashionclf[docs] is missing")
    notebook = nbformat.read(ROOT / "docs/label_and_train.ipynb", as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []

    place = tmp_path / "docs"
    place.mkdir()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3",
                            resources={"metadata": {"path": str(place)}}).execute()
    assert (tmp_path / "data/notebook/labels.jpg").is_file()
