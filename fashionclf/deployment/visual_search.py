"""Visual search: describe pictures by their features, find the nearest, show them."""
import dataclasses
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fashionclf.deployment import search_index
from fashionclf.evaluation import figures
from fashionclf.model.weights import Run
from fashionclf.pictures import inspection
from fashionclf.pictures.files import Picture
from fashionclf.records import manifests
from fashionclf.records.input_pipeline import Records
from fashionclf.system import files
from fashionclf.system.progress import progress_bar

CHECKED = 16  # rows of given embeddings that are computed again
SAME = 0.999  # cosine similarity of what is computed twice
COLUMNS = ["query", "rank", "similarity", "path", "class", "predicted", "item", "error"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """Pictures and their features.

    Attributes:
        rows: a dictionary a picture: `path`, and `item`, `class`, `predicted` (the model's class)
            and `split` (of records) where they are known.
        features: float32 [N, D], in their order.
        unusable: `path` and `reason` of each picture that has no features.
    """
    rows: list[dict]
    features: np.ndarray
    unusable: list[dict]


class Describer:
    """Gives the features of a finished run; mirrored where its predictions are."""

    def __init__(self, run: Run, *, batch_size: int):
        self.run = run
        self._batch_size, self._predictor = batch_size, run.predictor(features=True)

    def files(self, pictures: list[Picture], known: Iterable[dict]) -> Described:
        """Describes files; each row starts with what is `known` about its picture."""
        batches = self._predictor.predict_batches(
            pictures, framing=self.run.spec.framing, batch_size=self._batch_size)
        answers = progress_bar(itertools.chain.from_iterable(batches), total=len(pictures),
                               unit="pictures", desc="reading")

        rows, kept, unusable = [], [], []
        for (_, probabilities, features), row in zip(answers, known, strict=True):
            if features is None:  # and the probabilities are the reason
                unusable.append({"path": row["path"], "reason": probabilities})
            else:
                predicted = self.run.spec.classes[probabilities.argmax()]
                rows.append({**row, "predicted": predicted})
                kept.append(features)
        return Described(rows=rows, features=np.reshape(kept, (-1, self.run.num_features)),
                         unusable=unusable)

    def records(self, records: Records, splits: Iterable[str]) -> Described:
        """Describes the pictures of records, cropped to their boxes as in training."""
        rows, features = [], []
        for split in splits:
            manifests.check_split(records.manifest, split, records.folder)
            predictions = self._predictor.predict_dataset(
                records.evaluation(split, batch_size=self._batch_size), records.examples[split],
                progress=f"reading {split}")
            features.append(predictions.features)
            predicted = predictions.probabilities.argmax(axis=1)
            rows += [{"path": path, "item": item, "class": records.classes[label],
                      "predicted": self.run.spec.classes[best], "split": split}
                     for path, item, label, best in zip(predictions.paths, predictions.items,
                                                        predictions.labels, predicted)]
        return Described(rows=rows, features=np.concatenate(features), unusable=[])

    def saved(self, embeddings: str | Path, pictures: list[Picture],
              known: list[dict]) -> Described:
        """Takes features that predict saved for the same pictures; computes a few to compare.

        Raises:
            ValueError: the file holds no such features, or not of these pictures by this run.
        """
        try:
            features = np.load(embeddings, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{embeddings}: not a whole .npy file of numbers ({error})") from error
        wanted = (len(pictures), self.run.num_features)
        if features.shape != wanted:
            raise ValueError(f"{embeddings}: has shape {list(features.shape)}; {len(pictures):,} "
                             f"pictures and this run need {list(wanted)}")

        # Computed again and compared: features of another model would give wrong neighbours.
        usable = np.flatnonzero(np.isfinite(features[:, 0]))
        chosen = usable[np.linspace(0, len(usable) - 1, min(CHECKED, len(usable)), dtype=int)]
        again = self.files([pictures[i] for i in chosen], [known[i] for i in chosen])
        if again.unusable or not _alike(again.features, features[chosen]):
            raise ValueError(f"{embeddings}: not the features that {self.run.folder} gives these "
                             "pictures; give --run, --csv_file and --embeddings of one run of "
                             "predict")

        lacking = sorted(set(range(len(pictures))) - set(usable.tolist()))
        reason = f"NaN in {embeddings}; the error is in predict's output"
        return Described(rows=[known[i] for i in usable],
                         features=features[usable] if lacking else features,
                         unusable=[{"path": known[i]["path"], "reason": reason} for i in lacking])


def _alike(features: np.ndarray, others: np.ndarray) -> bool:
    cosines = np.sum(search_index.unit(features) * search_index.unit(others), axis=1)
    return bool((cosines > SAME).all())


def build(folder: str | Path, described: Described, run: Run, *, root: str | None,
          records_dir: str | Path | None, approximate: bool | None = None) -> dict:
    """Writes an index of `described`, with what a query needs to know about it.

    Args:
        root: the folder that the paths start from; None for records.
        records_dir: the records that the pictures are in, if any.
        approximate: see search_index.write.

    Raises:
        ValueError: no picture can be used.
    """
    if not described.rows:
        raise ValueError(f"none of {len(described.unusable):,} pictures can be used, the first "
                         f"because: {described.unusable[0]['reason']}")
    facts = {"model_sha256": files.sha256(run.folder / "model.json"), "root": root,
             "records": records_dir and os.path.abspath(records_dir),
             "box_margin": run.spec.framing.box_margin, "unusable": described.unusable}
    return search_index.write(folder, described.features, described.rows, facts=facts,
                              approximate=approximate)


def check_run(index: search_index.Index, folder: str | Path, run_dir: str | Path) -> None:
    """Raises ValueError where `index`, read from `folder`, was built with another model."""
    if files.sha256(Path(run_dir) / "model.json") != index.facts["model_sha256"]:
        raise ValueError(f"{folder} was built with another model than {run_dir}: features "
                         "of two models can't be compared; give that run, or build again")


def answers(index: search_index.Index, queries: Described, k: int) -> pd.DataFrame:
    """The `k` pictures of the index that are nearest to each query.

    A file is never its own answer; in an index of records, which name no files, it may be.

    Args:
        queries: their paths start from the working directory.

    Returns:
        COLUMNS, and `place`, of the neighbour in the index; a row with `error` alone for each
        query that can't be used, after the others.
    """
    rows = []
    for query, similarities, places in zip(queries.rows, *index.nearest(queries.features, k + 1)):
        own = os.path.realpath(query["path"])
        neighbours = [(float(similarity), int(place))
                      for similarity, place in zip(similarities, places)
                      if place >= 0 and _file(index, int(place)) != own][:k]
        rows += [{"query": query["path"], "rank": rank, "similarity": similarity, "place": place,
                  **index.pictures[place]}
                 for rank, (similarity, place) in enumerate(neighbours, start=1)]
    rows += [{"query": row["path"], "error": row["reason"]} for row in queries.unusable]
    return pd.DataFrame(rows, columns=[*COLUMNS, "place"]).astype(
        {"rank": "Int64", "place": "Int64"})


def _file(index: search_index.Index, place: int) -> str | None:
    """The real path of a picture; None where it lies in records."""
    root = index.facts["root"]
    return root and os.path.realpath(os.path.join(root, index.pictures[place]["path"]))


def sheet(index: search_index.Index, queries: list[dict], found: pd.DataFrame,
          run: Run) -> Figure:
    """A line a query: its picture, then its neighbours, with class and similarity.

    Args:
        queries: rows of the queries that `answers` took.
        found: its answer.
        run: the one that the index was built with.
    """
    paths = [query["path"] for query in queries]
    shown = found[found["query"].isin(paths) & found["error"].isna()]
    drawn = pictures(index, shown["place"].unique().tolist(), run)

    lines = []
    for query in queries:
        caption = f"{os.path.basename(query['path'])}\npredicted {query['predicted']}"
        line = [(_pixels(os.getcwd(), query["path"]), caption)]
        for row in shown[shown["query"] == query["path"]].itertuples():
            about = index.pictures[row.place]
            name = about.get("class") or f"predicted {about.get('predicted') or 'nothing'}"
            line.append((drawn[row.place], f"{name}\n{row.similarity:.3f}"))
        lines.append(line)
    return figures.contact_sheet(lines)


def pictures(index: search_index.Index, places: list[int],
             run: Run) -> dict[int, np.ndarray | str]:
    """place -> uint8 [H, W, 3], or the reason why it can't be shown."""
    root = index.facts["root"]
    if root is not None:
        return {place: _pixels(root, index.pictures[place]["path"]) for place in places}

    records = Records.open(index.facts["records"], run.spec.framing)
    shown, rows = {}, [(place, index.pictures[place]) for place in places]
    for split in {row["split"] for _, row in rows}:
        of_split = {row["path"]: place for place, row in rows if row["split"] == split}
        pixels = records.pictures(split, list(of_split))
        shown |= {place: pixels.get(path, "no longer in the records")
                  for path, place in of_split.items()}
    return shown


def _pixels(root: str, path: str) -> np.ndarray | str:
    """uint8 [H, W, 3], or the reason why it can't be shown."""
    # The user, or the index that the user built, named this file: it may lie anywhere.
    return inspection.pixels_or_reason(Picture(path=os.path.join(root, path), root=os.sep))
