"""report.html: the report as one self-contained page, which needs no other file and no network."""
import base64
import datetime
import functools
import hashlib
import io
import numbers
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from fashionclf.evaluation import by_garment, figures, intervals, opening
from fashionclf.system import cells, files

HEADLINE = {"top1": "accuracy", "majority_baseline": "majority baseline", "macro_f1": "macro F1",
            "top3": "top-3", "top5": "top-5", "balanced_accuracy": "balanced accuracy",
            "weighted_f1": "weighted F1", "log_loss": "log loss",
            "ece": "calibration error (ECE)"}
COLUMNS = {"class": "class", "n": "pictures", "garments": "garments", "precision": "precision",
           "recall": "recall", "recall_low": "recall, from", "recall_high": "to", "f1": "F1",
           "most_confused_with": "most confused with"}  # of the table by class
COVERAGE = {"coverage": "answered", "threshold": "probability, from", "pictures": "pictures",
            "precision": "accuracy", "low": "from", "high": "to"}  # of the table by coverage
ROWS = {"rows_read": "read", "written": "written", "repaired": "written with a clipped box",
        "quarantined": "quarantined: unusable picture"}  # of the manifest
SIDE = 288  # pixels of a shown picture, about twice those on the screen
QUALITY = 80  # of its JPEG
DPI = 150  # of a chart; at 100 a pixel of the file is one of the page


def write(file: Path, *, title: str, scores: dict, per_class: pd.DataFrame, pairs: pd.DataFrame,
          mistakes: pd.DataFrame, matrix: np.ndarray, charts: dict[str, Figure], manifest: dict,
          flags: str) -> None:
    """Writes the page; every text from classes, file names, manifest and flags is escaped.

    The parameters are the sections of the page.

    Args:
        scores: the content of metrics.json.
        per_class: see metrics.per_class.
        pairs: `true, predicted, n, share, picture`, in the order to show.
        mistakes: `path, true, predicted, probability, probability_of_true, picture,
            overlay`, in the order to show. Pictures are data URIs, or "" for none.
        matrix: see metrics.confusion.
        charts: reliability and coverage, see figures.py.
        manifest: of the records; sections that it has no data for are left out.
        flags: of the training, one a line; may be empty.
    """
    environment = _environment()
    script = environment.get_template("report.js").render()
    script_sha256 = hashlib.sha256(script.encode()).digest()
    counts = per_class.sort_values("n", ascending=False, kind="stable")
    flag_files = {"Training": flags, "Records": manifest.get("flags", "")}

    # The line below a score
    notes = {**dict.fromkeys(HEADLINE, ""), **scores["interval_notes"]}
    notes["majority_baseline"] = f"always predicting {counts['class'].iloc[0]}"
    if scores["temperature"] != 1:
        notes["ece"] = f"{scores['ece_at_temperature_1']:.3f} at temperature 1"

    page = environment.get_template("report.html").render(
        title=title, scores=scores, headline=HEADLINE, notes=notes,
        class_counts=list(zip(counts["class"], counts["n"].tolist())),
        per_class=per_class[list(COLUMNS)].rename(columns=COLUMNS),
        pairs=list(pairs.itertuples()), mistakes=list(mistakes.itertuples()),
        wrong=round(scores["n"] * (1 - scores["top1"])), fewest=intervals.FEWEST,
        fewest_pictures=figures.FEWEST,
        opening=opening.sentence(scores, per_class), basis=opening.basis(scores, per_class),
        by_garment=by_garment.sentence(scores["by_garment"]),
        classes=per_class["class"].tolist(), matrix=_shaded(matrix),
        reliability=_drawn(charts["reliability"]), coverage=_drawn(charts["coverage"]),
        by_coverage=_by_coverage(scores),
        facts=_facts(manifest), script=script,
        flags={heading: text for heading, text in flag_files.items() if text.strip()},
        script_hash=f"sha256-{base64.b64encode(script_sha256).decode()}",
        fingerprint=manifest.get("fingerprint", ""), today=datetime.date.today().isoformat())
    files.write_text(file, cells.readable(page))


def _by_coverage(scores: dict) -> pd.DataFrame:
    """Returns the table of coverage against accuracy for people."""
    table = pd.DataFrame(scores["by_coverage"])
    shares = [f"{share:.0%}" for share in table["coverage"]]
    return table.assign(coverage=shares)[list(COVERAGE)].rename(columns=COVERAGE).fillna(np.nan)


def jpeg(picture: np.ndarray) -> str:
    """Encodes uint8 [H, W, 3] as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return _data_uri("image/jpeg", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _shaded(matrix: np.ndarray) -> list[list[tuple[int, int, float]]]:
    """Returns count, pictures of the row and opacity (the root, so that rare errors show too)."""
    n = matrix.sum(axis=1, keepdims=True)
    opacities = np.sqrt(matrix / np.maximum(n, 1))
    return [[(int(count), int(total), float(opacity)) for count, opacity in zip(counts, row)]
            for counts, total, row in zip(matrix, n[:, 0], opacities)]


def _drawn(figure: Figure) -> dict[str, str | int]:
    """Returns the attributes of an <img> of the figure: src, width and height in CSS pixels."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    width, height = (round(inches * 100) for inches in figure.get_size_inches())
    return {"src": _data_uri("image/png", buffer.getvalue()), "width": width, "height": height}


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fashionclf.evaluation"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters |= {"cell": _cell, "percent": "{:.2%}".format}
    return environment


def _cell(value) -> str:
    """Formats counts with thousands separators, other numbers to three digits, NaN as blank."""
    if isinstance(value, numbers.Integral):
        return f"{value:,}"
    if isinstance(value, numbers.Real):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def _facts(manifest: dict) -> dict[str, pd.DataFrame]:
    """Returns heading -> table for each group of facts that the manifest holds."""
    facts = {}
    rows = [(name, manifest[key]) for key, name in ROWS.items() if key in manifest]
    if "dropped" in manifest:
        dropped = [(f"dropped: {reason}", n) for reason, n in manifest["dropped"].items()]
        rows += dropped or [("dropped", 0)]
    if rows:
        facts["From source to records"] = pd.DataFrame(rows, columns=["rows", "number"])

    if manifest.get("overlap"):
        columns = {"these splits": manifest["overlap"],
                   "random split": manifest.get("overlap_at_random")}
        overlap = pd.DataFrame({name: pd.Series(values, dtype=object)  # counts and shares
                                for name, values in columns.items() if values})
        facts["Overlap between splits"] = overlap.rename_axis("shared").reset_index()

    if "counts" in manifest:
        counts = pd.DataFrame(manifest["counts"])
        counts = pd.concat([counts, counts.sum().to_frame("all classes").T])
        counts.insert(0, "class", counts.index)
        facts["Pictures by class and split"] = counts
    return facts
