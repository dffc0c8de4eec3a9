"""Records on disk: the one schema, the folder they are built in, the manifest."""
import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from fashionclf import checksums, locks
from fashionclf.splits import SPLITS

NAME, VERSION = "fashionclf", "1.0.0"
MANIFEST = "manifest.json"
SHARD = re.compile(rf"{NAME}-({'|'.join(SPLITS)})\.tfrecord-\d{{5}}-of-\d{{5}}")  # no path


def FEATURES(classes: list[str]) -> tfds.features.FeaturesDict:
    """The schema of one record, for writing and reading alike.

    `image` holds the file's bytes as found (no encoding is named, so TFDS
    neither checks nor changes it); `bbox` is x1, y1, x2, y2 in pixels, 1-based
    and inclusive, or all zeros where there is no box.
    """
    return tfds.features.FeaturesDict({
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=classes),
        "path": tfds.features.Text(),
        "item": tfds.features.Text(),
        "bbox": tfds.features.Tensor(shape=(4,), dtype=np.int32),
    })


def refuse_existing(folder: Path, *, flag: str = "--records") -> None:
    """Raises FileExistsError where `folder`, which `flag` named, is taken."""
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists and is never overwritten: "
                              f"remove it or choose another {flag}")


@contextlib.contextmanager
def staging(final: Path, *, flag: str = "--records") -> Iterator[Path]:
    """Gives a folder to build in, which becomes `final` when all went well.

    Until then it is called `<final>.incomplete`; what a killed build left
    under that name is cleared away by the next one.

    Args:
        flag: that named `final`, for messages.

    Raises:
        FileExistsError: `final` exists, or another build writes it now.
    """
    refuse_existing(final, flag=flag)
    folder = final.with_name(final.name + ".incomplete")
    folder.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(folder, otherwise=f"another build is writing {folder}: wait for it to "
                                           f"end, or choose another {flag}"):
        try:
            _clear(folder)
            yield folder
            refuse_existing(final, flag=flag)
            folder.rename(final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def account(rows_read: int, written: int, quarantined: int, dropped: int) -> str:
    """The sum that accounts for every row; raises RuntimeError where it does not."""
    line = (f"rows read {rows_read:,} = written {written:,} + quarantined {quarantined:,} "
            f"+ dropped {dropped:,}")
    if rows_read != written + quarantined + dropped:
        raise RuntimeError(f"rows were lost or doubled: not {line}")
    return line


def write_manifest(folder: Path, *, classes: list[str], **provenance: object) -> None:
    """Writes manifest.json: `provenance`, the class list, and sha256 of every shard."""
    shards = {file.name: checksums.sha256(file)
              for file in sorted(folder.glob(f"{NAME}-*.tfrecord-*"))}
    manifest = {"classes": classes, **provenance, "shards": shards,
                "fingerprint": fingerprint(shards, classes)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def fingerprint(shards: dict[str, str], classes: list[str]) -> str:
    """One sha256 (hex) for all that a training sees of the records."""
    seen = json.dumps({"shards": shards, "classes": classes}, sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def read_manifest(records_dir: str | Path) -> dict:
    """Reads the manifest of a finished build.

    Raises:
        FileNotFoundError: there is no manifest, or a shard it names is gone.
        ValueError: it is not what build_tfrecords wrote.
    """
    file = Path(records_dir) / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: give the --records folder of a finished "
                                "'python -m fashionclf.build_tfrecords'")
    manifest = parse_manifest(file)
    missing = [name for name in manifest["shards"] if not (file.parent / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{file.parent} lacks {missing[0]} and {len(missing) - 1} other "
                                "shards of its manifest: copy it whole or build it again")
    return manifest


def parse_manifest(file: Path) -> dict:
    """Reads a manifest, or a run's copy of one; raises ValueError where it was changed."""
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        found, wanted = manifest["fingerprint"], fingerprint(manifest["shards"],
                                                             manifest["classes"])
        foreign = [name for name in manifest["shards"] if not SHARD.fullmatch(name)]
        if foreign or not all(isinstance(n, int) for n in manifest["examples"].values()):
            raise ValueError(f"{foreign[:1] or 'examples'} is nothing that a build names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is no manifest of build_tfrecords ({error!r:.200}): "
                         "build the records again") from error
    if found != wanted:
        raise ValueError(f"{file} was changed after the build (its fingerprint does not match "
                         "its shards and classes): build the records again")
    return manifest


def difference(ours: dict, theirs: dict) -> str:
    """How two manifests differ in what a training sees; "" where they do not."""
    if ours["fingerprint"] == theirs["fingerprint"]:
        return ""
    if ours["classes"] != theirs["classes"]:
        return class_difference(ours["classes"], theirs["classes"])
    if ours["examples"] != theirs["examples"]:
        return f"{ours['examples']} records then, {theirs['examples']} now"
    return "as many records of the same classes, but other pictures or another split"


def class_difference(ours: list[str], theirs: list[str]) -> str:
    """How the classes of records, `theirs`, differ from those of a run."""
    lacking, foreign = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    return "; ".join(filter(None, [
        lacking and f"the records lack {', '.join(lacking)}",
        foreign and f"the run does not know {', '.join(foreign)}"])) or "their order differs"
