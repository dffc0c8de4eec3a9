"""Compares two trainings, or two recipes on several splits, picture by picture.

    python -m tools.studies.paired --before=a/report --after=b/report

pairs the reports of train and evaluate in the order given; the two of a pair must be of the same
pictures. Prints a Markdown table of accuracy, macro F1 and log loss: a row for each report, then
the mean differences over all pictures. Their standard errors are clustered by garment (item of the
records), across splits too.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools import markdown
from tools.studies import programs

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

flags.DEFINE_list("before", None, "Folders of reports, with commas between them.")
flags.DEFINE_list("after", None, "As many folders, in the same order, each of the same pictures.")


def main(_: list[str]) -> None:
    import pandas as pd

    if len(FLAGS.before) != len(FLAGS.after):
        raise ValueError(f"--before names {len(FLAGS.before)} reports and --after "
                         f"{len(FLAGS.after)}: name as many, in the same order")

    rows, differences = [], []
    for names in zip(FLAGS.before, FLAGS.after):
        before, after = map(pictures, map(Path, names))
        rows += [row(name, scored) for name, scored in zip(names, (before, after))]
        differences.append(difference(before, after, names))
    gain = pd.concat(differences)
    rows.append(["gain", len(gain), with_error(gain["right"], gain["item"]), "",
                 with_error(gain["log loss"], gain["item"])])
    print(markdown.table(["report", "pictures", "accuracy", "macro F1", "log loss"], rows))


def pictures(report: Path) -> "pd.DataFrame":
    """Returns path, item, true, predicted, right (0 or 1) and log loss of each picture."""
    import numpy as np

    rows = programs.predictions(report, "path", "item", "probability_of_true")
    right = (rows["true"] == rows["predicted"]).astype(float)
    # The report has six digits.
    of_true = np.maximum(rows.pop("probability_of_true").astype(float), 1e-6)
    return rows.assign(right=right, **{"log loss": -np.log(of_true)})


def row(name: str, scored: "pd.DataFrame") -> list:
    from sklearn.metrics import f1_score

    return [name, len(scored), scored["right"].mean(),
            f1_score(scored["true"], scored["predicted"], average="macro"),
            scored["log loss"].mean()]


def difference(before: "pd.DataFrame", after: "pd.DataFrame", names: tuple) -> "pd.DataFrame":
    """Returns item, right and log loss of each picture, after minus before.

    Raises:
        ValueError: the two are not of the same pictures with the same labels.
    """
    key = ["path", "item", "true"]
    both = before.merge(after, on=key, how="outer", indicator="of", suffixes=("", " after"))
    if len(both) != len(before) or (both["of"] != "both").any():
        alone = both[both["of"] != "both"]["path"]
        raise ValueError(f"{names[0]} and {names[1]} are not of the same pictures, items and "
                         f"labels ({', '.join(alone[:3])}, ...): evaluate both on the same split "
                         "of the same records")
    return both[["item"]].assign(**{name: both[f"{name} after"] - both[name]
                                    for name in ("right", "log loss")})


def with_error(values: "pd.Series", items: "pd.Series") -> str:
    """Returns the mean and its standard error, clustered by item; no error for a single item.

    That of the ratio estimator for clusters of unequal sizes (Cochran, Sampling Techniques, 1977,
    chapter 9A).
    """
    residuals = (values - values.mean()).groupby(items).sum()
    count = len(residuals)
    if count < 2:
        return f"{values.mean():+.3f}"
    error = ((residuals**2).sum() * count / (count - 1))**0.5 / len(values)
    return f"{values.mean():+.3f} ± {error:.3f}"


if __name__ == "__main__":
    flags.mark_flags_as_required(["before", "after"])
    cli.run(main)
