"""The folder of a training: begun once, gone on with by the same command on the same records."""
import shutil
from pathlib import Path

from fashionclf import records


def begin(run_dir: Path, own_flags: str, records_dir: str) -> None:
    """Starts the run folder, or makes sure that this is the command that started it.

    Args:
        own_flags: of the program, see cli.own_flags.
    """
    if any(run_dir.glob("checkpoints/*/*.index")):
        check_same(run_dir, own_flags, records_dir)
        print(f"{run_dir}: going on from the newest checkpoint")
        return
    shutil.copy(Path(records_dir) / "manifest.json", run_dir / "records_manifest.json")
    (run_dir / "flags.cfg").write_text(own_flags)


def check_same(run_dir: Path, own_flags: str, records_dir: str) -> None:
    """Raises ValueError, naming the difference, where other flags or records began `run_dir`."""
    before = (run_dir / "flags.cfg").read_text()
    for old, new in zip(before.splitlines(), own_flags.splitlines()):
        if old != new:
            raise ValueError(f"{run_dir} was started with {old}, not {new}: run the same command, "
                             "or choose another --run")
    difference = records.difference(records.parse_manifest(run_dir / "records_manifest.json"),
                                    records.read_manifest(records_dir))
    if difference:
        raise ValueError(f"{run_dir} was started on other records than {records_dir} now holds: "
                         f"{difference}. Choose another --run, or give the records it began with")
