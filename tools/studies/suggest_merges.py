"""Suggests which classes to merge, from what a model confuses.

    python -m fashionclf.evaluate --run=RUN --records=RECORDS --split=validation
    python -m tools.studies.suggest_merges --report=RUN/report_validation --output=data/merges

merges, pair by pair, the two classes whose confusion removes most mistakes for each bit of
information lost (tools/studies/merges.py defines both), and writes into --output merges.md and
merges.png (what each merge gives, of the old predictions alone), merges.csv, category_map.csv and
classes.txt (for build_tfrecords, after the maps that the records were built with), align.csv (for
evaluate and train --align: the old run on the new records). Choose by a validation split: on the
split that merges were chosen by their gain is flattered.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

    from tools.studies.merges import Suggestion

FLAGS = flags.FLAGS

flags.DEFINE_list("report", None, "Folder of a report of evaluate or train; of several with the "
                  "same classes, such as those of several seeds, the predictions are pooled.")
flags.DEFINE_integer("merges", 3, "How many merges at most.", lower_bound=1)
flags.DEFINE_float("least_per_bit", 0.0, "What a merge has to gain: share of all pictures that it "
                   "makes right, for each bit of the class distribution that it loses.",
                   lower_bound=0.0)
flags.DEFINE_string("output", None, "Folder to write.")


def main(_: list[str]) -> None:
    from fashionclf.evaluation import metrics
    from tools.studies import merges

    rows, classes = read([Path(name) for name in FLAGS.report])
    place = {name: number for number, name in enumerate(classes)}
    matrix = metrics.confusion(rows["true"].map(place), rows["predicted"].map(place), len(classes))
    found = merges.suggest(matrix, classes, merges=FLAGS.merges,
                           least_per_bit=FLAGS.least_per_bit)
    if len(found.steps) == 1:
        raise ValueError(f"no merge of two of {len(classes)} classes gains anything, or "
                         f"--least_per_bit={FLAGS.least_per_bit:g}: lower that, or keep them apart")
    write(found, Path(FLAGS.output), len(rows))


def read(reports: list[Path]) -> tuple["pd.DataFrame", list[str]]:
    """`true` and `predicted` of all predictions, and the class list.

    Raises:
        FileNotFoundError, ValueError: one is no report, or they are of different classes.
    """
    import pandas as pd

    from fashionclf.system import cells

    def table(report: Path, name: str, columns: list[str]) -> pd.DataFrame:
        if not (report / name).is_file():
            raise FileNotFoundError(f"{report / name}: not found; is {report} a report of "
                                    "python -m fashionclf.evaluate?")
        rows = pd.read_csv(report / name, usecols=columns, dtype=str, keep_default_na=False)
        return rows.map(cells.original)

    classes = [table(report, "per_class.csv", ["class"])["class"].tolist() for report in reports]
    for report, names in zip(reports, classes):
        if names != classes[0]:
            raise ValueError(f"{report}: not the classes of {reports[0]}; name reports of the "
                             "same classes")
    return pd.concat([table(report, "predictions.csv", ["true", "predicted"])
                      for report in reports], ignore_index=True), classes[0]


def write(found: "Suggestion", output: Path, pictures: int) -> None:
    import pandas as pd

    from tools.studies import tables

    output.mkdir(parents=True, exist_ok=True)
    changed = {name: new for name, new in found.into.items() if name != new}
    # Exact, not cells.safe: they are read again.
    pd.DataFrame(changed.items(), columns=["from", "to"]).to_csv(
        output / "category_map.csv", index=False)
    pd.DataFrame(found.into.items(), columns=["run_class", "records_class"]).to_csv(
        output / "align.csv", index=False)
    (output / "classes.txt").write_text("\n".join(dict.fromkeys(found.into.values())) + "\n",
                                        encoding="utf-8")
    shown = found.steps.rename(columns=lambda name: name.replace("_", " "))
    text = (f"{pictures:,} predictions, merged as they are; share made right per bit lost\n\n"
            + tables.markdown(shown))
    tables.write(output, "merges", found.steps, text)
    draw(found.steps).savefig(output / "merges.png")
    print(f"{len(changed)} classes become {len(set(changed.values()))}. Build with\n"
          f"  --category_map={output / 'category_map.csv'} --classes={output / 'classes.txt'}\n"
          "after the other flags of the records, and the old run is scored on them with\n"
          f"  python -m fashionclf.evaluate --align={output / 'align.csv'}")


def draw(steps: "pd.DataFrame"):
    """Accuracy of the merged old predictions by the information that is left."""
    from tools.studies import plots

    figure, (axes,) = plots.figure(1)
    axes.plot(steps["bits"], steps["accuracy"], color=plots.COLOURS[0], marker="o",
              label="accuracy of the old predictions")
    axes.plot(steps["bits"], steps["majority_baseline"], color="#999999", marker=".",
              label="majority baseline")
    for row in steps.itertuples():
        axes.annotate(row.merge or "as they are", (row.bits, row.accuracy), xytext=(2, 7),
                      textcoords="offset points", fontsize=7, rotation=35, parse_math=False)
    axes.invert_xaxis()
    axes.margins(x=0.25)
    axes.set(xlabel="bits of the class distribution", ylim=(0, 1.05),
             title="classes merged one after another")
    axes.legend(loc="center left")
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["report", "output"])
    cli.run(main)
