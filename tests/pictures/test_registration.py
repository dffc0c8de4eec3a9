"""A copy is alike after it is laid over its original, other pictures of one outline are not."""
import numpy as np
import pytest

from fashionclf.curation import copies
from fashionclf.pictures import registration
from fashionclf.pictures.registration import Thumbnails
from tests.helpers.textures import texture
from tools.benchmark import planted_copies

ORIGINALS = [texture(seed) for seed in range(12)]
SIMILAR = np.ones(len(ORIGINALS))  # cosines of features


def stacked(images):
    found = [registration.thumbnail(np.asarray(image.convert("RGB"))) for image in images]
    return Thumbnails(*map(np.stack, zip(*found)))


def changed(name):
    change = planted_copies.CHANGES[name]
    return [change(image, np.random.default_rng(number)) for number, image in enumerate(ORIGINALS)]


@pytest.mark.parametrize("name", planted_copies.CHANGES)
def test_each_planted_copy_is_found_and_no_other_picture(name):
    originals, planted = stacked(ORIGINALS), stacked(changed(name))
    found = registration.compare(originals, planted)
    # The brightness of many colours turns with their hue, and bright parts are clipped to white.
    least = {"hue turned": 0.0, "30 % more contrast, then brighter by 30 %": 0.9}.get(name, 1.0)
    assert copies.alike(found, SIMILAR).mean() >= least
    if name != "hue turned":
        assert (found.mirrored == ("mirrored" in name)).all()
    if name in ("grey", "hue turned"):
        assert (found.tint > copies.TINT).all()
    elif "contrast" not in name and "banner" not in name:
        assert (found.tint < copies.TINT).mean() > 0.9

    numbers = np.arange(len(ORIGINALS))
    others = registration.compare(originals, planted.of(np.roll(numbers, 1)))
    assert not copies.alike(others, SIMILAR).any()
    assert others.likeness.max() < registration.PROMISING


def test_either_of_two_may_be_the_one_that_was_changed():
    originals, planted = stacked(ORIGINALS), stacked(changed("cut by 10 %"))
    assert registration.compare(planted, originals).likeness == pytest.approx(
        registration.compare(originals, planted).likeness, abs=0.1)


def test_a_border_is_cut_off_and_a_picture_of_one_colour_is_like_none():
    image = np.asarray(ORIGINALS[0])
    bordered = np.pad(image, ((9, 4), (0, 30), (0, 0)), constant_values=255)
    for found, expected in zip(registration.thumbnail(bordered), registration.thumbnail(image)):
        assert np.abs(found.astype(int) - expected).max() <= 12
    blank = Thumbnails(*(part[None] for part in registration.thumbnail(np.full_like(image, 200))))
    assert registration.compare(blank, blank).likeness == pytest.approx(0, abs=1e-3)
    assert registration.compare(blank, stacked(ORIGINALS[:1])).likeness < 0.1
