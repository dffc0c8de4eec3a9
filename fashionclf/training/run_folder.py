"""The run folder of a training: started once, resumed by the same command on the same records.

Imports no pandas, so that a wrong command fails at once.
"""
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from fashionclf.records import manifests
from fashionclf.system import files

FLAG_FILE, RECORDS_MANIFEST = "flags.cfg", "records_manifest.json"


@contextlib.contextmanager
def held(run_dir: Path, own_flags: str, records_dir: Path, manifest: dict) -> Iterator[None]:
    """Locks the folder; starts it, or checks that cli.own_flags and these records started it.

    Raises FileExistsError if another training holds it.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with files.exclusive(
            run_dir / ".lock", otherwise=f"another training is writing {run_dir}: wait for it to "
                                         "end, or choose another --run"):
        if any(run_dir.glob("checkpoints/*/*.index")):
            check_same(run_dir, own_flags, records_dir, manifest)
            print(f"{run_dir}: resuming from the newest checkpoint")
        else:
            with files.replaced(run_dir / RECORDS_MANIFEST) as partial:
                shutil.copy(records_dir / manifests.MANIFEST, partial)
            files.write_text(run_dir / FLAG_FILE, own_flags)
        yield


def check_same(run_dir: Path, own_flags: str, records_dir: Path, manifest: dict) -> None:
    """Raises ValueError with the difference if other flags or records started `run_dir`."""
    before = (run_dir / FLAG_FILE).read_text()
    for old, new in zip(before.splitlines(), own_flags.splitlines()):
        if old != new:
            raise ValueError(f"{run_dir} was started with {old}, not {new}: run the same command, "
                             "or choose another --run")

    difference = manifests.difference(manifests.parse(run_dir / RECORDS_MANIFEST), manifest)
    if difference:
        raise ValueError(f"{run_dir} was started on other records than {records_dir} now holds: "
                         f"{difference}. Choose another --run, or give the original records")
