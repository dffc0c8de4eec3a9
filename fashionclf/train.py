"""Trains a classifier on records of build_tfrecords: the head first, then the top blocks too.

    python -m fashionclf.train --flagfile=configs/quickstart.cfg

writes everything into the folder --run: flags, history, TensorBoard logs, the weights of the best
epoch by validation (of equally good ones, the last) and report/, from one evaluation of the test
split at the end (of the validation split if there is no other). After a kill, the same command
resumes from the last checkpoint.

The output of the frozen layers is computed once, for --cache_views views of each picture, and kept
on disk. The head then trains on thousands of pictures a second, and the top blocks about twice as
fast as without the cache. Many pictures on a CPU are computed by LiteRT.
"""
import contextlib
from pathlib import Path

from absl import flags

from fashionclf import cli, train_flags, train_plan
from fashionclf.deployment import exported
from fashionclf.model import spec as specs
from fashionclf.pictures.framing import Framing
from fashionclf.records import manifests
from fashionclf.system import extras, files, packaged, places, signals
from fashionclf.training import run_folder

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(train_flags)
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
    for run in [*(FLAGS.teacher or ()), *(FLAGS.average or ())]:
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

        from fashionclf.evaluation import lineage
        from fashionclf.model import network, weights
        from fashionclf.records import verification
        from fashionclf.records.input_pipeline import Records
        from fashionclf.training import devices, finish, loop, trunk_cache

    # Who trains: one process, or one of several workers of which the chief writes.
    verification.check_shards(records_dir, manifest)
    strategy = devices.make(FLAGS.strategy, FLAGS.batch_size)
    chief = devices.is_chief(strategy)

    # What is trained how
    framing = Framing(image_size=FLAGS.image_size, box_margin=FLAGS.box_margin)
    records = Records(folder=records_dir, manifest=manifest, framing=framing)
    plan = train_plan.of(records)
    output = loop.Output(run_dir=run_dir, chief=chief,
                         checkpoint_every_steps=FLAGS.checkpoint_every_steps,
                         profile_steps=train_flags.parse_steps(FLAGS.profile_steps))

    with contextlib.ExitStack() as held:
        if chief:
            held.enter_context(run_folder.held(run_dir, cli.own_flags(), records_dir, manifest,
                                               **compared()))
            provenance = {"trunk_from": packaged.name(plan.start),
                          "records_fingerprint": manifest["fingerprint"], **plan.facts,
                          **lineage.start(run_dir, plan.training, plan.start,
                                          others=[*(FLAGS.teacher or ()), *(FLAGS.average or ())])}
        held.enter_context(devices.stopping_together())
        if FLAGS.mixed_precision:
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        keras.utils.set_random_seed(FLAGS.seed)

        with strategy.scope(), signals.deferred():
            model = network.build(plan.spec)
            weights.warm_start(model, plan.spec.classes, plan.start, FLAGS.align)
            data = dict.fromkeys([phase.name for phase in plan.phases], plan.training)
            if FLAGS.cache_views and not FLAGS.average:
                data = trunk_cache.open_or_fill(
                    model, plan.phases, plan.recipe, plan.training, views=FLAGS.cache_views,
                    cache_dir=Path(FLAGS.cache_dir or f"{records_dir}.trunk_cache"),
                    max_bytes=FLAGS.cache_gigabytes * 1e9)
            for phase in plan.phases:
                loop.run_phase(model, phase, plan.recipe, data[phase.name], output)
        if not chief:
            return

        run = weights.Run(folder=run_dir, network=model, spec=plan.spec, provenance=provenance)
        finish.finish(
            run, records, counts=plan.counts, logit_adjustment=FLAGS.logit_adjustment,
            calibrate=train_flags.calibrates(records.examples.get("validation", 0)),
            batch_size=FLAGS.batch_size, hyperparameters=cli.own_values(PLACES))
    print(f"\nreport: {run_dir / 'report' / 'report.html'}\n"
          f"curves: tensorboard --logdir={run_dir / 'tb'} --window_title={run_dir.name}")


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
                      **{name: ",".join(specs.read(run)[1] for run in FLAGS[name].value or ())
                         for name in ("teacher", "average")},
                      "unlabelled": FLAGS.unlabelled and manifests.read(
                          FLAGS.unlabelled)["fingerprint"]}}


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "run"])
    train_flags.check()
    cli.run(main)
