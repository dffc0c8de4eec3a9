"""Suggests which classes to merge, by what a model confuses.

    python -m fashionclf.evaluate --run=RUN --records=RECORDS --split=validation
    python -m tools.studies.suggest_merges --report=RUN/report_validation --output=data/merges

merges, pair by pair, the two classes whose merge removes most errors per bit of label entropy lost
(tools/studies/merges.py defines both). Writes into --output merges.md, merges.csv and merges.png
(what each merge gains, on the old predictions), category_map.csv and classes.txt (for
build_tfrecords, after the maps that the records were built with) and align.csv (for evaluate and
train --align: the old run on the new records). Choose by a validation split: a split that chose
the merges overestimates their gain.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools.studies import plots, programs, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

    from tools.studies.merges import Suggestion

FLAGS = flags.FLAGS

cli.paths_flag("report", None, "Report folders of evaluate or train, all with the same classes "
               "(several seeds, for example); their predictions are pooled.")
flags.DEFINE_integer("merges", 3, "Largest number of merges.", lower_bound=1)
flags.DEFINE_float("least_per_bit", 0.0, "Smallest gain of a merge: share of all pictures that it "
                   "makes right, per bit of label entropy lost.", lower_bound=0.0)
cli.path_flag("output", None, "Folder to write.")


def main(_: list[str]) -> None:
    from fashionclf.evaluation import metrics
    from tools.studies import merges

    rows, classes = programs.pooled([Path(name) for name in FLAGS.report])
    place = {name: number for number, name in enumerate(classes)}
    matrix = metrics.confusion(rows["true"].map(place), rows["predicted"].map(place), len(classes))

    found = merges.suggest(matrix, classes, merges=FLAGS.merges,
                           least_per_bit=FLAGS.least_per_bit)
    if len(found.steps) == 1:
        raise ValueError(f"no merge of two of the {len(classes)} classes gains anything, or more "
                         f"than --least_per_bit={FLAGS.least_per_bit:g}: lower that, or keep the "
                         "classes")

    write(found, Path(FLAGS.output), len(rows))


def write(found: "Suggestion", output: Path, pictures: int) -> None:
    import pandas as pd

    # Exact, without apostrophes against formulas: build_tfrecords and evaluate read them.
    output.mkdir(parents=True, exist_ok=True)
    changed = {name: new for name, new in found.into.items() if name != new}
    for name, columns, rows in (("category_map", ["from", "to"], changed),
                                ("align", ["run_class", "records_class"], found.into)):
        pd.DataFrame(rows.items(), columns=columns).to_csv(output / f"{name}.csv", index=False)
    classes = dict.fromkeys(found.into.values())
    (output / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")

    shown = found.steps.rename(columns=lambda name: name.replace("_", " "))
    text = (f"{pictures:,} predictions, merged as they are; share made right per bit lost\n\n"
            + tables.markdown(shown))
    tables.write(output, "merges", found.steps, text)
    draw(found.steps).savefig(output / "merges.png")

    print(f"{len(changed)} classes become {len(set(changed.values()))}. Build with\n"
          f"  --category_map={output / 'category_map.csv'} --classes={output / 'classes.txt'}\n"
          "after the other flags of the records; score the old run on them with\n"
          f"  python -m fashionclf.evaluate --align={output / 'align.csv'}")


def draw(steps: "pd.DataFrame"):
    """Plots the accuracy of the merged old predictions by the entropy of the classes left."""
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
