import io
import random

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf.pictures import decoding, headers, inspection, jpeg, reading
from tests.helpers.programs import start_code
from tests.helpers.tiny import frame
from tools.bad_pictures import foreign, surgery

NO_BOX = (0, 0, 0, 0)
END_OF_IMAGE = b"\xff\xd9"


def encode(pixels, kind="PNG"):
    return surgery.encode(Image.fromarray(np.asarray(pixels, np.uint8)), kind)


def load(encoded, bbox=NO_BOX, size=16, margin=0.0):
    return np.array(decoding.load(tf.constant(encoded), tf.constant(bbox, tf.int32),
                                  frame(size, margin)))


@pytest.mark.parametrize("kind", headers.FORMATS)
def test_each_format_decodes_to_rgb_of_its_size(kind):
    decoded = decoding.decode(tf.constant(encode(np.full((20, 30, 3), 128), kind)))
    assert decoded.shape == (20, 30, 3) and decoded.dtype == tf.uint8


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
    (encode(np.zeros((9, 9, 3)), "PPM"), "not a picture that is read (JPEG,"),
    (surgery.encode(surgery.photo())[:900], "cannot be decoded")])
def test_what_cannot_be_used_is_told_why(encoded, reason):
    assert reason in inspection.why_unusable(encoded)


@pytest.mark.parametrize("limit, least, reason", [
    ("MAX_PIXELS", 269, "30 x 9 pixels is over the limit of 269"),
    ("MAX_SIDE", 29, "a side is over the limit of 29")])  # else resizing takes gigabytes
def test_an_absurd_size_is_refused_by_the_header_alone(monkeypatch, limit, least, reason):
    monkeypatch.setattr(headers, limit, least)
    monkeypatch.setattr(decoding, "decode_now", lambda *_: pytest.fail("was decoded"))
    assert reason in inspection.why_unusable(encode(np.zeros((9, 30, 3))))


@pytest.mark.parametrize("encoded", [
    surgery.encode(surgery.photo().convert("CMYK")), surgery.ycck()], ids=["cmyk", "ycck"])
def test_colours_of_four_channels_are_those_that_pillow_sees(encoded):
    with Image.open(io.BytesIO(encoded)) as picture:
        seen = np.asarray(picture.convert("RGB"), float)
    assert np.abs(reading.decoded_or_reason(encoded) - seen).mean() < 1


def test_a_telephones_two_pictures_in_a_file_are_its_first():
    photo, other = surgery.photo(), surgery.photo(seed=1)
    both = surgery.encode(photo, "MPO", save_all=True, append_images=[other])
    assert np.array_equal(reading.decoded_or_reason(both),
                          reading.decoded_or_reason(surgery.encode(photo)))


@pytest.mark.parametrize("options", [
    {}, {"progressive": True}, {"restart_marker_blocks": 2}, {"subsampling": 0}],
    ids=["plain", "progressive", "restarts", "444"])
@pytest.mark.parametrize("size", [surgery.SIZE, (64, 49)], ids=["size", "a_row_of_blocks_cut"])
def test_a_jpeg_that_was_cut_is_refused_even_where_an_end_marker_hides_it(options, size):
    whole = surgery.encode(surgery.photo(size), **options)
    pixels = reading.decoded_or_reason(whole)
    for cut in range(1, 80):
        assert "cannot be decoded" in inspection.why_unusable(whole[:-cut]), cut
    for cut in range(60, len(whole) - 200, 7):
        ended = whole[:-cut] + END_OF_IMAGE
        found = reading.decoded_or_reason(ended)
        assert isinstance(found, str) or np.array_equal(found, pixels), cut


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_whole_jpeg_lacks_nothing_however_flat_it_is(mode, options):
    for size in ((1, 1), (8, 8), (17, 9), (40, 33)):
        for picture in (Image.new(mode, size), surgery.photo(size).convert(mode)):
            assert inspection.why_unusable(surgery.encode(picture, **options)) is None


LUMINANCES = {
    "444": surgery.encode(surgery.photo(), subsampling=0),
    "grey": surgery.encode(surgery.photo().convert("L")),
    "cmyk": surgery.encode(surgery.photo().convert("CMYK")),
    "png": surgery.encode(surgery.photo(), "PNG"),
    "webp": surgery.encode(surgery.see_through(), "WEBP", lossless=True)}


@pytest.mark.parametrize("encoded", LUMINANCES.values(), ids=LUMINANCES)
@pytest.mark.parametrize("least", [1, 10, 20, 60, 1000])
def test_luminance_is_that_of_the_colours_made_smaller(encoded, least):
    colours = Image.fromarray(reading.decoded_or_reason(encoded))
    pixels, size, scale, *_ = inspection.luminance_or_reason(encoded, least=least)
    assert size == colours.size and (scale == 1 or min(size) >= scale * least)
    assert scale == 8 or 2 * scale * least > min(size) or encoded[:2] != b"\xff\xd8"
    expected = np.asarray(colours.convert("L").reduce(scale), float)
    rows, columns = (slice(side // scale) for side in size[::-1])  # the rest holds some padding
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected)[rows, columns].mean() < (1 if scale == 1 else 3)


def test_a_jpeg_of_another_size_than_its_header_says_is_refused(monkeypatch):
    encoded = surgery.encode(surgery.photo())
    header = headers.header_or_reason(encoded)
    monkeypatch.setattr(headers, "header_or_reason",
                        lambda _: header._replace(size=(header.size[0] + 8, header.size[1])))
    assert inspection.luminance_or_reason(encoded, least=10).startswith("damaged header")


def test_a_jpeg_with_fractional_sampling_is_refused_as_its_colours_would_be():
    encoded = bytearray(surgery.encode(surgery.photo(), subsampling=0))
    frame = encoded.index(b"\xff\xc0") + 10  # then three components: name, sampling, table
    encoded[frame + 1], encoded[frame + 4] = 0x31, 0x21
    for look in (reading.decoded_or_reason, inspection.luminance_or_reason):
        assert look(bytes(encoded)) == "cannot be decoded: fractional sampling"
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode(bytes(encoded))


def test_a_small_frame_behind_a_huge_one_hides_nothing():
    jpeg = surgery.encode(surgery.photo())
    at = surgery.frame_header(jpeg)
    behind = surgery.claim_size(jpeg, 60000, 60000)[:-2] + jpeg[at:at + 19] + END_OF_IMAGE
    for look in (reading.decoded_or_reason, inspection.luminance_or_reason):
        assert look(behind) == "60000 x 60000 pixels is over the limit of 50,000,000"


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(monkeypatch):
    allowed, more = (surgery.many_scans(count, (16, 16))
                     for count in (jpeg.MAX_SCANS - 1, jpeg.MAX_SCANS))
    assert inspection.why_unusable(allowed) is None
    monkeypatch.setattr(decoding, "decode_now", lambda *_: pytest.fail("was decoded"))
    assert inspection.why_unusable(more) == "more than 100 scans"


@pytest.mark.slow
def test_a_large_picture_is_refused_without_a_word_on_standard_error():
    lines = ("import warnings; warnings.simplefilter('error')",
             "from fashionclf.pictures import inspection", "from tools.bad_pictures import surgery",
             "jpeg = surgery.claim_size(surgery.encode(surgery.photo()), 10000, 10000)",
             "print(inspection.why_unusable(jpeg))")
    done = start_code("\n".join(lines))
    assert done.stdout == "10000 x 10000 pixels is over the limit of 50,000,000\n", done.stderr
    assert "Warning" not in done.stderr


def spoilt(rng: random.Random, encoded: bytes) -> bytes:
    """The bytes with a few of them changed, cut out or put in, half of them near the start."""
    changed = bytearray(encoded)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(changed) if rng.random() < 0.5 else min(len(changed), 200))
        length = rng.choice([1, 4, 50])
        match rng.randrange(3):
            case 0:
                changed[at] = rng.choice([0, 255, changed[at] ^ 1 << rng.randrange(8)])
            case 1:
                del changed[at:at + length]
            case 2:
                changed[at:at] = rng.randbytes(length)
        changed = changed or bytearray(b"x")
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_damage_raises_and_training_decodes_what_is_used_to_the_same_pixels():
    photo, rng = surgery.photo((24, 32)), random.Random(0)
    whole = [surgery.encode(photo), surgery.encode(photo, progressive=True),
             surgery.encode(photo.convert("CMYK")), surgery.encode(photo, "PNG"),
             surgery.encode(photo.quantize(16), "PNG"), surgery.encode(photo, "WEBP"),
             surgery.encode(surgery.see_through(), "WEBP", lossless=True),
             surgery.animation("WEBP"), surgery.animation("PNG"), surgery.encode(photo, "GIF"),
             surgery.encode(photo, "TIFF"), surgery.encode(photo, "BMP"), foreign.AVIF,
             foreign.HEIC, surgery.encode(Image.new("RGB", (20, 20)))]
    inputs = [spoilt(rng, rng.choice(whole)) for _ in range(6000)]
    found = [reading.decoded_or_reason(encoded) for encoded in inputs]

    # Of damaged pictures, Pillow and TensorFlow each read a few that the other doesn't.
    agreed = [isinstance(pixels, str) == bool(inspection.why_unusable(encoded))
              for encoded, pixels in zip(inputs, found)]
    others = [encoded for encoded, same in zip(inputs, agreed) if not same]
    assert len(others) < 60 and sum(encoded.startswith(jpeg.START) for encoded in others) < 6
    inputs, found = ([value for value, same in zip(values, agreed) if same]
                     for values in (inputs, found))

    for least in (3, 6, 1000):
        for encoded, pixels in zip(inputs, found):
            grey = inspection.luminance_or_reason(encoded, least=least)
            if not isinstance(grey, str):
                assert not isinstance(pixels, str) and grey.size == pixels.shape[1::-1]
            elif not grey.endswith("a part of the picture is missing"):
                assert isinstance(pixels, str) and pixels == grey
    used = [(encoded, pixels) for encoded, pixels in zip(inputs, found)
            if not isinstance(pixels, str)]
    assert len(used) > 500 and all(reason for reason in found if isinstance(reason, str))
    trained = tf.data.Dataset.from_tensor_slices(
        [inspection.recordable(encoded) for encoded, _ in used]).map(
        decoding.decode, num_parallel_calls=tf.data.AUTOTUNE)
    for (_, pixels), decoded in zip(used, trained, strict=True):
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3 and pixels.size
        assert np.abs(pixels.astype(int) - decoded.numpy()).max() <= 1  # of inks; else 0


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (50, 40), (224, 224), (900, 1300)])
def test_a_picture_is_resized_as_tensorflow_does(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    framing = frame(224, 0.1)
    expected = decoding.fit(tf.constant(pixels), decoding.NO_BOX, framing).numpy()
    found = reading.fit(pixels, framing)
    assert found.dtype == np.float32 and np.abs(found - expected).max() < 0.01


def test_real_photographs_are_read_as_training_reads_them(shared):
    files = sorted((shared / "clothing_cc0/img").glob("*/*.jpg"))[::40]
    for file in files:
        encoded = file.read_bytes()
        assert np.array_equal(reading.decoded_or_reason(encoded), decoding.decode(encoded).numpy())
