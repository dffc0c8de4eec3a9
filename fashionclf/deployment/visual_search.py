"""Pictures as vectors, what an index says of them, and their neighbours as a table and a sheet."""
import dataclasses
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from fashionclf.deployment import search_index
from fashionclf.evaluation import figures
from fashionclf.model import inference, network, weights
from fashionclf.pictures import files as picture_files
from fashionclf.pictures import inspection
from fashionclf.records import input_pipeline
from fashionclf.records import manifest as manifests

CHECKED = 16  # rows of given embeddings that are computed again
SAME = 0.999  # cosine similarity of what is computed twice
COLUMNS = ["query", "rank", "similarity", "path", "class", "predicted", "item", "error"]


@dataclasses.dataclass(frozen=True)
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
    """A finished run that gives features; mirrored where its predictions are."""

    def __init__(self, run_dir: str | Path, *, batch_size: int):
        self.model, self.spec = weights.load(run_dir)
        self.width = self.model.get_layer(network.FEATURES).output.shape[-1]
        self._run_dir, self._batch_size = run_dir, batch_size
        self._predictor = inference.Predictor(self.model, mirrored=self.spec.mirrored, fixed=True,
                                              features=True)

    def files(self, pictures: list[picture_files.Picture], known: Iterable[dict]) -> Described:
        """Describes files; `known` is what their rows begin with."""
        batches = self._predictor.predict_batches(
            pictures, image_size=self.spec.image_size, batch_size=self._batch_size)
        answers = tqdm(itertools.chain.from_iterable(batches), total=len(pictures),
                       unit=" pictures", desc="reading")
        rows, found, unusable = [], [], []
        for (_, said, features), row in zip(answers, known, strict=True):
            if features is None:
                unusable.append({"path": row["path"], "reason": said})
            else:
                rows.append({**row, "predicted": self.spec.classes[said.argmax()]})
                found.append(features)
        return Described(rows, np.reshape(found, (-1, self.width)), unusable)

    def records(self, records_dir: str | Path, splits: Iterable[str]) -> Described:
        """Describes the pictures of records, cropped to their boxes as in training."""
        rows, features, manifest = [], [], manifests.read_manifest(records_dir)
        for split in splits:
            if not manifest["examples"].get(split):
                raise ValueError(f"{records_dir}: its split {split!r} is empty; choose others with "
                                 "--splits")
            dataset = input_pipeline.evaluation(
                records_dir, split, image_size=self.spec.image_size,
                box_margin=self.spec.box_margin, batch_size=self._batch_size)
            said = self._predictor.predict_dataset(dataset, manifest["examples"][split],
                                                   progress=f"reading {split}")
            features.append(said.features)
            rows += [
                {"path": path, "item": item, "class": manifest["classes"][label],
                 "predicted": self.spec.classes[best], "split": split}
                for path, item, label, best in zip(said.paths, said.items, said.labels,
                                                   said.probabilities.argmax(axis=1))]
        return Described(rows, np.concatenate(features), [])

    def saved(self, embeddings: str | Path, pictures: list[picture_files.Picture],
              known: list[dict]) -> Described:
        """Takes features that predict saved for the same pictures; computes a few to compare.

        Raises:
            ValueError: they are no such features, or not of these pictures by this run.
        """
        try:
            features = np.load(embeddings, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{embeddings}: is no whole .npy file of numbers ({error})") from error
        if features.shape != (len(pictures), self.width):
            raise ValueError(f"{embeddings}: has shape {list(features.shape)}; {len(pictures):,} "
                             f"pictures and this run need [{len(pictures)}, {self.width}]")
        usable = np.flatnonzero(np.isfinite(features[:, 0]))
        chosen = usable[np.linspace(0, len(usable) - 1, min(CHECKED, len(usable)), dtype=int)]
        again = self.files([pictures[i] for i in chosen], [known[i] for i in chosen])
        if again.unusable or not _alike(again.features, features[chosen]):
            raise ValueError(f"{embeddings}: is not what {self._run_dir} makes of these pictures; "
                             "give --run, --csv_file and --embeddings of one run of predict")
        lacking = sorted(set(range(len(pictures))) - set(usable.tolist()))
        reason = f"NaN in {embeddings}; the error is in predict's output"
        return Described([known[i] for i in usable],
                         features[usable] if lacking else features,
                         [{"path": known[i]["path"], "reason": reason} for i in lacking])


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.sum(search_index.unit(one) * search_index.unit(other), axis=1) > SAME).all())


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
        found = [(float(similarity), int(place)) for similarity, place in zip(similarities, places)
                 if place >= 0 and _file(index, int(place)) != own][:k]
        rows += [{"query": query["path"], "rank": rank, "similarity": similarity, "place": place,
                  **index.pictures[place]} for rank, (similarity, place) in enumerate(found, 1)]
    rows += [{"query": row["path"], "error": row["reason"]} for row in queries.unusable]
    return pd.DataFrame(rows, columns=[*COLUMNS, "place"]).astype(
        {"rank": "Int64", "place": "Int64"})


def _file(index: search_index.Index, place: int) -> str | None:
    """The real path of a picture; None where it lies in records."""
    root = index.facts["root"]
    return root and os.path.realpath(os.path.join(root, index.pictures[place]["path"]))


def sheet(index: search_index.Index, queries: list[dict], found: pd.DataFrame) -> Figure:
    """A line a query: its picture, then its neighbours, with class and similarity.

    Args:
        queries: rows of what `answers` was asked.
        found: what it answered.
    """
    shown = found[found["query"].isin([query["path"] for query in queries]) & found["error"].isna()]
    drawn = pictures(index, shown["place"].unique().tolist())
    lines = []
    for query in queries:
        caption = f"{os.path.basename(query['path'])}\npredicted {query['predicted']}"
        line = [(_read(os.getcwd(), query["path"]), caption)]
        for row in shown[shown["query"] == query["path"]].itertuples():
            about = index.pictures[row.place]
            name = about.get("class") or f"predicted {about.get('predicted') or 'nothing'}"
            line.append((drawn[row.place], f"{name}\n{row.similarity:.3f}"))
        lines.append(line)
    return figures.contact_sheet(lines)


def pictures(index: search_index.Index, places: list[int]) -> dict[int, np.ndarray | str]:
    """place -> uint8 [H, W, 3], or the reason why it can't be shown."""
    if index.facts["root"] is not None:
        return {place: _read(index.facts["root"], index.pictures[place]["path"])
                for place in places}
    from fashionclf.records import input_pipeline

    found, rows = {}, [(place, index.pictures[place]) for place in places]
    for split in {row["split"] for _, row in rows}:
        of_split = {row["path"]: place for place, row in rows if row["split"] == split}
        pixels = input_pipeline.read_pictures(index.facts["records"], split, list(of_split),
                                              box_margin=index.facts["box_margin"])
        found |= {place: pixels.get(path, "no longer in the records")
                  for path, place in of_split.items()}
    return found


def _read(root: str, path: str) -> np.ndarray | str:
    """uint8 [H, W, 3], or the reason why it can't be shown."""
    try:  # the user, or the index that the user built, named this file
        return inspection.decoded_or_reason(
            picture_files.read_image(Path(os.sep), os.path.join(root, path)))
    except (OSError, ValueError) as error:
        return str(error)
