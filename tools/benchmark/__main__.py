"""Times our training beside plain recipes, and our parts beside what the machine can do.

    python -m tools.benchmark --records=DIR0,DIR1,DIR2 --weights=FILE --output=data/benchmark

trains Model 2 of the slides (configs/slides_model2.cfg) with each contender on each folder of
records, each in a process of its own, round by round: fashionclf, with and without cached
activations; the plain Keras recipe; the same in PyTorch, where that is installed (the extra
`benchmark`). Writes benchmark.json after each run and benchmark.md at the end: seconds from start
to exit, by stage, beside accuracy and macro F1 on test. Stopped, it goes on where it was. Use the
machine for nothing else meanwhile.
"""
import dataclasses
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

# What is done
flags.DEFINE_list("records", None, "Folders of build_tfrecords, one for each round; the number of "
                  "the round, from 0, is its seed. Name one several times for several seeds on it.")
flags.DEFINE_string("weights", None, "File .weights.h5 of EfficientNetB0(include_top=False) from "
                    "which all contenders start, or none.")
flags.DEFINE_integer("head_epochs", 10, "Epochs of the head alone.", lower_bound=1)
flags.DEFINE_integer("fine_tune_epochs", 10, "Epochs of the last two blocks too.", lower_bound=1)
flags.DEFINE_integer("image_size", 224, "Side of the square input in pixels, a multiple of 32.",
                     lower_bound=32)
flags.DEFINE_integer("batch_size", 32, "Pictures a step.", lower_bound=1)
flags.DEFINE_integer("cache_views", 3, "Views of each picture whose activations the contender "
                     "fashionclf keeps, see train.", lower_bound=1)
# Who does it
flags.DEFINE_list("contenders", [], "Some of fashionclf, fashionclf_uncached, keras, pytorch; "
                  "default: all that are installed.")
flags.DEFINE_boolean("limits", True, "Also measure our parts beside bare loops on this machine.")
flags.DEFINE_boolean("only_limits", False, "Run no contender.")
flags.DEFINE_list("limit_names", [], "Some of input, build, predict, head_step, fine_tune_step; "
                  "measured even where figures are there; default: those without figures.")
flags.DEFINE_integer("limit_pictures", 512, "Pictures of each measurement with the network.",
                     lower_bound=1)
# Output
flags.DEFINE_string("output", None, "Folder for the figures, logs, runs and exported pictures.")


def main(_: list[str]) -> None:
    from tools.benchmark import contenders, limits, machine, results
    from tools.benchmark.job import Job

    folders = [Path(name) for name in FLAGS.records]
    output = Path(FLAGS.output)
    job = Job(FLAGS.head_epochs, FLAGS.fine_tune_epochs, FLAGS.image_size, FLAGS.batch_size,
              FLAGS.cache_views)
    names = [] if FLAGS.only_limits else contenders.chosen(FLAGS.contenders)
    output.mkdir(parents=True, exist_ok=True)
    found = results.Results(output / "benchmark.json",
                            {"machine": machine.describe(), "job": dataclasses.asdict(job),
                             "records": fingerprints(folders), "weights": digest(FLAGS.weights)})
    rounds = [contenders.Round(number, folder, FLAGS.weights, output, job)
              for number, folder in enumerate(folders)]
    for this in rounds:
        for name in rotated(names, this.number):
            if not found.done(name, this.number):
                print(f"round {this.number}: {name}", flush=True)
                found.add_run(contenders.run(name, this))
    if FLAGS.limits or FLAGS.only_limits:
        left = [name for name in limits.BARS if name not in found.content["limits"]]
        for name, limit in limits.measured(rounds[0], FLAGS.limit_names or left,
                                           pictures=FLAGS.limit_pictures):
            found.add_limits({name: limit})
    table = results.markdown(found.content)
    (output / "benchmark.md").write_text(table, encoding="utf-8")
    print(table)


def rotated(names: list[str], number: int) -> list[str]:
    """`names` in the order of this round: another one is first in each."""
    shift = number % max(1, len(names))
    return names[shift:] + names[:shift]


def fingerprints(folders: list[Path]) -> str:
    """What tells these records from others, without their place; raises as read_manifest does."""
    from fashionclf.records import manifests

    return ", ".join(manifests.read(folder)["fingerprint"][:12] for folder in folders)


def digest(weights: str) -> str:
    """The start of the sha256 of a weights file.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    from fashionclf.system import files

    if weights != "none" and not Path(weights).is_file():
        raise FileNotFoundError(f"--weights={weights}: no such file; it takes a .weights.h5 of "
                                "EfficientNetB0(include_top=False), or none")
    return weights if weights == "none" else files.sha256(Path(weights))[:12]


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "weights", "output"])
    flags.register_validator("image_size", lambda size: size % 32 == 0,
                             "--image_size: the PyTorch recipe needs a multiple of 32")
    cli.run(main)
