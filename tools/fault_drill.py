"""Kills a build and a training again and again, and looks for what was lost.

    python -m tools.fault_drill --kills=30

draws a small shop, builds its records and trains on them once undisturbed. Then it does both again,
with SIGKILL at random moments of the build and of both training phases, some of them aimed inside
the writing of a checkpoint or of model.json, which says that a training is finished. Each is
followed by the same command. In the end records, weights, history and predictions are compared with
the undisturbed ones. Exit code 1 where anything differs. 30 kills take about six minutes on two
CPU cores.
"""
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_integer("kills", 30, "How many kills in all.", lower_bound=5)
flags.DEFINE_integer("seed", 0, "Of the moments.", lower_bound=0)

ROOT = Path(__file__).resolve().parents[1]
SHARES = {"build": 0.2, "head": 0.35, "fine_tune": 0.35, "end": 0.1}  # of the kills
MISSES = 5  # attempts to hit the writing of model.json, each of which may come too late
AIMED = 1 / 3  # of the kills in training: inside the writing of a checkpoint
TRAINING = ["--architecture=baseline_cnn", "--weights=none", "--image_size=64", "--batch_size=8",
            "--head_epochs=8", "--fine_tune_epochs=8", "--ema_momentum=0.9", "--mixup=0.2",
            "--checkpoint_every_steps=4"]


def main(_: list[str]) -> int:
    rng = random.Random(FLAGS.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run("tools.make_sample_data", f"--output={work / 'sample'}", "--images=480",
            "--image_size=96")
        run(*build(work, "whole"))
        kill_builds(work, rng)
        if not (work / "killed_records").exists():
            run(*build(work, "killed"))
        run(*training(work, "whole"))
        kill_trainings(work, rng)
        kill_ends(work)
        run(*training(work, "killed"))
        return report(differences(work))


def build(work: Path, name: str) -> list[str]:
    """The command that builds the records `name`."""
    return ["fashionclf.build_tfrecords", f"--source_dir={work / 'sample'}",
            f"--records={work / name}_records"]


def training(work: Path, name: str) -> list[str]:
    """The command that trains the run `name`, always on the undisturbed records."""
    return ["fashionclf.train", f"--records={work / 'whole_records'}",
            f"--run={work / name}_run", *TRAINING]


def run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(*command: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(victim: subprocess.Popen) -> None:
    victim.send_signal(signal.SIGKILL)
    victim.wait()


def kill_builds(work: Path, rng: random.Random) -> None:
    """Kills builds that have begun to write; nothing may be there that could be taken for data."""
    for number in range(round(FLAGS.kills * SHARES["build"])):
        staged, began = work / "killed_records.incomplete", time.time()
        victim = start(*build(work, "killed"))
        wait_until(lambda: writes_shards(staged, began), victim)
        time.sleep(rng.uniform(0, 0.3))
        kill(victim)
        there = (work / "killed_records").exists()
        print(f"build: kill {number + 1}, "
              f"{'just after its end' if there else f'{len(os.listdir(staged))} files begun'}")
        if there:
            return


def writes_shards(staged: Path, since: float) -> bool:
    """Whether a shard was begun after `since`: an earlier kill may have left others."""
    try:
        return any(file.stat().st_mtime > since for file in staged.glob("*.tfrecord*"))
    except FileNotFoundError:  # one was renamed meanwhile
        return True


def kill_trainings(work: Path, rng: random.Random) -> None:
    """Kills a training in both phases, each time after at least one save of that life."""
    checkpoints = work / "killed_run" / "checkpoints"
    for phase in ("head", "fine_tune"):
        kills = round(FLAGS.kills * SHARES[phase])
        for number in range(kills):
            began, before = time.time(), saves(checkpoints / phase)
            victim = start(*training(work, "killed"))
            wait_until(lambda: saves(checkpoints / phase) - before, victim)
            if number < kills * AIMED:
                wait_until(lambda: writing(checkpoints / phase, began), victim, pause=0)
            else:
                time.sleep(rng.uniform(0, 0.3))
            kill(victim)
            inside = "inside the writing of a checkpoint" * writing(checkpoints / phase, began)
            print(f"{phase}: kill {number + 1}, newest save "
                  f"{max(saves(checkpoints / phase), key=number_of)} {inside}", flush=True)


def kill_ends(work: Path) -> None:
    """Kills a training inside the writing of model.json; the file must not be there then.

    Where the kill comes too late, the file is removed and the same command writes it again.
    """
    run_dir = work / "killed_run"
    final, partial = run_dir / "model.json", run_dir / "incomplete-model.json"
    for number in range(max(1, round(FLAGS.kills * SHARES["end"]))):
        for _ in range(MISSES):
            partial.unlink(missing_ok=True)
            victim = start(*training(work, "killed"))
            wait_until(lambda: partial.exists() or final.exists(), victim, pause=0)
            kill(victim)
            if not final.exists():
                print(f"end: kill {number + 1}, inside the writing of model.json", flush=True)
                break
            final.unlink()
        else:
            raise RuntimeError(f"{MISSES} kills came after the writing of model.json")


def saves(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("ckpt-*.index")}


def number_of(save: str) -> int:
    return int(save.removeprefix("ckpt-"))


def writing(folder: Path, began: float) -> bool:
    """Whether a process started at `began` writes a save now, or did so when it was killed."""
    for file in folder.glob("*_temp"):
        with contextlib.suppress(FileNotFoundError):  # it was finished in between
            if file.stat().st_mtime > began:
                return True
    return False


def wait_until(happened, victim: subprocess.Popen, pause: float = 0.005) -> None:
    while not happened():
        if victim.poll() is not None:
            raise RuntimeError("the program ended before it could be killed: fewer --kills")
        time.sleep(pause)


def differences(work: Path) -> list[str]:
    """What the disturbed results have otherwise than the undisturbed."""
    import pandas as pd

    from fashionclf.model import weights

    whole, killed = (json.loads((work / f"{name}_records/manifest.json").read_text())
                     for name in ("whole", "killed"))
    runs = [work / "whole_run", work / "killed_run"]
    found = [f"shard {name}" for name, sha256 in whole["shards"].items()
             if killed["shards"].get(name) != sha256]
    arrays = [weights.load(run)[0].weights for run in runs]
    found += [f"weights {one.path}" for one, other in zip(*arrays, strict=True)
              if one.numpy().tobytes() != other.numpy().tobytes()]
    history = [pd.read_csv(run / "history.csv").drop(columns="images_per_second") for run in runs]
    found += [] if history[0].equals(history[1]) else ["history.csv"]
    predictions = [(run / "report/predictions.csv").read_bytes() for run in runs]
    return found + ([] if predictions[0] == predictions[1] else ["predictions.csv"])


def report(found: list[str]) -> int:
    print(f"\nlost or changed: {', '.join(found) or 'nothing'}")
    print(f"records, weights, history and predictions equal: {'no' if found else 'yes'}")
    return int(bool(found))


if __name__ == "__main__":
    cli.run(main)
