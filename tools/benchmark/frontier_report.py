"""The tables of a frontier: all recipes, and what ours takes and gains beside the plain ones."""
import dataclasses

import numpy as np
import pandas as pd

from tools import markdown
from tools.benchmark.results import spread

NOT_REACHED = "not reached"


def frame(runs: list[dict]) -> pd.DataFrame:
    """Returns a row per run: contender, recipe, round, seconds, accuracy, macro_f1."""
    return pd.DataFrame([{**run, "seconds": run["seconds"]["total"]} for run in runs])


@dataclasses.dataclass(frozen=True)
class Time:
    """Seconds to an accuracy; `at_most`: the quickest recipe is already better."""
    seconds: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'≤ ' if self.at_most else ''}{self.seconds:.0f}"


class Frontier:
    """The recipes of a contender that no quicker one equals in mean accuracy, the quickest first.

    Between neighbours, accuracy is linear in the logarithm of the seconds. Nothing is
    extrapolated.

    Args:
        runs: of one contender.
    """

    def __init__(self, runs: pd.DataFrame):
        means = summary(runs)
        best_before = means["accuracy"].cummax().shift(fill_value=-np.inf)
        self.recipes = means[means["accuracy"] > best_before]

    def time_at(self, accuracy: float) -> Time | None:
        """Returns the time to `accuracy`; None if no recipe reaches it."""
        known, seconds = self.recipes["accuracy"], self.recipes["seconds"]
        if accuracy > known.iloc[-1]:
            return None
        return Time(float(np.exp(np.interp(accuracy, known, np.log(seconds)))),
                    at_most=accuracy < known.iloc[0])

    def shares_at(self, seconds: float) -> pd.Series | None:
        """Returns the shares of the recipes whose mean is reached in `seconds`.

        They are of the two neighbours in time; beyond the slowest it has share 1, before the
        quickest there are none.
        """
        known = self.recipes["seconds"]
        if seconds < known.iloc[0]:
            return None
        hats = [np.interp(np.log(seconds), np.log(known), row) for row in np.eye(len(known))]
        return pd.Series(hats, known.index)[lambda shares: shares > 0]


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns median seconds and mean scores of each recipe of one contender, by seconds."""
    return runs.groupby("recipe").agg({
        "seconds": "median", "accuracy": "mean", "macro_f1": "mean"}).sort_values("seconds")


def all_recipes(runs: pd.DataFrame) -> str:
    """Returns a row per contender and recipe: median seconds and range, means of the scores."""
    rows = []
    for contender, of_contender in runs.groupby("contender", sort=False):
        for recipe in summary(of_contender).index:
            own = of_contender[of_contender["recipe"] == recipe]
            rows.append([contender, recipe, len(own), spread(own["seconds"].tolist(), ".0f"),
                         mean(own["accuracy"]), mean(own["macro_f1"])])
    return markdown.table(["contender", "recipe", "rounds", "seconds", "accuracy", "macro F1"],
                          rows)


def mean(values: pd.Series, form: str = ".3f") -> str:
    """Returns "mean ± standard error"; one value has no error."""
    error = f" ± {values.sem():{form.lstrip('+')}}" if len(values) > 1 else ""
    return f"{values.mean():{form}}{error}"


def at_accuracy_of(base: str, runs: pd.DataFrame, *, ours: str) -> str:
    """Returns, for each recipe of `base`, the seconds in which each contender is as accurate.

    The columns of ratios say how much longer the others take than `ours`: by the means over the
    rounds, and in brackets in each round by itself.
    """
    others = [name for name in runs["contender"].unique() if name != ours]
    rounds = sorted(runs["round"].unique())
    rows = []
    for recipe, point in summary(runs[runs["contender"] == base]).iterrows():
        times = _times(runs, base, recipe, [ours, *others])
        by_round = [_times(runs[runs["round"] == number], base, recipe, [ours, *others])
                    for number in rounds]
        rows.append([recipe, f"{point['accuracy']:.3f}", *map(_text, times.values()),
                     *(f"{ratio(times[name], times[ours])} ("
                       + ", ".join(ratio(each[name], each[ours]) for each in by_round) + ")"
                       for name in others)])
    return markdown.table(
        [base, "accuracy", *(f"seconds of {name}" for name in [ours, *others]),
         *(f"{name} / {ours} (by round)" for name in others)], rows)


def _times(runs: pd.DataFrame, base: str, recipe: str, names: list[str]) -> dict[str, Time | None]:
    """Returns the time of each contender to the accuracy of a recipe, for which `base` takes its
    own."""
    own = runs[(runs["contender"] == base) & (runs["recipe"] == recipe)]
    times = {name: Frontier(found).time_at(own["accuracy"].mean()) if len(found) else None
             for name in names for found in [runs[runs["contender"] == name]]}
    return times | {base: Time(own["seconds"].median())}


def _text(time: Time | None) -> str:
    return str(time) if time else NOT_REACHED


def ratio(slow: Time | None, quick: Time | None) -> str:
    """Returns how many times as long `slow` takes; with bounds where one of the two is one."""
    if not slow or not quick:
        return NOT_REACHED
    if slow.at_most and quick.at_most:
        return "unknown"
    bound = "≥ " if quick.at_most else "≤ " if slow.at_most else ""
    return f"{bound}{slow.seconds / quick.seconds:.1f}"


def in_time_of(base: str, runs: pd.DataFrame, *, ours: str) -> str:
    """Returns, for each recipe of `base`, how far `ours` is above it after as many seconds.

    Differences are taken round by round, in percentage points.
    """
    own, theirs = (runs[runs["contender"] == name] for name in (ours, base))
    frontier, rows = Frontier(own), []
    for recipe, point in summary(theirs).iterrows():
        shares = frontier.shares_at(point["seconds"])
        gains = [NOT_REACHED] * 2 if shares is None else [
            mean(100 * gain(own, theirs[theirs["recipe"] == recipe], shares, column), "+.1f")
            for column in ("accuracy", "macro_f1")]
        mixed = [] if shares is None else [f"{share:.2f} {name}" if share < 1 else name
                                           for name, share in shares.items()]
        rows.append([recipe, f"{point['seconds']:.0f}", *gains, ", ".join(mixed)])
    return markdown.table([base, "seconds", "accuracy, points", "macro F1, points",
                           f"between these of {ours}"], rows)


def gain(own: pd.DataFrame, theirs: pd.DataFrame, shares: pd.Series, column: str) -> pd.Series:
    """Returns, for the rounds that all of them have, our mixed scores minus theirs."""
    by_round = own.pivot(index="round", columns="recipe", values=column)[shares.index]
    mixed = (by_round * shares).sum(axis=1, skipna=False)
    return (mixed - theirs.set_index("round")[column]).dropna()


def less_the_first(own: pd.DataFrame) -> str:
    """Returns a row per recipe of one contender: its scores minus those of the first recipe.

    Differences are taken round by round, in percentage points.
    """
    first, *others = own["recipe"].unique()
    rows = []
    for recipe in others:
        gains = [gain(own, own[own["recipe"] == first], pd.Series({recipe: 1.0}), column)
                 for column in ("accuracy", "macro_f1")]
        rows.append([recipe, len(gains[0]), *(mean(100 * each, "+.1f") for each in gains)])
    return markdown.table([f"minus {first}", "rounds", "accuracy, points", "macro F1, points"],
                          rows)


def report(runs: pd.DataFrame, setting: str, *, ours: str, base: str) -> str:
    """Returns everything as Markdown.

    Ours are compared with `base`, or without runs of it, with the first recipe of ours.
    """
    parts = [setting, all_recipes(runs)]
    if set(runs["contender"]) == {ours} and runs["recipe"].nunique() > 1:
        parts.append(less_the_first(runs))
    if {ours, base} <= set(runs["contender"]):
        parts += [f"At the accuracy of {base}:", at_accuracy_of(base, runs, ours=ours),
                  f"In the time of {base}, {ours} minus {base}:", in_time_of(base, runs, ours=ours)]
    return "\n\n".join(parts) + "\n"
