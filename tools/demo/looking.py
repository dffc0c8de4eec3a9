"""The prediction for one picture, with all that the page shows beside it."""
import dataclasses

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.deployment import search_index, search_sheet, visual_search
from fashionclf.model import grad_cam, weights
from fashionclf.pictures import decoding, inspection

NAMED = 5  # classes
NEIGHBOURS = 8
SHOWN_SIDE = 640  # pixels, of the longer side of a picture on the page


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """The prediction for a picture.

    Attributes:
        picture: uint8 [H, W, 3], shrunk, as overlay.
        classes: the most probable ones, falling, with their probabilities.
        overlay: uint8 [H, W, 3], the picture under the heat map of the first class.
        neighbours: the nearest pictures, uint8 [H, W, 3], with a caption each.
    """
    picture: np.ndarray
    classes: dict[str, float]
    overlay: np.ndarray
    neighbours: list[tuple[np.ndarray, str]]


class Looker:
    """A finished run, with an index of pictures or None, in `index`.

    Raises:
        FileNotFoundError, ValueError: there is no such run or index, or the index was built with
            another run.
    """

    def __init__(self, run_dir: str, index_dir: str | None):
        self._run = weights.load(run_dir)
        self.index = search_index.read(index_dir) if index_dir else None
        if self.index:
            visual_search.check_run(self.index, index_dir, run_dir)
        self._predictor = self._run.predictor(features=True)

    def look(self, encoded: bytes) -> Seen:
        """Predicts a JPEG, PNG or WEBP; raises ValueError, with the reason, if it can't be used."""
        pixels = inspection.decoded_or_reason(encoded)
        if isinstance(pixels, str):
            raise ValueError(pixels)

        spec = self._run.spec
        batch = decoding.fit(tf.constant(pixels), decoding.NO_BOX, spec.framing)[None]
        probabilities, features = self._predictor.outputs(batch)
        best = np.argsort(-probabilities[0], kind="stable")[:NAMED]

        picture = _smaller(pixels)
        heat = grad_cam.heatmaps(self._run.network, batch, [int(best[0])])[0]
        return Seen(picture=picture, overlay=grad_cam.overlay(picture, heat),
                    classes={spec.classes[i]: float(probabilities[0, i]) for i in best},
                    neighbours=self._similar(features))

    def _similar(self, features: np.ndarray) -> list[tuple[np.ndarray, str]]:
        if self.index is None:
            return []
        similarities, places = (rows[0] for rows in self.index.nearest(features, NEIGHBOURS))
        nearest = {int(place): float(similarity)
                   for place, similarity in zip(places, similarities) if place >= 0}
        pictures = search_sheet.pictures(self.index, list(nearest), self._run)
        about = {place: self.index.pictures[place] for place in nearest}
        names = search_sheet.short_names(picture["path"] for picture in about.values())
        return [(_smaller(pictures[place]),
                 _caption(similarity, about[place], names[about[place]["path"]]))
                for place, similarity in nearest.items()
                if not isinstance(pictures[place], str)]


def _smaller(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return np.asarray(image)


def _caption(similarity: float, about: dict, name: str) -> str:
    facts = [f"{similarity:.2f}", search_sheet.known_class(about), name]
    return "  ".join(filter(None, facts))
