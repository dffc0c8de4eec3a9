"""The hash is that of ImageHash on Pillow 13; an older Pillow resizes tall pictures otherwise."""
import imagehash
import numpy as np
import PIL
import pytest
from PIL import Image

from fashionclf import perceptual_hash
from tools.spoiling import surgery

SIZES = [(1, 1), (1, 70), (70, 1), (64, 64), (65, 63), (300, 225), (225, 300), (400, 231),
         (400, 232), (2, 999), (1100, 640), (640, 1100)]


def theirs(pixels):
    return str(imagehash.phash(Image.fromarray(pixels), hash_size=16))


@pytest.mark.parametrize("height, width", SIZES)
def test_it_is_imagehashs_bit_for_bit(height, width):
    if int(PIL.__version__.partition(".")[0]) < 13 and 2 * width < height + 64:
        pytest.skip(f"Pillow {PIL.__version__} resizes tall pictures in another order")
    rng = np.random.default_rng(height)
    noise = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    photo = np.asarray(surgery.photo((width, height)))
    for pixels in (noise, photo, np.full_like(noise, 77), np.full_like(noise, 255)):
        assert perceptual_hash.perceptual_hash(pixels) == theirs(pixels)
