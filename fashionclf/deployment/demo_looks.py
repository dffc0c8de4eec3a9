"""The prediction for one picture, with all that the page shows beside it."""
import dataclasses
import functools

import numpy as np
from PIL import Image

from fashionclf.deployment import engines, search_index, search_sheet, visual_search
from fashionclf.pictures import reading
from fashionclf.system import quiet

NAMED = 5  # classes
NEIGHBOURS = 8
SHOWN_SIDE = 640  # pixels, of the longer side of a picture on the page


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """The prediction for a picture.

    Attributes:
        picture: uint8 [H, W, 3], shrunk.
        classes: the most probable ones, falling, with their probabilities.
        neighbours: the nearest pictures, uint8 [H, W, 3], with a caption each.
    """
    picture: np.ndarray
    classes: dict[str, float]
    neighbours: list[tuple[np.ndarray, str]]


class Looker:
    """A finished run, with an index of pictures or None, in `index`.

    `engine` is one of engines.NAMES, or "auto". Heat maps are TensorFlow's, which the first one
    loads.

    Raises:
        FileNotFoundError, ValueError: there is no such run or index, or the index was built with
            another run.
    """

    def __init__(self, run_dir: str, index_dir: str | None, *, engine: str = "auto"):
        self._engine = engines.load(run_dir, engine)
        self.index = search_index.read(index_dir) if index_dir else None
        if self.index:
            visual_search.check_run(self.index, index_dir, run_dir)

    def look(self, encoded: bytes) -> Seen:
        """Predicts a picture; raises ValueError, with the reason, if it can't be used."""
        pixels, probabilities, features = self._predicted(encoded)
        best = np.argsort(-probabilities[0], kind="stable")[:NAMED]
        classes = {self._engine.spec.classes[i]: float(probabilities[0, i]) for i in best}
        return Seen(picture=_smaller(pixels), classes=classes, neighbours=self._similar(features))

    def heat_map(self, encoded: bytes) -> np.ndarray:
        """Draws where the most probable class was seen (Grad-CAM) over the shrunk picture.

        Returns uint8 [H, W, 3]; raises as `look`.
        """
        pixels, probabilities, _ = self._predicted(encoded)
        network, grad_cam = self._network
        batch = reading.fit(pixels, self._engine.spec.framing)[np.newaxis]
        heat = grad_cam.heatmaps(network, batch, [int(probabilities[0].argmax())])[0]
        return grad_cam.overlay(_smaller(pixels), heat)

    def _predicted(self, encoded: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pixels = reading.decoded_or_reason(encoded)
        if isinstance(pixels, str):
            raise ValueError(pixels)
        batch = reading.fit(pixels, self._engine.spec.framing)[np.newaxis]
        return pixels, *self._engine.outputs(batch)

    @functools.cached_property
    def _network(self) -> tuple:
        """The run's network, and the module that draws its heat maps."""
        with quiet.tensorflow_start():
            from fashionclf.model import grad_cam, weights

        return weights.load(self._engine.folder).network, grad_cam

    def _similar(self, features: np.ndarray) -> list[tuple[np.ndarray, str]]:
        if self.index is None:
            return []
        similarities, places = (rows[0] for rows in self.index.nearest(features, NEIGHBOURS))
        nearest = {int(place): float(similarity)
                   for place, similarity in zip(places, similarities) if place >= 0}
        pictures = search_sheet.pictures(self.index, list(nearest), self._engine.spec)
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
