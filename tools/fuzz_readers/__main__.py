"""Tries the readers of annotation on made-up files until the time is up.

    python -m tools.fuzz_readers --seconds=60

Every reader gets right, nearly right and wrong files in turn, and must return what a slow second
reading of them returns, or raise a ValueError with file, line and cure. Prints how many files each
reader was given, accepted and refused; expect 100 to 200 per second on two CPU cores. Exit code 1
at the first broken promise, whose file, made as short as possible, is left under --failures. The
seed is printed and repeats a run. Needs the dev extra (hypothesis).
"""
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_float("seconds", 60, "Seconds to try; every reader gets one round at least.",
                   lower_bound=0)
flags.DEFINE_integer("round", 200, "Files that a reader gets before the next one's turn.",
                     lower_bound=1)
flags.DEFINE_integer("seed", None, "Seed of the files (default: a random one).", lower_bound=0)
cli.path_flag("failures", "data/fuzz_failures", "Folder for the file of a broken promise.")


def main(_: list[str]) -> int:
    from tools.fuzz_readers import properties

    seed = random.SystemRandom().randrange(2 ** 32) if FLAGS.seed is None else FLAGS.seed
    print(f"--seed={seed}", flush=True)

    rng, tried = random.Random(seed), {reader: Counter() for reader in properties.READ}
    end = time.monotonic() + FLAGS.seconds
    while not all(tried.values()) or time.monotonic() < end:
        for reader, counts in tried.items():
            failure = try_reader(reader, rng.randrange(2 ** 32), counts)
            if failure:
                print(f"{reader}: {failure}")
                return 1

    for reader, counts in tried.items():
        print(f"{reader}: {counts.total():,} files, {counts['accepted']:,} accepted, "
              f"{counts['refused']:,} refused")
    print(f"all: {sum(map(Counter.total, tried.values())):,} files, no promise broken")
    return 0


def try_reader(reader: str, seed: int, counts: Counter) -> str:
    """Adds to `counts`; returns what failed and where its files are, or nothing."""
    from tools.fuzz_readers import properties

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / reader
        try:
            counts.update(properties.fuzz(reader, work, count=FLAGS.round, seed=seed))
        except Exception as error:  # a reader that breaks its promise may raise anything
            kept = Path(FLAGS.failures) / reader
            shutil.copytree(work, kept, dirs_exist_ok=True)
            return f"{type(error).__name__}: {error}\nfiles: {kept}"
    return ""


if __name__ == "__main__":
    cli.run(main)
