"""The run folder of a training: started once, resumed by the same command on the same records.

Imports no pandas, so that a wrong command fails at once.
"""
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from fashionclf.model import spec as specs
from fashionclf.records import manifests
from fashionclf.system import files

FLAG_FILE, RECORDS_MANIFEST = "flags.cfg", "records_manifest.json"
STARTED_FROM = "started_from.json"  # name of a flag -> sha256 of the file it named

# From the text of a flag file, and the flags to leave out: how the flags differ now.
Changes = Callable[[str, set[str]], list[str]]


@contextlib.contextmanager
def held(run_dir: Path, own_flags: str, records_dir: Path, manifest: dict, *, changes: Changes,
         named: dict[str, str | None]) -> Iterator[None]:
    """Locks the folder; starts it, or checks that this command and these records started it.

    Raises FileExistsError if another training holds it. For `own_flags` see the function of cli,
    for `changes` and `named` check_same.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with files.exclusive(
            run_dir / ".lock", otherwise=f"another training is writing {run_dir}: wait for it to "
                                         "end, or choose another --run"):
        if any(run_dir.glob("checkpoints/*/*.index")):
            check_same(run_dir, records_dir, manifest, changes=changes, named=named)
            print(f"{run_dir}: resuming from the newest checkpoint")
        else:
            with files.replaced(run_dir / RECORDS_MANIFEST) as partial:
                shutil.copy(records_dir / manifests.MANIFEST, partial)
            files.write_json(run_dir / STARTED_FROM, _contents(named))
        files.write_text(run_dir / FLAG_FILE, own_flags)
        yield


def check_same(run_dir: Path, records_dir: Path, manifest: dict, *, changes: Changes,
               named: dict[str, str | None]) -> None:
    """Raises ValueError with the differences if something else started `run_dir`.

    What affects the model counts, not where files lie: records by their fingerprint, others by
    their content.

    Args:
        changes: compares the flags, see cli.changes.
        named: name of a flag -> the file, or the folder of a run, that it names now.
    """
    started_from = run_dir / STARTED_FROM
    before = json.loads(started_from.read_text()) if started_from.is_file() else {}
    differences = changes((run_dir / FLAG_FILE).read_text(encoding="utf-8"), set(before))
    differences += [f"--{name} named another file, or its content has changed"
                    for name, content in _contents(named).items()
                    if before.get(name, content) != content]
    if differences:
        raise ValueError(f"{run_dir} was started by another command: {'; '.join(differences)}. "
                         "Run the same command, or choose another --run")

    difference = manifests.difference(manifests.parse(run_dir / RECORDS_MANIFEST), manifest)
    if difference:
        raise ValueError(f"{run_dir} was started on other records than {records_dir} now holds: "
                         f"{difference}. Choose another --run, or give the original records")


def _contents(named: dict[str, str | None]) -> dict[str, str | None]:
    """Returns the sha256 of each file, or of a run's weights; a word that names none is itself."""
    contents = dict(named)
    for name, word in named.items():
        for file in (Path(word), Path(word, specs.WEIGHTS)) if word else ():
            if file.is_file():
                contents[name] = files.sha256(file)
    return contents
