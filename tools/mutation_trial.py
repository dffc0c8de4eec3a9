"""Changes one small thing of the code at a time, and counts how often the fast tests notice.

    python -m tools.mutation_trial --changes=102 --seed=0

draws changes in the modules below: a comparison turned or moved by its edge, plus for minus, times
for divided, a constant plus one, and for or, min for max, any for all, a sign or a not twice. Each
is made in a copy of the repository, in which the module's own fast tests run. What none of them
noticed is printed, to be looked at: some changes matter to nobody. Exit code 1 where fewer than
85 in 100 are noticed. 102 changes take about 20 minutes on two CPU cores.
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

FLAGS = flags.FLAGS

flags.DEFINE_integer("changes", 102, "How many changes are drawn, each of which once at most.",
                     lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the changes.", lower_bound=0)
flags.DEFINE_integer("jobs", 1, "How many changes are tried at the same time.", lower_bound=1)
flags.DEFINE_string("only", "", "Part of the names of the modules in which changes are drawn.")

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.85  # share of the changes that the tests have to notice
# Module -> its test files, the likeliest to notice first.
TESTS = {
    "fashionclf/sources/alignment.py": ["tests/sources/test_alignment.py"],
    "fashionclf/sources/categories.py": ["tests/sources/test_categories.py"],
    "fashionclf/sources/leakage.py": ["tests/sources/test_leakage.py"],
    "fashionclf/sources/splits.py": ["tests/sources/test_split_reference.py",
                                     "tests/sources/test_splits.py"],
    "fashionclf/pictures/jpeg.py": ["tests/pictures/test_jpeg.py",
                                    "tests/pictures/test_decoding.py"],
    "fashionclf/pictures/near_duplicates.py": ["tests/pictures/test_near_duplicates.py"],
    "fashionclf/model/augmentation.py": ["tests/model/test_augmentation.py"],
    "fashionclf/model/calibration.py": ["tests/model/test_calibration.py"],
    "fashionclf/model/inference.py": ["tests/model/test_inference.py"],
    "fashionclf/evaluation/metrics.py": ["tests/evaluation/test_metrics.py"],
    "fashionclf/training/history.py": ["tests/training/test_history.py"],
    "fashionclf/training/recipe.py": ["tests/training/test_recipe.py",
                                      "tests/training/test_step_reference.py"],
    "fashionclf/training/step.py": ["tests/training/test_step_reference.py",
                                    "tests/training/test_loop.py"]}
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "data", "saved_models")

OPERATORS = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Add: [ast.Sub],
    ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.FloorDiv], ast.And: [ast.Or], ast.Or: [ast.And], ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd]}
NAMES = {"min": "max", "minimum": "maximum", "any": "all", "argmin": "argmax"}
NAMES |= {new: old for old, new in NAMES.items()}


def main(_: list[str]) -> int:
    sources = {name: (ROOT / name).read_text(encoding="utf-8")
               for name in TESTS if FLAGS.only in name}
    possible = [(name, number) for name, source in sources.items()
                for number in range(len(changes(ast.parse(source))))]
    drawn = random.Random(FLAGS.seed).sample(possible, min(FLAGS.changes, len(possible)))
    print(f"{len(drawn)} of {len(possible)} possible changes in {len(sources)} modules", flush=True)

    limits = {name: unchanged(name) for name in sorted({name for name, _ in drawn})}

    def attempt(change: tuple[str, int]) -> bool:
        name, number = change
        source, what = changed(sources[name], number)
        noticed = not passes(name, source, limits[name])
        if not noticed:
            tqdm.write(f"{name}:{what}")
        return noticed

    with ThreadPool(FLAGS.jobs) as pool:
        noticed = sum(tqdm(pool.imap_unordered(attempt, drawn), total=len(drawn), unit=" changes"))
    print(f"noticed {noticed} of {len(drawn)}")
    return int(noticed < LEAST * len(drawn))


def changes(tree: ast.Module) -> list[tuple[ast.AST, str, object]]:
    """Each possible change of a module: a node, one of its fields, and that field's new value."""
    hints = [hint for node in ast.walk(tree) for field in ("annotation", "returns")
             if (hint := getattr(node, field, None))]
    ignored = {id(node) for hint in hints for node in ast.walk(hint)}
    found = []
    for node in ast.walk(tree):
        match node:
            case _ if id(node) in ignored:
                continue
            case ast.BinOp() | ast.AugAssign() | ast.BoolOp():
                found += [(node, "op", new()) for new in OPERATORS.get(type(node.op), [])]
            case ast.UnaryOp():
                found.append((node, "operand", ast.UnaryOp(node.op, node.operand)))
            case ast.Compare():
                found += [(node, "ops", [*node.ops[:place], new(), *node.ops[place + 1:]])
                          for place, old in enumerate(node.ops) for new in OPERATORS[type(old)]]
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                found.append((node, "value", node.value + 1))
            case ast.Name() if node.id in NAMES:
                found.append((node, "id", NAMES[node.id]))
            case ast.Attribute() if node.attr in NAMES:
                found.append((node, "attr", NAMES[node.attr]))
    return found


def changed(source: str, number: int) -> tuple[str, str]:
    """The source with one of its `changes`, and "line: before -> after"."""
    tree = ast.parse(source)
    node, field, value = changes(tree)[number]
    before = ast.unparse(node)
    setattr(node, field, value)
    return ast.unparse(tree), f"{node.lineno}: {before} -> {ast.unparse(node)}"


def unchanged(name: str) -> float:
    """Seconds after which a change counts as noticed, as it makes the tests endless."""
    began = time.monotonic()
    if not passes(name, (ROOT / name).read_text(encoding="utf-8"), None):
        raise ValueError(f"{name}: its tests ({', '.join(TESTS[name])}) fail without any change; "
                         "mend them first")
    return 30 + 5 * (time.monotonic() - began)


def passes(name: str, source: str, limit: float | None) -> bool:
    """Whether the module's fast tests pass in a copy of the repository that has this source."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(ROOT, Path(folder) / "checkout", ignore=NOT_COPIED))
        (copy / name).write_text(source, encoding="utf-8")
        try:
            code = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m",
                 "not slow", *TESTS[name]], cwd=copy, timeout=limit, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode
        except subprocess.TimeoutExpired:
            return False
    if code not in (0, 1, 2):  # passed; failed; could not even be collected
        raise ValueError(f"{name}: pytest ended with code {code} on {', '.join(TESTS[name])}; "
                         "is the table of tests right?")
    return code == 0


if __name__ == "__main__":
    cli.run(main)
