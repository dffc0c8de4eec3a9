"""The pictures that a model has seen: in its own training and in those of the runs it came from."""
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fashionclf.model import spec as specs
from fashionclf.pictures import near_duplicates, picture_hashes
from fashionclf.pictures.picture_hashes import COPY, NEAR_DUPLICATE, UNSEEN, PictureHashes
from fashionclf.records import known_pictures
from fashionclf.records.input_pipeline import Records
from fashionclf.sources import leakage

if TYPE_CHECKING:
    from fashionclf.model.weights import Run

HASHES = "training_hashes.npz"  # in the folder of a run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lineage:
    """What the weights of a model were trained on, and what their epochs were chosen by."""
    train: PictureHashes = PictureHashes()
    validation: PictureHashes = PictureHashes()
    unhashed: tuple[str, ...] = ()  # weights on the way that carry no hashes of their pictures

    @classmethod
    def of_weights(cls, weights: str) -> "Lineage":
        """Returns that of initial weights: none, imagenet, a file, or the folder of a run."""
        if weights == "none" or not Path(weights).is_dir():
            return cls(unhashed=() if weights == "none" else (weights,))
        *_, provenance = specs.read(weights)
        return cls.of_run(Path(weights), provenance)

    @classmethod
    def of_run(cls, folder: Path, provenance: dict) -> "Lineage":
        """Returns that of a run, whose model.json holds `provenance`.

        Raises ValueError if its hashes are not those that it was saved with.
        """
        sha256 = provenance.get("hashes_sha256")
        if not sha256 or not (folder / HASHES).is_file():
            return cls(unhashed=(str(folder),))
        return cls(**picture_hashes.read(folder / HASHES, sha256),
                   unhashed=tuple(provenance.get("unhashed", ())))

    @classmethod
    def united(cls, parts: Sequence["Lineage"]) -> "Lineage":
        """Returns what any of several has seen."""
        hashes = {split: picture_hashes.united([getattr(part, split) for part in parts])
                  for split in ("train", "validation")}
        return cls(**hashes, unhashed=tuple(dict.fromkeys(
            name for part in parts for name in part.unhashed)))


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Which of N pictures a model has seen, and which of the others chose its epoch."""
    seen: np.ndarray  # int [N], see picture_hashes.seen
    chosen_by: np.ndarray  # bool [N]
    lineage: Lineage

    @classmethod
    def of(cls, tested: PictureHashes, lineage: Lineage) -> "Overlap":
        seen = picture_hashes.seen(tested, lineage.train)
        chosen_by = picture_hashes.seen(tested, lineage.validation) != UNSEEN
        return cls(seen, chosen_by & (seen == UNSEEN), lineage)

    def facts(self) -> dict:
        """Returns the counts, for metrics.json."""
        return {"pictures": len(self.seen), "copies": int((self.seen == COPY).sum()),
                "near_duplicates": int((self.seen == NEAR_DUPLICATE).sum()),
                "in_validation": int(self.chosen_by.sum()),
                "training_pictures": len(self.lineage.train.digests),
                "near_duplicate_bits": near_duplicates.THRESHOLD,
                "unhashed": list(self.lineage.unhashed)}

    def warnings(self, split: str, model: str = "this model") -> list[str]:
        """Returns what makes a result on these pictures of `split` no result of a test."""
        facts, found = self.facts(), []
        count, total = np.count_nonzero(self.seen), len(self.seen)
        if count:
            found.append(
                f"{count:,} of {total:,} {split} pictures were in the training of {model} "
                f"({facts['copies']:,} exact copies, {facts['near_duplicates']:,} "
                "near-duplicates): " + ("this is not a test" if count == total and split == "test"
                                        else "scores on them are too high"))
        if self.chosen_by.any():
            found.append(f"{facts['in_validation']:,} of {total:,} {split} pictures were among the "
                         f"validation pictures by which the epoch of {model} was chosen")
        return found

    def remarks(self, split: str) -> list[str]:
        """Returns what else a reader should know: what was compared, and what could not be."""
        facts = self.facts()
        found = [f"unknown whether {split} pictures were in the training of {name}: it carries no "
                 f"hashes of its training pictures" for name in self.lineage.unhashed]
        if facts["training_pictures"] and not self.seen.any():
            found.insert(0, f"none of {facts['pictures']:,} {split} pictures is a copy or "
                            f"near-duplicate of the {facts['training_pictures']:,} training "
                            "pictures")
        return found


def check_teacher(folder: str, records: Records) -> None:
    """Raises ValueError if a teacher was trained on validation or test pictures of a student.

    Pictures of the student's own split "train" don't count, which may be near-duplicates of
    test pictures where the split isn't grouped.
    """
    seen = Lineage.of_weights(folder).train
    own = known_pictures.read(records, "train")
    foreign = picture_hashes.picked(seen, ~picture_hashes.copies(seen, own))

    counts = {}
    for split in filter(records.examples.get, ("validation", "test")):
        leaked = picture_hashes.seen(known_pictures.read(records, split), foreign) != UNSEEN
        counts[split] = np.count_nonzero(leaked)
    if any(counts.values()):
        listed = " and ".join(f"{count:,} of {records.examples[split]:,} {split} pictures"
                              for split, count in counts.items())
        raise ValueError(
            f"--teacher={folder}: was trained on {listed}, or near-duplicates of them, so that "
            "their labels would reach the student and its scores would be too high. Train the "
            "teacher on the split \"train\" of these records, or on other pictures")


def start(folder: Path, records: Records, weights: str, *,
          others: Sequence[str] = ()) -> dict:
    """Writes the hashes of a training that starts from `weights` into its run folder.

    They include what `others`, runs that teach it or are averaged, have seen. Prints which of the
    validation and test pictures those weights have seen.

    Returns:
        The fields of model.json that `Lineage.of_run` needs.
    """
    before = Lineage.of_weights(weights)
    own = {split: known_pictures.read(records, split) for split in ("train", "validation")}
    if len(before.train.digests):
        for split in ("validation", "test"):
            hashes = own.get(split) or known_pictures.read(records, split)
            for warning in Overlap.of(hashes, before).warnings(split, weights):
                print(f"warning: {warning}", flush=True)

    together = Lineage.united([before, *map(Lineage.of_weights, others), Lineage(**own)])
    for name in together.unhashed:
        print(f"note: {name} carries no hashes of its training pictures: unknown whether test "
              "pictures are among them", flush=True)
    return {"hashes_sha256": picture_hashes.write(
        folder / HASHES, {"train": together.train, "validation": together.validation}),
        "unhashed": list(together.unhashed)}


def told(run: "Run", records: Records, split: str, hashes: PictureHashes,
         hits: np.ndarray) -> tuple[dict, np.ndarray]:
    """Returns what a reader must know beside the scores, and which pictures were in the training.

    Args:
        hashes: of the N scored pictures.
        hits: bool [N], whether the predicted class is right.
    """
    overlap = Overlap.of(hashes, Lineage.of_run(run.folder, run.provenance))
    warnings, remarks = overlap.warnings(split), overlap.remarks(split)
    unseen = hits[overlap.seen == UNSEEN]
    facts = overlap.facts()
    if 0 < len(unseen) < len(hits):
        facts["top1_of_others"] = float(unseen.mean())
        warnings[0] += f"; accuracy on the other {len(unseen):,}: {unseen.mean():.3f}"

    shared = _shared_garments(run, records, split)
    if shared == 0 and facts["training_pictures"] > records.examples["train"]:
        shared = None  # the garments of an earlier training are not known
    facts["share_of_shared_garments"] = shared
    if shared:
        warnings.append(f"{shared:.0%} of {split} pictures show garments that training pictures "
                        "show too: expect less on new garments (see --split=grouped of "
                        "build_tfrecords)")

    kept = run.provenance.get("kept")
    if kept:
        (remarks if kept["gained"] else warnings).append(kept["summary"])
    else:
        remarks.append("which epoch was kept is not recorded")
    warnings += training_warnings(run.provenance)
    return {"warnings": warnings, "remarks": remarks, "kept": kept,
            "seen_in_training": facts}, overlap.seen


def training_warnings(provenance: dict) -> list[str]:
    """What went wrong in a run's training, and in those of the runs that it is the mean of.

    Args:
        provenance: fields of the run's model.json.
    """
    own = (provenance.get("kept") or {}).get("warnings", ())
    return [*own, *(f"{other['name']}: {text}" for other in provenance.get("averaged", ())
                    for text in other.get("warnings", ()))]


def _shared_garments(run: "Run", records: Records, split: str) -> float | None:
    """Returns the share of the split's pictures whose garment is in the training, if known."""
    if split != "test" or run.provenance.get("records_fingerprint") != records.manifest[
            "fingerprint"]:
        return None
    return records.manifest.get("overlap", {}).get(leakage.SHARED_ITEMS)
