"""Two devices train to what one trains to: each picture draws its own augmentation and dropout."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import make_records

TRAIN = """
import sys
import tensorflow as tf
import keras
from fashionclf import augment, classifier, fine_tuning, training_step
import numpy as np
import pathlib

records, run, devices = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * devices)
names = [device.name for device in tf.config.list_logical_devices("CPU")]
strategy = tf.distribute.MirroredStrategy(names) if devices > 1 else tf.distribute.get_strategy()
assert strategy.num_replicas_in_sync == devices
keras.utils.set_random_seed(0)
with strategy.scope():
    model = classifier.build(classifier.Spec("baseline_cnn", ["Red", "Green", "Blue"], 32, 0.0))
    fine_tuning.run_phase(
        model, training_step.Phase("head", "conv2d", 2, 2e-3, 0, 1e-4),
        training_step.Recipe(8, augment.Augmentation(), 0.0, 0.2, 0.0, 0.1, np.ones(3), 0.9, 0),
        fine_tuning.Data(pathlib.Path(records), {"train": 24, "validation": 6}, 32, 0.0), run)
np.savez(run / "weights.npz", *model.get_weights())
"""


def train(records: Path, run: Path, devices: int) -> list[np.ndarray]:
    run.mkdir()
    done = subprocess.run([sys.executable, "-c", TRAIN, records, run, str(devices)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(run / "weights.npz") as weights:
        return list(weights.values())


@pytest.mark.slow
def test_two_mirrored_devices_train_to_the_weights_of_one(tmp_path):
    records = make_records(tmp_path, per_class={"train": 8, "validation": 2})
    one, two = (train(records, tmp_path / str(n), n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
