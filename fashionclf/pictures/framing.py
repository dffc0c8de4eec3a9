"""Defines how a picture is cropped and resized; loads without TensorFlow, unlike decoding."""
import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Framing:
    """Crop a picture to its box with a margin, then resize it to a square."""
    image_size: int  # pixels a side of the square
    box_margin: float  # share of the box's width and height that is added on each side

    def __post_init__(self):
        """Raises ValueError where a value is out of range."""
        if type(self.image_size) is not int or not 1 <= self.image_size <= 2048:
            raise ValueError(f"image_size cannot be {self.image_size!r:.100}")
        if type(self.box_margin) not in (int, float) or not 0 <= self.box_margin <= 10:
            raise ValueError(f"box_margin cannot be {self.box_margin!r:.100}")


def mirrored(orientation):
    """Whether an EXIF orientation, 1 to 8, mirrors a picture left to right, and top to bottom.

    From 5 on, its sides are swapped first (Exif 2.32, 4.6.4 A). Also for a tensor.
    """
    return orientation // 2 % 2 == 1, (orientation - 1) // 2 % 2 == 1
