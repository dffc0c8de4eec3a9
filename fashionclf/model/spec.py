"""Describes a trained network and its input: model.json of a run, read without TensorFlow."""
import dataclasses
import json
from pathlib import Path

from fashionclf.pictures.framing import Framing
from fashionclf.system import packaged

MAX_CLASSES = 10_000
MIN_IMAGE_SIZE = 32  # pixels: the network halves it five times
EFFICIENTNETS = ("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3")
ARCHITECTURES = (*EFFICIENTNETS, "baseline_cnn")
MODEL, WEIGHTS = "model.json", "model.weights.h5"  # files of a run's folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spec:
    """All that is needed to rebuild a network and to prepare its input.

    Predictions are averaged over a picture and its mirror image if `mirrored`, in twice the time.
    """
    architecture: str  # one of ARCHITECTURES
    classes: list[str]  # in the order of the labels
    framing: Framing  # how pictures are cropped and resized
    mirrored: bool = False
    temperature: float = 1.0  # divides the logarithms of the probabilities, see calibration.py

    def __post_init__(self):
        """Raises ValueError if a field has a wrong type or is out of range."""
        allowed = {
            "architecture": self.architecture in ARCHITECTURES,
            "classes": isinstance(self.classes, list) and 0 < len(self.classes) <= MAX_CLASSES
            and all(isinstance(name, str) for name in self.classes),
            "framing": self.framing.image_size >= MIN_IMAGE_SIZE,
            "mirrored": type(self.mirrored) is bool,
            "temperature": type(self.temperature) in (int, float) and 0 < self.temperature < 1e3}
        for name, is_allowed in allowed.items():
            if not is_allowed:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r:.100}")

    def as_json(self) -> dict:
        """Returns the fields as in model.json, with those of the framing at the same level."""
        fields = dataclasses.asdict(self)
        return fields | fields.pop("framing")

    @classmethod
    def from_json(cls, fields: dict) -> "Spec":
        """Reverses `as_json`; other keys are ignored.

        Raises:
            KeyError, ValueError: a field is missing or has a wrong value.
        """
        optional = {name: fields[name] for name in ("mirrored", "temperature") if name in fields}
        return cls(architecture=fields["architecture"], classes=fields["classes"],
                   framing=Framing(image_size=fields["image_size"],
                                   box_margin=fields["box_margin"]), **optional)


def read(run_dir: str | Path) -> tuple[Spec, str, dict]:
    """Reads model.json of a finished training.

    Returns:
        The spec, the sha256 of the weights that belong to it, and the other fields: how the
        training came to them.

    Raises:
        FileNotFoundError: `run_dir` contains no finished model.
        ValueError: the file is malformed.
    """
    file = Path(run_dir) / MODEL
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found; is {run_dir} the folder of a finished "
                                "training (fashionclf train)? The released models: "
                                + ", ".join(packaged.models()))
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        spec = Spec.from_json(fields)
        known = {*spec.as_json(), "weights_sha256"}
        provenance = {name: value for name, value in fields.items() if name not in known}
        return spec, fields["weights_sha256"], provenance
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} does not describe a model of this project ({error!r:.200}); "
                         "restore it or train again") from error
