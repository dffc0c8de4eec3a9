"""Maps the classes of a run to those of other records, by a CSV file.

    run_class,records_class
    Tee,T-Shirt
    Singlet,Top
    Camisole,Top
    Bodysuit,

Several classes of the run may map to one of the records; an empty cell maps to none. The word
`same` instead of a file maps each class to the one of its name.
"""
import dataclasses
import functools
from pathlib import Path

import numpy as np

from fashionclf.sources import annotations
from fashionclf.system import csv_files, files

COLUMNS = ["run_class", "records_class"]
SAME = "same"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alignment:
    """A mapping from the classes of a run to those of records."""
    run_classes: list[str]  # R names
    records_classes: list[str]
    places: np.ndarray  # int [R], index of each one's counterpart in `records_classes`, or -1

    @functools.cached_property
    def reached(self) -> np.ndarray:
        """int [K], sorted: indices of the records' classes that a class of the run maps to."""
        return np.unique(self.places[self.places >= 0])

    @property
    def reached_classes(self) -> list[str]:
        return [self.records_classes[place] for place in self.reached]

    def members(self, place: int) -> np.ndarray:
        """int [M]: the run's classes that map to the records' class at `place`."""
        return np.flatnonzero(self.places == place)

    def summed(self, probabilities: np.ndarray) -> np.ndarray:
        """float [N, R] -> [N, K]: the sum for each class in `reached`; others are left out."""
        return probabilities @ (self.places[:, None] == self.reached).astype(probabilities.dtype)

    def facts(self, labels: np.ndarray, probabilities: np.ndarray) -> dict:
        """Describes the alignment in an evaluation, ready for JSON.

        `labels`, int [N], are those of the records, reached or not; `probabilities` float [N, R].
        """
        # Over all pictures: those of classes that the run can't predict count as errors.
        scored = np.isin(labels, self.reached)
        foreign = self.places[probabilities.argmax(axis=1)] < 0
        correct = self.reached[self.summed(probabilities).argmax(axis=1)] == labels

        return {
            "maps": {name: [self.run_classes[i] for i in self.members(place)]
                     for name, place in zip(self.reached_classes, self.reached)},
            "run classes without one": [self.run_classes[i] for i in self.members(-1)],
            "records' classes without one": {
                name: int((labels == place).sum())
                for place, name in enumerate(self.records_classes) if place not in self.reached},
            "pictures": len(labels), "scored": int(scored.sum()),
            "coverage": float(scored.mean()), "accuracy over all": float(correct.mean()),
            "scored of which the run says a class without one": int((foreign & scored).sum())}


def as_text(facts: dict) -> str:
    """Formats `Alignment.facts` for people."""
    maps = [f"  {' + '.join(ours)} -> {theirs}" for theirs, ours in facts["maps"].items()]
    missing = ", ".join(f"{name} ({count:,} pictures)" for name, count
                        in facts["records' classes without one"].items())
    return "\n".join([
        "classes of the run -> classes of the records", *maps,
        f"  only in the run: {', '.join(facts['run classes without one']) or '-'}",
        f"  only in the records: {missing or '-'}",
        f"coverage: {facts['scored']:,} of {facts['pictures']:,} pictures ({facts['coverage']:.3f})"
        " have a class that the run knows, and are scored; for "
        f"{facts['scored of which the run says a class without one']:,} of them the predicted "
        "class is one that the records don't have",
        "accuracy over all pictures, those of other classes counted as errors: "
        f"{facts['accuracy over all']:.3f}"])


def by_name(run_classes: list[str], records_classes: list[str]) -> Alignment:
    """Aligns the classes of the same name; raises ValueError where there are none."""
    place = {name: number for number, name in enumerate(records_classes)}
    places = np.array([place.get(name, -1) for name in run_classes])
    if (places < 0).all():
        raise ValueError(f"--align={SAME}: the run and the records have no class name in common; "
                         f"name a CSV with {','.join(COLUMNS)}")
    return Alignment(run_classes=run_classes, records_classes=records_classes, places=places)


def read(align: str, run_classes: list[str], records_classes: list[str]) -> Alignment:
    """Reads an alignment; each class of the run needs a row, a class of the records does not.

    `align` is a file or SAME. Raises ValueError where a class is repeated, unknown or missing, or
    no class maps.
    """
    if align == SAME:
        return by_name(run_classes, records_classes)
    file = Path(align)
    files.require_file(file, f"--align takes a CSV with {','.join(COLUMNS)}, or {SAME}")
    rows = csv_files.read_table(file, COLUMNS,
                                cure=f"name its two columns {' and '.join(COLUMNS)}")
    ours, theirs = rows[COLUMNS[0]], rows[COLUMNS[1]]
    annotations.once(file, ours)
    annotations.known(file, ours, run_classes, "the run has no class")
    annotations.known(file, theirs[theirs != ""], records_classes, "the records have no class")

    missing = [name for name in run_classes if name not in set(ours)]
    if missing:
        raise ValueError(
            f"{file}: has no row for {', '.join(map(repr, missing))} of the run; add one for each, "
            "and leave records_class empty if the records have no such class")
    if (theirs == "").all():
        raise ValueError(f"{file}: maps no class of the run; fill in a records_class")

    place = {name: number for number, name in enumerate(records_classes)} | {"": -1}
    mapped = dict(zip(ours, theirs))
    return Alignment(run_classes=run_classes, records_classes=records_classes,
                     places=np.array([place[mapped[name]] for name in run_classes]))
