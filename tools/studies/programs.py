"""The programs of fashionclf, started as a user would; what is finished is not done again."""
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


def build(rows: sources.Rows, records: Path, *flags: str) -> Path:
    """Builds `records` from `rows` and their own split, where they aren't there; gives them."""
    if not records.exists():
        csv_file = records.with_name(f"{records.name}.csv")
        sources.write(rows, csv_file)
        start("fashionclf.build_tfrecords", "--source=csv", f"--csv_file={csv_file}",
              f"--source_dir={rows.images_root}", "--item_column=item",
              f"--bbox_columns={','.join(sources.SIDES)}", "--partition_column=partition",
              "--split=official", f"--records={records}", *flags)
    return records


def train(records: Path, run: Path, *flags: str) -> dict:
    """Trains `run` to its end; gives the scores of its test split. Other flags are refused."""
    start("fashionclf.train", *flags, f"--records={records}", f"--run={run}")
    return scores(run / "report")


def evaluate(run: Path, records: Path, report: Path, *flags: str) -> dict:
    """Evaluates `run` into `report`, where that isn't there; gives the scores."""
    if not report.exists():
        partial = report.with_name(f"{report.name}.partial")
        start("fashionclf.evaluate", f"--run={run}", f"--records={records}",
              f"--output={partial}", *flags)
        partial.rename(report)
    return scores(report)


def scores(report: Path) -> dict:
    return json.loads((report / "metrics.json").read_text(encoding="utf-8"))
