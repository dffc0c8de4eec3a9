"""Trains a classifier on records of build_tfrecords: the head first, then the top blocks too.

    python -m fashionclf.train --flagfile=configs/quickstart.cfg

writes everything into the folder --run: flags, history, TensorBoard logs, the weights of the best
epoch by validation (of equally good ones, the last) and report/, from one evaluation of the test
split at the end (of the validation split if there is no other). After a kill, the same command
resumes from the last checkpoint.

The output of the frozen layers is computed once, for --cache_views views of each picture, and kept
on disk. Two CPU cores compute about 100 views of 224 pixels a second, then train the head on
thousands of pictures a second and the top two blocks on about 130; without the cache, on about 60
and 50.
"""
import contextlib
import dataclasses
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from fashionclf.deployment import exported
from fashionclf.model import spec as specs
from fashionclf.model.spec import ARCHITECTURES, Spec
from fashionclf.pictures.framing import Framing
from fashionclf.records import manifests
from fashionclf.system import extras, files, packaged, places, signals
from fashionclf.training import run_folder

if TYPE_CHECKING:
    from fashionclf.records.input_pipeline import Records
    from fashionclf.training.teachers import Teachers

FLAGS = flags.FLAGS
define_share = functools.partial(flags.DEFINE_float, lower_bound=0.0, upper_bound=0.9)

# Data
cli.path_flag("records", None, "Folder that build_tfrecords wrote.")
flags.DEFINE_integer("image_size", 224, "Side of the square input, in pixels.", lower_bound=32,
                     upper_bound=2048)
flags.DEFINE_float("box_margin", 0.1, "Margin around a bounding box before cropping, as a share of "
                   "the box's width and height on each side.", lower_bound=0.0, upper_bound=10.0)
flags.DEFINE_integer("batch_size", 32, "Pictures per step, over all devices.", lower_bound=1)
flags.DEFINE_boolean("augment", True, "Augment training pictures at random, on the accelerator.")
flags.DEFINE_float("rotation", 15.0, "Augmentation: largest angle, in degrees.", lower_bound=0.0)
define_share("zoom", 0.15, "Augmentation: largest change of scale, as a share.")
define_share("shift", 0.1, "Augmentation: largest shift, as a share of the side.")
define_share("colour", 0.2, "Augmentation: largest change of contrast and saturation, as a share; "
             "brightness changes by up to half of it.")
flags.DEFINE_float("mixup", 0.0, "Mixup: alpha of the Beta distribution of the mixing weights "
                   "(Zhang et al., 2018); 0 switches mixup off.", lower_bound=0.0)
# Model
flags.DEFINE_enum("architecture", "efficientnet_b0", ARCHITECTURES,
                  "The network. Keras trained b0, b1, b2 and b3 at 224, 240, 260 and 300 pixels, "
                  "see --image_size. baseline_cnn has four convolutions, all trained in both "
                  "phases.")
cli.packaged_flag("weights", "imagenet", "Initial weights of the trunk: imagenet (Keras' cache or "
                  "download) or a .weights.h5 file, both for an EfficientNet; the folder of a "
                  "run with the same architecture, or the name of a released model; or none.")
cli.packaged_flag("align", None, "With a run's folder as --weights: CSV file "
                  "run_class,records_class that maps its classes to those of the records, or "
                  "same, which maps each to the one of its name. Their rows of the head then start "
                  "from the run's.")
define_share("dropout", 0.2, "Dropout rate of the pooled features.")
define_share("stochastic_depth", 0.0, "Drop rate of the last residual block, falling linearly to 0 "
             "at the first; frozen blocks are never dropped.")
flags.DEFINE_boolean("mirrored", False, "Average each prediction over the picture and its mirror "
                     "image, in evaluation and prediction; takes twice the time.")
flags.DEFINE_float("logit_adjustment", 0.0, "Once trained, shift the head's bias towards rare "
                   "classes: 1 as if all classes were equally frequent, 0 not at all. Raises macro "
                   "F1 where classes are uneven, and usually costs some accuracy.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_boolean("calibrate", False, "Fit a temperature on the validation split (calibration).")
flags.DEFINE_float("temperature", 1.0, "Temperature of the probabilities, e.g. one that "
                   "--calibrate found for the same recipe.", lower_bound=0.05, upper_bound=20)
# Trunk cache
flags.DEFINE_integer("cache_views", 3, "Augmented views of each training picture for which the "
                     "output of the frozen layers is computed once and kept on disk. 0: augment "
                     "anew in every epoch, which takes about twice as long on a CPU.",
                     lower_bound=0, upper_bound=1000)
cli.path_flag("cache_dir", None, "Folder of the trunk cache, which later runs reuse; may be "
              "removed at any time (default: RECORDS.trunk_cache).")
flags.DEFINE_float("cache_gigabytes", 20.0, "Largest size of this run's trunk cache on disk, in "
                   "GB; checked before anything is written.", lower_bound=0.0)
# Head phase
flags.DEFINE_enum("head", "trained", ["trained", "solved"],
                  "How the head phase fits the dense layer: trained for --head_epochs; or solved, "
                  "in seconds, for its optimum on all --cache_views, with an L2 penalty chosen on "
                  "the validation split. A solved head uses --label_smoothing and "
                  "--class_weighting, but no --head_epochs, --head_learning_rate, --l2, --dropout, "
                  "--mixup or --ema_momentum.")
flags.DEFINE_integer("head_epochs", 10, "Epochs of the head phase, which trains the dense layer on "
                     "a frozen trunk.", lower_bound=0)
flags.DEFINE_float("head_learning_rate", 1e-3, "Peak learning rate of the head phase.",
                   lower_bound=0.0)
# Fine-tune phase
flags.DEFINE_integer("fine_tune_epochs", 10, "Epochs of the fine-tune phase, which trains the "
                     "unfrozen blocks too.", lower_bound=0)
flags.DEFINE_float("fine_tune_learning_rate", 5e-4, "Peak learning rate of the fine-tune phase.",
                   lower_bound=0.0)
flags.DEFINE_string("unfreeze_from", "block6a", "Lowest block that the fine-tune phase trains; "
                    "stem trains everything. BatchNorm stays frozen.")
# Teachers
cli.paths_flag("teacher", None, "Folders of finished runs, separated by commas, whose "
               "probabilities are part of the target of each training picture.")
flags.DEFINE_float("teacher_share", 0.7, "Share of the teachers in the target; the label has the "
                   "rest.", lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_float("teacher_temperature", 1.0, "Temperature that softens the probabilities of each "
                   "teacher.", lower_bound=0.05, upper_bound=20)
flags.DEFINE_boolean("out_of_fold", False, "Ask about a picture only the teachers that were not "
                     "trained on its garment, such as those of --fold.")
flags.DEFINE_string("fold", None, "K/N: train without the K-th of N parts of the training "
                    "pictures; a garment is in one part.")
cli.path_flag("unlabelled", None, "Folder that build_tfrecords wrote, whose pictures, of all "
              "splits, are trained on with --teacher. Their classes are ignored; near-duplicates "
              "and garments of test and validation pictures are excluded.")
# Both phases
flags.DEFINE_integer("warmup_steps", 100, "Steps of linear warm-up before the cosine decay.",
                     lower_bound=0)
flags.DEFINE_float("l2", 1e-5, "Factor of the L2 penalty on the trained kernels.", lower_bound=0.0)
define_share("label_smoothing", 0.0, "Share of each target spread over all classes.")
flags.DEFINE_float("class_weighting", 0.0, "Exponent of 1/frequency in the class weights of the "
                   "loss: 0 weights all pictures equally, 1 all classes.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_float("ema_momentum", 0.0, "Momentum of a moving average of the weights, which is "
                   "then validated and kept instead of them; 0 for none.",
                   lower_bound=0.0, upper_bound=0.9999)
flags.DEFINE_integer("seed", 0, "Random seed of initial weights, order, augmentation and dropout.",
                     lower_bound=0)
flags.DEFINE_boolean("jit", False, "Compile the training step by XLA, for a GPU: the first step of "
                     "each phase then takes up to a minute longer. On a CPU it is several times "
                     "slower. Needs --strategy=default.")
flags.DEFINE_boolean("mixed_precision", False, "Compute in bfloat16; weights stay float32.")
flags.DEFINE_enum("strategy", "default", ["default", "mirrored", "multi_worker"],
                  "Where to train: on one device, on all devices of this machine, or on the "
                  "machines that the environment variable TF_CONFIG names.")
# Output
cli.path_flag("run", None, "Folder of this training, e.g. saved_models/mine.")
flags.DEFINE_integer("checkpoint_every_steps", 0, "Steps between checkpoints within an epoch; 0 "
                     "writes one at the end of each epoch only.", lower_bound=0)
flags.DEFINE_string("profile_steps", None, "FIRST,LAST: steps of each phase to profile for "
                    "TensorBoard, counted from 1 (at most to the end of an epoch).")
flags.DEFINE_list("export", [], "Formats to export the finished model to, into RUN/exports, e.g. "
                  "litert, with which predict starts in a second; see fashionclf.export. A "
                  "finished training that is started again with it is exported too.")
PLACES = {"run", "cache_dir", "cache_gigabytes", "checkpoint_every_steps", "profile_steps",
          "export"}
COMPARED, CALIBRATED = 500, 128  # pictures at most, for --export


def main(_: list[str]) -> None:
    run_dir, records_dir = Path(FLAGS.run), Path(FLAGS.records)
    manifest = checked(records_dir)
    if (run_dir / "model.json").is_file():
        run_folder.check_same(run_dir, records_dir, manifest, **compared())
        print(f"{run_dir}: this training is finished; its report is in {run_dir / 'report'}")
    else:
        train(run_dir, records_dir, manifest)
    wanted = [name for name in FLAGS.export
              if isinstance(exported.file_or_reason(run_dir, name), str)]
    if wanted:
        export(run_dir, records_dir, manifest, wanted)


def checked(records_dir: Path) -> dict:
    """The manifest of the records, once all is checked that can be without TensorFlow."""
    manifest = manifests.read(records_dir)
    if manifests.reported_split(manifest, records_dir) != "test":
        print(f"note: {records_dir} have no test split: the report will be of the validation "
              "pictures, by which the epoch is chosen", flush=True)
    if len(manifest["classes"]) < 2:
        raise ValueError(f"{records_dir} have one class, {manifest['classes'][0]!r}, and a model "
                         "needs two: give records with classes, and these with --unlabelled")
    if FLAGS.calibrate and not manifest["examples"].get("validation"):
        raise ValueError(f"{records_dir} have no validation split to fit --calibrate on: build "
                         "them with --validation_fraction above 0, or leave it out")
    if FLAGS.weights not in ("imagenet", "none") and not Path(FLAGS.weights).exists():
        raise FileNotFoundError(f"{FLAGS.weights}: no such weights; --weights takes imagenet, "
                                "none, a .weights.h5 file or the folder of a run")
    if FLAGS.align and not Path(FLAGS.weights).is_dir():
        raise ValueError(f"--align starts from the head of a run, and --weights={FLAGS.weights} "
                         "is not the folder of one: name a run's folder")
    for run in FLAGS.teacher or ():
        specs.read(run)
    if FLAGS.unlabelled:
        manifests.read(FLAGS.unlabelled)
    if FLAGS.align != "same":
        cli.require_file(FLAGS.align, "--align takes a CSV with run_class,records_class, or same")
    places.check_folder(FLAGS.run, flag="--run")
    for name in FLAGS.export:
        if exported.NEEDS[name]:
            extras.require(*exported.NEEDS[name], purpose=f"--export={name}")
    if FLAGS.profile_steps:
        extras.require("profile", ["tensorboard_plugin_profile"], purpose="--profile_steps")
    return manifest


def train(run_dir: Path, records_dir: Path, manifest: dict) -> None:
    """Trains the phases that are left; then looks once at the test split and saves the model."""
    with cli.loading():
        import keras
        import numpy as np

        from fashionclf.evaluation import lineage
        from fashionclf.model import network, weights
        from fashionclf.model.augmentation import Augmentation
        from fashionclf.records import verification
        from fashionclf.records.input_pipeline import Records
        from fashionclf.training import devices, loop, trunk_cache
        from fashionclf.training.recipe import Phase, Recipe, class_weights

    # Who trains: one process, or one of several workers of which the chief writes.
    verification.check_shards(records_dir, manifest)
    strategy = devices.make(FLAGS.strategy, FLAGS.batch_size)
    chief = devices.is_chief(strategy)

    # What is trained how
    framing = Framing(image_size=FLAGS.image_size, box_margin=FLAGS.box_margin)
    records = Records(folder=records_dir, manifest=manifest, framing=framing)
    spec = Spec(architecture=FLAGS.architecture, classes=records.classes, framing=framing,
                mirrored=FLAGS.mirrored, temperature=FLAGS.temperature)
    training, teachers, facts = lessons(records)
    counts = training.manifest["counts"]["train"]
    counts = np.array([max(1, counts[name]) for name in records.classes])
    augmentation = Augmentation(
        rotation=FLAGS.rotation, zoom=FLAGS.zoom, shift=FLAGS.shift, contrast=FLAGS.colour,
        saturation=FLAGS.colour, brightness=FLAGS.colour / 2)
    recipe = Recipe(
        batch_size=FLAGS.batch_size, augmentation=augmentation if FLAGS.augment else None,
        mixup=FLAGS.mixup, dropout=FLAGS.dropout, stochastic_depth=FLAGS.stochastic_depth,
        label_smoothing=FLAGS.label_smoothing, ema_momentum=FLAGS.ema_momentum, seed=FLAGS.seed,
        jit=FLAGS.jit, class_weights=class_weights(counts, FLAGS.class_weighting),
        teachers=teachers)
    scratch = FLAGS.architecture == "baseline_cnn"  # a frozen random trunk teaches nothing
    solved = FLAGS.head == "solved"
    if solved:
        print("head: solved, --head_epochs and --head_learning_rate don't apply")
    both = {"warmup_steps": FLAGS.warmup_steps, "l2": FLAGS.l2}
    phases = [
        Phase(name="head", unfreeze_from="conv2d" if scratch else None, solved=solved,
              epochs=1 if solved else FLAGS.head_epochs,
              learning_rate=FLAGS.head_learning_rate, **both),
        Phase(name="fine_tune", unfreeze_from="conv2d" if scratch else FLAGS.unfreeze_from,
              epochs=FLAGS.fine_tune_epochs, learning_rate=FLAGS.fine_tune_learning_rate, **both)]
    phases = [phase for phase in phases if phase.epochs]
    output = loop.Output(run_dir=run_dir, chief=chief,
                         checkpoint_every_steps=FLAGS.checkpoint_every_steps,
                         profile_steps=parse_steps(FLAGS.profile_steps))

    with contextlib.ExitStack() as held:
        if chief:
            held.enter_context(run_folder.held(run_dir, cli.own_flags(), records_dir, manifest,
                                               **compared()))
            provenance = {"trunk_from": packaged.name(FLAGS.weights),
                          "records_fingerprint": manifest["fingerprint"], **facts,
                          **lineage.start(run_dir, training, FLAGS.weights,
                                          teachers=FLAGS.teacher or ())}
        held.enter_context(devices.stopping_together())
        if FLAGS.mixed_precision:
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        keras.utils.set_random_seed(FLAGS.seed)

        with strategy.scope(), signals.deferred():
            model = network.build(spec)
            weights.warm_start(model, spec.classes, FLAGS.weights, FLAGS.align)
            data = dict.fromkeys([phase.name for phase in phases], training)
            if FLAGS.cache_views:
                data = trunk_cache.open_or_fill(
                    model, phases, recipe, training, views=FLAGS.cache_views,
                    cache_dir=Path(FLAGS.cache_dir or f"{records_dir}.trunk_cache"),
                    max_bytes=FLAGS.cache_gigabytes * 1e9)
            for phase in phases:
                loop.run_phase(model, phase, recipe, data[phase.name], output)
        if not chief:
            return

        run = weights.Run(folder=run_dir, network=model, spec=spec, provenance=provenance)
        loop.finish(run, records, logit_adjustment=FLAGS.logit_adjustment,
                    calibrate=FLAGS.calibrate, batch_size=FLAGS.batch_size,
                    hyperparameters=cli.own_values(PLACES))
    print(f"\nreport: {run_dir / 'report' / 'report.html'}\n"
          f"curves: tensorboard --logdir={run_dir / 'tb'} --window_title={run_dir.name}")


def lessons(records: "Records") -> "tuple[Records, Teachers | None, dict]":
    """What is trained on, who teaches, and what model.json tells about both."""
    from fashionclf.evaluation import lineage
    from fashionclf.records import training_set, verification
    from fashionclf.records.input_pipeline import Records
    from fashionclf.training.teachers import Teachers

    training, teachers, facts = records, None, {}
    if FLAGS.teacher:
        for folder in FLAGS.teacher:
            lineage.check_teacher(folder, records)
        teachers = Teachers.of(FLAGS.teacher, records, share=FLAGS.teacher_share,
                               temperature=FLAGS.teacher_temperature)
        facts = {**teachers.facts, "out_of_fold": FLAGS.out_of_fold}
    if FLAGS.fold or FLAGS.unlabelled or FLAGS.out_of_fold:
        unlabelled = FLAGS.unlabelled and Records.open(FLAGS.unlabelled, records.framing)
        if unlabelled:
            verification.check_shards(unlabelled.folder, unlabelled.manifest)
        training = training_set.select(records, fold=parse_fold(FLAGS.fold), unlabelled=unlabelled)
        facts |= training.facts
    if FLAGS.out_of_fold:
        training = dataclasses.replace(training, teacher_shares=teachers.unseen_shares(training))
    return training, teachers, facts


def export(run_dir: Path, records_dir: Path, manifest: dict, formats: list[str]) -> None:
    """Exports the finished run, compared with it on the test split."""
    with cli.loading():
        from fashionclf.exporting import export_job, export_trial
        from fashionclf.model import weights
        from fashionclf.records.input_pipeline import Records

    run, split = weights.load(run_dir), manifests.reported_split(manifest, records_dir)
    records = Records(folder=records_dir, manifest=manifest, framing=run.spec.framing)
    trial = export_trial.Trial(
        examples=export_trial.of_records(records, split, COMPARED),
        calibration=export_trial.of_records(records, "train", CALIBRATED),
        source={"checked_on": f"{records_dir}, split {split}",
                "records_fingerprint": manifest["fingerprint"],
                "calibrated_on": f"{records_dir}, split train"})
    with files.staging(run_dir / exported.FOLDER, flag="--export") as folder:
        export_job.write(run, folder, formats, trial)
    print(f"exports: {run_dir / exported.FOLDER}")


def compared() -> dict:
    """How a command is compared with the one that started --run."""
    return {"changes": lambda flag_file, known: cli.changes(
        flag_file, PLACES | {"records"} | known),
            "named": {"weights": FLAGS.weights, "align": FLAGS.align,
                      "teacher": ",".join(specs.read(run)[1] for run in FLAGS.teacher or ()),
                      "unlabelled": FLAGS.unlabelled and manifests.read(
                          FLAGS.unlabelled)["fingerprint"]}}


def parse_fold(text: str | None) -> tuple[int, int] | None:
    """K and N of "K/N"; (0, 0) for texts that are no fold."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    return (part, parts) if 1 <= part <= parts and parts > 1 else (0, 0)


def check_solved(given: dict) -> bool:
    """Raises if --head=solved is given with a flag that excludes it."""
    if given["head"] != "solved":
        return True
    reasons = {
        "--head_epochs=0 leaves out the head phase": given["head_epochs"] == 0,
        "--cache_views=0 keeps no features to solve it on": given["cache_views"] == 0,
        "--architecture=baseline_cnn has no frozen layers below its head":
            given["architecture"] == "baseline_cnn",
        "--align names where the head starts, which does not change its optimum":
            given["align"] is not None}
    for reason, applies in reasons.items():
        if applies:
            raise flags.ValidationError(f"--head=solved: {reason}; leave out one of the two")
    return True


def parse_steps(text: str | None) -> tuple[int, int] | None:
    """The first and last step that "FIRST,LAST" names, counted from 1; (0, 0) for other texts."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+),(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "run"])
    flags.register_validator(
        "profile_steps", lambda text: text is None or 1 <= parse_steps(text)[0] <= (
            parse_steps(text)[1]),
        "expected FIRST,LAST, two steps counted from 1, such as 20,24")
    flags.register_validator("fold", lambda text: text is None or any(parse_fold(text)),
                             "expected K/N, the K-th of N parts, such as 1/5")
    for name in ("unlabelled", "out_of_fold"):
        flags.register_multi_flags_validator(
            ["teacher", name], lambda given, name=name: given["teacher"] or not given[name],
            f"--{name} needs --teacher=RUN")
    flags.register_multi_flags_validator(
        ["calibrate", "temperature"],
        lambda given: not given["calibrate"] or given["temperature"] == 1,
        "--calibrate fits the temperature: leave --temperature out")
    flags.register_multi_flags_validator(
        ["head_epochs", "fine_tune_epochs"],
        lambda given: given["head_epochs"] + given["fine_tune_epochs"] > 0,
        "--head_epochs and --fine_tune_epochs are both 0: nothing would be trained")
    flags.register_multi_flags_validator(
        ["head", "head_epochs", "cache_views", "architecture", "align"], check_solved)
    flags.register_multi_flags_validator(
        ["jit", "strategy"], lambda given: not given["jit"] or given["strategy"] == "default",
        "--jit compiles the step of one device: leave out --strategy")
    flags.register_validator("export", lambda names: set(names) <= set(exported.NEEDS),
                             f"takes formats: {', '.join(exported.NEEDS)}")
    cli.run(main)
