"""Visual search: describes pictures by their features and finds the nearest."""
import dataclasses
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fashionclf.deployment import engines, search_index
from fashionclf.deployment.engines import Engine
from fashionclf.pictures.files import Picture
from fashionclf.records import manifests
from fashionclf.system import files
from fashionclf.system.progress import progress_bar

if TYPE_CHECKING:  # takes seconds to load
    from fashionclf.records.input_pipeline import Records

CHECKED = 16  # rows of saved embeddings that are computed again
SAME = 0.999  # smallest cosine similarity of a row computed twice
COLUMNS = ["query", "rank", "similarity", "path", "class", "predicted", "item", "error"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """Pictures and their features.

    The keys of a row are `path` and, if known, `item`, `class`, `predicted` (the predicted class)
    and `split` (of records).
    """
    rows: list[dict]
    features: np.ndarray  # float32 [N, D], in the order of `rows`
    unusable: list[dict]  # `path` and `reason` of each picture without features


class Describer:
    """Computes features with a finished run; mirrored if its predictions are."""

    def __init__(self, engine: Engine, *, batch_size: int):
        self.engine, self._batch_size = engine, batch_size

    def files(self, pictures: list[Picture], known: Iterable[dict]) -> Described:
        """Describes files; `known` starts each picture's row."""
        batches = self.engine.predict_batches(pictures, batch_size=self._batch_size)
        answers = progress_bar(itertools.chain.from_iterable(batches), total=len(pictures),
                               unit="pictures", desc="reading")

        rows, kept, unusable = [], [], []
        for (_, probabilities, features), row in zip(answers, known, strict=True):
            if features is None:  # `probabilities` is then the reason
                unusable.append({"path": row["path"], "reason": probabilities})
            else:
                predicted = self.engine.spec.classes[probabilities.argmax()]
                rows.append({**row, "predicted": predicted})
                kept.append(features)
        width = len(kept[0]) if kept else engines.num_features(self.engine)
        return Described(rows=rows, features=np.reshape(kept, (-1, width)), unusable=unusable)

    def records(self, records: "Records", splits: Iterable[str]) -> Described:
        """Describes the pictures of records, cropped to their boxes as in training.

        Needs the engine tensorflow, which reads them.
        """
        rows, features = [], []
        for split in splits:
            manifests.check_split(records.manifest, split, records.folder)
            predictions = self.engine.predictor.predict_dataset(
                records.evaluation(split, batch_size=self._batch_size), records.examples[split],
                progress=f"reading {split}")

            features.append(predictions.features)
            predicted = predictions.probabilities.argmax(axis=1)
            rows += [{"path": path, "item": item, "class": records.classes[label],
                      "predicted": self.engine.spec.classes[best], "split": split}
                     for path, item, label, best in zip(predictions.paths, predictions.items,
                                                        predictions.labels, predicted)]
        return Described(rows=rows, features=np.concatenate(features), unusable=[])

    def saved(self, embeddings: str | Path, pictures: list[Picture],
              known: list[dict]) -> Described:
        """Loads features that predict saved for the same pictures; recomputes a few to compare.

        Raises ValueError if the file is damaged, or of other pictures or another run.
        """
        try:
            features = np.load(embeddings, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            message = f"{embeddings}: not a complete .npy file of numbers ({error})"
            raise ValueError(message) from error

        wanted = (len(pictures), engines.num_features(self.engine))
        if features.shape != wanted:
            raise ValueError(f"{embeddings}: has shape {list(features.shape)}; {len(pictures):,} "
                             f"pictures and this run need {list(wanted)}")

        # Features of another model would give wrong neighbours.
        usable = np.flatnonzero(np.isfinite(features[:, 0]))
        chosen = usable[np.linspace(0, len(usable) - 1, min(CHECKED, len(usable)), dtype=int)]
        recomputed = self.files([pictures[i] for i in chosen], [known[i] for i in chosen])
        if recomputed.unusable or not _same(recomputed.features, features[chosen]):
            raise ValueError(f"{embeddings}: not the features of these pictures by "
                             f"{self.engine.folder}; give --run, --csv_file and --embeddings of "
                             "one call of predict")

        missing = sorted(set(range(len(pictures))) - set(usable.tolist()))
        reason = f"NaN in {embeddings}; see the error in predict's output"
        return Described(rows=[known[i] for i in usable],
                         features=features[usable] if missing else features,
                         unusable=[{"path": known[i]["path"], "reason": reason} for i in missing])


def _same(features: np.ndarray, others: np.ndarray) -> bool:
    cosines = np.sum(search_index.unit(features) * search_index.unit(others), axis=1)
    return bool((cosines > SAME).all())


def build(folder: str | Path, described: Described, run: Engine, *, root: str | None,
          records_dir: str | Path | None, approximate: bool | None) -> dict:
    """Writes an index of `described` as search_index.write, with the facts that a query needs.

    Pictures are files below `root`, or in `records_dir`. Raises ValueError if none can be used.
    """
    if not described.rows:
        raise ValueError(f"none of {len(described.unusable):,} pictures can be used; the first: "
                         f"{described.unusable[0]['reason']}")

    facts = {"model_sha256": files.sha256(run.folder / "model.json"), "root": root,
             "records": records_dir and os.path.abspath(records_dir),
             "box_margin": run.spec.framing.box_margin, "unusable": described.unusable}
    return search_index.write(folder, described.features, described.rows, facts=facts,
                              approximate=approximate)


def check_run(index: search_index.Index, folder: str | Path, run_dir: str | Path) -> None:
    """Raises ValueError if `index`, read from `folder`, was built with another model."""
    if files.sha256(Path(run_dir) / "model.json") != index.facts["model_sha256"]:
        raise ValueError(f"{folder} was built with another model than {run_dir}: features of two "
                         "models can't be compared; give the run of the index, or rebuild it")


def answers(index: search_index.Index, queries: Described, k: int) -> pd.DataFrame:
    """Finds the `k` pictures of the index that are nearest to each query.

    A file is never its own answer, except in an index of records, which have no file paths; paths
    of queries are relative to the working directory.

    Returns:
        COLUMNS, and `place`, the neighbour's row in the index. Rows with `error` alone, one for
        each unusable query, come last.
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


def rows(found: pd.DataFrame) -> list[list]:
    """Returns the COLUMNS of `answers` as rows of prediction_table.write: None for no value."""
    shown = found[COLUMNS].astype(object)
    return shown.where(shown.notna(), None).values.tolist()


def _file(index: search_index.Index, place: int) -> str | None:
    """Returns the real path of a picture; None if it is in records."""
    root = index.facts["root"]
    return root and os.path.realpath(os.path.join(root, index.pictures[place]["path"]))
