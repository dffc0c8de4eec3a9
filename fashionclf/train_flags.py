"""The flags of train, and which of them go together."""
import functools
import re

from absl import flags

from fashionclf import cli
from fashionclf.deployment import exported
from fashionclf.model.spec import ARCHITECTURES

# The flags by which the head is trained or solved
DECIDE_HEAD = ("head", "head_epochs", "cache_views", "architecture", "align")
CALIBRATES = 100  # validation pictures from which a temperature is fitted without being asked for
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
flags.DEFINE_float("mixup", 0.2, "Mixup: alpha of the Beta distribution of the mixing weights "
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
define_share("dropout", 0.3, "Dropout rate of the pooled features.")
define_share("stochastic_depth", 0.2, "Drop rate of the last residual block, falling linearly to 0 "
             "at the first; frozen blocks are never dropped.")
flags.DEFINE_boolean("mirrored", False, "Average each prediction over the picture and its mirror "
                     "image, in evaluation and prediction; takes twice the time.")
flags.DEFINE_float("logit_adjustment", 0.0, "Once trained, shift the head's bias towards rare "
                   "classes: 1 as if all classes were equally frequent, 0 not at all. Raises macro "
                   "F1 where classes are uneven, and usually costs some accuracy.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_boolean("calibrate", None, "Fit a temperature on the validation split (calibration). "
                     f"By default if it has {CALIBRATES} pictures or more and --temperature is not "
                     "given: mixup and label smoothing make probabilities too low.")
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
flags.DEFINE_enum("head", "auto", ["auto", "trained", "solved"],
                  "How the head phase fits the dense layer: trained for --head_epochs; or solved, "
                  "in seconds, for its optimum on all --cache_views, with an L2 penalty that is "
                  "chosen on the validation split, or strong if a fine-tune phase follows. A "
                  "solved head uses --label_smoothing and "
                  "--class_weighting, but no --head_epochs, --head_learning_rate, --l2, --dropout, "
                  "--mixup or --ema_momentum. auto solves it unless another flag rules that out, "
                  "which is then printed.")
flags.DEFINE_integer("head_epochs", 10, "Epochs of the head phase, which trains the dense layer on "
                     "a frozen trunk.", lower_bound=0)
flags.DEFINE_float("head_learning_rate", 1e-3, "Peak learning rate of the head phase.",
                   lower_bound=0.0)
# Fine-tune phase
flags.DEFINE_integer("fine_tune_epochs", 10, "Epochs of the fine-tune phase, which trains the "
                     "unfrozen blocks too.", lower_bound=0)
flags.DEFINE_float("fine_tune_learning_rate", 2e-3, "Peak learning rate of the fine-tune phase.",
                   lower_bound=0.0)
flags.DEFINE_string("unfreeze_from", "block6a", "Lowest block that the fine-tune phase trains; "
                    "stem trains everything. BatchNorm stays frozen.")
flags.DEFINE_float("layer_decay", 1.0, "Learning rate of a block as a share of that of the block "
                   "above it, for when more than the top blocks are trained, e.g. 0.9; 1 gives all "
                   "the same.", lower_bound=0.05, upper_bound=1.0)
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
# Averaging
cli.paths_flag("average", None, "Folders of finished runs of one recipe, separated by commas: "
               "train nothing and average their weights.")
# Both phases
flags.DEFINE_integer("warmup_steps", 100, "Steps of linear warm-up before the cosine decay.",
                     lower_bound=0)
flags.DEFINE_float("l2", 1e-5, "Factor of the L2 penalty on the trained kernels.", lower_bound=0.0)
define_share("label_smoothing", 0.1, "Share of each target spread over all classes.")
flags.DEFINE_float("class_weighting", 0.0, "Exponent of 1/frequency in the class weights of the "
                   "loss: 0 weights all pictures equally, 1 all classes.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_float("beta_2", 0.99, "Decay of Adam's second moments (Kingma & Ba, 2015). With "
                   "0.999, Keras's default, a high learning rate can ruin a training for good.",
                   lower_bound=0.0, upper_bound=0.9999)
flags.DEFINE_float("ema_momentum", 0.99, "Momentum of a moving average of the weights, which is "
                   "then validated and kept instead of them, shorter over the first steps; "
                   "0 for none.",
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


def check() -> None:
    """Refuses flags that are wrong, or wrong together, before the program starts."""
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
        ["average", "teacher", "fold", "unlabelled"],
        lambda given: not given["average"] or not any(
            given[name] for name in ("teacher", "fold", "unlabelled")),
        "--average trains nothing: leave out --teacher, --fold and --unlabelled")
    flags.register_multi_flags_validator(
        ["calibrate", "temperature"],
        lambda given: not given["calibrate"] or given["temperature"] == 1,
        "--calibrate fits the temperature: leave --temperature out")
    flags.register_multi_flags_validator(
        ["head_epochs", "fine_tune_epochs"],
        lambda given: given["head_epochs"] + given["fine_tune_epochs"] > 0,
        "--head_epochs and --fine_tune_epochs are both 0: nothing would be trained")
    flags.register_multi_flags_validator(
        list(DECIDE_HEAD), lambda given: bool(head_of(given)))
    flags.register_multi_flags_validator(
        ["jit", "strategy"], lambda given: not given["jit"] or given["strategy"] == "default",
        "--jit compiles the step of one device: leave out --strategy")
    flags.register_multi_flags_validator(
        ["layer_decay", "architecture"],
        lambda given: given["layer_decay"] == 1 or given["architecture"] != "baseline_cnn",
        "--layer_decay is from block to block, and baseline_cnn has none: leave it out")
    flags.register_validator("export", lambda names: set(names) <= set(exported.NEEDS),
                             f"takes formats: {', '.join(exported.NEEDS)}")


def calibrates(pictures: int) -> bool:
    """Returns whether a temperature is fitted on so many validation pictures."""
    if flags.FLAGS.calibrate is None:
        return flags.FLAGS.temperature == 1 and pictures >= CALIBRATES
    return flags.FLAGS.calibrate


def head_of(given: dict) -> tuple[str, str]:
    """Returns "trained" or "solved", and why "auto" is the former, or "".

    Raises flags.ValidationError if --head=solved is given with a flag that rules it out.
    """
    reasons = {
        "--head_epochs=0 leaves out the head phase": given["head_epochs"] == 0,
        "--cache_views=0 keeps no features to solve it on": given["cache_views"] == 0,
        "--architecture=baseline_cnn has no frozen layers below its head":
            given["architecture"] == "baseline_cnn",
        "--align names where the head starts, which does not change its optimum":
            given["align"] is not None}
    found = [reason for reason, applies in reasons.items() if applies]
    if given["head"] == "solved" and found:
        raise flags.ValidationError(f"--head=solved: {found[0]}; leave out one of the two")
    if given["head"] == "auto" and found:
        return "trained", found[0]
    return given["head"].replace("auto", "solved"), ""


def parse_steps(text: str | None) -> tuple[int, int] | None:
    """The first and last step that "FIRST,LAST" names, counted from 1; (0, 0) for other texts."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+),(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def parse_fold(text: str | None) -> tuple[int, int] | None:
    """K and N of "K/N"; (0, 0) for texts that are no fold."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    return (part, parts) if 1 <= part <= parts and parts > 1 else (0, 0)
