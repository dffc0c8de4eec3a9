"""Runs a study on programs that check their flags and leave made-up results.

    python -m tests.helpers.rehearsal tools.studies.merging --source_dir=... --output=...

Every program of fashionclf that the study starts parses and checks its flags as always
(--only_check_args). Instead of computing, it writes the files that a study reads, for the pictures
and classes of the source. A model's predictions are wrong for every fourth picture.
"""
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.sources import alignment, readers
from fashionclf.system import files
from tools.studies import programs

really_start = programs.start


def start(module: str, *words: str) -> None:
    if not module.startswith("fashionclf."):
        return really_start(module, *words)

    really_start(module, *words, "--only_check_args")
    given = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
    RESULTS[module](given)


def build(given: dict) -> None:
    if given.get("csv_file"):
        rows = catalogued(given) if given.get("path_pattern") else pd.read_csv(given["csv_file"])
    else:
        table = readers.read_deepfashion(given["source_dir"]).table
        rows = table.assign(partition=["train", "val", "test"] * (len(table) // 3))

    if given.get("category_map"):
        changes = pd.read_csv(given["category_map"], keep_default_na=False, index_col="from")
        rows["category"] = rows["category"].replace(changes["to"])
        rows = rows[rows["category"] != ""]

    records = Path(given["records"])
    records.mkdir(parents=True)
    rows.to_csv(records / "rows.csv", index=False)
    share = float(given["split"] == "stratified")
    train = rows.loc[rows["partition"] == "train", "category"].value_counts()
    counts = dict.fromkeys(classes_of(rows), 0) | {k: int(n) for k, n in train.items()}
    (records / "manifest.json").write_text(json.dumps({
        "fingerprint": files.sha256(records / "rows.csv"), "counts": {"train": counts},
        "overlap": {"share of test pictures whose item is in train": share,
                    "share of test pictures with a near-duplicate in train": share}}))


def catalogued(given: dict) -> pd.DataFrame:
    """The rows of a shop's CSV, with its partition or one in turn."""
    rows = pd.read_csv(given["csv_file"], keep_default_na=False, on_bad_lines="skip")
    path = [given["path_pattern"].format(**row) for row in rows.to_dict("records")]
    turns = pd.Series(["train", "val", "test"] * len(rows))[:len(rows)]
    part = rows[given["partition_column"]] if "partition_column" in given else turns
    rows = rows.assign(path=path, category=rows[given["category_column"]], partition=part)
    return rows[rows["partition"] != ""]


def train(given: dict) -> None:
    run = Path(given["run"])
    report(run / "report", Path(given["records"]), "test", {})
    files.write_json(run / "model.json", {"weights_sha256": "of these weights"})
    (run / "history.csv").write_text("phase,epoch,loss,val_accuracy\n"
                                     "head,1,0.5,0.5\nfine_tune,1,0.25,0.75\n")


def evaluate(given: dict) -> None:
    records, more = Path(given["records"]), {}
    if given.get("align"):
        own = pd.read_csv(Path(given["run"]) / "report/per_class.csv")["class"].tolist()
        classes = classes_of(pd.read_csv(records / "rows.csv"))
        aligned = alignment.read(given["align"], own, classes)
        more["alignment"] = aligned.facts(np.arange(len(classes)), np.eye(len(classes), len(own)))
    report(Path(given["output"]), records, given["split"], more)


def report(folder: Path, records: Path, split: str, more: dict) -> None:
    rows = pd.read_csv(records / "rows.csv")
    classes = classes_of(rows)
    true = rows.loc[rows["partition"] == {"validation": "val"}.get(split, split), "category"]
    wrong = pd.Series(range(len(true)), true.index) % 4 == 0
    predicted = true.where(~wrong, true.map(dict(zip(classes, classes[1:] + classes[:1]))))

    folder.mkdir(parents=True)
    pd.DataFrame({"class": classes}).to_csv(folder / "per_class.csv", index=False)
    pd.DataFrame({"path": rows["path"][true.index], "true": true, "predicted": predicted,
                  "probability": 0.75}).to_csv(folder / "predictions.csv", index=False)
    accuracy = float((true == predicted).mean())
    (folder / "metrics.json").write_text(json.dumps({
        "n": len(true), "top1": accuracy, "macro_f1": accuracy, "top1_interval": [0.0, 1.0],
        "majority_baseline": float(true.value_counts(normalize=True).max()), "ece": 0.125,
        "ece_at_temperature_1": 0.25, "temperature": 2.0, **more}))


def classes_of(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["category"].unique())


RESULTS = {"fashionclf.build_tfrecords": build, "fashionclf.train": train,
           "fashionclf.evaluate": evaluate}

if __name__ == "__main__":
    programs.start = start
    _, study, *flags = sys.argv
    sys.argv = [study, *flags]
    runpy.run_module(study, run_name="__main__")
