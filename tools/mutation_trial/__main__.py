"""Changes one small thing of the code at a time, and counts how often the fast tests notice.

    python -m tools.mutation_trial --changes=102 --seed=0

draws changes in the modules below: a comparison turned or moved by its edge, plus for minus, times
for divided, a constant plus one, and for or, min for max, any for all, a sign or a not twice. Each
is made in a copy of the repository, in which the module's own fast tests run. What none of them
noticed is printed, to be looked at: some changes matter to nobody. Exit code 1 where fewer than
85 in 100 are noticed. 102 changes take a quarter of an hour of CPU time.
"""
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path

from absl import flags
from tqdm import tqdm

from fashionclf import cli
from tools.mutation_trial import changes

FLAGS = flags.FLAGS

flags.DEFINE_integer("changes", 102, "How many changes are drawn, each of which once at most.",
                     lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the changes.", lower_bound=0)
flags.DEFINE_integer("jobs", 1, "How many changes are tried at the same time.", lower_bound=1)
flags.DEFINE_string("only", "", "Part of the names of the modules in which changes are drawn.")

ROOT = Path(__file__).resolve().parents[2]
LEAST = 0.85  # share of the changes that the tests have to notice
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "data", "saved_models")


def main(_: list[str]) -> int:
    sources = {name: (ROOT / name).read_text(encoding="utf-8")
               for name in changes.TESTS if FLAGS.only in name}
    possible = [(name, number) for name, source in sources.items()
                for number in range(len(changes.of(ast.parse(source))))]
    drawn = random.Random(FLAGS.seed).sample(possible, min(FLAGS.changes, len(possible)))
    print(f"{len(drawn)} of {len(possible)} possible changes in {len(sources)} modules", flush=True)

    limits = {name: unchanged(name) for name in sorted({name for name, _ in drawn})}

    def attempt(change: tuple[str, int]) -> bool:
        name, number = change
        source, what = changes.changed(sources[name], number)
        noticed = not passes(name, source, limits[name])
        if not noticed:
            tqdm.write(f"{name}:{what}")
        return noticed

    with ThreadPool(FLAGS.jobs) as pool:
        noticed = sum(tqdm(pool.imap_unordered(attempt, drawn), total=len(drawn), unit=" changes"))
    print(f"noticed {noticed} of {len(drawn)}")
    return int(noticed < LEAST * len(drawn))


def unchanged(name: str) -> float:
    """Seconds after which a change counts as noticed, as it makes the tests endless."""
    began = time.monotonic()
    if not passes(name, (ROOT / name).read_text(encoding="utf-8"), None):
        raise ValueError(f"{name}: its tests ({', '.join(changes.TESTS[name])}) fail without any "
                         "change; fix them first")
    return 30 + 5 * (time.monotonic() - began)


def passes(name: str, source: str, limit: float | None) -> bool:
    """Whether the module's fast tests pass in a copy of the repository that has this source."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(ROOT, Path(folder) / "checkout", ignore=NOT_COPIED))
        (copy / name).write_text(source, encoding="utf-8")
        try:
            code = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m",
                 "not slow", *changes.TESTS[name]], cwd=copy, timeout=limit,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode
        except subprocess.TimeoutExpired:
            return False
    if code not in (0, 1, 2):  # passed; failed; could not even be collected
        raise ValueError(f"{name}: pytest ended with code {code} on "
                         f"{', '.join(changes.TESTS[name])}; is the table of tests right?")
    return code == 0


if __name__ == "__main__":
    cli.run(main)
