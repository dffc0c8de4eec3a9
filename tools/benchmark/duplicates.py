"""Measures which planted copies fashionclf duplicates finds, and what it joins by mistake.

    python -m tools.benchmark.duplicates --source_dir=data/clothing_cc0 --work_dir=data/planted

changes 1,000 of the pictures in eighteen ways (planted_copies.py) and looks for each kind of copies
among all pictures. Prints what share is found: by the perceptual hash alone, as a candidate, and in
the end, in the half on which the thresholds were chosen and in the other half; and how many pairs
of a copy with a picture other than its original were joined. Then it lists pairs of originals that
are joined, to be looked at. Two CPU cores take some minutes after the pictures are described.
WORK_DIR also keeps planted.json, which tools/benchmark/imagededup_copies.py reads.
"""
import os
from pathlib import Path

import numpy as np
from absl import flags

from fashionclf import cli
from fashionclf.deployment import descriptions
from tools import markdown

FLAGS = flags.FLAGS

cli.path_flag("source_dir", None, "Folder of pictures.")
cli.path_flag("work_dir", None, "Folder for the copies and planted.json.")
cli.define_model_flags(batch_size=False)
cli.define_cache_flag()
flags.DEFINE_integer("copied", 1000, "Pictures that are changed.", lower_bound=2)
flags.DEFINE_integer("seed", 0, "Seed of their choice.", lower_bound=0)

HEADER = ["copy", "by hash alone", "candidates", "found, chosen on", "found, measured on",
          "joined with others"]


def main(_: list[str]) -> None:
    from fashionclf.curation import copies
    from fashionclf.deployment import engines
    from fashionclf.pictures import files as picture_files
    from fashionclf.system import files
    from tools.benchmark import planted_copies

    paths = [picture.path for picture in picture_files.find([FLAGS.source_dir])[0]]
    chosen = np.random.default_rng(FLAGS.seed).permutation(len(paths))[:FLAGS.copied]
    work = Path(FLAGS.work_dir)
    planted = planted_copies.plant([paths[i] for i in chosen], work / "copies", seed=FLAGS.seed)
    files.write_json(work / "planted.json", {
        "files": paths, "chosen": chosen.tolist(), "copies": planted})

    engine = engines.load(FLAGS.run, FLAGS.engine)
    originals = looks_of(paths, engine)
    rows = [[name, *shares(originals, looks_of(planted[name], engine), chosen)]
            for name in planted]
    print(markdown.table(HEADER, rows))

    joined = copies.pairs(originals)
    print(f"\n{len(joined):,} pairs of originals are joined:")
    print("\n".join(f"  {paths[low]} {paths[high]}" for low, high in joined))


def looks_of(paths: list[str], engine):
    """Describes pictures and reads them: Looks."""
    from fashionclf.curation import copies, duplicates
    from fashionclf.pictures import loading
    from fashionclf.pictures.files import Picture
    from fashionclf.pictures.registration import Thumbnails

    described = descriptions.describe(engine, [Picture(path=path, root=os.sep) for path in paths],
                                      cache_dir=FLAGS.cache_dir)
    looks = list(loading.map_ahead(lambda path: duplicates.look(Path(path).read_bytes()), paths, 64,
                                   threads=os.cpu_count()))
    thumbnails, hashes, _ = zip(*looks)
    return copies.Looks(thumbnails=Thumbnails(*map(np.stack, zip(*thumbnails))),
                        hashes=list(hashes), features=described.features)


def shares(originals, planted, chosen: np.ndarray) -> list:
    """Looks for the planted copies of chosen[i] among all: the cells of HEADER after the first."""
    from fashionclf.curation import copies
    from fashionclf.pictures import near_duplicates
    from fashionclf.pictures.registration import Thumbnails

    count, half = len(originals.hashes), len(chosen) // 2
    looks = copies.Looks(
        thumbnails=Thumbnails(*map(np.concatenate, zip(originals.thumbnails, planted.thumbnails))),
        hashes=originals.hashes + planted.hashes,
        features=np.concatenate([originals.features, planted.features]))
    own = np.column_stack([chosen, count + np.arange(len(chosen))])
    hashed = looks.bits(own) <= near_duplicates.THRESHOLD

    # Pairs of two originals are the same for every kind
    candidates = copies.candidates(looks)
    candidates = candidates[candidates[:, 1] >= count]
    is_copy = looks.are_copies(candidates, looks.compare(candidates))
    is_own = chosen[candidates[:, 1] - count] == candidates[:, 0]

    found = np.isin(np.arange(len(chosen)), candidates[is_copy & is_own][:, 1] - count)
    shares = [hashed.mean(), is_own.sum() / len(chosen), found[:half].mean(), found[half:].mean()]
    return [*map("{:.1%}".format, shares), int((is_copy & ~is_own).sum())]


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "work_dir"])
    cli.run(main)
