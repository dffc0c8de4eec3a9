"""The headers of a JPEG by hand, byte by byte; tests of images tell whole files from cut ones."""
import re

import numpy as np
import pytest
from PIL import Image

from fashionclf.pictures import jpeg as jpeg_headers
from tools.bad_pictures.surgery import encode, segment

COMPONENTS = bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])  # name, sampling, table
FRAME = bytes([8, 1, 2, 3, 4, 3]) + COMPONENTS  # precision, height 0x102, width 0x304


def scan(components, first, last, bits):
    """A scan's header: of each component its name and tables, then which coefficients."""
    named = b"".join(bytes([component, 0]) for component in components)
    return bytes([len(components)]) + named + bytes([first, last, bits])


def test_a_layout_is_the_first_frame_the_scans_and_the_end():
    scans = [scan([1, 2, 3], 0, 0, 0), scan([1], 1, 63, 0)]
    jpeg = (b"\xff\xd8" + b"\xff\x01" + segment(0xE0, b"JFIF") + b"\xff\xd8"
            + segment(0xC2, FRAME) + segment(0xC0, b"another") + segment(0xDA, scans[0])
            + b"data\xff\x00\xff\xd0\xff\xd7" + segment(0xDA, scans[1]) + b"data")
    found = jpeg_headers.layout(jpeg + b"\xff\xd9" + segment(0xDA, b"of a thumbnail"))
    assert found.frame == FRAME and found.scans == scans and found.end == len(jpeg)
    assert found.size == (0x304, 0x102)
    assert jpeg_headers.layout(jpeg).end is None
    assert jpeg_headers.layout(b"\xff\xd8" + segment(0xC2, FRAME)).frame == FRAME


@pytest.mark.parametrize("kind", range(0xBF, 0xD1))
def test_a_frame_is_each_of_its_kinds_and_neither_a_table_nor_a_reserve(kind):
    found = jpeg_headers.layout(b"\xff\xd8" + segment(kind, FRAME))
    frames = [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF]
    assert found.frame == (FRAME if kind in frames else b"")


@pytest.mark.parametrize("sampling, fractional", [
    ([0x11], False), ([0x22, 0x11, 0x11], False), ([0x41, 0x21, 0x11], False),
    ([0x31, 0x21, 0x11], True), ([0x13, 0x12, 0x11], True), ([0x22, 0x12, 0x01], True),
    ([0x22, 0x20, 0x11], True), ([0x11, 0x11, 0x23], False), ([0x22, 0x11, 0x13], True)])
def test_sampling_is_fractional_where_a_component_is_no_whole_part_of_the_finest(
        sampling, fractional):
    components = b"".join(bytes([name, step, 0]) for name, step in enumerate(sampling, 1))
    layout = jpeg_headers.Layout(frame=bytes([8, 0, 9, 0, 9, len(sampling)]) + components)
    assert layout.fractional() == fractional


@pytest.mark.parametrize("headers, lack", [
    ([], True), ([scan([1, 2, 3], 0, 63, 0)], False), ([scan([1], 0, 62, 0)], True),
    ([scan([1], 0, 63, 1)], True), ([scan([1], 0, 63, 0), scan([2], 0, 63, 0)], False),
    ([scan([1], 0, 63, 0), scan([2], 0, 0, 0)], True),
    ([scan([1], 0, 0, 0), scan([1], 1, 63, 0)], False),
    ([scan([1], 0, 0, 0), scan([1], 2, 63, 0)], True),
    ([scan([1], 0, 0, 1), scan([1], 1, 63, 0)], True),  # the last bit of the first is not there
    ([scan([1], 0, 0, 1), scan([1], 1, 63, 0), scan([1], 0, 0, 0x10)], False),
    ([scan([1, 2], 0, 0, 0), scan([1], 1, 63, 0)], True),
    ([scan([1, 2], 0, 0, 0), scan([1], 1, 63, 0), scan([2], 1, 5, 0),
      scan([2], 6, 63, 2), scan([2], 6, 63, 0x21), scan([2], 6, 63, 0x10)], False)])
def test_scans_lack_what_no_header_gives_to_the_last_bit(headers, lack):
    assert jpeg_headers._scans_lack(headers) == lack


def ends_filled(block, shape=(24, 24), components=3):
    """Whether a picture of `shape` that ends with `block` looks filled in."""
    pixels = np.full((*shape, np.shape(block)[2]), 77, np.uint8)
    rows, columns = np.shape(block)[:2]
    pixels[shape[0] - rows:, shape[1] - columns:] = block
    frame = bytes([8, 0, 24, 0, 24, components])
    return jpeg_headers._ends_filled(jpeg_headers.Layout(frame), pixels, 8)


@pytest.mark.parametrize("colour, filled", [
    (128, True), (127, True), (129, True), (126, False), (130, False), (0, False),
    ((255, 70, 96), True), ((0, 200, 91), True), ((70, 255, 96), False), ((96, 70, 255), False)])
def test_the_last_block_looks_filled_in_where_its_luminance_is_mid_grey(colour, filled):
    for channels in {3, np.size(colour)}:
        block = np.broadcast_to(colour, (7, 8, channels))
        assert ends_filled(block, components=channels) == filled


def test_only_the_first_row_of_the_block_may_differ_and_a_block_is_cut_by_the_border():
    block = np.full((7, 8, 3), 128)
    block[0, 3] = 0
    assert not ends_filled(block)
    for rows, columns in ((1, 1), (1, 3), (2, 8), (8, 1)):  # of the last block, of 8 at most
        block, shape = np.ones((max(1, rows - 1), columns, 3)), (16 + rows, 16 + columns)
        assert ends_filled(128 * block, shape) and not ends_filled(90 * block, shape)


def test_of_four_components_any_one_colour_looks_filled_in():
    block = np.full((7, 8, 4), 9)
    assert ends_filled(block, components=4)
    block[3, 3, 1] = 10
    assert not ends_filled(block, components=4)
    for ramp in (np.arange(7)[:, None, None], np.arange(8)[None, :, None]):
        assert not ends_filled(ramp + np.zeros((7, 8, 4), int), components=4)


@pytest.mark.parametrize("scale, size", [(2, (32, 24)), (8, (8, 6)), (1, (64, 48))])
def test_a_small_picture_has_a_part_of_the_size(scale, size):
    encoded = encode(Image.new("RGB", (64, 48)))
    assert len(jpeg_headers._small(encoded, scale)) == 3 * size[0] * size[1]


@pytest.fixture
def decoded(monkeypatch):
    """What is decoded at which part of its size; every change of the bytes changes the pixels."""
    calls = []

    def small(jpeg, scale):
        calls.append((jpeg, scale))
        return jpeg
    monkeypatch.setattr(jpeg_headers, "_small", small)
    return calls


WHOLE = [scan([1], 0, 63, 0)]
TWO = [scan([1], 0, 0, 0), scan([1], 1, 63, 0)]


@pytest.mark.parametrize("scans, last, scale, small", [
    (WHOLE, 128, 1, 8), (WHOLE, 90, 1, None), (TWO, 128, 1, 2), (TWO, 90, 1, 2)])
def test_what_looks_filled_in_or_has_scans_of_details_is_decoded_with_data_put_before_its_end(
        decoded, scans, last, scale, small):
    layout = jpeg_headers.Layout(FRAME[:5] + b"\x01", scans, end=6)
    pixels = np.full((24, 24, 1), 77, np.uint8)
    pixels[17:, 16:] = last
    assert jpeg_headers.lacks_data(b"before after", layout, pixels, scale) == (small is not None)
    filled = b"before" + jpeg_headers.FILLER + b" after"
    assert decoded == ([(b"before after", small), (filled, small)] if small else [])


def test_a_block_is_as_much_smaller_as_the_pixels(decoded):
    layout = jpeg_headers.Layout(FRAME[:5] + b"\x01", WHOLE, end=6)
    pixels = np.full((24, 24, 1), 128, np.uint8)
    pixels[18, 18] = 90  # in the last 8 x 8 and not in the last 4 x 4
    assert not jpeg_headers.lacks_data(b"before after", layout, pixels)
    assert jpeg_headers.lacks_data(b"before after", layout, pixels, 2)


def test_without_an_end_the_decoder_itself_tells_and_without_all_scans_none_needs_to(decoded):
    grey = np.full((24, 24, 1), 128, np.uint8)
    no_end = jpeg_headers.Layout(FRAME[:5] + b"\x01", TWO)
    assert not jpeg_headers.lacks_data(b"before after", no_end, grey)
    assert jpeg_headers.lacks_data(b"", jpeg_headers.Layout(FRAME, TWO[:1], end=6), grey)
    assert decoded == []


def test_the_data_put_before_the_end_has_each_restart_marker_in_its_turn():
    markers = re.findall(rb"\xff(.)", jpeg_headers.FILLER, re.DOTALL)
    assert markers == [bytes([0xD0 + number]) for number in range(8)]
