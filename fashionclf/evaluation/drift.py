"""Tells whether a batch of pictures is of another kind than a run's held-out pictures.

A batch is compared by the distances of its pictures from the training pictures (see outliers.py),
and by the shares of its predicted classes. How much batches differ by chance is measured on draws
of whole held-out garments, since pictures of a garment, or of a sender, are alike.
"""
import dataclasses

import numpy as np

FEWEST = 50  # pictures of a batch
DRAWS, LEVEL, SEED = 300, 0.99, 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift:
    """How far a batch lies from the held-out pictures, beside what chance explains.

    Attributes:
        pictures: of the batch.
        farther: probability that a picture of the batch lies farther from the training pictures
            than a held-out one (the area under the ROC curve); 0.5 if they are alike.
        farther_by_chance: what LEVEL of the draws stay below.
        share_moved: largest difference of the share of a class.
        moved_by_chance: the same of the draws.
        moved_class: number of that class; share, usual_share: of it, in batch and held-out.
    """
    pictures: int
    farther: float
    farther_by_chance: float
    share_moved: float
    moved_by_chance: float
    moved_class: int
    share: float
    usual_share: float

    @property
    def other_pictures(self) -> bool:
        return self.farther > self.farther_by_chance

    @property
    def other_classes(self) -> bool:
        return self.share_moved > self.moved_by_chance


def measure(distances: np.ndarray, predicted: np.ndarray, *, held_out: np.ndarray,
            held_out_predicted: np.ndarray, garments: np.ndarray, num_classes: int) -> Drift | None:
    """Compares a batch of B pictures with N held-out ones; None for fewer than FEWEST or garments.

    Args:
        distances: float [B]; predicted: int [B], classes.
        held_out: float [N], distances; held_out_predicted: int [N]; garments: int [N].
    """
    if len(distances) < FEWEST or len(np.unique(garments)) < 2:
        return None
    usual = _shares(held_out_predicted, num_classes)

    # By chance: drawn garments against the rest. A batch larger than half of the held-out pictures
    # is taken for one of that half.
    size, rng = min(len(distances), len(held_out) // 2), np.random.default_rng(SEED)
    pictures_of = [np.flatnonzero(garments == garment) for garment in np.unique(garments)]
    farther, moved = [], []
    for _ in range(DRAWS):
        drawn = draw(pictures_of, size, rng)
        rest = np.delete(np.arange(len(held_out)), drawn)
        if not len(rest):  # one garment has most of the pictures
            continue
        farther.append(_farther(held_out[drawn], held_out[rest]))
        shares, others = (_shares(held_out_predicted[places], num_classes)
                          for places in (drawn, rest))
        moved.append(np.abs(shares - others).max())
    if not farther:
        return None

    shares = _shares(predicted, num_classes)
    most = int(np.abs(shares - usual).argmax())
    return Drift(
        pictures=len(distances), farther=_farther(distances, held_out),
        farther_by_chance=float(np.quantile(farther, LEVEL)),
        share_moved=float(abs(shares - usual)[most]),
        moved_by_chance=float(np.quantile(moved, LEVEL)), moved_class=most,
        share=float(shares[most]), usual_share=float(usual[most]))


def draw(pictures_of: list[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws whole garments until there are `size` pictures or more."""
    chosen, count = [], 0
    for place in rng.permutation(len(pictures_of)):
        chosen.append(pictures_of[place])
        count += len(chosen[-1])
        if count >= size:
            break
    return np.concatenate(chosen)


def _farther(distances: np.ndarray, held_out: np.ndarray) -> float:
    """Returns the area under the ROC curve."""
    held_out = np.sort(held_out)
    below = np.searchsorted(held_out, distances, side="left")
    upto = np.searchsorted(held_out, distances, side="right")
    return float((below + upto).mean() / 2 / len(held_out))


def _shares(classes: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(classes, minlength=num_classes) / max(1, len(classes))
