"""The programs of fashionclf, started as a user would; what is finished is not done again."""
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tools.studies import sources


def start(*command: str) -> None:
    """Runs `python -m command`, all it says on standard error.

    Raises:
        ChildProcessError: it failed; why, it has said itself.
    """
    done = subprocess.run([sys.executable, "-m", *map(str, command)], stdout=sys.stderr)
    if done.returncode:
        raise ChildProcessError(f"python -m {' '.join(map(str, command))}\nfailed with exit code "
                                f"{done.returncode}, see what it says above; the same command "
                                "goes on from there")


def build(rows: sources.Rows, output: Path, name: str, **files: Path) -> Path:
    """Builds records of `rows` in their own split, where they aren't there; gives their folder.

    Args:
        files: flags of build_tfrecords and the files that they name. The folder is named after
            what is in them and in the rows, so that others are never taken for these.
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
    """Trains `run` to its end; gives the scores of its test split. Other flags are refused."""
    start("fashionclf.train", *flags, f"--records={records}", f"--run={run}")
    return scores(run / "report")


def evaluate(run: Path, records: Path, split: str, align: Path | None = None) -> Path:
    """Evaluates `run`, where that isn't done; gives the report's folder, named like `build`'s."""
    report = run / f"report_{split}_{_digest(records.name, _content(align) if align else '')}"
    if not report.exists():
        partial = report.with_name(f"{report.name}.partial")
        start("fashionclf.evaluate", f"--run={run}", f"--records={records}", f"--split={split}",
              f"--output={partial}", *([f"--align={align}"] if align else []))
        partial.rename(report)
    return report


def scores(report: Path) -> dict:
    return json.loads((report / "metrics.json").read_text(encoding="utf-8"))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def _content(file: Path | str) -> str:
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file}: no such file; correct the flag that names it")
    return Path(file).read_text(encoding="utf-8")
