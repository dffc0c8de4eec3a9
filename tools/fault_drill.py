"""Kills a build and a training again and again, and looks for what was lost.

    python -m tools.fault_drill --kills=30

draws a small shop, builds its records and trains on them once undisturbed. Then it does both again
and kills them with SIGKILL, each time followed by the same command: at random moments of the build
and of both training phases, some of them inside the writing of a checkpoint, and inside the writing
of model.json, which marks a training as finished. In the end records, weights, history and
predictions are compared with the undisturbed ones. Exit code 1 if anything differs. 30 kills take
about six minutes on two CPU cores.

--training=everything does so with an EfficientNetB0 and all that `train` has at once: the trunk
cache, a solved head, teachers that are asked out of fold, unlabelled pictures, mixup, stochastic
depth, averaged weights, class weights, logit adjustment. The head is then killed while the cache is
filled. 20 kills with --images=240 --epochs=4 take eight minutes.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools.drill_moments import (LIMIT, SHORT_PAUSE, begun, checkpoints, number_of, wait_until,
                                 writing)

FLAGS = flags.FLAGS

SHARES = {"build": 0.2, "head": 0.35, "fine_tune": 0.35, "end": 0.1}  # of the kills
flags.DEFINE_integer("kills", 30, "Number of kills in all four parts, at least one in each.",
                     lower_bound=4)
flags.DEFINE_multi_enum("part", list(SHARES), list(SHARES), "Part that is killed; give the flag "
                        "several times (default: all). A phase that is left out is not trained.")
flags.DEFINE_integer("seed", 0, "Seed of their moments.", lower_bound=0)
flags.DEFINE_integer("images", 480, "Pictures that are drawn.", lower_bound=240)
flags.DEFINE_enum("training", "small", ["small", "everything"], "What is trained: a small network, "
                  "or EfficientNetB0 with a cache, teachers and all else.")
flags.DEFINE_integer("epochs", 8, "Epochs of each training phase.", lower_bound=1)

PHASES = ("head", "fine_tune")
flags.register_validator("part", lambda parts: set(parts) & set(PHASES),
                         message="a run needs a phase: add --part=head or --part=fine_tune")
ROOT = Path(__file__).resolve().parents[1]
MISSES = 15  # attempts to hit the writing of model.json, each of which may come too late
AIMED = 1 / 3  # of the kills in training: inside the writing of a checkpoint
COMMON = ["--weights=none", "--batch_size=8", "--mixup=0.2", "--checkpoint_every_steps=4"]
SMALL = [*COMMON, "--architecture=baseline_cnn", "--image_size=64", "--ema_momentum=0.9"]
EVERYTHING = [
    *COMMON, "--image_size=32", "--unfreeze_from=block6a", "--cache_views=8", "--head=solved",
    "--label_smoothing=0.1", "--stochastic_depth=0.2", "--ema_momentum=0.9",
    "--class_weighting=0.3", "--logit_adjustment=0.3", "--layer_decay=0.9", "--mirrored",
    "--out_of_fold"]


def main(_: list[str]) -> int:
    rng = random.Random(FLAGS.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run("tools.make_sample_data", f"--output={work / 'sample'}", f"--images={FLAGS.images}",
            "--image_size=96")

        run(*build(work, "whole"))
        kill_builds(work, rng)
        if "build" in FLAGS.part and not (work / "killed_records").exists():
            run(*build(work, "killed"))

        if FLAGS.training == "everything":
            prepare(work)
        run(*training(work, "whole"))
        kill_trainings(work, rng)
        kill_ends(work)
        run(*training(work, "killed"))

        return report(differences(work))


def kills_in(part: str) -> int:
    return max(1, round(FLAGS.kills * SHARES[part])) if part in FLAGS.part else 0


def build(work: Path, name: str) -> list[str]:
    """Returns the command that builds the records `name`."""
    return ["fashionclf.build_tfrecords", f"--source_dir={work / 'sample'}",
            f"--records={work / name}_records"]


def training(work: Path, name: str) -> list[str]:
    """Returns the command that trains the run `name`, always on the undisturbed records."""
    epochs = [f"--{phase}_epochs={FLAGS.epochs if phase in FLAGS.part else 0}" for phase in PHASES]
    chosen = SMALL if FLAGS.training == "small" else [
        *EVERYTHING, f"--cache_dir={work / name}_cache", f"--unlabelled={work / 'more_records'}",
        f"--teacher={work / 'teacher1'},{work / 'teacher2'}"]
    return ["fashionclf.train", f"--records={work / 'whole_records'}",
            f"--run={work / name}_run", *epochs, *chosen]


def prepare(work: Path) -> None:
    """Trains two teachers, each without half of the garments, and builds unlabelled records."""
    for number in (1, 2):
        run("fashionclf.train", f"--records={work / 'whole_records'}", f"--fold={number}/2",
            f"--run={work / f'teacher{number}'}", "--head_epochs=1", "--fine_tune_epochs=0", *SMALL)
    run("tools.make_sample_data", f"--output={work / 'more'}", "--seed=1", "--image_size=96",
        f"--images={FLAGS.images}")
    run("fashionclf.build_tfrecords", "--source=unlabelled", f"--source_dir={work / 'more'}",
        f"--records={work / 'more_records'}")


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, timeout=LIMIT,
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {done.returncode}:\n"
                           f"{done.stdout}{done.stderr}")


def start(*command: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(victim: subprocess.Popen) -> None:
    victim.send_signal(signal.SIGKILL)
    victim.wait()


def kill_builds(work: Path, rng: random.Random) -> None:
    """Kills builds that have begun to write; a build without an end leaves no records.

    After a kill that came too late, the next build starts afresh and is killed sooner.
    """
    records, staged, longest = work / "killed_records", work / "killed_records.incomplete", 0.3
    for number in range(kills_in("build")):
        if records.exists():
            shutil.rmtree(records)
            longest /= 2
        began = time.time()
        victim = start(*build(work, "killed"))
        wait_until(lambda: begun(staged.glob("*.tfrecord*"), began), victim)
        time.sleep(rng.uniform(0, longest))
        kill(victim)

        moment = ("just after its end" if records.exists() else
                  f"{len(os.listdir(staged))} files begun")
        print(f"build: kill {number + 1}, {moment}", flush=True)


def kill_trainings(work: Path, rng: random.Random) -> None:
    """Kills a training in both phases, each time after at least one checkpoint of that process.

    The one checkpoint of a solved head comes after its end; it is killed while its cache is filled.
    """
    stepwise = PHASES
    if FLAGS.training == "everything":
        kill_fillings(work, rng)
        stepwise = ["fine_tune"]
    for phase in stepwise:
        folder, kills = work / "killed_run" / "checkpoints" / phase, kills_in(phase)
        for number in range(kills):
            began, before = time.time(), checkpoints(folder)
            victim = start(*training(work, "killed"))
            wait_until(lambda: checkpoints(folder) - before, victim)
            if number < kills * AIMED:
                wait_until(lambda: writing(folder, began), victim, SHORT_PAUSE)
            else:
                time.sleep(rng.uniform(0, 0.3))
            kill(victim)

            newest = max(checkpoints(folder), key=number_of)
            where = ", inside the writing of a checkpoint" if writing(folder, began) else ""
            print(f"{phase}: kill {number + 1}, newest checkpoint {newest}{where}", flush=True)


def kill_fillings(work: Path, rng: random.Random) -> None:
    """Kills a training that has begun to write a file of its trunk cache."""
    cache = work / "killed_cache"
    for number in range(kills_in("head")):
        began = time.time()
        victim = start(*training(work, "killed"))
        wait_until(lambda: begun(cache.rglob("*.npy"), began), victim)
        time.sleep(rng.uniform(0, 0.3))
        kill(victim)

        whole = [file for file in cache.rglob("*.npy") if not file.name.startswith("incomplete-")]
        print(f"head: kill {number + 1}, {len(whole)} files of the trunk cache", flush=True)


def kill_ends(work: Path) -> None:
    """Kills a training inside the writing of model.json, which then must not exist.

    If the kill comes too late, the file is removed and the same command writes it again.
    """
    run_dir = work / "killed_run"
    final, partial = run_dir / "model.json", run_dir / "incomplete-model.json"
    for number in range(kills_in("end")):
        for _ in range(MISSES):
            partial.unlink(missing_ok=True)
            victim = start(*training(work, "killed"))
            wait_until(lambda: partial.exists() or final.exists(), victim, SHORT_PAUSE)
            kill(victim)
            if not final.exists():
                print(f"end: kill {number + 1}, inside the writing of model.json", flush=True)
                break
            final.unlink()
        else:
            raise RuntimeError(f"{MISSES} kills came after the writing of model.json: use the "
                               "machine for less meanwhile, and start the drill again")


def differences(work: Path) -> list[str]:
    """Names what differs between the disturbed and the undisturbed results."""
    import pandas as pd

    from fashionclf.model import weights

    found = []
    if "build" in FLAGS.part:
        whole, killed = (json.loads((work / f"{name}_records/manifest.json").read_text())["shards"]
                         for name in ("whole", "killed"))
        found += [f"shard {name}" for name in whole if killed.get(name) != whole[name]]

    runs = [work / "whole_run", work / "killed_run"]
    arrays = [weights.load(run).network.weights for run in runs]
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
