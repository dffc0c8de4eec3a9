"""Which class of a run stands for which class of other records: a CSV file, and what follows.

    run_class,records_class
    Tee,T-Shirt
    Singlet,Top
    Camisole,Top
    Bodysuit,

Several classes of the run may be one of the records; where the cell is empty it is none of them.
"""
import dataclasses
import functools
from pathlib import Path

import numpy as np

from fashionclf.sources import annotations
from fashionclf.system import tables

COLUMNS = ["run_class", "records_class"]


@dataclasses.dataclass(frozen=True)
class Alignment:
    """
    Attributes:
        run_classes: R names.
        records_classes: C names.
        places: int [R], place of each class of the run among those of the records, -1 for none.
    """
    run_classes: list[str]
    records_classes: list[str]
    places: np.ndarray

    @functools.cached_property
    def reached(self) -> np.ndarray:
        """int [K], sorted: places of the records' classes for which the run has one."""
        return np.unique(self.places[self.places >= 0])

    @property
    def reached_classes(self) -> list[str]:
        return [self.records_classes[place] for place in self.reached]

    def members(self, place: int) -> np.ndarray:
        """int [M]: the run's classes that stand for the records' class at `place`."""
        return np.flatnonzero(self.places == place)

    def summed(self, probabilities: np.ndarray) -> np.ndarray:
        """float [N, R] -> [N, K], of each class in `reached`; what maps to none is left out."""
        return probabilities @ (self.places[:, None] == self.reached).astype(probabilities.dtype)

    def facts(self, labels: np.ndarray, probabilities: np.ndarray) -> dict:
        """What an evaluation should say of it, ready for JSON.

        Args:
            labels: int [N], of the records, whether reached or not.
            probabilities: float [N, R].
        """
        scored = np.isin(labels, self.reached)
        foreign = self.places[probabilities.argmax(axis=1)] < 0
        correct = self.reached[self.summed(probabilities).argmax(axis=1)] == labels
        return {
            "maps": {self.records_classes[place]: [self.run_classes[i]
                                                   for i in self.members(place)]
                     for place in self.reached},
            "run classes without one": [name for name, place in zip(self.run_classes, self.places)
                                        if place < 0],
            "records' classes without one": {
                name: int((labels == place).sum())
                for place, name in enumerate(self.records_classes) if place not in self.reached},
            "pictures": len(labels), "scored": int(scored.sum()),
            "coverage": float(scored.mean()),
            "accuracy over all": float(correct.mean()),
            "scored of which the run says a class without one": int((foreign & scored).sum())}


def as_text(facts: dict) -> str:
    """`Alignment.facts` for people."""
    lines = [f"  {' + '.join(ours)} -> {theirs}" for theirs, ours in facts["maps"].items()]
    lost = facts["records' classes without one"]
    return "\n".join([
        "classes of the run -> of the records", *lines,
        f"  none of the records': {', '.join(facts['run classes without one']) or '-'}",
        "  none of the run's: "
        + (", ".join(f"{name} ({n:,} pictures)" for name, n in lost.items()) or "-"),
        f"coverage: {facts['scored']:,} of {facts['pictures']:,} pictures ({facts['coverage']:.3f})"
        " are of a class that the run has, and are scored; of "
        f"{facts['scored of which the run says a class without one']:,} of them it is surest of a "
        "class that the records don't have",
        f"accuracy over all, pictures of other classes counted wrong: "
        f"{facts['accuracy over all']:.3f}"])


def read(file: Path, run_classes: list[str], records_classes: list[str]) -> Alignment:
    """Reads an alignment; each class of the run has a row, each of the records need not.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a class stands twice, is unknown or is missing, or no class maps.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --align names a CSV with "
                                f"{','.join(COLUMNS)}")
    rows = tables.read_table(file, COLUMNS, cure="name them so in line 1")
    ours, theirs = rows[COLUMNS[0]], rows[COLUMNS[1]]
    annotations.once(file, ours)
    annotations.known(file, ours, run_classes, "the run has no class")
    annotations.known(file, theirs[theirs != ""], records_classes, "the records have no class")
    missing = [name for name in run_classes if name not in set(ours)]
    if missing:
        raise ValueError(f"{file}: has no row for {', '.join(map(repr, missing))} of the run; add "
                         "one for each, with an empty records_class where the records have none")
    if (theirs == "").all():
        raise ValueError(f"{file}: maps no class of the run; fill in a records_class")
    place = {name: number for number, name in enumerate(records_classes)} | {"": -1}
    mapped = dict(zip(ours, theirs))
    return Alignment(run_classes, records_classes,
                     np.array([place[mapped[name]] for name in run_classes]))
