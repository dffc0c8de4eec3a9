"""Pictures like photographs for tests: smooth random textures, each with other colours."""
import numpy as np
from PIL import Image


def texture(seed: int, size: tuple[int, int] = (180, 240)) -> Image.Image:
    """Returns octaves of random colours, coarse to fine, `size` in pixels."""
    rng, total = np.random.default_rng(seed), 0
    for cells, strength in ((3, 90), (7, 60), (17, 40)):
        colours = rng.uniform(-1, 1, (cells, cells, 3)) * strength
        channels = [np.asarray(Image.fromarray(channel.astype(np.float32)).resize(
            size, Image.Resampling.BICUBIC)) for channel in colours.transpose(2, 0, 1)]
        total = total + np.stack(channels, axis=2)
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))
