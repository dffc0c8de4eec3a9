"""All that the page shows of one picture."""
import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.deployment import search_index, visual_search
from fashionclf.model import grad_cam, inference, weights
from fashionclf.pictures import decoding, inspection
from fashionclf.system import files

NAMED = 5  # classes
NEIGHBOURS = 8
SHOWN_SIDE = 640  # pixels, of the longer side of a picture on the page


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a model makes of a picture.

    Attributes:
        picture: uint8 [H, W, 3], made smaller, as overlay.
        classes: the most probable ones, falling, with their probabilities.
        overlay: uint8 [H, W, 3], where the first class was seen.
        neighbours: pictures that look alike, uint8 [H, W, 3], with a caption each, nearest first.
    """
    picture: np.ndarray
    classes: dict[str, float]
    overlay: np.ndarray
    neighbours: list[tuple[np.ndarray, str]]


class Looker:
    """A finished run, with an index of pictures or None, in `index`.

    Raises:
        FileNotFoundError, ValueError: there is no such run or index, or the index is another run's.
    """

    def __init__(self, run_dir: str, index_dir: str | None):
        self._model, self._spec = weights.load(Path(run_dir))
        self.index = search_index.read(index_dir) if index_dir else None
        model = files.sha256(Path(run_dir) / "model.json")
        if self.index and self.index.facts["model_sha256"] != model:
            raise ValueError(f"--index={index_dir} was built with another model than {run_dir}: "
                             "give that run, or build the index again")
        self._predictor = inference.Predictor(
            self._model, mirrored=self._spec.mirrored, temperature=self._spec.temperature,
            fixed=True, features=True)

    def look(self, encoded: bytes) -> Seen:
        """Looks at a JPEG, PNG or WEBP; raises ValueError, with the reason, if it can't be used."""
        pixels = inspection.decoded_or_reason(encoded)
        if isinstance(pixels, str):
            raise ValueError(pixels)
        batch = decoding.fit(tf.constant(pixels), tf.zeros(4, tf.int32), box_margin=0.0,
                             image_size=self._spec.image_size)[None]
        probabilities, features = self._predictor.outputs(batch)
        best = np.argsort(-probabilities[0], kind="stable")[:NAMED]
        heat = grad_cam.heatmaps(self._model, batch, [int(best[0])])[0]
        picture = _smaller(pixels)
        return Seen(picture, {self._spec.classes[i]: float(probabilities[0, i]) for i in best},
                    grad_cam.overlay(picture, heat), self._alike(features))

    def _alike(self, features: np.ndarray) -> list[tuple[np.ndarray, str]]:
        if self.index is None:
            return []
        similarities, places = (found[0] for found in self.index.nearest(features, NEIGHBOURS))
        found = {int(place): float(similarity)
                 for place, similarity in zip(places, similarities) if place >= 0}
        pictures = visual_search.pictures(self.index, list(found))
        return [(_smaller(pictures[place]), _caption(self.index.pictures[place], similarity))
                for place, similarity in found.items() if not isinstance(pictures[place], str)]


def _smaller(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return np.asarray(image)


def _caption(about: dict, similarity: float) -> str:
    name = about.get("class") or f"predicted {about.get('predicted')}"
    return f"{similarity:.2f}  {name}  {os.path.basename(about['path'])}"
