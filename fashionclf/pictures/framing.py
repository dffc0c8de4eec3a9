"""Defines how a picture is cropped and resized; loads without TensorFlow, unlike decoding."""
import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Framing:
    """Crop a picture to its box with a margin, then resize it to a square."""
    image_size: int  # pixels a side of the square
    box_margin: float  # share of the box's width and height that is added on each side

    def __post_init__(self):
        """Raises ValueError where a value is out of range."""
        allowed = {
            "image_size": type(self.image_size) is int and 1 <= self.image_size <= 2048,
            "box_margin": type(self.box_margin) in (int, float) and 0 <= self.box_margin <= 10}
        for name, is_allowed in allowed.items():
            if not is_allowed:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r:.100}")
