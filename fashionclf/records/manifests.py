"""Writes, reads and compares manifests, the description of a build; without TensorFlow."""
import hashlib
import json
import re
from pathlib import Path

from fashionclf.system import files

NAME, VERSION = "fashionclf", "1.0.0"  # of the records as a TFDS data set
MANIFEST, HASHES = "manifest.json", "hashes.npz"  # see known_pictures for the second
SHARD = re.compile(rf"{NAME}-\w+\.tfrecord-\d{{5}}-of-\d{{5}}")  # a name, not a path


def account(rows_read: int, written: int, quarantined: int, dropped: int) -> str:
    """Returns the sum of all rows as a line of text; raises RuntimeError if it is wrong."""
    line = (f"rows read {rows_read:,} = written {written:,} + quarantined {quarantined:,} "
            f"+ dropped {dropped:,}")
    if rows_read != written + quarantined + dropped:
        raise RuntimeError(f"rows were lost or duplicated, this sum is wrong: {line}")
    return line


def write(folder: Path, *, classes: list[str], **provenance: object) -> None:
    """Writes manifest.json: classes, `provenance`, and the sha256 of every shard."""
    shards = {file.name: files.sha256(file) for file in sorted(folder.glob(f"{NAME}-*.tfrecord-*"))}
    manifest = {"classes": classes, **provenance, "shards": shards,
                "fingerprint": fingerprint(shards, classes)}
    files.write_json(folder / MANIFEST, manifest)


def fingerprint(shards: dict[str, str], classes: list[str]) -> str:
    """Returns one sha256 (hex) of all that affects training: shards and classes."""
    seen = json.dumps({"shards": shards, "classes": classes}, sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def read(records_dir: str | Path) -> dict:
    """Reads the manifest of a finished build.

    Raises FileNotFoundError where it or a shard of it is missing, else ValueError as `parse` does.
    """
    file = Path(records_dir) / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: give the --records folder of a finished "
                                "'python -m fashionclf.build_tfrecords'")

    content = parse(file)
    missing = [name for name in content["shards"] if not (file.parent / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{file.parent} lacks {missing[0]} and {len(missing) - 1} other "
                                "shards of its manifest: copy it whole or build it again")
    return content


def parse(file: Path) -> dict:
    """Reads a manifest, or a copy of one; raises ValueError if it was changed, or no build's."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        stated = content["fingerprint"]
        expected = fingerprint(content["shards"], content["classes"])

        # A fingerprint is easily computed, so that it does not vouch for file names.
        foreign = [name for name in content["shards"] if not SHARD.fullmatch(name)]
        if foreign or not all(isinstance(n, int) for n in content["examples"].values()):
            raise ValueError(f"{foreign[:1] or 'examples'} is not what a build writes")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is not a manifest of build_tfrecords ({error!r:.200}): "
                         "build the records again") from error

    if stated != expected:
        raise ValueError(f"{file} was changed after the build (its fingerprint does not match "
                         "its shards and classes): build the records again")
    return content


def check_split(manifest: dict, split: str, records_dir: str | Path) -> None:
    """Raises ValueError if `split` has no records."""
    if not manifest["examples"].get(split):
        raise ValueError(f"{records_dir}: its split {split!r} is empty; choose another --split, "
                         "or build records with a larger share for it")


def reported_split(manifest: dict, records_dir: str | Path) -> str:
    """Returns the split that a training reports on: test, or validation without one.

    Raises ValueError if both are empty.
    """
    for split in ("test", "validation"):
        if manifest["examples"].get(split):
            return split
    raise ValueError(f"{records_dir}: neither test nor validation has pictures to score the "
                     "training on; build records with --test_fraction above 0")


def check_classes(ours: list[str], theirs: list[str], records_dir: str | Path) -> None:
    """Raises ValueError, naming the difference, if run and records have different classes."""
    if ours != theirs:
        raise ValueError(
            f"{records_dir}: its classes differ from the run's: {class_difference(ours, theirs)}. "
            "Evaluate on records built with the run's class list (--classes of build_tfrecords), "
            "or map the classes onto each other with --align")


def difference(ours: dict, theirs: dict) -> str:
    """Describes how two manifests differ for training; "" if they do not."""
    if ours["fingerprint"] == theirs["fingerprint"]:
        return ""
    if ours["classes"] != theirs["classes"]:
        return class_difference(ours["classes"], theirs["classes"])
    if ours["examples"] != theirs["examples"]:
        return f"{ours['examples']} records then, {theirs['examples']} now"
    return "same classes and numbers of records, but other pictures or another split"


def class_difference(ours: list[str], theirs: list[str]) -> str:
    """Describes how the classes of records, `theirs`, differ from those of a run, `ours`."""
    lacking, foreign = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    return "; ".join(filter(None, [
        lacking and f"the records lack {', '.join(lacking)}",
        foreign and f"the run does not know {', '.join(foreign)}"])) or "their order differs"
