"""What the flags of train say is trained: on which pictures, by whom taught, in which phases."""
import dataclasses
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import train_flags
from fashionclf.model.spec import Spec

if TYPE_CHECKING:  # train looks for wrong flags before it loads TensorFlow
    import numpy as np

    from fashionclf.records.input_pipeline import Records
    from fashionclf.training.recipe import Phase, Recipe
    from fashionclf.training.teachers import Teachers

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a command of train trains.

    Attributes:
        spec: of the model; start: initial weights, as --weights names them.
        training: the records whose training split is learnt from; counts: int [C], its pictures of
            each class, at least 1.
        recipe, phases: what is done with them.
        facts: what model.json tells of all this.
    """
    spec: Spec
    start: str
    training: "Records"
    counts: "np.ndarray"
    recipe: "Recipe"
    phases: "list[Phase]"
    facts: dict


def of(records: "Records") -> Plan:
    """What the flags say is trained on records, which give the test and validation split too."""
    import numpy as np

    from fashionclf.training import averaging

    spec = Spec(architecture=FLAGS.architecture, classes=records.classes, framing=records.framing,
                mirrored=FLAGS.mirrored, temperature=FLAGS.temperature)
    training, teachers, facts = lessons(records)
    counts = training.manifest["counts"]["train"]
    counts = np.array([max(1, counts[name]) for name in records.classes])

    start = FLAGS.weights
    if FLAGS.average:
        averaging.check(FLAGS.average, spec, logit_adjustment=FLAGS.logit_adjustment)
        start, facts = "none", {**facts, **averaging.facts(FLAGS.average)}
    if FLAGS.logit_adjustment:
        facts = {**facts, "logit_adjustment": FLAGS.logit_adjustment}
    return Plan(spec=spec, start=start, training=training, counts=counts,
                recipe=recipe_of(counts, teachers), phases=phases_of(), facts=facts)


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
        training = training_set.select(records, fold=train_flags.parse_fold(FLAGS.fold),
                                       unlabelled=unlabelled)
        facts |= training.facts
    if FLAGS.out_of_fold:
        training = dataclasses.replace(training, teacher_shares=teachers.unseen_shares(training))
    return training, teachers, facts


def recipe_of(counts: "np.ndarray", teachers: "Teachers | None") -> "Recipe":
    """What the flags say of a step.

    Args:
        counts: training pictures of each class.
    """
    from fashionclf.model.augmentation import Augmentation
    from fashionclf.training.recipe import Recipe, class_weights

    augmentation = Augmentation(
        rotation=FLAGS.rotation, zoom=FLAGS.zoom, shift=FLAGS.shift, contrast=FLAGS.colour,
        saturation=FLAGS.colour, brightness=FLAGS.colour / 2)
    return Recipe(
        batch_size=FLAGS.batch_size, augmentation=augmentation if FLAGS.augment else None,
        mixup=FLAGS.mixup, dropout=FLAGS.dropout, stochastic_depth=FLAGS.stochastic_depth,
        label_smoothing=FLAGS.label_smoothing, ema_momentum=FLAGS.ema_momentum,
        beta_2=FLAGS.beta_2, layer_decay=FLAGS.layer_decay, seed=FLAGS.seed, jit=FLAGS.jit,
        class_weights=class_weights(counts, FLAGS.class_weighting), teachers=teachers)


def phases_of() -> "list[Phase]":
    """What the flags say is trained, one after the other; prints how the head is."""
    from fashionclf.training.history import AVERAGE
    from fashionclf.training.recipe import Phase

    both = {"warmup_steps": FLAGS.warmup_steps, "l2": FLAGS.l2}
    if FLAGS.average:
        return [Phase(name=AVERAGE, unfreeze_from=None, epochs=1, learning_rate=0.0,
                      averages=tuple(FLAGS.average), **both)]
    scratch = FLAGS.architecture == "baseline_cnn"  # a frozen random trunk teaches nothing
    head, reason = train_flags.head_of(
        {name: FLAGS[name].value for name in train_flags.DECIDE_HEAD})
    solved = head == "solved"
    if FLAGS.head_epochs:
        print(f"head: {head}" + (f", as {reason}" if reason else "")
              + (", --head_epochs and --head_learning_rate don't apply" if solved else ""))
    phases = [
        Phase(name="head", unfreeze_from="conv2d" if scratch else None, solved=solved,
              start_only=FLAGS.fine_tune_epochs > 0, epochs=1 if solved else FLAGS.head_epochs,
              learning_rate=FLAGS.head_learning_rate, **both),
        Phase(name="fine_tune", unfreeze_from="conv2d" if scratch else FLAGS.unfreeze_from,
              epochs=FLAGS.fine_tune_epochs, learning_rate=FLAGS.fine_tune_learning_rate, **both)]
    return [phase for phase in phases if phase.epochs]
