"""Reads a checkout of alexeygrigorev/clothing-dataset and lays its pictures out."""
import os
from pathlib import Path

import pandas as pd
from PIL import Image

from fashionclf.pictures import reading
from fashionclf.pictures.files import Picture
from fashionclf.sources import annotations
from fashionclf.system import csv_files, files, missing_files, tables
from fashionclf.system.progress import progress_bar
from tools.deepfashion_lists import write_list

UPPER, LOWER, FULL = 1, 2, 3  # DeepFashion's types of categories
TYPES = {"Blazer": UPPER, "Blouse": UPPER, "Body": FULL, "Dress": FULL, "Hat": UPPER,
         "Hoodie": UPPER, "Longsleeve": UPPER, "Outwear": UPPER, "Pants": LOWER, "Polo": UPPER,
         "Shirt": UPPER, "Shoes": LOWER, "Shorts": LOWER, "Skirt": LOWER, "T-Shirt": UPPER,
         "Top": UPPER, "Undershirt": UPPER}
NO_CLASS = ["Not sure", "Other", "Skip"]
LONG_SIDE, QUALITY = 300, 88  # pixels and JPEG quality of the released model's photographs
IS_IT = "is --source_dir a checkout of alexeygrigorev/clothing-dataset?"


def read(source: Path, senders: str | None) -> pd.DataFrame:
    """Returns a row of strings for each picture: file, sender_id, label, path, reason.

    `file` is relative to `source`, `path` to the output; where a picture is left out, `path` is ""
    and `reason` says why. Sorted by sender and label, then as in images.csv.

    Raises:
        ValueError: images.csv or `senders`, a CSV, is malformed, or a label is unknown.
        FileNotFoundError: every picture is missing.
    """
    listing = source / "images.csv"
    rows = csv_files.read_table(listing, ["image", "sender_id", "label"], cure=IS_IT)
    annotations.known(listing, rows["label"], [*TYPES, *NO_CLASS], "unknown label")
    rows["sender_id"] = annotations.numbers(listing, rows["sender_id"])
    rows.insert(0, "file", "images/" + rows.pop("image") + ".jpg")
    for note in missing_files.check(rows["file"].tolist(), root=source, file=listing):
        print(note)

    # A picture is left out for the first reason that applies.
    reasons = {"listed before": rows["file"].duplicated()}
    reasons |= {f"labelled {name}": rows["label"] == name for name in NO_CLASS}
    if senders:
        reasons[f"sender not in {senders}"] = ~rows["sender_id"].isin(read_senders(Path(senders)))
    rows["reason"] = ""
    for reason, applies in reasons.items():
        rows.loc[applies & (rows["reason"] == ""), "reason"] = reason

    rows = rows.sort_values(["sender_id", "label"], kind="stable").astype(str)
    number = rows[rows["reason"] == ""].groupby(["sender_id", "label"]).cumcount() + 1
    rows["path"] = ("img/Sender_" + rows["sender_id"] + "_" + rows["label"]
                    + number.map("/img_{:08d}.jpg".format))

    # Pictures without a row are listed too.
    found, *_ = files.walk_pictures(source / "images")
    unlisted = sorted({Path(name).relative_to(source).as_posix() for name in found}
                      - set(rows["file"]))
    others = pd.DataFrame({"file": unlisted, "reason": "not in images.csv"})
    return pd.concat([rows, others], ignore_index=True).fillna("")


def read_senders(file: Path) -> pd.Series:
    rows = csv_files.read_table(file, ["sender_id"], cure="name the senders' column so")
    return annotations.numbers(file, rows["sender_id"])


def lay_out(rows: pd.DataFrame, source: Path, output: Path) -> pd.DataFrame:
    """Writes everything into `output`; returns `rows` of `read`, as in pictures.csv.

    A picture that can't be read loses its path and gets a reason. Raises ValueError if none can.
    """
    for row in progress_bar(list(rows[rows["path"] != ""].itertuples()), desc="laying out",
                            unit="pictures"):
        pixels = reading.pixels_or_reason(Picture(path=str(source / row.file), root=os.sep))
        if isinstance(pixels, str):
            rows.loc[row.Index, ["path", "reason"]] = "", pixels
            continue
        file = output / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels)
        picture.thumbnail((LONG_SIDE, LONG_SIDE))  # never enlarges
        picture.save(file, quality=QUALITY)

    used = rows[rows["path"] != ""]
    if used.empty:
        raise ValueError(f"{source}: no picture can be used; the first is {rows['file'].iloc[0]} "
                         f"({rows['reason'].iloc[0]}); {IS_IT}")
    ids = used["label"].map(list(TYPES).index) + 1
    write_list(output / "Anno_coarse/list_category_cloth.txt", "category_name category_type",
               TYPES.items())
    write_list(output / "Anno_coarse/list_category_img.txt", "image_name category_label",
               zip(used["path"], ids))
    tables.write(rows, output / "pictures.csv")
    return rows
