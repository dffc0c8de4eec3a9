"""Times our training beside plain recipes, and our parts beside what the machine can do.

    python -m tools.benchmark --records=DIR0,DIR1,DIR2 --weights=FILE --output=data/benchmark

trains Model 2 of the slides (configs/slides_model2.cfg) with each contender on each folder of
records, each in a process of its own, round by round: fashionclf with and without the trunk cache;
the plain Keras recipe; the same in PyTorch, if that is installed (the extra `benchmark`). Writes
benchmark.json after each run and benchmark.md at the end: seconds from start to exit, by stage,
beside accuracy and macro F1 on test. The same command resumes after a stop. Use the machine for
nothing else meanwhile.
"""
import dataclasses
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

# Job
flags.DEFINE_list("records", None, "Folders of build_tfrecords, one for each round; the number of "
                  "the round, from 0, is its seed. Repeat a folder for several seeds on it.")
cli.path_flag("weights", None, "Weights file .weights.h5 of "
              "EfficientNetB0(include_top=False) for all contenders, or none.")
flags.DEFINE_integer("head_epochs", 10, "Epochs of the head alone.", lower_bound=1)
flags.DEFINE_integer("fine_tune_epochs", 10, "Epochs of the last two blocks too.", lower_bound=1)
flags.DEFINE_integer("image_size", 224, "Side of the square input in pixels, a multiple of 32.",
                     lower_bound=32)
flags.DEFINE_integer("batch_size", 32, "Pictures per step.", lower_bound=1)
flags.DEFINE_integer("cache_views", 3, "Cached views of each picture for the contender "
                     "fashionclf, see train.", lower_bound=1)
# Measurements
flags.DEFINE_list("contenders", [], "Some of fashionclf, fashionclf_uncached, keras, pytorch "
                  "(default: all that are installed).")
flags.DEFINE_boolean("limits", True, "Also measure our parts beside bare loops on this machine.")
flags.DEFINE_boolean("only_limits", False, "Run no contender.")
flags.DEFINE_list("limit_names", [], "Some of input, build, predict, head_step, fine_tune_step, "
                  "to be measured again (default: those without figures).")
flags.DEFINE_integer("limit_pictures", 512, "Pictures for each measurement with the network.",
                     lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for figures, logs, runs and exported pictures.")


def main(_: list[str]) -> None:
    from tools.benchmark import contenders, limits, machine, results
    from tools.benchmark.job import Job

    # What the figures hold for; results of another setting are refused.
    records, output = [Path(name) for name in FLAGS.records], Path(FLAGS.output)
    job = Job(FLAGS.head_epochs, FLAGS.fine_tune_epochs, FLAGS.image_size, FLAGS.batch_size,
              FLAGS.cache_views)
    names = [] if FLAGS.only_limits else contenders.chosen(FLAGS.contenders)
    output.mkdir(parents=True, exist_ok=True)
    figures = results.Results(output / "benchmark.json", {
        "machine": machine.describe(), "job": dataclasses.asdict(job),
        "records": contenders.fingerprints(records),
        "weights": contenders.digest(FLAGS.weights)})

    rounds = [contenders.Round(number, folder, FLAGS.weights, output, job)
              for number, folder in enumerate(records)]
    for this in rounds:
        for name in rotated(names, this.number):
            if not figures.find(name, this.number):
                print(f"round {this.number}: {name}", flush=True)
                figures.add_run(contenders.run(name, this))

    if FLAGS.limits or FLAGS.only_limits:
        missing = [name for name in limits.BARS if name not in figures.content["limits"]]
        for name, limit in limits.measured(rounds[0], FLAGS.limit_names or missing,
                                           pictures=FLAGS.limit_pictures):
            figures.add_limits({name: limit})

    report = results.report(figures.content)
    (output / "benchmark.md").write_text(report, encoding="utf-8")
    print(report)


def rotated(names: list[str], number: int) -> list[str]:
    """Returns `names` in the order of this round: another one is first in each."""
    shift = number % max(1, len(names))
    return names[shift:] + names[:shift]


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "weights", "output"])
    flags.register_validator("image_size", lambda size: size % 32 == 0,
                             "--image_size: the PyTorch recipe needs a multiple of 32")
    cli.run(main)
