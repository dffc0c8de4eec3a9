"""The measurements: kept in a JSON file that a stop can't damage, shown as tables."""
import json
import statistics
from pathlib import Path

from fashionclf.system import files
from tools import markdown


class Results:
    """The measurements in one JSON file, written after each of them.

    Args:
        file: read if it exists.
        setting: what all its figures hold for (machine, job, weights).

    Raises:
        ValueError: `file` has figures of another setting.
    """

    def __init__(self, file: Path, setting: dict):
        self.file, self.content = file, {"setting": setting, "runs": [], "limits": {}}
        if not file.is_file():
            return

        self.content = json.loads(file.read_text(encoding="utf-8"))
        for name, value in setting.items():
            before = self.content["setting"].get(name)
            if before != value:
                raise ValueError(f"{file} has figures of {name} {before}, not {value}: "
                                 "choose another --output, or give what it began with")

    def find(self, contender: str, number: int, recipe: str | None = None) -> dict | None:
        """Returns the run of a contender, and of its recipe, in a round, if there is one."""
        return next((run for run in self.content["runs"] if
                     (run["contender"], run["round"], run.get("recipe")) ==
                     (contender, number, recipe)), None)

    def add_run(self, run: dict) -> None:
        self.content["runs"].append(run)
        self._write()

    def add_limits(self, limits: dict) -> None:
        self.content["limits"].update(limits)
        self._write()

    def _write(self) -> None:
        files.write_text(self.file, json.dumps(self.content, indent=1) + "\n")


def report(content: dict) -> str:
    """Returns the figures as Markdown: one table of the contenders, one of the limits."""
    parts = [setting_text(content["setting"])]
    if content["runs"]:
        parts.append(_runs(content["runs"]))
    if content["limits"]:
        parts.append(_limits(content["limits"]))
    return "\n\n".join(parts) + "\n"


def setting_text(setting: dict) -> str:
    return "\n".join(f"- {name}: " + (", ".join(f"{k} {v}" for k, v in value.items())
                                      if isinstance(value, dict) else str(value))
                     for name, value in setting.items())


def _runs(runs: list[dict]) -> str:
    """A row per contender, the quickest first; seconds and scores are medians with ranges."""
    by_name: dict[str, list[dict]] = {}
    for run in runs:
        by_name.setdefault(run["contender"], []).append(run)
    total = {name: statistics.median(run["seconds"]["total"] for run in found)
             for name, found in by_name.items()}
    slowest = max(total.values())
    stages = [name for name in runs[0]["seconds"] if name != "total"]

    rows = []
    for name in sorted(total, key=total.get):
        found = by_name[name]
        middles = [statistics.median(run["seconds"][stage] for run in found) for stage in stages]
        rows.append([
            name, len(found), spread([run["seconds"]["total"] for run in found], ".0f"),
            f"{slowest / total[name]:.2f}", *(f"{seconds:.0f}" for seconds in middles),
            spread([run["accuracy"] for run in found], ".3f"),
            spread([run["macro_f1"] for run in found], ".3f")])
    return markdown.table(["contender", "rounds", "seconds", "times as fast as the slowest",
                           *stages, "accuracy", "macro F1"], rows)


def _limits(limits: dict) -> str:
    rows = []
    for name, limit in limits.items():
        ratios = [ours / bare for ours, bare in zip(limit["ours"], limit["bare"])]
        rows.append([name, spread(limit["ours"], ".0f"), spread(limit["bare"], ".0f"),
                     spread(ratios, ".2f"), str(limit["bar"] or "")])
    return markdown.table(["what", "ours, pictures/s", "bare, pictures/s", "ratio", "bar"], rows)


def spread(values: list[float], form: str) -> str:
    """Returns the median, and the range if there is one: "12 (10 to 13)"."""
    middle = format(statistics.median(values), form)
    low, high = format(min(values), form), format(max(values), form)
    return middle if low == high else f"{middle} ({low} to {high})"
