"""Promises of LiteRT in training and evaluation: the same numbers, for many pictures only."""
import numpy as np
import tensorflow as tf

from fashionclf.model import inference, litert, network
from tests.helpers.checks import mixed_precision
from tests.helpers.tiny import make_spec


def test_it_is_worth_it_for_many_passes_in_float32_alone():
    assert litert.worth(litert.FEWEST) and not litert.worth(litert.FEWEST - 1)
    with mixed_precision():
        assert not litert.worth(litert.FEWEST)


def test_it_says_what_tensorflow_says_the_same_for_any_batch():
    model = network.build(make_spec())
    pictures = np.random.default_rng(0).uniform(0, 255, (9, 32, 32, 3)).astype(np.float32)
    by_tensorflow, by_litert = (
        inference.Predictor(model, mirrored=True, fixed=True, features=True, pictures=count)
        for count in (0, litert.FEWEST))
    wanted, found = by_tensorflow.outputs(pictures), by_litert.outputs(tf.constant(pictures))
    for one, other in zip(wanted, found, strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)

    # Whichever core takes it, a picture alone has the same bits as in a batch.
    alone = [by_litert.outputs(picture[np.newaxis]) for picture in pictures]
    for together, parts in zip(found, zip(*alone)):
        assert (together == np.concatenate(parts)).all()
