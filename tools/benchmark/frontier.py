"""Measures accuracy against seconds of the whole process, for ours and for plain recipes.

    python -m tools.benchmark.frontier --records=DIR0,DIR1,DIR2 --weights=FILE --output=DIR

runs each recipe of configs/recipes_frontier.txt, and the plain recipes of Keras and PyTorch at
several numbers of epochs, on each folder of records, round by round: from start to exit, each with
a fresh folder and a fresh cache, in another order in each round. A recipe of several programs
counts with all of them. Writes into --output, after each run, frontier.json; after each round
frontier.md (all recipes; our seconds at Keras's accuracy; our accuracy in Keras's time; without
Keras, each recipe minus the first) and frontier.png. The same command resumes after a stop, and
measures what a longer list adds. Use the machine for nothing else meanwhile.
"""
import re
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

# Job
flags.DEFINE_list("records", None, "Folders of build_tfrecords, one for each round; the number of "
                  "the round, from 0, is its seed.")
cli.path_flag("weights", None, "Weights file .weights.h5 of "
              "EfficientNetB0(include_top=False) for all contenders, or none.")
cli.packaged_flag("recipes", "configs/recipes_frontier.txt", "Recipes of ours, see "
                  "tools/recipes.py.")
flags.DEFINE_list("only", [], "Names of the recipes of ours to run (default: all).")
flags.DEFINE_list("plain", [], "Some of keras, pytorch (default: those that are installed).")
flags.DEFINE_list("epochs", ["2+2", "5+5", "10+10", "20+20"], "Epochs of the head and of "
                  "fine-tuning for each plain contender, such as 10+10; empty for none of them.")
flags.DEFINE_integer("image_size", 224, "Side of the square input of the plain contenders in "
                     "pixels, a multiple of 32.", lower_bound=32)
flags.DEFINE_integer("batch_size", 32, "Pictures per step of the plain contenders.", lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for figures, logs, runs and exported pictures.")


def main(_: list[str]) -> None:
    from tools import recipes
    from tools.benchmark import contenders, frontier_runs, machine, results

    # What the figures hold for; results of another setting are refused.
    folders, output = [Path(name) for name in FLAGS.records], Path(FLAGS.output)
    ours = recipes.read(Path(FLAGS.recipes), FLAGS.only or None)
    plain = FLAGS.epochs and contenders.chosen(FLAGS.plain, frontier_runs.PLAIN, flag="--plain")
    order = frontier_runs.points(ours, plain, FLAGS.epochs, image_size=FLAGS.image_size,
                                 batch_size=FLAGS.batch_size)
    setting = {"machine": machine.describe(), "records": contenders.fingerprints(folders),
               "weights": contenders.digest(FLAGS.weights), "image_size": FLAGS.image_size,
               "batch_size": FLAGS.batch_size}
    output.mkdir(parents=True, exist_ok=True)
    figures = results.Results(output / "frontier.json", setting)

    rounds = [contenders.Round(number, folder, FLAGS.weights, output, order[0].job)
              for number, folder in enumerate(folders)]
    frontier_runs.check(order, rounds[0])
    for _ in frontier_runs.measured(order, rounds, figures):
        write(figures.content, output)


def write(content: dict, output: Path) -> None:
    """Writes frontier.md and frontier.png of the runs so far, and prints the former."""
    from fashionclf.system import files
    from tools.benchmark import frontier_plot, frontier_report, results

    runs = frontier_report.frame(content["runs"])
    text = frontier_report.report(runs, results.setting_text(content["setting"]),
                                  ours="fashionclf", base="keras")
    files.write_text(output / "frontier.md", text)
    with files.replaced(output / "frontier.png") as partial:
        frontier_plot.draw(runs).savefig(partial, format="png")
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "weights", "output"])
    flags.register_validator("image_size", lambda size: size % 32 == 0,
                             "--image_size: the PyTorch recipe needs a multiple of 32")
    flags.register_validator(
        "epochs", lambda texts: all(re.fullmatch(r"[1-9]\d*\+[1-9]\d*", text) for text in texts),
        "--epochs takes numbers of epochs of the head and of fine-tuning, such as 2+2,10+10")
    cli.run(main)
