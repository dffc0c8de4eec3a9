"""The points of a frontier: each contender with each of its recipes, run in a round."""
import dataclasses
import itertools
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import recipes
from tools.benchmark import contenders, timed
from tools.benchmark.contenders import Round
from tools.benchmark.job import Job
from tools.benchmark.results import Results
from tools.recipes import Places, Recipe

OURS, PLAIN = "fashionclf", ("keras", "pytorch")


@dataclasses.dataclass(frozen=True)
class Point:
    """A contender with one of its recipes.

    Attributes:
        job: of a plain contender.
        recipe: of ours, whose own flags say what the job does.
    """
    contender: str
    name: str
    job: Job
    recipe: Recipe | None = None

    def digest(self) -> str:
        """Returns what tells a recipe from another one with its name."""
        return self.recipe.digest() if self.recipe else f"{self.name} epochs"


def points(ours: list[Recipe], plain: list[str], epochs: list[str], *, image_size: int,
           batch_size: int) -> list[Point]:
    """Returns the points in an order in which contenders take turns, so that drift hits all.

    Args:
        plain: some of PLAIN.
        epochs: of the head and of fine-tuning, such as "10+10", for each of `plain`.
    """
    jobs = {text: Job(*map(int, text.split("+")), image_size, batch_size, cache_views=0)
            for text in epochs}
    by_contender = [[Point(OURS, recipe.name, Job(0, 0, image_size, batch_size, 0), recipe)
                     for recipe in ours]]
    by_contender += [[Point(name, text, job) for text, job in jobs.items()] for name in plain]
    return [point for turn in itertools.zip_longest(*by_contender) for point in turn if point]


def rotated(order: list[Point], number: int, rounds: int) -> list[Point]:
    """Returns `order` begun at another place in each round, all over it."""
    shift = number * len(order) // rounds
    return order[shift:] + order[:shift]


def unmeasured(order: list[Point], number: int, figures: Results) -> list[Point]:
    """Returns the points without a figure in a round; raises ValueError at one that has changed."""
    runs = {point: figures.find(point.contender, number, point.name) for point in order}
    changed = [point.name for point, run in runs.items()
               if run and run["digest"] != point.digest()]
    if changed:
        raise ValueError(f"{figures.file} has figures of another recipe {changed[0]}, or of one "
                         "whose flag file was changed: give it another name, or choose another "
                         "--output")
    return [point for point, run in runs.items() if not run]


def check(order: list[Point], this: Round) -> None:
    """Refuses wrong flags in our recipes before hours are spent on the others."""
    for point in order:
        if point.recipe:
            recipes.check(point.recipe, _places(point, this))


def measured(order: list[Point], rounds: list[Round], figures: Results) -> Iterator[int]:
    """Runs what has no figure yet, and adds it to `figures`; yields each round that is complete."""
    for this in rounds:
        turns = rotated(order, this.number, len(rounds))
        for point in unmeasured(turns, this.number, figures):
            print(f"round {this.number}: {point.contender} {point.name}", flush=True)
            figures.add_run(run(point, this))
        yield this.number


def run(point: Point, this: Round) -> dict:
    """Runs a point from the first start to the last exit.

    Returns:
        contender, recipe, digest, round, seconds ("total" is of all programs together), accuracy
        and macro_f1 of the test split.
    """
    this = dataclasses.replace(this, job=point.job, recipe=point.name)
    measured = _ours(point, this) if point.recipe else contenders.run(point.contender, this)
    return {**measured, "recipe": point.name, "digest": point.digest()}


def _ours(point: Point, this: Round) -> dict:
    # What another run left would save time, and so would its cache.
    places, logs = _places(point, this), this.output / "logs"
    shutil.rmtree(places.run.parent, ignore_errors=True)
    for folder in (places.run.parent, logs):
        folder.mkdir(parents=True, exist_ok=True)

    steps = [timed.run([sys.executable, "-m", *command], marks={},
                       log=logs / f"{this.stem(OURS)}_{step}.log")["total"]
             for step, command in enumerate(point.recipe.commands(places))]
    shutil.rmtree(places.cache, ignore_errors=True)  # gigabytes that nothing reads again
    return {"contender": OURS, "round": this.number,
            "seconds": {"total": sum(steps), "programs": steps}, **_scores(places.run, point.name)}


def _places(point: Point, this: Round) -> Places:
    """Returns a folder of its own for each point and round, with all that its programs write."""
    folder = this.output / "runs" / dataclasses.replace(this, recipe=point.name).stem(OURS)
    return Places(records=this.records, run=folder / "run", weights=this.weights,
                  cache=folder / "cache", seed=this.number)


def _scores(run_dir: Path, name: str) -> dict:
    file = run_dir / "report" / "metrics.json"
    if not file.is_file():
        raise ValueError(f"recipe {name} left no {file}: one of its `train` lines must write the "
                         "run {run}, as it does without --run")
    found = json.loads(file.read_text(encoding="utf-8"))
    return {"accuracy": found["top1"], "macro_f1": found["macro_f1"]}
