"""Times the training step on cached feature maps, with Keras's layers and with ours.

    python -m tools.benchmark.step

measures one step for each of --unfreeze_from, in turns: as Keras computes its layers, and with
fashionclf/model/fewer_passes.py, as train does on a CPU. Feature maps and weights are random; time
doesn't depend on them. Prints a table of the quickest of --times steps each.
"""
import contextlib
import time
from unittest import mock

from absl import flags

from fashionclf import cli
from tools import markdown

FLAGS = flags.FLAGS

flags.DEFINE_list("unfreeze_from", ["block4a", "block6a", "block7a"], "Lowest trained blocks.")
flags.DEFINE_integer("image_size", 224, "Side of the square input, in pixels.", lower_bound=32)
flags.DEFINE_integer("batch_size", 32, "Pictures per step.", lower_bound=1)
flags.DEFINE_integer("times", 12, "Steps of each kind.", lower_bound=1)


def main(_: list[str]) -> None:
    with cli.loading():
        import tensorflow as tf

        from fashionclf.model import network
        from fashionclf.model.spec import Spec
        from fashionclf.pictures.framing import Framing

    if tf.config.list_physical_devices("GPU"):
        raise ValueError("train leaves the layers to Keras where there is a GPU: nothing to "
                         "compare; hide it with CUDA_VISIBLE_DEVICES=''")
    framing = Framing(image_size=FLAGS.image_size, box_margin=0.1)
    model = network.build(Spec(architecture="efficientnet_b0", framing=framing,
                               classes=[f"class {number}" for number in range(17)]))
    rows = []
    for block in FLAGS.unfreeze_from:
        with mock.patch("fashionclf.training.step.fewer_passes", contextlib.nullcontext):
            plain = compiled(model, block)
        quickest = in_turns([plain, compiled(model, block)])
        rows.append([block, *(f"{1000 * seconds:.0f}" for seconds in quickest),
                     f"{quickest[0] / quickest[1]:.2f}"])
    print(markdown.table(["trained from", "Keras's layers, ms a step", "fewer passes, ms a step",
                          "ratio"], rows))


def compiled(model, block: str):
    """Returns a step as a function without arguments, compiled."""
    import keras
    import numpy as np
    import tensorflow as tf

    from fashionclf.model import network
    from fashionclf.model.augmentation import Augmentation
    from fashionclf.training.recipe import Phase, Recipe
    from fashionclf.training.step import make_step

    network.unfreeze_from(model, block)
    layer = network.first_trained(model, block)
    optimizer = keras.optimizers.Adam(1e-5)
    optimizer.build(model.trainable_variables)
    phase = Phase(name="fine_tune", unfreeze_from=block, epochs=1, learning_rate=1e-5,
                  warmup_steps=0, l2=1e-5)
    recipe = Recipe(batch_size=FLAGS.batch_size, augmentation=Augmentation(), mixup=0.0,
                    dropout=0.2, stochastic_depth=0.0, label_smoothing=0.0, ema_momentum=0.0,
                    seed=0, class_weights=np.ones(model.output.shape[-1]))
    step = make_step(model, optimizer, phase, recipe, layer.name)

    shape = (FLAGS.batch_size, *layer.input.shape[1:])
    batch = {"image": tf.random.stateless_normal(shape, [0, 1]),
             "label": tf.zeros(FLAGS.batch_size, tf.int64)}
    seed = tf.constant([0, 0])
    step(batch, seed)
    return lambda: step(batch, seed).numpy()  # waits for the device


def in_turns(steps) -> list[float]:
    """Returns the seconds of the quickest call of each."""
    quickest = [float("inf")] * len(steps)
    for _ in range(FLAGS.times):
        for number, step in enumerate(steps):
            start = time.perf_counter()
            step()
            quickest[number] = min(quickest[number], time.perf_counter() - start)
    return quickest


if __name__ == "__main__":
    cli.run(main)
