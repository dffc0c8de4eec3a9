"""Starts the programs of fashionclf as a user would; what is finished is not done again."""
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.studies import sources

if TYPE_CHECKING:  # --help of the studies stays quick
    import pandas as pd

    from tools.recipes import Places, Recipe


def start(*command: str) -> None:
    """Runs `python -m command`, with all its output on standard error.

    Raises:
        ChildProcessError: the program failed; its own message says why.
    """
    words = list(map(str, command))
    code = subprocess.run([sys.executable, "-m", *words], stdout=sys.stderr).returncode
    if code:
        raise ChildProcessError(f"python -m {' '.join(words)}\nfailed with exit code {code}, see "
                                "its message above; the same command resumes the study")


def build(rows: sources.Rows, output: Path, name: str, **files: Path) -> Path:
    """Builds records of `rows` in their own split, unless they exist; returns their folder.

    Args:
        files: flags of build_tfrecords that name files. The content of the files and the rows
            is part of the folder's name, so that other records are never taken for these.
    """
    text = sources.as_csv(rows)
    records = output / f"records_{name}_{_digest(text, *map(_content, files.values()))}"
    if not records.exists():
        csv_file = output / f"{records.name}.csv"
        output.mkdir(parents=True, exist_ok=True)
        csv_file.write_text(text, encoding="utf-8")
        start("fashionclf.build_tfrecords", "--source=csv", f"--csv_file={csv_file}",
              f"--source_dir={rows.images_root}", "--item_column=item",
              f"--bbox_columns={','.join(sources.SIDES)}", "--partition_column=partition",
              "--split=official", f"--records={records}",
              *(f"--{flag}={file}" for flag, file in files.items()))
    return records


def train(records: Path, run: Path, *flags: str) -> dict:
    """Trains `run` to its end and returns the scores of its test split.

    The program resumes a run, leaves a finished one as it is, and refuses other flags.
    """
    start("fashionclf.train", *flags, f"--records={records}", f"--run={run}")
    return scores(run / "report")


def follow(recipe: "Recipe", places: "Places") -> dict:
    """Runs the programs of a recipe; returns the scores of the test split of `places.run`."""
    for command in recipe.commands(places):
        start(*command)
    return scores(places.run / "report")


def evaluate(run: Path, records: Path, split: str, *, align: Path | None = None,
             within: Path | None = None) -> Path:
    """Evaluates `run`, unless that is done; returns the report's folder.

    It lies in `within`, or in the run's own folder. Its name depends on the weights, the records
    and the alignment, so that the report of a run trained again is never an old one.
    """
    weights = _field(run / "model.json", "weights_sha256")
    fingerprint = _field(records / "manifest.json", "fingerprint")
    name = f"report_{split}_{_digest(weights, fingerprint, _content(align) if align else '')}"
    report = (within or run) / name
    if not report.exists():
        partial = report.with_name(f"{report.name}.partial")
        start("fashionclf.evaluate", f"--run={run}", f"--records={records}", f"--split={split}",
              f"--output={partial}", *([f"--align={align}"] if align else []))
        partial.rename(report)
    return report


def scores(report: Path) -> dict:
    return json.loads((report / "metrics.json").read_text(encoding="utf-8"))


def predictions(report: Path, *more: str) -> "pd.DataFrame":
    """Returns `true` and `predicted`, class names, and `more` columns, a row of texts a picture."""
    return _cells(report, "predictions.csv", ["true", "predicted", *more])


def pooled(reports: list[Path]) -> tuple["pd.DataFrame", list[str]]:
    """Returns the predictions of all reports together, and their class list.

    Raises:
        FileNotFoundError: a folder is not a report.
        ValueError: the reports have different classes.
    """
    import pandas as pd

    classes = [_cells(report, "per_class.csv", ["class"])["class"].tolist() for report in reports]
    for report, names in zip(reports, classes):
        if names != classes[0]:
            raise ValueError(f"{report}: its classes differ from those of {reports[0]}; name "
                             "reports of the same classes")
    return pd.concat(map(predictions, reports), ignore_index=True), classes[0]


def history(run: Path) -> "pd.DataFrame":
    """Returns a row per epoch."""
    import pandas as pd

    return pd.read_csv(run / "history.csv")


def _cells(report: Path, name: str, columns: list[str]) -> "pd.DataFrame":
    """Returns columns of a CSV file of a report, without the apostrophes against formulas."""
    import pandas as pd

    from fashionclf.system import cells

    if not (report / name).is_file():
        raise FileNotFoundError(f"{report / name}: not found; is {report} a report of "
                                "python -m fashionclf.evaluate?")
    rows = pd.read_csv(report / name, usecols=columns, dtype=str, keep_default_na=False)
    return rows[columns].map(cells.original)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def _field(file: Path, name: str) -> str:
    return json.loads(_content(file))[name]


def _content(file: Path) -> str:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; correct the flag that names it")
    return file.read_text(encoding="utf-8")
