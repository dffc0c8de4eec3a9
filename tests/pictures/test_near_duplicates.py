"""Copies of a drawn garment look alike, other garments do not."""
import io

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from fashionclf.pictures import inspection, near_duplicates
from tools.bad_pictures import surgery
from tools.make_sample_data.garments import draw_garment
from tools.make_sample_data.photographs import photograph
from tools.make_sample_data.shop import item_rng

CLASSES = ["Dress", "Tee", "Coat", "Shorts", "Skirt", "Hoodie"]


def picture(number):
    garment = draw_garment(CLASSES[number], item_rng(0, number))
    return photograph(garment, 200, item_rng(0, number, 1))[0].convert("RGB")


def cut(image, share):
    w, h = image.size
    return image.crop((w * share / 2, h * share / 2, w * (1 - share / 2), h * (1 - share / 2)))


COPIES = {
    "quality 40": lambda image: Image.open(io.BytesIO(surgery.encode(image, quality=40))),
    "half": lambda image: image.reduce(2),
    "grey": lambda image: image.convert("L"), "squashed": lambda image: image.resize((150, 150)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "cut by 1 %": lambda image: cut(image, 0.01)}


def hashed(image):
    return near_duplicates.perceptual_hash(np.asarray(image.convert("L")))


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_in_the_group_of_its_original_and_other_garments_are_not(copy):
    originals = [picture(number) for number in range(len(CLASSES))]
    looks = pd.Series([hashed(image) for image in [*originals, *map(COPIES[copy], originals)]])
    found = near_duplicates.groups(looks).tolist()
    assert len(set(found)) == len(CLASSES) and found[:len(CLASSES)] == found[len(CLASSES):]


@pytest.mark.parametrize("size", [(64, 64), (90, 70), (225, 300), (640, 480)])
def test_a_hash_is_that_of_imagehash_but_for_rounding(size):
    image = picture(1).resize(size).convert("L")
    theirs = np.packbits(imagehash.phash(image, hash_size=near_duplicates.SIDE).hash)
    assert near_duplicates.bits([hashed(image)], [theirs.tobytes().hex()])[0] <= 12


@pytest.mark.parametrize("size", [(97, 130), (225, 300), (391, 391), (1000, 760)])
def test_a_jpeg_made_smaller_as_it_is_decoded_has_the_hash_of_the_whole(size):
    encoded = surgery.encode(picture(1).resize(size), quality=90)
    found = inspection.luminance_or_reason(encoded, least=near_duplicates.LEAST)
    small = near_duplicates.perceptual_hash(found.pixels, found.scale, found.size)
    whole = hashed(Image.open(io.BytesIO(encoded)))
    assert found.scale > 1 and near_duplicates.bits([whole], [small])[0] <= 8


@pytest.mark.parametrize("size", [(1, 1), (70, 70), (3, 300), (65535, 1)])
def test_what_is_flat_has_one_hash_whatever_its_size_and_brightness(size):
    for brightness in (1, 77, 255):
        assert hashed(Image.new("L", size, brightness)) == "8" + 63 * "0"


def apart(bits):
    return f"{(1 << bits) - 1:064x}"


@pytest.mark.parametrize("threshold", [[], [32], [7]], ids=["of 32 if none is given", "32", "7"])
def test_the_threshold_is_counted_in_bits_and_belongs_to_it(threshold):
    limit = sum(threshold) or 32
    for bits, together in ((0, True), (limit - 1, True), (limit, True), (limit + 1, False)):
        looks = pd.Series([apart(0), apart(bits)], index=["a", "b"])
        found = near_duplicates.groups(looks, *threshold)
        assert (found["a"] == found["b"]) == together
        assert (len(near_duplicates.pairs(looks.tolist(), *threshold)) == 1) == together


def test_a_chain_connects_and_pairs_are_found_across_tiles(monkeypatch):
    monkeypatch.setattr(near_duplicates, "TILE", 2)
    looks = pd.Series([apart(0), "f" * 64, apart(20), "f" * 63 + "e", apart(40), apart(100)])
    assert near_duplicates.groups(looks, 20).tolist() == [0, 1, 0, 1, 0, 2]


def test_it_agrees_with_a_count_of_differing_bits():
    rng = np.random.default_rng(0)
    looks = [rng.bytes(32) for _ in range(60)]
    looks += [bytes(b ^ m for b, m in zip(look, rng.choice([0, 0, 0, 1, 3, 255], 32)))
              for look in looks]
    found = near_duplicates.groups(pd.Series([look.hex() for look in looks]), 40)
    number = [int.from_bytes(look) for look in looks]
    for i in range(60):
        differing = (number[i] ^ number[60 + i]).bit_count()
        assert (found[i] == found[60 + i]) == (differing <= 40)


def test_a_threshold_of_0_finds_equal_hashes_without_comparing_all(monkeypatch):
    monkeypatch.delattr(near_duplicates, "pairs")
    looks = pd.Series([apart(0), apart(1), apart(0)], index=["a", "b", "c"])
    assert near_duplicates.groups(looks, 0).to_dict() == {"a": 0, "b": 1, "c": 0}


def test_nothing_looks_like_nothing():
    assert near_duplicates.groups(pd.Series([], dtype=object)).tolist() == []


def test_half_the_bits_of_a_busy_picture_are_above_their_median():
    noise = np.random.default_rng(0).integers(0, 256, (200, 170)).astype(np.uint8)
    for picture in (noise, noise[:64, :64], noise[:70, :100]):
        assert int(near_duplicates.perceptual_hash(picture), 16).bit_count() == 128


def test_pairs_are_named_once_the_lower_first():
    looks = [apart(0), apart(100), apart(1), apart(0)]
    assert near_duplicates.pairs(looks, 3).tolist() == [[0, 2], [0, 3], [2, 3]]
