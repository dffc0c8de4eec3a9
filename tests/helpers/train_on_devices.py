"""Trains a small network with a teacher on some logical CPU devices, and writes its weights.

    python -m tests.helpers.train_on_devices RECORDS RUN DEVICES TEACHER
"""
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import network
from fashionclf.records.input_pipeline import Records
from fashionclf.training import loop
from fashionclf.training.teachers import Teachers
from tests.helpers.tiny import frame, make_phase, make_recipe, make_spec


def main(records_dir: str, run: str, devices: str, teacher: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = (tf.distribute.MirroredStrategy(names) if len(names) > 1
                else tf.distribute.get_strategy())
    assert strategy.num_replicas_in_sync == int(devices)

    records = Records.open(records_dir, frame())
    recipe = make_recipe(ema_momentum=0.9, teachers=Teachers.of(
        [teacher], records, share=0.5, temperature=2.0))
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = network.build(make_spec())
        loop.run_phase(model, make_phase(), recipe, records, loop.Output(run_dir=Path(run)))
    np.savez(Path(run) / "weights.npz", *model.get_weights())


if __name__ == "__main__":
    main(*sys.argv[1:])
