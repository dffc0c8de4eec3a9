"""Pictures are used as a person sees them: upright, over white, in the colours that were meant."""
import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from fashionclf.pictures import decoding
from fashionclf.pictures import exif as exif_data
from fashionclf.pictures import inspection, near_duplicates, orientation, reading
from tools.bad_pictures import surgery

PHOTO = surgery.photo((48, 31))
LOSSLESS = {"WEBP": {"lossless": True, "exact": True}, "HEIF": {"quality": -1, "chroma": 444},
            "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
MOST = {"JPEG": 3, "AVIF": 3, "HEIF": 3}  # decoders of one format differ so much


def encode(picture, kind, **options):
    if kind == "HEIF":
        heif = pytest.importorskip("pillow_heif", reason="fashionclf[heic] is missing")
        heif.register_heif_opener()
    return surgery.encode(picture, kind, **LOSSLESS.get(kind, {}), **options)


def turned(kind, number, picture=PHOTO):
    exif = Image.Exif()
    exif[0x010F], exif[exif_data.TAG] = "a camera", number
    return encode(picture, kind, exif=exif.tobytes())


def by_pillow(encoded):
    with Image.open(io.BytesIO(encoded)) as file:
        seen = ImageOps.exif_transpose(file).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", seen.size, "white"),
                                            seen).convert("RGB"), int)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def graph(encoded):
    """As in training and in an exported model; traced once for all tests."""
    return decoding.decode(encoded)


def in_graph(encoded):
    return graph(tf.constant(encoded)).numpy()


def assert_seen(encoded, kind):
    expected = by_pillow(encoded)
    found = reading.decoded_or_reason(encoded)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= MOST.get(kind, 0)
    assert np.array_equal(in_graph(inspection.recordable(encoded)), found)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_picture_is_turned_as_its_exif_says(kind, number):
    assert_seen(turned(kind, number), kind)


def see_through(mode="RGBA"):
    alpha = np.linspace(0, 255, 48 * 31).reshape(31, 48).astype(np.uint8)
    picture = PHOTO.convert("RGBA")
    picture.putalpha(Image.fromarray(alpha))
    return picture.convert(mode)


TRANSPARENT = {
    "rgba": ("PNG", see_through(), {}), "grey_alpha": ("PNG", see_through("LA"), {}),
    "palette_colour": ("PNG", PHOTO.quantize(32), {"transparency": 3}),
    "palette_of_9": ("PNG", PHOTO.quantize(9), {"transparency": bytes(range(0, 135, 15))}),
    "one_colour": ("PNG", PHOTO, {"transparency": PHOTO.getpixel((5, 5))}),
    "one_grey": ("PNG", PHOTO.convert("L"), {"transparency": PHOTO.convert("L").getpixel((5, 5))}),
    "black_white": ("PNG", PHOTO.convert("1"), {"transparency": 0}),
    "webp": ("WEBP", see_through(), {}), "gif": ("GIF", PHOTO.quantize(32), {"transparency": 3}),
    "tiff": ("TIFF", see_through(), {})}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_what_is_transparent_is_white(name):
    kind, picture, options = TRANSPARENT[name]
    encoded = encode(picture, kind, **options)
    assert_seen(encoded, kind)
    assert (by_pillow(encoded) == 255).all(axis=-1).any()


@pytest.mark.parametrize("picture", [PHOTO.quantize(9), PHOTO.convert("1"), PHOTO.convert("L")],
                         ids=["palette", "bits", "grey"])
def test_a_png_without_transparency_stays_as_it_is(picture):
    assert_seen(encode(picture, "PNG"), "PNG")


@pytest.mark.parametrize("marked", [True, False, "only in a profile"])
def test_ink_colours_are_those_of_pillow_with_and_without_adobes_marker(marked):
    encoded = encode(PHOTO.convert("CMYK"), "JPEG", quality=95)
    at = encoded.index(surgery.ADOBE)
    encoded = encoded if marked is True else encoded[:at] + encoded[at + 16:]
    if marked == "only in a profile":
        encoded = surgery.insert_segment(encoded, 0xE2, b"ICC_PROFILE\0\1\1Copyright Adobe Systems")
    found = reading.decoded_or_reason(encoded)
    assert np.abs(found - by_pillow(encoded)).mean() < 2
    assert np.array_equal(in_graph(encoded), found)
    grey = inspection.luminance_or_reason(encoded).pixels
    assert np.array_equal(grey, np.asarray(Image.fromarray(found).convert("L")))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_what_tensorflow_does_not_decode_is_recorded_as_a_png_of_the_same_pixels(kind):
    encoded = encode(PHOTO, kind)
    assert_seen(encoded, kind)
    assert inspection.recordable(encoded).startswith(b"\x89PNG")
    for cut in (len(encoded) // 2, len(encoded) - 30):
        assert isinstance(reading.decoded_or_reason(encoded[:cut]), str)


def test_sixteen_bits_of_grey_are_scaled_and_not_cut_off():
    values = np.linspace(0, 65535, 48 * 31).reshape(31, 48).astype(np.uint16)
    found = reading.decoded_or_reason(encode(Image.fromarray(values), "TIFF"))
    assert np.array_equal(found[..., 0], values >> 8)


def test_values_without_a_known_range_are_refused():
    encoded = encode(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF")
    assert "32 bits per pixel" in inspection.why_unusable(encoded)


def test_heic_without_its_package_names_the_install(monkeypatch):
    encoded = encode(PHOTO, "HEIF")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "pip install" in inspection.why_unusable(encoded)


@pytest.mark.parametrize("number", range(1, 9))
def test_the_hash_of_a_turned_picture_is_that_of_what_is_seen(number):
    coarse = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    encoded = turned("JPEG", number, Image.fromarray(coarse).resize((402, 303)))
    found = inspection.luminance_or_reason(encoded, least=near_duplicates.LEAST)
    assert found.scale > 1
    upright = Image.fromarray(reading.decoded_or_reason(encoded)).convert("L")
    assert found.size_seen == upright.size
    hashes = [near_duplicates.perceptual_hash(found.pixels, found.scale, found.size,
                                              found.orientation),
              near_duplicates.perceptual_hash(np.asarray(upright))]
    assert near_duplicates.bits(hashes[:1], hashes[1:]) <= 2


def orientation_of(encoded):
    """Read with TensorFlow, and without."""
    kind = {b"RIFF": "WEBP", b"\x89PNG": "PNG"}.get(encoded[:4], "JPEG")
    read = exif_data.orientation(encoded, kind)
    assert int(orientation.of(tf.constant(encoded))) == read
    return read


EXIF_TEXT = b"Exif\0\0 eXIf EXIF"


@pytest.mark.parametrize("encoded", [
    surgery.insert_segment(turned("JPEG", 6), 0xFE, EXIF_TEXT),
    surgery.insert_segment(turned("JPEG", 6), 0xE1, b"http://ns.adobe.com/\0" + EXIF_TEXT),
    surgery.insert_chunk(turned("PNG", 6), b"tEXt", b"Comment\0" + EXIF_TEXT),
    turned("PNG", 6).replace(b"eXIf", b"eXIfExif\0\0")],
    ids=["comment", "xmp", "png_text", "png_prefix"])
def test_exif_is_found_behind_a_text_that_names_it(encoded):
    assert orientation_of(encoded) == 6


EXIF_PARTS = st.sampled_from([
    b"Exif\0\0", b"eXIf", b"EXIF", b"\xff\xe1\1\0", b"II*\0\x08\0\0\0\1\0",
    b"MM\0*\0\0\0\x08\0\1", b"\x12\1\3\0\1\0\0\0\6\0\0\0"])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([b"\xff\xd8\xff\xe1\x01\x00Exif\0\0", b"\x89PNG....eXIf",
                        b"RIFF....WEBPEXIF\0\0\0\0", b""]),
       st.lists(st.binary(max_size=20) | EXIF_PARTS, max_size=40))
def test_damaged_exif_data_is_no_orientation_and_never_an_error(start, parts):
    assert 1 <= orientation_of(start + b"".join(parts)) <= 8


@pytest.mark.parametrize("change", [
    lambda exif: exif.replace(b"\x01\x12\x00\x03", b"\x01\x12\x00\x02"),
    lambda exif: exif.replace(b"\x00\x06\x00\x00", b"\x00\x09\x00\x00"),
    lambda exif: exif.replace(b"MM\0*\0\0\0\x08", b"MM\0*\xff\xff\xff\x08")],
    ids=["type", "value", "place"])
def test_an_orientation_that_cannot_be_is_none(change):
    encoded = turned("JPEG", 6)
    at = encoded.index(b"Exif\0\0")
    assert orientation_of(encoded) == 6
    damaged = encoded[:at] + change(encoded[at:at + 120]) + encoded[at + 120:]
    assert damaged != encoded and orientation_of(damaged) == 1
