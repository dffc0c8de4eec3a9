"""Tries the extras of setup.cfg from scratch: a new environment, the install, the extra's tests.

    python -m tools.check_extras --extras=beam

installs this checkout with each extra into an environment of its own and runs the test files that
name fashionclf[EXTRA]. Fails if an install fails, if installed libraries contradict each other, or
if a test fails or is skipped although the extra is there. Takes some minutes per extra, most of
them for TensorFlow; needs a package registry.
"""
import configparser
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS
ROOT = Path(__file__).resolve().parents[1]

flags.DEFINE_list("extras", None, "Extras to try, separated by commas (default: all).")


def main(_: list[str]) -> int:
    known = extras()
    chosen = FLAGS.extras or sorted(known)
    for name in chosen:
        if name not in known:
            raise ValueError(f"--extras: {name!r} is not one of {', '.join(sorted(known))}")

    verdicts = {name: fault(name, known["dev"]) for name in chosen}
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict or 'installs, and its tests pass'}")
    return int(any(verdicts.values()))


def extras() -> dict[str, list[str]]:
    """Returns extra -> its requirements."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return {name: words.split("\n")[1:]
            for name, words in setup["options.extras_require"].items()}


def tests_of(extra: str) -> list[str]:
    """Returns the test files that name the extra as the cure for a missing library."""
    return sorted(str(file) for file in (ROOT / "tests").rglob("test_*.py")
                  if f"fashionclf[{extra}]" in file.read_text(encoding="utf-8").replace("\\", ""))


def fault(extra: str, dev: list[str]) -> str:
    """Returns what is wrong with an extra, installed by itself; "" if nothing is.

    Args:
        dev: requirements of the extra "dev", whose pytest is installed too.
    """
    pytest = next(word for word in dev if word.startswith("pytest"))
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = [str(Path(folder) / "bin" / "python"), "-m"]
        for step in (["pip", "install", "--quiet", f"{ROOT}[{extra}]", pytest], ["pip", "check"]):
            if subprocess.run([*python, *step], cwd=folder).returncode:
                return f"'{' '.join(step)}' failed"

        tested = subprocess.run([*python, "pytest", "-q", "-rs", *tests_of(extra)], cwd=ROOT,
                                text=True, stdout=subprocess.PIPE)
    sys.stdout.write(tested.stdout)

    if tested.returncode:
        return "its tests fail"
    skipped = [line for line in tested.stdout.splitlines()
               if line.startswith("SKIPPED") and f"fashionclf[{extra}]" in line]
    return "its tests are skipped" if skipped else ""


if __name__ == "__main__":
    cli.run(main)
