import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf import images

NO_BOX = (0, 0, 0, 0)


def encode(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def load(encoded, bbox=NO_BOX, size=16, margin=0.0):
    return np.array(images.load(tf.constant(encoded), tf.constant(bbox, tf.int32),
                                image_size=size, box_margin=margin))


@pytest.mark.parametrize("kind", images.FORMATS)
def test_each_format_decodes_to_rgb_of_its_size(kind):
    decoded = images.decode(tf.constant(encode(np.full((20, 30, 3), 128), kind)))
    assert decoded.shape == (20, 30, 3) and decoded.dtype == tf.uint8


def test_values_stay_0_to_255():
    assert load(encode(np.full((20, 30, 3), 255))).max() == pytest.approx(255)


def test_the_whole_picture_is_squashed_neither_padded_nor_cropped():
    wide = np.zeros((10, 40, 3))
    wide[:, :10] = 200  # a quarter is bright: a crop of the middle would lose it
    loaded = load(encode(wide))
    assert loaded.mean() == pytest.approx(50, abs=2) and loaded[8, 1, 0] == pytest.approx(200)


def test_a_box_is_1_based_and_inclusive():
    picture = np.zeros((20, 30, 3))
    picture[4:10, 7:19] = 255
    assert load(encode(picture), bbox=(8, 5, 19, 10)).min() == pytest.approx(255)


def test_the_margin_widens_the_box_and_stops_at_the_border():
    picture = np.zeros((20, 20, 3))
    picture[5:15, 5:15] = 255
    box = (6, 6, 15, 15)
    assert load(encode(picture), box, margin=0.2).mean() == pytest.approx(255 * 100 / 196, rel=0.05)
    assert load(encode(picture), box, margin=9.0).mean() == pytest.approx(255 / 4, rel=0.05)


def test_a_box_outside_the_picture_keeps_the_whole_picture():
    assert load(encode(np.full((20, 20, 3), 9)), (50, 50, 60, 60)).mean() == pytest.approx(9)


@pytest.mark.parametrize("encoded, reason", [
    (b"", "empty"), (b"<html>404</html>", "not a picture"),
    (encode(np.zeros((9, 9, 3)), "GIF"), "GIF is not one of"),
    (encode(np.random.default_rng(0).integers(0, 255, (64, 64, 3)), "JPEG")[:900],
     "cannot be decoded")])
def test_what_cannot_be_used_is_told_why(encoded, reason):
    assert reason in images.why_unusable(encoded)


def test_an_absurd_size_is_refused_by_the_header_alone(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 99)
    monkeypatch.setattr(images, "decode", lambda _: pytest.fail("was decoded"))
    assert "10 x 10 pixels is over the limit" in images.why_unusable(encode(np.zeros((10, 10, 3))))
