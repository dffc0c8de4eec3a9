"""The networks: build, load a trunk, freeze and unfreeze, save and load.

A model is rebuilt from code and `model.json`; only weights are ever loaded.
"""
import dataclasses

MOST_CLASSES = 10_000
ARCHITECTURES = ("efficientnet_b0", "baseline_cnn")


@dataclasses.dataclass(frozen=True)
class Spec:
    """All that is needed to rebuild a model and to feed it.

    Attributes:
        architecture: one of ARCHITECTURES.
        classes: names in the order of the labels.
        image_size: side of the square input, in pixels.
        box_margin: share by which boxes are widened before cropping.
        mirrored: whether a prediction is the mean over a picture and its mirror
            image, at twice the time.
        temperature: divides the logarithms of the probabilities, see calibration.
    """
    architecture: str
    classes: list[str]
    image_size: int
    box_margin: float
    mirrored: bool = False
    temperature: float = 1.0

    def __post_init__(self):
        """Raises ValueError where a value is not what the fields above allow."""
        holds = {
            "architecture": self.architecture in ARCHITECTURES,
            "classes": isinstance(self.classes, list) and 0 < len(self.classes) <= MOST_CLASSES
            and all(isinstance(name, str) for name in self.classes),
            "image_size": type(self.image_size) is int and 32 <= self.image_size <= 2048,
            "box_margin": type(self.box_margin) in (int, float) and 0 <= self.box_margin <= 10,
            "mirrored": type(self.mirrored) is bool,
            "temperature": type(self.temperature) in (int, float) and 0 < self.temperature < 1e3}
        for name, holds_true in holds.items():
            if not holds_true:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r:.100}")
